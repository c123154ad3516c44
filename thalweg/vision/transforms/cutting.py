"""Pictures cut, widened, mirrored and resized, be they tensors (..., H, W) or Pillow's."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from ...ir.dtype import float32, float64
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.creation import as_tensor, tensor
from .modes import InterpolationMode
from .sizes import get_dimensions, is_pil, pair, resized

__all__ = [
    "center_crop", "crop", "erase", "five_crop", "hflip", "pad", "resize", "resized_crop", "ten_crop", "vflip",
]  # fmt: skip
PILLOW = {
    "nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5, "nearest-exact": 0,
}  # fmt: skip
"""Pillow's numbers for ways to interpolate."""


def mode_of(interpolation: Any) -> InterpolationMode:
    """An InterpolationMode of itself or of Pillow's number for it."""
    if isinstance(interpolation, int):
        return next(mode for mode in InterpolationMode if PILLOW[mode.value] == interpolation)
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            f"Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
            f"got {type(interpolation).__name__}"
        )
    return interpolation


def no_picture(img: Any) -> TypeError:
    return TypeError(f"img should be PIL Image or a tensor. Got {type(img)}")


def as_floats(img: Tensor) -> Tensor:
    """(N, C, H, W) floats of (C, H, W) or (N, C, H, W) of any type."""
    img = img.unsqueeze(0) if img.ndim < 4 else img
    return img if img.dtype in (float32, float64) else img.to(float32)


def like(made: Tensor, img: Tensor) -> Tensor:
    """What ``as_floats`` was taken of, again in its type, rounded where that is whole, and with its axes."""
    made = made.squeeze(0) if img.ndim < 4 else made
    if img.dtype == made.dtype:
        return made
    return (made if img.is_floating_point() else made.round()).to(img.dtype)


