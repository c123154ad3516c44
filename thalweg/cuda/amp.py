"""PyTorch's older names of what is in ``amp``, for device "cuda"."""

from __future__ import annotations

import warnings
from typing import Any

from .. import amp
from ..ir.dtype import DType, float16


def _warn(name: str) -> None:
    warnings.warn(
        f"`cuda.amp.{name}(args...)` is deprecated. Please use `amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """``amp.autocast`` for this device."""

    def __init__(
        self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True
    ) -> None:
        _warn("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """``amp.GradScaler`` for this device; arguments as there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn("GradScaler")
        super().__init__("cuda", *args, **kwargs)


def custom_fwd(fwd: Any = None, *, cast_inputs: DType | None = None) -> Any:
    """``amp.custom_fwd`` for this device."""
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any = None) -> Any:
    """``amp.custom_bwd`` for this device."""
    return amp.custom_bwd(bwd, device_type="cuda")
