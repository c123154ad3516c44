"""How pixels between pixels are found."""

from __future__ import annotations

from enum import Enum

__all__ = ["InterpolationMode"]


class InterpolationMode(Enum):
    """What a picture is resized or turned by; the last three are Pillow's only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"
