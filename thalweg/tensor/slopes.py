"""Slopes of sampled functions, by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .joining import cat
from .reduce import wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor


def _axes(input: TensorCore, dim: Any, spacing: Any) -> list[int]:
    listed = [dim] if isinstance(dim, int) else None if dim is None else list(dim)
    if listed is None:
        listed = list(range(input.ndim))
        if isinstance(spacing, Sequence) and len(spacing) != len(listed):
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {input.ndim}', since dim argument was not given, but got a list of length "
                f"{len(spacing)}"
            )
    axes = [wrap_dim(d, input.ndim) for d in listed]
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
    if isinstance(spacing, Sequence) and len(spacing) != len(axes):
        raise RuntimeError(
            f"torch.gradient expected spacing to have an entry for each of {len(axes)} dims, got {len(spacing)}"
        )
    return axes


def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The slopes along each axis of ``dim`` (all by default), each of input's shape.

    Inside by second-order differences, at the ends by differences of ``edge_order``, 1 or 2.

    Args:
        spacing: the distance between samples, 1 by default; one for each axis; or for each axis a tensor of its coordinates.
    Raises:
        RuntimeError: fewer samples than edge_order + 1, an axis twice, spacings that don't match the axes.
    Source: B. Fornberg 1988, "Generation of finite difference formulas on arbitrarily spaced grids".
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacing = 1 if spacing is None else spacing
    axes = _axes(input, dim, spacing)
    found = []
    for k, axis in enumerate(axes):
        if input.shape[axis] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1: it is "
                f"{input.shape[axis]} along {axis}"
            )
        step = spacing[k] if isinstance(spacing, Sequence) else spacing
        x = input.movedim(axis, -1)
        slopes = (
            _uneven(x, step, edge_order)
            if isinstance(step, TensorCore)
            else _even(x, step, edge_order)
        )
        found.append(slopes.movedim(-1, axis))
    return tuple(found)


def _even(x: Tensor, step: float, edge_order: int) -> Tensor:
    """(..., N) slopes of (..., N) samples ``step`` apart."""
    inside = (x[..., 2:] - x[..., :-2]) / (2 * step)
    if edge_order == 1:
        left, right = x[..., 1:2] - x[..., :1], x[..., -1:] - x[..., -2:-1]
    else:
        left = -1.5 * x[..., :1] + 2.0 * x[..., 1:2] - 0.5 * x[..., 2:3]
        right = 1.5 * x[..., -1:] - 2.0 * x[..., -2:-1] + 0.5 * x[..., -3:-2]
    return cat([left / step, inside, right / step], -1)


def _uneven(x: Tensor, places: Any, edge_order: int) -> Tensor:
    """(..., N) slopes of (..., N) samples at ``places``, (N,)."""
    steps = places[1:] - places[:-1]
    before, after = steps[:-1], steps[1:]
    weighed = before**2 * x[..., 2:] - after**2 * x[..., :-2]
    weighed = weighed + (after**2 - before**2) * x[..., 1:-1]
    inside = weighed / (before * after * (before + after))
    if edge_order == 1:
        left = (x[..., 1:2] - x[..., :1]) / steps[0]
        right = (x[..., -1:] - x[..., -2:-1]) / steps[-1]
    else:
        left = _end(x[..., :1], x[..., 1:2], x[..., 2:3], steps[0], steps[1])
        right = -_end(x[..., -1:], x[..., -2:-1], x[..., -3:-2], steps[-1], steps[-2])
    return cat([left, inside, right], -1)


def _end(first: Tensor, second: Tensor, third: Tensor, near: Any, far: Any) -> Tensor:
    """The slope at the first of three samples, ``near`` and ``far`` apart."""
    whole = near + far
    found = -(2 * near + far) / (near * whole) * first + whole / (near * far) * second
    return found - near / (far * whole) * third
