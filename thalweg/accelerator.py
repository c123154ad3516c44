"""What programs ask of ``accelerator`` before they choose a device. There is none: they choose the CPU."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """False: there is no accelerator here."""
    return False


def device_count() -> int:
    """0 devices."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator here."""
    return None


def synchronize(device: Any = None) -> None:
    """Raise: there is nothing to wait for."""
    raise RuntimeError(
        "accelerator.synchronize: there is no accelerator here: ask accelerator.is_available() first"
    )
