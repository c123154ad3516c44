"""Muon: momentum whose singular values are pushed toward 1."""

from __future__ import annotations

import math
from typing import Any

from ..ir.builder import Var
from ..ir.dtype import float32
from ..ops import elementwise as e
from .factored import check_rate
from .optimizer import Optimizer
from .rules import toward
from .settings import check_complex

RATES = (None, "original", "match_rms_adamw")
MOST_ROUNDS = 100


class Muon(Optimizer):
    """Steps by the running mean of gradients made nearly orthogonal, in bfloat16; for matrices (N, M) only.

    Args:
        params: tensors of two axes, or dicts with "params" and settings of their own.
        weight_decay: times ``lr``, taken from the parameter.
        momentum: how much of the running mean stays at each step.
        nesterov: step by the gradient moved toward the running mean, not by the mean.
        ns_coefficients: of x, of its third and of its fifth power in a round of the iteration.
        eps: the least norm that a step is divided by.
        ns_steps: the rounds of the iteration, fewer than 100.
        adjust_lr_fn: "original" (the default) makes the rate of tall matrices larger, by the root of N / M;
            "match_rms_adamw" makes it 0.2 times the root of the longer side.
    Raises:
        ValueError: a setting is out of its range, or a parameter is no matrix.
        RuntimeError: a parameter is complex, at its first step.
    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Liu et al. 2025, "Muon is
        scalable for LLM training".
    """

    reads = ("lr", "weight_decay", "momentum", "eps")
    state_names = ("momentum_buffer",)

    def __init__(
        self, params: Any, lr: Any = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_rate(lr)
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in RATES:
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported: give one of {RATES}"
            )
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}"
                    )

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
        return (
            ("nesterov", bool(group["nesterov"])),
            ("coefficients", tuple(group["ns_coefficients"])),
            ("rounds", group["ns_steps"]),
            ("rate", group["adjust_lr_fn"]),
        )

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        read = {name: group[name] for name in self.reads}
        return {**read, "share": 1 - group["momentum"]}

    def _step(self, groups: list[dict[str, Any]]) -> None:
        check_complex("Muon", groups)
        for group in groups:
            if len(group["ns_coefficients"]) != 3:
                raise ValueError("Coefficients must be a tuple of exactly 3 values")
            if group["ns_steps"] >= MOST_ROUNDS:
                raise ValueError(
                    "Number of steps must be less than 100 for computational efficiency: "
                    f"ns_steps is {group['ns_steps']}"
                )
        super()._step(groups)

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, Any],
    ) -> tuple[Var, dict[str, Var]]:
        kind = parameter.dtype
        buffer = toward(state["momentum_buffer"], gradient, hyper["share"])
        step = toward(gradient, buffer, hyper["momentum"]) if flags["nesterov"] else buffer
        step = orthogonal(step, hyper["eps"], flags["coefficients"], flags["rounds"]).astype(kind)
        kept = (1 - hyper["lr"] * hyper["weight_decay"]).astype(kind)
        rate = (hyper["lr"] * _rate_of(parameter.shape, flags["rate"])).astype(kind)
        return parameter * kept - step * rate, {"momentum_buffer": buffer}


def _rate_of(shape: tuple[int, ...], name: str | None) -> float:
    """By what the rate of a matrix (N, M) is multiplied."""
    rows, columns = shape
    if name == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def orthogonal(x: Var, eps: Var, coefficients: tuple[float, ...], rounds: int) -> Var:
    """(N, M) of nearly the singular vectors of ``x`` (N, M), with singular values near 1, rounded to bfloat16.

    A round makes each singular value s of a matrix of norm 1 into a s + b s^3 + c s^5.
    """
    first, third, fifth = coefficients
    tall = x.shape[0] > x.shape[1]
    x = rounded(x.astype(float32))
    x = x.swap() if tall else x
    norm = rounded(e.sqrt((x * x).sum()))
    x = rounded(x / e.maximum(norm, rounded(eps.astype(float32))))
    for _ in range(rounds):
        square = rounded(x @ x.swap())
        powers = rounded(square * third + (square @ square) * fifth)
        x = rounded(x * first + powers @ x)
    return x.swap() if tall else x


def rounded(x: Var) -> Var:
    """float32 ``x`` (*) rounded to the 8 bits of a bfloat16.

    Source: Dekker 1971, "A floating-point technique for extending the available precision", section 5.
    """
    wide = x * float(2**16 + 1)
    return wide - (wide - x)
