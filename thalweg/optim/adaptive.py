"""RMSprop and Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Var
from ..ops import elementwise as e
from ..tensor.creation import from_array
from .optimizer import Optimizer, State, check_range, new_counter, zeros_like


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

    names = ("lr", "alpha", "eps", "weight_decay", "momentum")
    state_names = ("square_avg", "momentum_buffer", "grad_avg")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        for name, value in (("learning rate", lr), ("epsilon value", eps), ("momentum value", momentum),
                            ("weight_decay value", weight_decay), ("alpha value", alpha)):  # fmt: skip
            check_range(name, value, 0.0)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {name: group[name] for name in self.names}

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (
            ("centered", bool(group["centered"])),
            ("maximize", bool(group["maximize"])),
            ("momentum", group["momentum"] > 0),
            ("weight_decay", group["weight_decay"] != 0),
        )

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        state = {"step": new_counter(), "square_avg": zeros_like(parameter)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(parameter)
        if group["centered"]:
            state["grad_avg"] = zeros_like(parameter)
        return state

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        lr, alpha, eps, decay, momentum = (hyper[n].astype(parameter.dtype) for n in RMSprop.names)
        g = -gradient if flags["maximize"] else gradient
        if flags["weight_decay"]:
            g = g + parameter * decay
        square = state["square_avg"] * alpha + g * g * (1 - alpha)
        new = {"square_avg": square}
        spread = square
        if flags["centered"]:
            mean = state["grad_avg"] + (g - state["grad_avg"]) * (1 - alpha)
            spread = square - mean * mean
        step = g / (e.sqrt(spread) + eps)
        if flags["momentum"]:
            step = new["momentum_buffer"] = state["momentum_buffer"] * momentum + step
        if flags["centered"]:
            new["grad_avg"] = mean
        return parameter - step * lr, new


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

    names = ("lr", "lr_decay", "weight_decay", "eps")
    state_names = ("sum",)
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        for name, value in (("learning rate", lr), ("lr_decay value", lr_decay), ("weight_decay value", weight_decay),
                            ("epsilon value", eps), ("initial_accumulator_value value", initial_accumulator_value)):  # fmt: skip
            check_range(name, value, 0.0)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {name: group[name] for name in self.names}

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (("maximize", bool(group["maximize"])), ("weight_decay", group["weight_decay"] != 0))

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        start = np.full(
            tuple(parameter.shape), group["initial_accumulator_value"], parameter.dtype.numpy
        )
        return {"step": new_counter(), "sum": from_array(start)}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        lr, lr_decay, decay, eps = (hyper[n].astype(parameter.dtype) for n in Adagrad.names)
        g = -gradient if flags["maximize"] else gradient
        if flags["weight_decay"]:
            g = g + parameter * decay
        rate = lr / ((state["step"].astype(parameter.dtype) - 1) * lr_decay + 1)
        total = state["sum"] + g * g
        return parameter - g / (e.sqrt(total) + eps) * rate, {"sum": total}