def hflip(img: Any) -> Any:
    """Left and right exchanged, of (..., H, W)."""
    if isinstance(img, Tensor):
        return img.flip(-1)
    if is_pil(img):
        return img.transpose(0)
    raise no_picture(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged, of (..., H, W)."""
    if isinstance(img, Tensor):
        return img.flip(-2)
    if is_pil(img):
        return img.transpose(1)
    raise no_picture(img)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """(..., height, width) from (..., H, W); what lies outside the picture is 0."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    _, tall, wide = get_dimensions(img)
    right, bottom = left + width, top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= wide and bottom <= tall:
        return inside
    margins = [max(-left, 0), max(right - max(wide, left), 0)]
    margins += [max(-top, 0), max(bottom - max(tall, top), 0)]
    return F.pad(inside, margins)


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle (..., h, w) of (..., H, W), with zeros around where it is smaller."""
    height, width = pair(output_size)
    _, tall, wide = get_dimensions(img)
    if width > wide or height > tall:
        left, top = max((width - wide) // 2, 0), max((height - tall) // 2, 0)
        right, bottom = max((width - wide + 1) // 2, 0), max((height - tall + 1) // 2, 0)
        img = pad(img, [left, top, right, bottom])
        _, tall, wide = get_dimensions(img)
    return crop(img, round((tall - height) / 2.0), round((wide - width) / 2.0), height, width)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The corners (top left, top right, bottom left, bottom right) and the middle, each (..., h, w)."""
    height, width = pair(size)
    _, tall, wide = get_dimensions(img)
    if width > wide or height > tall:
        raise ValueError(
            f"Requested crop size {(height, width)} is bigger than input size {(tall, wide)}"
        )
    down, across = tall - height, wide - width
    corners = [(0, 0), (0, across), (down, 0), (down, across)]
    cut = [crop(img, top, left, height, width) for top, left in corners]
    return (*cut, center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """``five_crop`` of a picture (..., H, W) and of it mirrored, or upside down."""
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def margins_of(padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of one number for all, of two, or of four."""
    if isinstance(padding, numbers.Number):
        padding = (padding,)
    if not isinstance(padding, Sequence) or len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {padding} element tuple"
        )
    left, top, right, bottom = tuple(padding) * (4 // len(padding))
    return left, top, right, bottom


def _places(size: int, before: int, after: int, mode: str) -> list[int]:
    """Which element each place of a widened axis shows."""
    period = {"reflect": max(2 * size - 2, 1), "symmetric": 2 * size}.get(mode)
    shown = range(-before, size + after)
    if period is None:
        return [min(max(k, 0), size - 1) for k in shown]
    last = period - (mode == "symmetric")
    folded = [k % period for k in shown]
    return [k if k < size else last - k for k in folded]


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """A wider picture.

    Args:
        img: (..., H, W).
        padding: pixels at each side; (across, down); or (left, top, right, bottom). Negative ones cut.
        fill: what the margin is filled with; of a picture, a number for each channel if you like.
        padding_mode: "constant"; "edge", the outermost pixel; "reflect" or "symmetric", mirrored at it or behind it.
    Raises:
        ValueError: the padding has another number of parts, or the mode is another.
    """
    left, top, right, bottom = margins_of(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
        )
    if isinstance(img, Tensor):
        if padding_mode == "constant":
            value = fill[0] if isinstance(fill, Sequence) else fill
            return F.pad(img, [left, right, top, bottom], value=value or 0)
        _, tall, wide = get_dimensions(img)
        for axis, places in (
            (-2, _places(tall, top, bottom, padding_mode)),
            (-1, _places(wide, left, right, padding_mode)),
        ):
            img = img.index_select(axis, tensor(places))
        return img
    if not is_pil(img):
        raise no_picture(img)
    return _pad_picture(img, (left, top, right, bottom), fill, padding_mode)


def _pad_picture(img: Any, margins: tuple[int, int, int, int], fill: Any, mode: str) -> Any:
    import numpy as np
    from PIL import Image

    left, top, right, bottom = margins
    if mode == "constant":
        wide, tall = img.size
        sizes = wide + left + right, tall + top + bottom
        made = Image.new(img.mode, sizes, filling(img, fill))
        if img.mode == "P":
            made.putpalette(img.getpalette())
        made.paste(img, (left, top))
        return made
    array = np.asarray(img)
    rows = _places(array.shape[0], top, bottom, mode)
    columns = _places(array.shape[1], left, right, mode)
    made = Image.fromarray(array[rows][:, columns])
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def filling(img: Any, fill: Any) -> Any:
    """What Pillow fills a picture with: one number for each of several channels."""
    channels = get_dimensions(img)[0]
    if fill is None:
        fill = 0
    if isinstance(fill, int | float) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, Sequence):
        if len(fill) == 1:
            fill = tuple(fill) * channels
        if len(fill) != channels:
            raise ValueError(
                f"The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {channels})"
            )
        fill = tuple(fill) if channels > 1 else fill[0]
    whole = img.mode not in ("F",)
    if isinstance(fill, tuple):
        return tuple(int(part) if whole else part for part in fill)
    return int(fill) if whole else fill


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """A picture (..., H, W) of another size.

    Args:
        img: (..., C, H, W) of up to four axes.
        size: (h, w), or one number for the smaller side.
        interpolation: an InterpolationMode; of tensors NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC.
        max_size: how long the larger side may be, where ``size`` is one number.
        antialias: average over all that a pixel covers; Pillow always does.
    """
    mode = mode_of(interpolation).value
    _, tall, wide = get_dimensions(img)
    height, width = resized(tall, wide, size, max_size)
    if (height, width) == (tall, wide):
        return img
    if is_pil(img):
        return img.resize((width, height), PILLOW[mode])
    smooth = mode in ("bilinear", "bicubic")
    if not smooth and mode not in ("nearest", "nearest-exact"):
        raise ValueError(f"resize: interpolation {mode!r} is not supported with tensors")
    made = F.interpolate(
        as_floats(img),
        (height, width),
        mode=mode,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if mode == "bicubic" and not img.is_floating_point():
        made = made.clamp(0, 255)
    return like(made, img)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part (..., height, width) of (..., H, W), resized to ``size``."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """``img`` (..., C, H, W) with ``v`` (C, h, w), or what spreads to it, from row i and column j on.

    Raises:
        TypeError: it is no tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"erase: img should be a tensor. Got {type(img)}")
    made: Any = img if inplace else img.clone()
    made[..., i : i + h, j : j + w] = as_tensor(v, dtype=img.dtype)
    return made
