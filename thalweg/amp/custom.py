"""``custom_fwd`` and ``custom_bwd``: an ``autograd.Function`` under autocast."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..ir.dtype import DType, float64
from ..tensor.core import TensorCore
from .autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled


def _cast(value: Any, dtype: DType) -> Any:
    if isinstance(value, TensorCore):
        eligible = value.dtype.is_floating_point and value.dtype is not float64
        return value.to(dtype) if eligible else value  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {_cast(k, dtype): _cast(v, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cast(v, dtype) for v in value)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Any:
    """Decorator of a Function's ``forward``: ``backward`` with ``custom_bwd`` will find the same autocast in force.

    Args:
        cast_inputs: under autocast, floating tensors are cast to this type, and autocast is out of force inside.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    forward = fwd

    @functools.wraps(forward)
    def within(*args: Any, **named: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return forward(*args, **named)
        with autocast(device_type, enabled=False):
            return forward(*_cast(args, cast_inputs), **_cast(named, cast_inputs))

    return within


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorator of a Function's ``backward``: it runs under the autocast that its ``forward`` ran under."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    backward = bwd

    @functools.wraps(backward)
    def within(*args: Any, **named: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return backward(*args, **named)

    return within
