"""Stochastic gradient descent, with momentum, and averaged."""

from __future__ import annotations

from typing import Any

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import elementwise as e
from .optimizer import Optimizer, State
from .rules import ascent_or_descent
from .settings import check_range
from .state import filled, new_counter


class SGD(Optimizer):
    """Stochastic gradient descent.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        momentum: how much of the last step goes on.
        dampening: how much of the gradient momentum leaves out.
        weight_decay: times the parameter, added to the gradient.
        nesterov: look ahead along the momentum. Source: Sutskever et al. 2013.
        maximize: go up instead of down.
    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        read = {"lr": group["lr"]}
        if group["momentum"] != 0:
            read["momentum"], read["share"] = group["momentum"], 1 - group["dampening"]
        if group["weight_decay"] != 0:
            read["weight_decay"] = group["weight_decay"]
        return read

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (
            ("maximize", group["maximize"]),
            ("momentum", group["momentum"] != 0),
            ("nesterov", group["nesterov"]),
            ("weight_decay", group["weight_decay"] != 0),
        )

    def carried(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        return {}

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
        lr = hyper["lr"].astype(kind)
        if not flags["momentum"]:
            return parameter - g * lr, {}
        momentum = hyper["momentum"].astype(kind)
        buffer = g
        if "momentum_buffer" in state:
            buffer = state["momentum_buffer"] * momentum + g * hyper["share"].astype(kind)
        step = g + buffer * momentum if flags["nesterov"] else buffer
        return parameter - step * lr, {"momentum_buffer": buffer}


class ASGD(Optimizer):
    """Stochastic gradient descent that also averages the parameters, as ``state[p]["ax"]``.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lambd: how fast the rate falls, and how much the parameters do.
        alpha: the power by which the rate falls.
        t0: the step at which averaging begins.
    Raises:
        ValueError: a setting is out of its range.
    Source: Polyak and Juditsky 1992.
    """

    reads = ("lr", "lambd", "alpha", "t0")
    state_names = ("eta", "mu", "ax")
    numbers = ("step", "eta", "mu")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr)
        check_range("weight_decay value", weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        return {
            "step": new_counter(),
            "eta": new_counter(float(group["lr"])),
            "mu": new_counter(1.0),
            "ax": filled(parameter, 0),
        }

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
        lr, lambd = hyper["lr"], hyper["lambd"]
        eta, mu = state["eta"].astype(float64), state["mu"]
        p = parameter * (1 - lambd * eta).astype(kind) - g * eta.astype(kind)
        moved = state["ax"] + (p - state["ax"]) * mu.astype(kind)
        average = e.where(mu.eq(1).broadcast_to(p.shape), p, moved)
        step = state["step"].astype(float64)
        rate = lr / (1 + lambd * lr * step) ** hyper["alpha"]
        share = 1 / e.maximum(step - hyper["t0"], step.ones_like())
        return p, {
            "eta": rate.astype(state["eta"].dtype),
            "mu": share.astype(mu.dtype),
            "ax": average,
        }
