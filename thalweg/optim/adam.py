"""Adam and its relatives: running means of the gradient and of its square, corrected for their start at 0."""

from __future__ import annotations

from typing import Any, ClassVar

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import elementwise as e
from .optimizer import Optimizer, State
from .rules import ascent_or_descent, toward, with_square
from .settings import check_range, check_tensors, checked_betas
from .state import new_counter


class _WithBetas(Optimizer):
    """What all share: two running means, each with what it keeps (beta) and what it takes (share)."""

    reads: ClassVar[tuple[str, ...]] = ("lr", "eps")
    state_names: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    counts = True

    def __init__(self, params: Any, settings: dict[str, Any]) -> None:
        check_range("learning rate", settings["lr"])
        check_range("epsilon value", settings["eps"])
        settings["betas"] = checked_betas(settings["betas"])
        check_range("weight_decay value", settings["weight_decay"])
        super().__init__(params, settings)

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        read = super().hyper(group)
        read["beta1"], read["beta2"], read["share1"], read["share2"] = (
            beta1,
            beta2,
            1 - beta1,
            1 - beta2,
        )
        return read  # fmt: skip

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        decays, decoupled = group["weight_decay"] != 0, group.get("decoupled_weight_decay", False)
        return (
            ("maximize", group["maximize"]),
            ("weight_decay", decays and not decoupled),
            ("decoupled", decays and decoupled),
        )


def _means(
    gradient: Var, parameter: Var, state: dict[str, Var], hyper: dict[str, Var], flags: dict[str, bool]
) -> tuple[Var, Var, dict[str, Var]]:  # fmt: skip
    """The gradient (*) and the parameter (*) after decay, and both running means, each (*)."""
    if flags["decoupled"]:
        kept = 1 - hyper["lr"] * hyper["weight_decay"]
        parameter = parameter * kept.astype(parameter.dtype)
    g = ascent_or_descent(gradient, parameter, hyper, flags)
    means = {"exp_avg": toward(state["exp_avg"], g, hyper["share1"])}
    if "exp_avg_sq" in state:
        square = with_square(state["exp_avg_sq"], g, hyper["beta2"], hyper["share2"])
        means["exp_avg_sq"] = square
    return g, parameter, means


class Adam(_WithBetas):
    """Steps by the running mean of gradients over the root of the running mean of their squares.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much of the two running means stays at each step.
        eps: added to the root.
        weight_decay: times the parameter, added to the gradient; ``decoupled_weight_decay``: taken from the
            parameter.
        amsgrad: divide by the largest root so far. Source: Reddi et al. 2018.
    Raises:
        ValueError: a setting is out of its range.
    Source: Kingma and Ba 2015.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        check_tensors(settings)
        super().__init__(params, settings)

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (*super().flags(group), ("amsgrad", group["amsgrad"]))

    def carried(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (*self.state_names, "max_exp_avg_sq") if group["amsgrad"] else self.state_names

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        _, parameter, new = _means(gradient, parameter, state, hyper, flags)
        kind, step = parameter.dtype, state["step"].astype(float64)
        size = (hyper["lr"] / (1 - hyper["beta1"] ** step)).astype(kind)
        correction = e.sqrt(1 - hyper["beta2"] ** step).astype(kind)
        square = new["exp_avg_sq"]
        if flags["amsgrad"]:
            if "max_exp_avg_sq" in state:
                square = e.maximum(state["max_exp_avg_sq"], square)
            new["max_exp_avg_sq"] = square
        root = e.sqrt(square) / correction + hyper["eps"].astype(kind)
        return parameter - new["exp_avg"] * size / root, new


class AdamW(Adam):
    """Adam whose weight decay is taken from the parameter; 0.01 by default. Source: Loshchilov and Hutter 2019."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


class Adamax(_WithBetas):
    """Adam with the largest recent gradient in place of the root of the mean square.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much stays at each step, of the running mean and of the largest gradient.
    Raises:
        ValueError: a setting is out of its range.
    Source: Kingma and Ba 2015, section 7.1.
    """

    state_names = ("exp_avg", "exp_inf")

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        g, parameter, new = _means(gradient, parameter, state, hyper, flags)
        kind, step = parameter.dtype, state["step"].astype(float64)
        faded = state["exp_inf"] * hyper["beta2"].astype(kind)
        largest = new["exp_inf"] = e.maximum(faded, e.abs_(g) + hyper["eps"].astype(kind))
        size = (hyper["lr"] / (1 - hyper["beta1"] ** step)).astype(kind)
        return parameter - new["exp_avg"] * size / largest, new


class NAdam(_WithBetas):
    """Adam with Nesterov's look ahead.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much of the two running means stays at each step.
        momentum_decay: how fast the momentum of the look ahead rises to beta 1.
    Raises:
        ValueError: a setting is out of its range.
    Source: Dozat 2016.
    """

    reads = ("lr", "eps", "momentum_decay")
    state_names = ("mu_product", "exp_avg", "exp_avg_sq")
    numbers = ("step", "mu_product")

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_range("momentum_decay value", momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        })  # fmt: skip

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        return {**super().init(parameter, group), "mu_product": new_counter(1.0)}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        g, parameter, new = _means(gradient, parameter, state, hyper, flags)
        kind, step = parameter.dtype, state["step"].astype(float64)
        lr, fade = hyper["lr"], step.ones_like() * 0.96
        mu = hyper["beta1"] * (1 - fade ** (step * hyper["momentum_decay"]) * 0.5)
        next_mu = hyper["beta1"] * (1 - fade ** ((step + 1) * hyper["momentum_decay"]) * 0.5)
        product = state["mu_product"] * mu.astype(state["mu_product"].dtype)
        passed = product.astype(float64)
        corrected = new["exp_avg_sq"] / (1 - hyper["beta2"] ** step).astype(kind)
        root = e.sqrt(corrected) + hyper["eps"].astype(kind)
        now = (lr * (1 - mu) / (1 - passed)).astype(kind)
        ahead = (lr * next_mu / (1 - passed * next_mu)).astype(kind)
        moved = parameter - g * now / root - new["exp_avg"] * ahead / root
        return moved, {**new, "mu_product": product}


class RAdam(_WithBetas):
    """Adam that steps by the plain running mean until its mean square is settled, then rectified.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much of the two running means stays at each step.
    Raises:
        ValueError: a setting is out of its range.
    Source: Liu et al. 2020.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        })  # fmt: skip

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        _, parameter, new = _means(gradient, parameter, state, hyper, flags)
        kind, step = parameter.dtype, state["step"].astype(float64)
        power = hyper["beta2"] ** step
        correction1, correction2 = 1 - hyper["beta1"] ** step, 1 - power
        longest = 2 / (1 - hyper["beta2"]) - 1
        length = longest - step * 2 * power / correction2
        settled = length > 5.0
        safe = e.where(settled, length, length.ones_like() * 6.0)
        rectified = (safe - 4) * (safe - 2) * longest / ((longest - 4) * (longest - 2) * safe)
        plain = new["exp_avg"] / correction1.astype(kind) * hyper["lr"].astype(kind)
        root = e.sqrt(new["exp_avg_sq"]) + hyper["eps"].astype(kind)
        scaled = (
            plain
            * (e.sqrt(correction2).astype(kind) / root)
            * e.sqrt(e.abs_(rectified)).astype(kind)
        )
        return parameter - e.where(settled.broadcast_to(plain.shape), scaled, plain), new
