"""Optimizers that scale each element's step by what its gradients were: RMSprop, Adagrad, Adadelta, Rprop."""

from __future__ import annotations

from typing import Any

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import elementwise as e
from .optimizer import Optimizer, State
from .rules import ascent_or_descent, toward, with_square
from .settings import check_range
from .state import filled, new_counter


class RMSprop(Optimizer):
    """Steps by the gradient over the root of the running mean of its squares.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        alpha: how much of the running mean stays at each step.
        centered: take the squared mean of the gradient off. Source: Graves 2013.
    Raises:
        ValueError: a setting is out of its range.
    Source: Hinton, lecture 6e of "Neural networks for machine learning", 2012.
    """

    reads = ("lr", "alpha", "eps", "momentum")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        for name, value in (("learning rate", lr), ("epsilon value", eps), ("momentum value", momentum),
                            ("weight_decay value", weight_decay), ("alpha value", alpha)):  # fmt: skip
            check_range(name, value)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().hyper(group), "share": 1 - group["alpha"]}

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        more = (("centered", group["centered"]), ("momentum", group["momentum"] > 0))
        return (*super().flags(group), *more)

    def carried(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        kind = parameter.dtype
        g = ascent_or_descent(gradient, parameter, hyper, flags)
        lr, share = hyper["lr"].astype(kind), hyper["share"]
        spread = with_square(state["square_avg"], g, hyper["alpha"], share)
        new = {"square_avg": spread}
        if flags["centered"]:
            mean = new["grad_avg"] = toward(state.get("grad_avg", g.zeros_like()), g, share)
            spread = spread - mean * mean
        root = e.sqrt(spread) + hyper["eps"].astype(kind)
        if not flags["momentum"]:
            return parameter - g * lr / root, new
        buffer = g / root
        if "momentum_buffer" in state:
            buffer = state["momentum_buffer"] * hyper["momentum"].astype(kind) + buffer
        return parameter - buffer * lr, {**new, "momentum_buffer": buffer}


class Adagrad(Optimizer):
    """Steps by the gradient over the root of the sum of its squares.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr_decay: the rate is divided by 1 + steps * lr_decay.
        initial_accumulator_value: where the sum starts.
    Raises:
        ValueError: a setting is out of its range.
    Source: Duchi, Hazan and Singer 2011.
    """

    reads = ("lr", "lr_decay", "eps")
    state_names = ("sum",)
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        for name, value in (("learning rate", lr), ("lr_decay value", lr_decay), ("weight_decay value", weight_decay),
                            ("initial_accumulator_value value", initial_accumulator_value), ("epsilon value", eps)):  # fmt: skip
            check_range(name, value)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self.init(p, group)

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        start = self.defaults["initial_accumulator_value"]
        return {"step": new_counter(), "sum": filled(parameter, start)}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        kind = parameter.dtype
        g = ascent_or_descent(gradient, parameter, hyper, flags)
        step = state["step"].astype(float64)
        rate = (hyper["lr"] / ((step - 1) * hyper["lr_decay"] + 1)).astype(kind)
        total = state["sum"] + g * g
        root = e.sqrt(total) + hyper["eps"].astype(kind)
        return parameter - g * rate / root, {"sum": total}


class Adadelta(Optimizer):
    """Steps in proportion to the root mean square of earlier steps, over that of the gradients.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        rho: how much of the running means stays at each step.
    Raises:
        ValueError: a setting is out of its range.
    Source: Zeiler 2012.
    """

    reads = ("lr", "rho", "eps")
    state_names = ("square_avg", "acc_delta")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().hyper(group), "share": 1 - group["rho"]}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        kind = parameter.dtype
        g = ascent_or_descent(gradient, parameter, hyper, flags)
        rho, share, eps = hyper["rho"], hyper["share"], hyper["eps"].astype(kind)
        square = with_square(state["square_avg"], g, rho, share)
        delta = e.sqrt(state["acc_delta"] + eps) / e.sqrt(square + eps) * g
        steps = with_square(state["acc_delta"], delta, rho, share)
        moved = parameter - delta * hyper["lr"].astype(kind)
        return moved, {"square_avg": square, "acc_delta": steps}


class Rprop(Optimizer):
    """Steps by the gradient's sign; an element's step grows while the sign stays and shrinks when it turns.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the first step.
        etas: by what a step shrinks and grows.
        step_sizes: the smallest and the largest step.
    Raises:
        ValueError: a setting is out of its range.
    Source: Riedmiller and Braun 1993.
    """

    state_names = ("prev", "step_size")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        return {"shrink": shrink, "grow": grow, "least": least, "most": most}

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (("maximize", group["maximize"]), ("weight_decay", False))

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        first = filled(parameter, float(group["lr"]))
        return {"step": new_counter(), "prev": filled(parameter, 0), "step_size": first}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        g = ascent_or_descent(gradient, parameter, hyper, flags)
        shrink, grow, least, most = (
            hyper[n].astype(g.dtype) for n in ("shrink", "grow", "least", "most")
        )
        product = g * state["prev"]
        turned, ones = product < 0, g.ones_like()
        factor = e.where(product > 0, ones * grow, e.where(turned, ones * shrink, ones))
        size = e.minimum(e.maximum(state["step_size"] * factor, least), most)
        g = e.where(turned, g.zeros_like(), g)
        return parameter - e.sign(g) * size, {"prev": g, "step_size": size}
