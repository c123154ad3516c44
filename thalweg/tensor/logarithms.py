"""Functions that keep a logarithm finite: of sums of exponentials, of odds, of nothing."""

from __future__ import annotations

from typing import Any

from ..ir.builder import Var
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops.composite import floating, op, promoted_to_float
from .core import TensorCore
from .inplace import inplace
from .pointwise import binary, unary


@op("LogaddexpBackward0")
def _logaddexp(x: Var, y: Var) -> Var:
    x, y = promoted_to_float(x, y)
    shape = (x + y).shape
    if x.dtype.is_complex:
        larger = c.real(x) >= c.real(y)
        return e.where(larger, x, y) + e.log1p(e.exp(e.where(larger, y - x, x - y)))
    most = e.maximum(x, y).broadcast_to(shape)
    gap = e.abs_(x - y)
    same = x.eq(y)
    nothing = gap.builder.full(shape, 0, gap.dtype)
    return most + e.log1p(e.exp(-e.where(same, nothing, gap)))


@op("XlogyBackward0")
def _xlogy(x: Var, y: Var) -> Var:
    x, y = promoted_to_float(x, y)
    nothing = x.eq(0) & y.eq(y)
    product = x * e.log(y)
    return e.where(nothing, product.zeros_like(), product)


@op("LogitBackward0")
def _logit(x: Var) -> Var:
    x = floating(x)
    return e.log(x / (1 - x))


@op("")
def _rad2deg(x: Var) -> Var:
    return floating(x) * (180 / 3.141592653589793)


@op("FracBackward0")
def _frac(x: Var) -> Var:
    return x - e.trunc(x)


logaddexp = binary(
    "logaddexp", _logaddexp, "LogaddexpBackward0", "log(exp(x) + exp(y)) without overflow."
)
xlogy = binary(
    "xlogy",
    _xlogy,
    "XlogyBackward0",
    "x * log(y), and 0 where x is 0.",
    of_number="XlogyBackward2",
)
_plain_logit = unary("logit", _logit, "LogitBackward0", "log(x / (1 - x)).")
rad2deg = unary("rad2deg", _rad2deg, "RadTwoDegBackward0", "Radians as degrees.")
frac = unary("frac", _frac, "FracBackward0", "x less its whole part, with the sign of x.")


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)); with ``eps``, of x clamped to [eps, 1 - eps]."""
    return _plain_logit(input if eps is None else input.clamp(eps, 1 - eps))


class LogarithmMethods(TensorCore):
    """Tensor's careful logarithms."""

    logaddexp, xlogy, logit, rad2deg, frac = logaddexp, xlogy, logit, rad2deg, frac
    xlogy_, logit_, rad2deg_, frac_ = (
        inplace(xlogy),
        inplace(logit),
        inplace(rad2deg),
        inplace(frac),
    )
