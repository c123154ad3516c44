"""What an optimizer remembers of each parameter: tensors of its shape, and numbers."""

from __future__ import annotations

from typing import Any

from ..ir.dtype import float32, float64, get_default_dtype
from ..runtime.value import realized
from ..tensor import Tensor
from ..tensor.creation import full
from ..tensor.dispatch import wrap


def filled(parameter: Any, value: float) -> Tensor:
    """A state tensor of a parameter's shape and type."""
    return full(tuple(parameter.shape), value, dtype=parameter.dtype)


def zeros_of(parameter: Any, shape: tuple[int, ...]) -> Tensor:
    """A state tensor of zeros of a parameter's type."""
    return full(shape, 0, dtype=parameter.dtype)


def new_counter(count: float = 0.0) -> Tensor:
    """A state tensor () of one number; all that begin at 0 share one Value."""
    kind = float64 if get_default_dtype() is float64 else float32
    return wrap(_counters.get((count, kind)) or realized(kind.numpy.type(count).reshape(())))


_counters = {(0.0, kind): realized(kind.numpy.type(0).reshape(())) for kind in (float32, float64)}


def taken(value: Any, parameter: Any, numbers: tuple[str, ...], name: Any = None) -> Any:
    """A saved state for ``parameter``: tensors copied, in its type unless they are ``numbers``."""
    if isinstance(value, Tensor):
        as_it_is = name in numbers or not parameter.is_floating_point()
        return value.detach().to(value.dtype if as_it_is else parameter.dtype, copy=True)
    if isinstance(value, dict):
        return {k: taken(v, parameter, numbers, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([taken(v, parameter, numbers) for v in value])
    return value
