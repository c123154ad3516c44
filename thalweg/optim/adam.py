"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import elementwise as e
from .optimizer import Optimizer, State, check_range, new_counter, zeros_like


class Adam(Optimizer):
    """Steps by the running mean of gradients over the root of the running mean of their squares.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much of the two running means stays at each step.
        eps: added to the root.
        weight_decay: times the parameter, added to the gradient (AdamW: taken from the parameter).
        amsgrad: divide by the largest root so far. Source: Reddi et al. 2018.
    Raises:
        ValueError: a setting is out of its range.
    Source: Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019.
    """

    names = ("lr", "beta1", "beta2", "eps", "weight_decay")
    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr, 0.0)
        check_range("epsilon value", eps, 0.0)
        check_range("beta parameter at index 0", betas[0], 0.0, 1.0)
        check_range("beta parameter at index 1", betas[1], 0.0, 1.0)
        check_range("weight_decay value", weight_decay, 0.0)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        values = (group["lr"], *group["betas"], group["eps"], group["weight_decay"])
        return dict(zip(self.names, values, strict=True))

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (
            ("amsgrad", bool(group["amsgrad"])),
            ("decoupled", bool(group["decoupled_weight_decay"])),
            ("maximize", bool(group["maximize"])),
            ("weight_decay", group["weight_decay"] != 0),
        )

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        state = {
            "step": new_counter(),
            "exp_avg": zeros_like(parameter),
            "exp_avg_sq": zeros_like(parameter),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(parameter)
        return state

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        kind = parameter.dtype
        lr, beta1, beta2, eps, decay = (hyper[n].astype(float64) for n in Adam.names)
        g = -gradient if flags["maximize"] else gradient
        if flags["weight_decay"]:
            if flags["decoupled"]:
                parameter = parameter * (1 - lr * decay).astype(kind)
            else:
                g = g + parameter * decay.astype(kind)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = mean + (g - mean) * (1 - beta1).astype(kind)
        square = square * beta2.astype(kind) + g * g * (1 - beta2).astype(kind)
        step = state["step"].astype(float64)
        size = (lr / (1 - beta1**step)).astype(kind)
        correction = e.sqrt(1 - beta2**step).astype(kind)
        new = {"exp_avg": mean, "exp_avg_sq": square}
        root = square
        if flags["amsgrad"]:
            root = new["max_exp_avg_sq"] = e.maximum(state["max_exp_avg_sq"], square)
        denominator = e.sqrt(root) / correction + eps.astype(kind)
        return parameter - mean / denominator * size, new


class AdamW(Adam):
    """Adam whose weight decay is taken from the parameter; 0.01 by default. Source: Loshchilov and Hutter 2019."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **settings
        )
