"""Windows laid out as columns, and columns summed back into windows."""

from __future__ import annotations

import math

import numpy as np

from ...ir.builder import Var
from ...ops import window as w
from ...ops import window_reference as reference
from ...ops.composite import op
from ...ops.movement import slice_
from ...tensor import Tensor
from ...tensor.creation import from_array
from ...tensor.dispatch import dispatch
from .padding import pad
from .pooling import _joined
from .sizes import Sizes, per_axis

__all__ = ["fold", "unfold"]

Pair = tuple[int, ...]


def _settings(
    name: str, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> tuple[Pair, Pair, Pair, Pair]:
    """kernel, dilation, padding and stride, each for both axes."""
    k, d, p, s = (per_axis(v, 2, name) for v in (kernel_size, dilation, padding, stride))
    for what, sizes in (("kernel size", k), ("dilation", d), ("stride", s)):
        if min(sizes) <= 0:
            raise RuntimeError(f"{name}: {what} should be greater than zero, but got {sizes}")
    if min(p) < 0:
        raise RuntimeError(f"{name}: padding should be non-negative, but got {p}")
    return k, d, p, s


def unfold(
    input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Windows as columns: (N, C, H, W) in, (N, C * KH * KW, L) out, either without N."""
    k, d, p, s = _settings("unfold", kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor for unfold, got shape {list(input.shape)}"
        )
    x = pad(input if input.ndim == 4 else input.unsqueeze(0), (p[1], p[1], p[0], p[0]))
    out = reference.conv_sizes(tuple(x.shape[2:]), k, s, (0, 0), d)
    if min(out) < 1:
        raise RuntimeError(
            f"unfold: windows of {k} at dilation {d} do not fit an input of {list(input.shape)}, padded by {p}: the "
            f"array of sliding blocks would be of shape {out}, but its components must be at least one"
        )
    parts = []
    for i in range(k[0]):
        for j in range(k[1]):
            rows = x[:, :, i * d[0] : i * d[0] + (out[0] - 1) * s[0] + 1 : s[0]]
            parts.append(
                rows[:, :, :, j * d[1] : j * d[1] + (out[1] - 1) * s[1] + 1 : s[1]].unsqueeze(2)
            )
    columns = _joined(parts, 2)
    found = columns.reshape(x.shape[0], x.shape[1] * k[0] * k[1], out[0] * out[1])
    return found.squeeze(0) if input.ndim == 3 else found


@op("Col2ImBackward0")
def _fold(columns: Var, places: Var, whole: Pair, padding: Pair) -> Var:
    """columns (N, C, K * L) summed at places (K * L,) of planes ``whole``, whose border is taken away."""
    spread = places.broadcast_to(columns.shape)
    plane: Var = w.scatter_places(columns, spread, spatial=whole)
    if not any(padding):
        return plane
    stops = tuple(n - p for n, p in zip(whole, padding, strict=True))
    cropped: Var = slice_(
        plane, starts=(0, 0, *padding), stops=(*plane.shape[:2], *stops), steps=(1, 1, 1, 1)
    )
    return cropped


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """The adjoint of ``unfold``: columns summed where the windows were.

    Args:
        input: (N, C * KH * KW, L) or (C * KH * KW, L).
        output_size: (H, W), or one number for both.
    Returns:
        (N, C, H, W) or (C, H, W).
    Raises:
        RuntimeError: the input does not have KH * KW rows for each channel, or not L columns.
    """
    k, d, p, s = _settings("fold", kernel_size, dilation, padding, stride)
    size = per_axis(output_size, 2, "fold")
    if min(size) < 1:
        raise RuntimeError(f"fold: expected output spatial size to be positive, but got: {size}")
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size, got {list(input.shape)}"
        )
    x = input if input.ndim == 3 else input.unsqueeze(0)
    rows, columns = int(x.shape[1]), int(x.shape[2])
    if rows % math.prod(k):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={k}"
        )
    out = reference.conv_sizes(size, k, s, p, d)
    if math.prod(out) != columns or min(out) < 1:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={k}, dilation={d}, padding={p}, stride={s}, expected size of "
            f"input's dimension 2 to match the calculated number of sliding blocks {out[0]} * {out[1]} = "
            f"{math.prod(out)}, but got input.size(2)={columns}"
        )
    whole = tuple(n + 2 * q for n, q in zip(size, p, strict=True))
    lines = [np.arange(k[a])[:, None] * d[a] + np.arange(out[a]) * s[a] for a in (0, 1)]
    grid = lines[0][:, None, :, None] * whole[1] + lines[1][None, :, None, :]
    channels = rows // math.prod(k)
    lined = x.reshape(x.shape[0], channels, -1)
    places = from_array(np.ascontiguousarray(grid.reshape(-1)))
    found = dispatch(_fold, (lined, places), (whole, p))
    return found.squeeze(0) if input.ndim == 2 else found
