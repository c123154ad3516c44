"""What updates are written with, on Vars."""

from __future__ import annotations

from ..ir.builder import Var


def ascent_or_descent(
    gradient: Var, parameter: Var, hyper: dict[str, Var], flags: dict[str, bool]
) -> Var:
    """The gradient (*), turned round to maximize, with the decay of the parameter (*) added."""
    if flags["maximize"]:
        gradient = -gradient
    if flags["weight_decay"]:
        gradient = gradient + parameter * hyper["weight_decay"].astype(parameter.dtype)
    return gradient


def toward(mean: Var, value: Var, share: Var) -> Var:
    """The running mean (*), moved by a share () of the way to a value (*)."""
    return mean + (value - mean) * share.astype(mean.dtype)


def with_square(mean: Var, value: Var, kept: Var, share: Var) -> Var:
    """What is kept of a running mean (*) and a share () of a value's (*) square."""
    return mean * kept.astype(mean.dtype) + value * share.astype(mean.dtype) * value
