"""How large are pictures, tensors (..., C, H, W) or Pillow's, and what size is asked for?"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor

__all__ = ["get_dimensions", "get_image_num_channels", "get_image_size"]


def is_pil(img: Any) -> bool:
    """Whether ``img`` is a picture of Pillow's, told without loading Pillow."""
    return hasattr(img, "getbands") and hasattr(img, "mode")


def get_dimensions(img: Any) -> list[int]:
    """[C, H, W] of a tensor (..., C, H, W) or (H, W), or of a picture.

    Raises:
        TypeError: it is neither, or a tensor of one axis.
    """
    if isinstance(img, Tensor):
        if img.ndim < 2:
            raise TypeError(f"Tensor is not a torch image: it has the shape {tuple(img.shape)}")
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    if is_pil(img):
        width, height = img.size
        return [len(img.getbands()), height, width]
    raise TypeError(f"Unexpected type {type(img)}: a tensor or a PIL image expected")


def get_image_size(img: Any) -> list[int]:
    """[W, H] of a tensor (..., H, W) or of a picture."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """C of a tensor (..., C, H, W) or of a picture."""
    return get_dimensions(img)[0]


def pair(
    size: Any, error: str = "Please provide only two dimensions (h, w) for size."
) -> tuple[int, int]:
    """(H, W) of one number, of one in a list, or of two."""
    if isinstance(size, numbers.Number):
        size = (size, size)
    elif isinstance(size, Sequence) and len(size) == 1:
        size = (size[0], size[0])
    if not isinstance(size, Sequence) or len(size) != 2:
        raise ValueError(f"{error} Got {size}")
    return int(size[0]), int(size[1])


def resized(height: int, width: int, size: Any, max_size: int | None) -> tuple[int, int]:
    """(H, W) that a picture is resized to.

    Args:
        height, width: of the picture.
        size: (H, W), or one number for the smaller side; the other keeps the picture's shape.
        max_size: how long the larger side may be, where ``size`` is one number or None.
    """
    one = (
        size if isinstance(size, int) else size[0] if size is not None and len(size) == 1 else None
    )
    if size is not None and one is None:
        return int(size[0]), int(size[1])
    short, long = sorted((height, width))
    if size is None:
        if max_size is None:
            raise ValueError("resize: size and max_size are both None: one has to be given")
        new_short, new_long = int(max_size * short / long), max_size
    else:
        new_short, new_long = int(one), int(one * long / short)  # type: ignore[arg-type, operator]
        if max_size is not None and max_size <= new_short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                f"size = {size}"
            )
        if max_size is not None and new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)
