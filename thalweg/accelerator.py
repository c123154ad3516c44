"""What programs ask of ``accelerator`` before they choose a device. There is none: they choose the CPU."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import cpu, cuda
from .runtime.device import Device


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


def get_device_module(device: Any = None) -> ModuleType:
    """What is asked of a device, ``cpu`` or ``cuda``; the CPU's unless another is named."""
    name = device.type if isinstance(device, Device) else str(device or "cpu").partition(":")[0]
    found = {"cpu": cpu, "cuda": cuda}.get(name)
    if found is None:
        raise RuntimeError(
            f"get_device_module: there is no module for {name!r}: name 'cpu' or 'cuda'"
        )
    return found
