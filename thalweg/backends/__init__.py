"""What programs ask of ``backends`` before they choose a device."""

from . import cudnn, mps

__all__ = ["cudnn", "mps"]
