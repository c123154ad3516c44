"""Images read at any places, and the places of an affine map."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from ...tensor import Tensor
from ...tensor.arithmetic import mul
from ...tensor.creation import from_array
from ...tensor.joining import stack
from ...tensor.picking import where

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def _warn_default() -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )


def _in_elements(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """Coordinates from [-1, 1] to elements of an axis of ``size``; any shape."""
    if align_corners:
        return (x + 1) / 2 * (size - 1)
    return ((x + 1) * size - 1) / 2


def _clipped(x: Tensor, size: int) -> Tensor:
    """At most the axis's ends; no gradient flows beyond them; any shape."""
    inside = (x > 0) & (x < size - 1)
    beyond = (x >= size - 1).to(x.dtype) * (size - 1)
    return where(inside, x, beyond)


def _mirrored(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """Mirrored at the ends, the middles of the outermost elements or their edges; any shape."""
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if low == high:
        return x * 0
    span = high - low
    away = x - low
    away = where(away < 0, -away, away)
    flips = (away.detach() / span).floor()
    rest = away.fmod(span)
    return where(flips.remainder(2) == 0, rest + low, span - rest + low)


def _placed(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    if padding_mode == "reflection":
        x = _mirrored(x, size, align_corners)
    return x if padding_mode == "zeros" else _clipped(x, size)


def _reader(input: Tensor) -> Callable[[Sequence[Tensor]], Tensor]:
    """What reads ``input`` (N, C, *S) at whole places (N, P), one tensor an axis: (N, C, P), zero outside."""
    n, channels, *spatial = (int(s) for s in input.shape)
    plane = input.reshape(n, channels, math.prod(spatial))

    def read(places: Sequence[Tensor]) -> Tensor:
        known = [(p >= 0) & (p <= size - 1) for p, size in zip(places, spatial, strict=True)]
        inside = reduce(lambda a, b: a & b, known)
        flat = None
        for p, size in zip(places, spatial, strict=True):
            number = where(inside, p, p.new_zeros(())).long()
            flat = number if flat is None else flat * size + number
        assert flat is not None
        index = flat.unsqueeze(1).expand(n, channels, flat.shape[1])
        return where(inside.unsqueeze(1), plane.gather(2, index), plane.new_zeros(()))

    return read


def _linear(input: Tensor, places: list[Tensor]) -> Tensor:
    """(N, C, P) by straight lines between the elements around each place."""
    read = _reader(input)
    below = [p.detach().floor() for p in places]
    total = None
    for corner in itertools.product((0, 1), repeat=len(places)):
        shares = [
            p - low if bit else low + 1 - p
            for p, low, bit in zip(places, below, corner, strict=True)
        ]
        weight = reduce(mul, shares)
        term = read([low + bit for low, bit in zip(below, corner, strict=True)]) * weight.unsqueeze(
            1
        )
        total = term if total is None else total + term
    assert total is not None
    return total


def _cubic_shares(t: Tensor) -> list[Tensor]:
    """The weights of the elements at -1, 0, 1 and 2 for a place ``t`` past 0; any shape. Source: Keys 1981."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(input: Tensor, places: list[Tensor], place: Callable[[Tensor, int], Tensor]) -> Tensor:
    """(N, C, P) by cubics through the four elements around each place, in both axes."""
    read = _reader(input)
    below = [p.detach().floor() for p in places]
    shares = [_cubic_shares(p - low) for p, low in zip(places, below, strict=True)]
    total = None
    for i, j in itertools.product(range(4), repeat=2):
        at = [
            place(low + k - 1, axis)
            for axis, (low, k) in enumerate(zip(below, (i, j), strict=True))
        ]
        term = read(at) * (shares[0][i] * shares[1][j]).unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in _MODES:
        raise ValueError(f"grid_sample: expected mode to be one of {_MODES}, but got: {mode!r}")
    if padding_mode not in _PADDINGS:
        raise ValueError(
            f"grid_sample: expected padding_mode to be one of {_PADDINGS}, but got: {padding_mode!r}"
        )
    axes = input.ndim - 2
    if axes not in (2, 3) or grid.ndim != input.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[0] != input.shape[0] or grid.shape[-1] != axes:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, and grid to have size "
            f"{axes} in last dimension, but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if min(input.shape[2:]) <= 0:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but got {list(input.shape)}"
        )
    if mode == "bicubic" and axes == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} and grid has "
            f"{grid.dtype}"
        )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """``input`` read at the places of ``grid``.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, *out, 2) or (N, *out, 3): x, y (and z), in [-1, 1] from end to end.
        mode: "bilinear", "nearest" or "bicubic" (of images).
        padding_mode: outside are "zeros", the "border", or the image's "reflection".
        align_corners: whether -1 and 1 are the middles of the outermost elements, or their edges.
    Returns:
        (N, C, *out).
    Source: Jaderberg et al. 2015.
    """
    _check(input, grid, mode, padding_mode)
    if align_corners is None:
        _warn_default()
    align = bool(align_corners)
    sizes = [int(s) for s in input.shape[2:]]
    flat = grid.reshape(grid.shape[0], -1, len(sizes))
    given = [flat.select(2, len(sizes) - 1 - axis) for axis in range(len(sizes))]
    places = [_in_elements(x, size, align) for x, size in zip(given, sizes, strict=True)]

    def place(x: Tensor, axis: int) -> Tensor:
        return _placed(x, sizes[axis], padding_mode, align)

    if mode == "bicubic":
        found = _cubic(input, places, place)
    else:
        places = [place(x, axis) for axis, x in enumerate(places)]
        if mode == "nearest":
            found = _reader(input)([x.detach().round() for x in places])
        else:
            found = _linear(input, places)
    return found.reshape(input.shape[0], input.shape[1], *grid.shape[1:-1])


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places, for ``grid_sample``, that an affine map of the output's places gives.

    Args:
        theta: (N, 2, 3) or (N, 3, 4).
        size: the output's (N, C, H, W) or (N, C, D, H, W).
        align_corners: as in ``grid_sample``.
    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).
    """
    if align_corners is None:
        _warn_default()
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    axes = len(size) - 2
    if axes not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms. Got size {list(size)}."
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size {list(size)}. "
            f"Got {list(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    exact = theta.dtype.numpy
    spatial = [int(s) for s in size[2:]]
    lines = []
    for n in spatial:
        line = np.linspace(-1, 1, n, dtype=exact) if n > 1 else np.zeros(1, exact)
        lines.append(line if align_corners else line * exact.type((n - 1) / n))
    mesh = [from_array(np.ascontiguousarray(m)) for m in np.meshgrid(*lines, indexing="ij")]
    ones = from_array(np.ones(spatial, exact))
    base = stack([*reversed(mesh), ones], -1).reshape(1, -1, axes + 1)
    found = base.expand(theta.shape[0], -1, -1).matmul(theta.transpose(1, 2))
    return found.reshape(theta.shape[0], *spatial, axes)
