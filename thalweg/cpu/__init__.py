"""What programs ask of ``cpu``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ..runtime.recorder import synchronize as _synchronize
from ..runtime.stream import Event, Stream
from . import amp


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True: there is nothing to begin."""
    return True


def device_count() -> int:
    """1: all processors are one device."""
    return 1


def current_device() -> str:
    """Its name, "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Stay on the only device."""


def synchronize(device: Any = None) -> None:
    """Wait until what was recorded is computed."""
    _synchronize()


def current_stream(device: Any = None) -> Stream:
    """The only queue of work."""
    return Stream()


def stream(stream: Stream | None) -> nullcontext[None]:
    """Within it work goes to ``stream``: there is only one."""
    return nullcontext()


__all__ = [
    "Event",
    "Stream",
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]
