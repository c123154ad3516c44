"""Arithmetic and elementwise functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import elementwise as e
from ..ops.composite import Op, elementwise, floating, op, promoted
from ..ops.contraction import matmul as _matmul
from .dispatch import dispatch
from .inplace import assign, check_writable

if TYPE_CHECKING:
    from .tensor import Tensor

Number = bool | int | float
Operand = "Tensor | Number"


@op("AddBackward0")
def _add(x: Var, y: Var, alpha: Number) -> Var:
    x, y = promoted(x, y)
    if x.dtype.name == "bool":
        return x | y
    return x + (y if alpha == 1 else y * alpha)


@op("SubBackward0")
def _sub(x: Var, y: Var, alpha: Number) -> Var:
    x, y = promoted(x, y)
    if x.dtype.name == "bool":
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported: use `^` or logical_xor() instead"
        )
    return x - (y if alpha == 1 else y * alpha)


@op("MulBackward0")
def _mul(x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    return x & y if x.dtype.name == "bool" else x * y


@op("DivBackward0")
def _div(x: Var, y: Var, rounding_mode: str | None) -> Var:
    x, y = promoted(x, y)
    if rounding_mode == "floor":
        return e.floor(x / y) if x.dtype.is_floating_point else e.floor_divide(x, y)
    if rounding_mode == "trunc" and not x.dtype.is_floating_point:
        whole = e.floor_divide(x, y)
        inexact = (whole * y).ne(x) & (whole < 0)
        return whole + inexact.astype(x.dtype)
    quotient = floating(x) / floating(y)
    return e.trunc(quotient) if rounding_mode == "trunc" else quotient


@op("PowBackward0")
def _pow(x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    return x**y


@op("PowBackward0")
def _pow_scalar(x: Var, exponent: Number) -> Var:
    """The exponent is static, so that squares and roots get their own primitives."""
    if isinstance(exponent, float) and not x.dtype.is_floating_point:
        x = floating(x)
    if exponent == 2:
        return x * x
    if exponent == 0.5 and x.dtype.is_floating_point:
        return e.sqrt(x)
    if exponent == 1:
        return x
    if isinstance(exponent, int) and exponent < 0 and not x.dtype.is_floating_point:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return x**exponent


def add(input: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
    """``input + alpha * other``, broadcast."""
    return dispatch(_add, (input, other), (alpha,))  # type: ignore[no-any-return]


def sub(input: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
    """``input - alpha * other``, broadcast."""
    return dispatch(_sub, (input, other), (alpha,))  # type: ignore[no-any-return]


def mul(input: Tensor, other: Any) -> Tensor:
    """``input * other``, broadcast."""
    return dispatch(_mul, (input, other))  # type: ignore[no-any-return]


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """``input / other``, broadcast; rounded by ``rounding_mode`` None, "trunc" or "floor"."""
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")
    return dispatch(_div, (input, other), (rounding_mode,))  # type: ignore[no-any-return]


def pow(input: Any, exponent: Any) -> Tensor:
    """``input ** exponent``, broadcast; either may be a number."""
    if isinstance(exponent, bool | int | float):
        return dispatch(_pow_scalar, (input,), (exponent,))  # type: ignore[no-any-return]
    return dispatch(_pow, (input, exponent))  # type: ignore[no-any-return]


_neg = elementwise(e.neg, "NegBackward0")


def neg(input: Tensor) -> Tensor:
    """``-input``."""
    return dispatch(_neg, (input,))  # type: ignore[no-any-return]


_exp, _log = elementwise(e.exp, "ExpBackward0", to_float=True), elementwise(e.log, "LogBackward0", to_float=True)
_sigmoid = elementwise(e.sigmoid, "SigmoidBackward0", to_float=True)
_tanh, _relu = elementwise(e.tanh, "TanhBackward0", to_float=True), elementwise(e.relu, "ReluBackward0")


def exp(input: Tensor) -> Tensor:
    """e to the power of each element."""
    return dispatch(_exp, (input,))  # type: ignore[no-any-return]


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) of each element."""
    return dispatch(_sigmoid, (input,))  # type: ignore[no-any-return]


@op("MmBackward0")
def _mm(x: Var, y: Var) -> Var:
    return _matmul(x, y)  # type: ignore[no-any-return]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """(N, K) @ (K, M) for now."""
    return dispatch(_mm, (input, other))  # type: ignore[no-any-return]


__all__ = ["add", "assign", "check_writable", "div", "exp", "math", "matmul", "mul", "neg", "pow", "sigmoid", "sub", "Op"]
