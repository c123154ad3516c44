"""Images made larger or smaller, and channels traded for pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor
from ...tensor.creation import from_array

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]


def _sizes(input: Tensor, size: Any, scale_factor: Any) -> tuple[list[int], list[float | None]]:
    """The new sizes of the spatial axes, and the scales where they were given."""
    spatial = [int(n) for n in input.shape[2:]]
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor, and only one of them")

    def each(value: Any) -> list[Any]:
        given = list(value) if isinstance(value, Sequence) else [value] * len(spatial)
        if len(given) != len(spatial):
            raise ValueError(
                f"interpolate: input has {len(spatial)} spatial axes, {len(given)} numbers were given"
            )
        return given

    if size is not None:
        return [int(n) for n in each(size)], [None] * len(spatial)
    scales = [float(s) for s in each(scale_factor)]
    return [int(np.floor(n * s)) for n, s in zip(spatial, scales, strict=True)], list(scales)


def _nearest(x: Tensor, axis: int, new: int, scale: float | None) -> Tensor:
    old = x.shape[axis]
    step = np.float32(old / new if scale is None else 1 / scale)
    places = np.floor(np.arange(new, dtype=np.float32) * step).astype(np.int64)
    return x.index_select(axis, from_array(np.minimum(places, old - 1)))


def _linear(x: Tensor, axis: int, new: int, scale: float | None, align_corners: bool) -> Tensor:
    """One axis resized by straight lines between the old elements: (..., N, ...) gives (..., new, ...)."""
    old = x.shape[axis]
    exact = x.dtype.numpy
    if align_corners:
        places = np.arange(new, dtype=exact) * exact.type((old - 1) / (new - 1) if new > 1 else 0)
    else:
        step = exact.type(old / new if scale is None else 1 / scale)
        places = np.maximum(
            (np.arange(new, dtype=exact) + exact.type(0.5)) * step - exact.type(0.5), 0
        )
    low = np.minimum(places.astype(np.int64), old - 1)
    part = (places - low).astype(exact).reshape([-1] + [1] * (x.ndim - 1 - axis))
    below = x.index_select(axis, from_array(low))
    above = x.index_select(axis, from_array(np.minimum(low + 1, old - 1)))
    return below * from_array(1 - part) + above * from_array(part)


_LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The spatial axes resized.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: the new spatial sizes, or one for all.
        scale_factor: instead of size, what each spatial size is multiplied with.
        mode: "nearest", or "linear", "bilinear", "trilinear" for 1, 2, 3 spatial axes.
        align_corners: whether the outermost elements stay in place (linear modes only).
        recompute_scale_factor: go by the sizes that ``scale_factor`` gives, rounded down, not by the factor itself.
        antialias: not available.
    Returns:
        (N, C, ...) with the new sizes.
    Raises:
        ValueError: neither or both of size and scale_factor, or align_corners with "nearest".
        NotImplementedError: another mode, or one for another rank; antialias.
    """
    if antialias:
        raise NotImplementedError("interpolate: antialias is not supported: leave it out")
    if recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        size, scale_factor = _sizes(input, None, scale_factor)[0], None
    sizes, scales = _sizes(input, size, scale_factor)
    if mode != "nearest" and _LINEAR.get(mode) != input.ndim:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} does not fit an input of {input.ndim} axes: linear wants 3, bilinear 4, "
            "trilinear 5, nearest any of them"
        )
    if mode == "nearest" and align_corners is not None:
        raise ValueError("interpolate: align_corners goes with the linear modes only: leave it out")
    for k, (new, scale) in enumerate(zip(sizes, scales, strict=True)):
        if mode == "nearest":
            input = _nearest(input, k + 2, new, scale)
        else:
            input = _linear(input, k + 2, new, scale, bool(align_corners))
    return input


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C * R * R, H, W) gives (..., C, H * R, W * R), R being ``upscale_factor``."""
    r = upscale_factor
    *lead, channels, h, w = input.shape
    if channels % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    k = len(lead)
    x = input.reshape([*lead, channels // (r * r), r, r, h, w])
    x = x.permute([*range(k), k, k + 3, k + 1, k + 4, k + 2])
    return x.reshape([*lead, channels // (r * r), h * r, w * r])


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H * R, W * R) gives (..., C * R * R, H, W), R being ``downscale_factor``."""
    r = downscale_factor
    *lead, channels, h, w = input.shape
    if h % r or w % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {h} or {w} is not "
            f"divisible by {r}"
        )
    k = len(lead)
    x = input.reshape([*lead, channels, h // r, r, w // r, r])
    x = x.permute([*range(k), k, k + 2, k + 4, k + 1, k + 3])
    return x.reshape([*lead, channels * r * r, h // r, w // r])
