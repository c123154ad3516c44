"""What a program may set about how numbers are computed, and what that means here.

There is one device, its results do not depend on the number of threads, and float32 products keep their precision:
most of these settings are kept to be asked for, and change nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..runtime.device import CPU, Device, as_device

_PRECISIONS = ("highest", "high", "medium")
_DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


class _Settings:
    precision = "highest"
    deterministic = 0
    interop_threads = 0
    warn_always = False


_settings = _Settings()


def get_default_device() -> Device:
    """The device of new tensors: the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Make ``device`` the one of new tensors; RuntimeError unless it is the CPU."""
    as_device(device)


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was told; "highest" before."""
    return _settings.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 less precision ("high", "medium"); they keep all of it here."""
    if precision not in _PRECISIONS:
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'", stacklevel=2)
        return
    _settings.precision = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same bits each time, which every operation here gives anyway."""
    _settings.deterministic = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether they were asked for."""
    return _settings.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether they were asked for, with ``warn_only``."""
    return _settings.deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 ("default"), 1 ("warn") or 2 ("error"): ``use_deterministic_algorithms`` by a number or a name."""
    mode = _DEBUG_MODES.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected `default`, `warn`, `error` or 0, 1, 2, but got {debug_mode!r}"
        )
    _settings.deterministic = mode


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2, as ``set_deterministic_debug_mode`` counts."""
    return _settings.deterministic


def get_num_interop_threads() -> int:
    """What ``set_num_interop_threads`` was told; 1 before, as programs run one after the other."""
    return _settings.interop_threads or 1


def set_num_interop_threads(threads: int) -> None:
    """How many programs may run side by side; they run one after the other here.

    Raises:
        RuntimeError: not positive, or set before.
    """
    if threads < 1:
        raise RuntimeError(f"expected a positive number of interop threads, got {threads}")
    if _settings.interop_threads:
        raise RuntimeError("cannot set number of interop threads: it was set before")
    _settings.interop_threads = threads


def set_flush_denormal(mode: bool) -> bool:
    """Whether denormal numbers can be made 0: False, they are kept."""
    return False


def set_warn_always(b: bool) -> None:
    """Whether PyTorch's own warnings come each time rather than once; kept to be asked for."""
    _settings.warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What ``set_warn_always`` was told."""
    return _settings.warn_always
