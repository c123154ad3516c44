"""Tensor's operators: numbers and tensors on either side, NumPy's arrays on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import arithmetic as a
from . import pointwise as p
from .core import TensorCore
from .creation import from_array
from .inplace import inplace

if TYPE_CHECKING:
    from .tensor import Tensor


def _reflected(function: Any) -> Any:
    return lambda self, other: function(other, self)


def _operator(function: Any, name: str) -> Any:
    """An operator: NotImplemented for what is no number or tensor, so that Python asks the other side.

    So of an array on the right NumPy makes what it gives, as a tensor; one on the left is refused, as in PyTorch.
    """

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, TensorCore | bool | int | float | complex):
            return function(self, other)
        if isinstance(other, np.number):
            return function(self, other.item())
        if isinstance(other, np.bool_):
            return function(self, float(other))  # PyTorch takes NumPy's for a number
        return NotImplemented

    method.__name__ = method.__qualname__ = name
    method.__doc__ = function.__doc__
    return method


def _equality(function: Any, name: str) -> Any:
    """``==`` and ``!=``, which compare with the elements of an array as well."""
    operator = _operator(function, name)

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray) and other.dtype.kind in "biufc":
            other = from_array(np.array(other))
        return operator(self, other)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = function.__doc__
    return method


def _rpow(input: Tensor, other: Any) -> Tensor:
    """``other ** input``."""
    return a.pow(other, input)


def _rdiv(self: Tensor, other: Any) -> Tensor:
    """``other / input``, by the reciprocal, as PyTorch rounds it."""
    return p.reciprocal(self) * other


class OperatorMethods(TensorCore):
    """What ``+``, ``==``, ``+=`` and their kind do."""

    __add__ = __radd__ = _operator(a.add, "__add__")
    __sub__ = _operator(a.sub, "__sub__")
    __rsub__ = _operator(a.rsub, "__rsub__")
    __mul__ = __rmul__ = _operator(a.mul, "__mul__")
    __truediv__ = _operator(a.div, "__truediv__")
    __rdiv__ = __rtruediv__ = _rdiv
    __floordiv__ = _operator(a.floor_divide, "__floordiv__")
    __rfloordiv__ = _operator(_reflected(a.floor_divide), "__rfloordiv__")
    __mod__ = _operator(a.remainder, "__mod__")
    __rmod__ = _operator(_reflected(a.remainder), "__rmod__")
    __pow__ = _operator(a.pow, "__pow__")
    __rpow__ = _operator(_rpow, "__rpow__")
    __neg__ = p.neg
    __abs__ = p.abs
    __invert__ = p.bitwise_not
    __and__ = __rand__ = _operator(a.bitwise_and, "__and__")
    __or__ = __ror__ = _operator(a.bitwise_or, "__or__")
    __xor__ = __rxor__ = _operator(a.bitwise_xor, "__xor__")
    __lshift__ = _operator(a.bitwise_left_shift, "__lshift__")
    __rshift__ = _operator(a.bitwise_right_shift, "__rshift__")
    __rlshift__ = _operator(_reflected(a.bitwise_left_shift), "__rlshift__")
    __rrshift__ = _operator(_reflected(a.bitwise_right_shift), "__rrshift__")
    __eq__ = _equality(a.eq, "__eq__")
    __ne__ = _equality(a.ne, "__ne__")
    __hash__ = object.__hash__
    __lt__ = _operator(a.lt, "__lt__")
    __le__ = _operator(a.le, "__le__")
    __gt__ = _operator(a.gt, "__gt__")
    __ge__ = _operator(a.ge, "__ge__")
    __iadd__ = _operator(inplace(a.add), "__iadd__")
    __isub__ = _operator(inplace(a.sub), "__isub__")
    __imul__ = _operator(inplace(a.mul), "__imul__")
    __itruediv__ = _operator(inplace(a.div), "__itruediv__")
    __ifloordiv__ = _operator(inplace(a.floor_divide), "__ifloordiv__")
    __imod__ = _operator(inplace(a.remainder), "__imod__")
    __ipow__ = _operator(inplace(a.pow), "__ipow__")
    __iand__ = _operator(inplace(a.bitwise_and), "__iand__")
    __ior__ = _operator(inplace(a.bitwise_or), "__ior__")
    __ixor__ = _operator(inplace(a.bitwise_xor), "__ixor__")
    __ilshift__ = _operator(inplace(a.bitwise_left_shift), "__ilshift__")
    __irshift__ = _operator(inplace(a.bitwise_right_shift), "__irshift__")
