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


def _none() -> RuntimeError:
    return RuntimeError(
        "Cannot access accelerator device when none is available: ask accelerator.is_available() first"
    )


def set_device_index(device: Any, /) -> None:
    """Raise: there is no accelerator to choose."""
    raise _none()


def current_device_index() -> int:
    """Raise: there is no accelerator."""
    raise _none()


class device_index:
    """Work on accelerator ``device`` as long as the context lasts: entering raises but for None."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _none()

    def __exit__(self, *ended: Any) -> None:
        """Go back to no accelerator."""


def get_device_module(device: Any = None) -> ModuleType:
    """What is asked of a device, ``cpu`` or ``cuda``; the CPU's unless another is named."""
    name = device.type if isinstance(device, Device) else str(device or "cpu").partition(":")[0]
    found = {"cpu": cpu, "cuda": cuda}.get(name)
    if found is None:
        raise RuntimeError(
            f"get_device_module: there is no module for {name!r}: name 'cpu' or 'cuda'"
        )
    return found
