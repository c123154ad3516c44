"""Adafactor: mean squares of gradients kept as a row and a column for each matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import elementwise as e
from .optimizer import Optimizer, State
from .rules import ascent_or_descent, toward
from .settings import check_complex
from .state import new_counter, zeros_of


class Adafactor(Optimizer):
    """Steps by the gradient over the root of its mean square, which is the product of a row's and a column's means.

    Args:
        params: tensors, or dicts with "params" and settings of their own. One of two axes or more, (..., N, M), keeps
            "row_var" (..., N, 1) and "col_var" (..., 1, M), any other a "variance" of its own shape.
        lr: the largest relative step; it falls as 1 over the root of the number of steps.
        beta2_decay: step number to this power is what the running means take.
        eps: the least mean square's root (None: the type's eps), and the least size of a parameter that a step is
            relative to.
        d: the root mean square at which an update is clipped.
        weight_decay: times ``lr``, taken from the parameter.
    Raises:
        ValueError: a setting is out of its range.
        RuntimeError: a parameter is complex, at its first step.
    Source: Shazeer and Stern 2018, algorithms 4 and 5.
    """

    reads = ("lr", "beta2_decay", "d", "weight_decay")
    counts = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0, weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        })  # fmt: skip

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        return (
            ("maximize", group["maximize"]),
            ("weight_decay", False),
            ("own_eps", group["eps"][0] is not None),
        )

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        first, second = group["eps"]
        read = {name: group[name] for name in self.reads}
        return {**read, "eps1": 0.0 if first is None else first, "eps2": second}

    def carried(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("row_var", "col_var") if group["factored"] else ("variance",)

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        state = {"step": new_counter()}
        if not group["factored"]:
            return {**state, "variance": zeros_of(parameter, tuple(parameter.shape))}
        *lead, rows, columns = parameter.shape
        row = zeros_of(parameter, (*lead, rows, 1))
        return {**state, "row_var": row, "col_var": zeros_of(parameter, (*lead, 1, columns))}

    def _step(self, groups: list[dict[str, Any]]) -> None:
        """Matrices apart from the rest, since they carry another state."""
        check_complex("Adafactor", groups)
        parts = []
        for group in groups:
            for factored in (True, False):
                params = [p for p in group["params"] if (p.ndim > 1) is factored]
                parts.append({**group, "params": params, "factored": factored})
        super()._step(parts)

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        kind, step = parameter.dtype, state["step"].astype(float64)
        g = ascent_or_descent(gradient, parameter, hyper, flags)
        eps = hyper["eps1"]
        if not flags["own_eps"]:
            eps = eps + float(np.finfo(kind.numpy).eps)
        rate = e.minimum(hyper["lr"], 1 / e.sqrt(step))
        size = e.maximum(hyper["eps2"], _mean_root(parameter)) * rate
        parameter = parameter * (1 - hyper["lr"] * hyper["weight_decay"]).astype(kind)
        share, least = step ** hyper["beta2_decay"], eps.astype(kind)
        if "variance" in state:
            spread = toward(state["variance"], g * g, share)
            new = {"variance": spread}
        else:
            row, col = g.ndim - 2, g.ndim - 1
            rows = toward(state["row_var"], _mean(g * g, col), share)
            columns = toward(state["col_var"], _mean(g * g, row), share)
            new = {"row_var": rows, "col_var": columns}
            spread = rows * columns / e.maximum(_mean(rows, row), least)
        update = e.rsqrt(e.maximum(spread, (eps * eps).astype(kind))) * g
        clipped = e.maximum(_mean_root(update) / hyper["d"], step.ones_like())
        return parameter - update * (size / clipped).astype(kind), new


def check_rate(lr: Any) -> None:
    """ValueError unless a rate is one number, not negative."""
    if getattr(lr, "ndim", 0) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, its shape is {list(lr.shape)}")
    if not float(lr) >= 0.0:
        raise ValueError(f"Learning rate should be >= 0 but is: {lr}")


def _mean(x: Var, axis: int) -> Var:
    """The mean along an axis, which stays with size 1."""
    total = x.sum((axis,), keepdim=True)
    return total / x.shape[axis]


def _mean_root(x: Var) -> Var:
    """() the root mean square of (*), in float64."""
    norm: Var = e.sqrt((x * x).sum())
    return norm.astype(float64) / float(max(x.size, 1) ** 0.5)
