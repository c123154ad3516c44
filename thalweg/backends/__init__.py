"""What programs ask of ``backends`` before they choose a device."""

from . import mps

__all__ = ["mps"]
