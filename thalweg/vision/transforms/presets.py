"""What a trained network's pictures go through before it sees them."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...ir.dtype import float32
from ...tensor import Tensor
from .conversion import convert_image_dtype, normalize, pil_to_tensor
from .cutting import center_crop, resize
from .modes import InterpolationMode

__all__ = ["ImageClassification"]


class ImageClassification(nn.Module):
    """Resized, cut to its middle, made floats and normalized.

    Args:
        crop_size: pixels of the result's sides.
        resize_size: pixels of the smaller side before it is cut.
        mean, std: of each channel.
        interpolation, antialias: how it is resized.
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        """img: a picture of Pillow's or (..., 3, H, W); gives (..., 3, crop_size, crop_size)."""
        img = resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = pil_to_tensor(img)
        return normalize(convert_image_dtype(img, float32), self.mean, self.std)

    def __repr__(self) -> str:
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return (
            "ImageClassification("
            + "".join(f"\n    {name}={getattr(self, name)}" for name in names)
            + "\n)"
        )
