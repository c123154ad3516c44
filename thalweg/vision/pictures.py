"""Batches of images as one picture, by the names of torchvision's ``utils``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from ..tensor.creation import full
from ..tensor.joining import cat, stack

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side, ``nrow`` in a row, as one image (C, H', W').

    Args:
        tensor: (B, C, H, W), (C, H, W), (H, W), or a list of images of one shape; one channel becomes three.
        nrow: how many images are in a row.
        padding: pixels between images and around them.
        normalize: shift and scale to [0, 1], from ``value_range`` or from the smallest and largest element.
        value_range: (least, most), which become 0 and 1; what is beyond is cut off.
        scale_each: find smallest and largest in each image, not in all.
        pad_value: what lies between the images.
    Raises:
        TypeError: it is neither a tensor nor a list of tensors.
    """
    if isinstance(tensor, list | tuple):
        tensor = stack(tensor, 0)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    images: Any = tensor.detach()
    while images.ndim < 4:
        images = images.unsqueeze(0)
    if images.shape[1] == 1:
        images = cat((images, images, images), 1)
    if normalize:
        parts = [_scaled(image, value_range) for image in images] if scale_each else None
        images = _scaled(images, value_range) if parts is None else stack(parts, 0)
    if images.shape[0] == 1:
        single: Tensor = images.squeeze(0)
        return single
    count, channels, height, width = images.shape
    across = min(nrow, count)
    down = -(-count // across)
    high, wide = height + padding, width + padding
    sheet = full(
        (channels, high * down + padding, wide * across + padding), pad_value, dtype=images.dtype
    )
    for k in range(count):
        y, x = k // across * high + padding, k % across * wide + padding
        sheet[:, y : y + height, x : x + width] = images[k]
    return sheet


def _scaled(image: Any, value_range: tuple[float, float] | None) -> Any:
    """Any shape, in [0, 1]."""
    low, high = value_range or (float(image.min()), float(image.max()))
    return (image.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(
    tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **grid: Any
) -> None:
    """Write images (as ``make_grid`` takes them), whose elements lie in [0, 1], as one picture.

    Args:
        tensor: the images.
        fp: a file's name or a file.
        format: the picture's format, where the name does not say it.
        grid: arguments of ``make_grid``.
    """
    from PIL import Image

    sheet = make_grid(tensor, **grid) * 255 + 0.5
    array = sheet.clamp(0, 255).permute(1, 2, 0).byte().numpy()
    Image.fromarray(array).save(fp, format=format)
