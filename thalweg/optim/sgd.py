"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from ..ir.builder import Var
from .optimizer import Optimizer, State, check_range


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

    state_names = ("momentum_buffer",)

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr, 0.0)
        check_range("momentum value", momentum, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        read = {"lr": group["lr"]}
        if group["momentum"] != 0:
            read["momentum"], read["dampening"] = group["momentum"], group["dampening"]
        if group["weight_decay"] != 0:
            read["weight_decay"] = group["weight_decay"]
        return read

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (
            ("maximize", bool(group["maximize"])),
            ("momentum", group["momentum"] != 0),
            ("nesterov", bool(group["nesterov"])),
            ("weight_decay", group["weight_decay"] != 0),
        )

    def updated(self, state: State, group: dict[str, Any]) -> tuple[str, ...]:
        return self.state_names if group["momentum"] != 0 or "momentum_buffer" in state else ()

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        read = {name: value.astype(parameter.dtype) for name, value in hyper.items()}
        g = -gradient if flags["maximize"] else gradient
        if flags["weight_decay"]:
            g = g + parameter * read["weight_decay"]
        if not flags["momentum"]:
            return parameter - g * read["lr"], state
        buffer = g
        if "momentum_buffer" in state:
            buffer = state["momentum_buffer"] * read["momentum"] + g * (1 - read["dampening"])
        g = g + buffer * read["momentum"] if flags["nesterov"] else buffer
        return parameter - g * read["lr"], {"momentum_buffer": buffer}
