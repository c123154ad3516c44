"""Python numbers that are to be elements: refused where the element type cannot hold them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..ir.aval import Aval, promote
from ..ir.dtype import DType, bool_, of_scalar

_LONG, _UNSIGNED_LONG = 2**63, 2**64


@cache
def _range(dtype: DType) -> tuple[float, float]:
    """The numbers that an element may be made of; an unsigned type wraps negative ones around."""
    if dtype.is_differentiable:
        most = float(dtype.limits.max)
        return -most, most
    limits = np.iinfo(np.int64 if dtype is bool_ else dtype.numpy)
    return (limits.min or -limits.max), limits.max


def overflow(dtype: DType) -> RuntimeError:
    """The error of a number that ``dtype`` cannot hold."""
    return RuntimeError(
        f"value cannot be converted to type {dtype.name} without overflow: choose a type that holds it"
    )


def scalar_of(value: Any, dtype: DType) -> Any:
    """``value``, a number, as an element of ``dtype``.

    An unsigned type takes negative numbers down to its maximum, and wraps them around; the largest float32 is a bound
    as well, but infinities and NaN are floating numbers like others.

    Raises:
        RuntimeError: the type cannot hold it.
        OverflowError: an integer of more than 64 bits.
    """
    exact = dtype.numpy.type
    if isinstance(value, np.generic | np.ndarray):
        value = value.item()
    if type(value) is int and not -_LONG <= value < _UNSIGNED_LONG:
        raise OverflowError(f"int too big to convert: {value:.3e} has more than 64 bits")
    if isinstance(value, complex):
        return _complex_as(value, dtype)
    least, most = _range(dtype)
    if dtype is bool_:
        return exact(bool(value))
    if dtype.is_differentiable:
        if not least <= value <= most and value - value == 0:
            raise overflow(dtype)
        return exact(value)
    if not least <= value <= most:
        raise overflow(dtype)
    return np.int64(int(value)).astype(exact)


def _complex_as(value: complex, dtype: DType) -> Any:
    """``value`` as an element: a real or whole type holds it where it has no imaginary part."""
    if dtype.is_complex:
        with np.errstate(over="ignore"):
            return dtype.numpy.type(value)
    if value.imag and dtype is not bool_:
        raise overflow(dtype)
    return scalar_of(bool(value) if dtype is bool_ else value.real, dtype)


def check_beside(value: Any, dtype: DType) -> None:
    """RuntimeError where the common type of a number and a tensor of ``dtype`` with axes cannot hold the number."""
    if isinstance(value, complex) or not -128 <= value <= 127:
        scalar_of(value, promote(Aval((1,), dtype), Aval((), of_scalar(value), True)))


def converted(array: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    """An array made of Python numbers in another type; RuntimeError where that cannot hold one of them."""
    exact = dtype.numpy
    if array.dtype != exact and exact.kind in "iu" and array.dtype.kind in "iuf" and array.size:
        least, most = array.min(), array.max()
        for extreme in (least, most):
            scalar_of(extreme, dtype)
    if array.dtype.kind == "c" and exact.kind != "c" and exact.kind != "b":
        for value in array.ravel().tolist():
            scalar_of(value, dtype)
        array = array.real
    with np.errstate(over="ignore"):
        result: np.ndarray[Any, Any] = array.astype(exact, copy=False)
    return result
