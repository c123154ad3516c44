"""PyTorch's older names of what is in ``amp``, for device "cpu"."""

from __future__ import annotations

import warnings
from typing import Any

from .. import amp
from ..ir.dtype import DType, bfloat16


def _warn(name: str) -> None:
    warnings.warn(
        f"`cpu.amp.{name}(args...)` is deprecated. Please use `amp.{name}('cpu', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """``amp.autocast`` for this device."""

    def __init__(
        self, enabled: bool = True, dtype: DType = bfloat16, cache_enabled: bool = True
    ) -> None:
        _warn("autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """``amp.GradScaler`` for this device; arguments as there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn("GradScaler")
        super().__init__("cpu", *args, **kwargs)
