"""What programs ask of ``cpu``."""

from . import amp


def is_available() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1: all processors are one device."""
    return 1


__all__ = ["amp", "device_count", "is_available"]
