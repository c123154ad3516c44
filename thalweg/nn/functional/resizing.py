"""Images made larger or smaller, and channels traded for pixels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor
from ...tensor.creation import from_array
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = [
    "channel_shuffle", "interpolate", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "upsample",
    "upsample_bilinear", "upsample_nearest",
]  # fmt: skip


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


def _nearest(x: Tensor, axis: int, new: int, scale: float | None, exact: bool) -> Tensor:
    """One axis resized by copies; ``exact`` goes by the middles of the new elements, not their beginnings."""
    old = x.shape[axis]
    step = np.float32(old / new if scale is None else 1 / scale)
    middles = np.arange(new, dtype=np.float32) + np.float32(0.5 if exact else 0)
    places = np.floor(middles * step).astype(np.int64)
    return x.index_select(axis, from_array(np.minimum(places, old - 1)))


def _places(
    x: Tensor, axis: int, new: int, scale: float | None, align_corners: bool
) -> tuple[Any, np.dtype[Any]]:
    """(new,) where the new elements lie among the old ones, and the type they are computed in."""
    old = x.shape[axis]
    exact = x.dtype.numpy if x.dtype.is_floating_point else np.dtype(np.float32)
    if align_corners:
        places = np.arange(new, dtype=exact) * exact.type((old - 1) / (new - 1) if new > 1 else 0)
        return places, exact
    step = exact.type(old / new if scale is None else 1 / scale)
    return (np.arange(new, dtype=exact) + exact.type(0.5)) * step - exact.type(0.5), exact


def _linear(x: Tensor, axis: int, new: int, scale: float | None, align_corners: bool) -> Tensor:
    """One axis resized by straight lines between the old elements: (..., N, ...) gives (..., new, ...)."""
    old = x.shape[axis]
    places, exact = _places(x, axis, new, scale, align_corners)
    places = np.maximum(places, 0)
    low = np.minimum(places.astype(np.int64), old - 1)
    part = (places - low).astype(exact).reshape([-1] + [1] * (x.ndim - 1 - axis))
    below = x.index_select(axis, from_array(low))
    above = x.index_select(axis, from_array(np.minimum(low + 1, old - 1)))
    return below * from_array(1 - part) + above * from_array(part)


def _bend(distance: Any, a: float) -> Any:
    """The cubic's weight of an element at a distance; any shape. Source: Keys 1981."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _cubic(x: Tensor, axis: int, new: int, scale: float | None, align_corners: bool) -> Tensor:
    """One axis resized by cubics through four old elements each: (..., N, ...) gives (..., new, ...)."""
    old = x.shape[axis]
    places, exact = _places(x, axis, new, scale, align_corners)
    low = np.floor(places)
    total = None
    for k in (-1, 0, 1, 2):
        weights = _bend(places - low - k, -0.75).astype(exact)
        numbers = np.clip(low.astype(np.int64) + k, 0, old - 1)
        shaped = weights.reshape([-1] + [1] * (x.ndim - 1 - axis))
        term = x.index_select(axis, from_array(numbers)) * from_array(shaped)
        total = term if total is None else total + term
    assert total is not None
    return total


def _smoothed(
    x: Tensor, axis: int, new: int, scale: float | None, align_corners: bool, mode: str
) -> Tensor:
    """One axis resized by weighted means over all old elements that a new one covers: without aliasing."""
    old = x.shape[axis]
    if align_corners:
        step = (old - 1) / (new - 1) if new > 1 else 0.0
    else:
        step = old / new if scale is None else 1 / scale
    reach = 1.0 if mode == "bilinear" else 2.0
    support, shrink = (reach * step, 1 / step) if step >= 1 else (reach, 1.0)
    centers = step * (np.arange(new)[:, None] + 0.5)
    first = np.maximum((centers - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centers + support + 0.5).astype(np.int64), old)
    place = np.arange(old)
    distance = (place - centers + 0.5) * shrink
    line = np.maximum(1 - np.abs(distance), 0) if mode == "bilinear" else _bend(distance, -0.5)
    weights = np.where((place >= first) & (place < last), line, 0)
    weights = weights / weights.sum(1, keepdims=True)
    shares = from_array(weights.astype(x.dtype.numpy).T.copy())
    return x.movedim(axis, -1).matmul(shares).movedim(-1, axis)


_LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4}
_COPYING = ("nearest", "nearest-exact", "area")


def _check_mode(input: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if input.ndim not in (3, 4, 5) or (mode not in _COPYING and _LINEAR.get(mode) != input.ndim):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} does not fit an input of {input.ndim} axes: linear wants 3, bilinear and "
            "bicubic 4, trilinear 5; nearest, nearest-exact and area any of them"
        )
    if mode in _COPYING and align_corners is not None:
        raise ValueError("interpolate: align_corners goes with the linear modes only: leave it out")
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )


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
        mode: "nearest", "nearest-exact" or "area"; "linear", "bilinear", "trilinear" for 1, 2, 3 spatial axes;
            "bicubic" for 2.
        align_corners: whether the outermost elements stay in place (linear and cubic modes only).
        recompute_scale_factor: go by the sizes that ``scale_factor`` gives, rounded down, not by the factor itself.
        antialias: average over all that a new element covers ("bilinear" and "bicubic").
    Returns:
        (N, C, ...) with the new sizes.
    Raises:
        ValueError: neither or both of size and scale_factor, or align_corners with a mode that has no lines.
        NotImplementedError: another mode, or one for another rank.
    """
    _check_mode(input, mode, align_corners, antialias)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        size, scale_factor = _sizes(input, None, scale_factor)[0], None
    sizes, scales = _sizes(input, size, scale_factor)
    if min(sizes) < 1 or min(input.shape[2:]) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(input.shape[2:])} and output {sizes}"
        )
    if mode == "area":
        pools = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pools[input.ndim - 3](input, sizes)
    aligned = bool(align_corners)
    for k, (new, scale) in enumerate(zip(sizes, scales, strict=True)):
        if mode in _COPYING:
            input = _nearest(input, k + 2, new, scale, mode == "nearest-exact")
        elif antialias:
            input = _smoothed(input, k + 2, new, scale, aligned, mode)
        else:
            line = _cubic if mode == "bicubic" else _linear
            input = line(input, k + 2, new, scale, aligned)
    return input


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The deprecated name of ``interpolate``, with its shapes."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` by copies, deprecated: (N, C, ...) in, the same with new sizes out."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` by lines with corners aligned, deprecated: (N, C, H, W) in, with new H, W out."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", True)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels dealt out to ``groups``: (N, G * K, ...) seen as (G, K) becomes (K, G), the shape stays.

    Source: Zhang et al. 2018.
    """
    if input.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    n, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    dealt = input.reshape(n, groups, channels // groups, *rest)
    return dealt.transpose(1, 2).reshape(n, channels, *rest)


native_channel_shuffle = channel_shuffle


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
