"""Pooling: what stands for the elements of each window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir.builder import Var
from ...ops import elementwise as e
from ...ops import window as w
from ...ops import window_reference as reference
from ...ops.composite import Op, op
from ...ops.movement import cat
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from .sizes import Sizes, per_axis

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices",
    "max_pool3d", "max_pool3d_with_indices",
]  # fmt: skip


@op("MaxPool2DWithIndicesBackward0")
def _max_pool(
    x: Var, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    return w.max_pool(
        x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )


_MAX_POOL = {
    1: Op(
        _max_pool.function,
        "SqueezeBackward1",
        (("MaxPool2DWithIndicesBackward0", (("UnsqueezeBackward0", (0,)),)),),
    ),
    2: _max_pool,
    3: Op(_max_pool.function, "MaxPool3DWithIndicesBackward0"),
}


def _batched(n: int, input: Tensor, name: str) -> Tensor:
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D input, but got input of size: {list(input.shape)}"
        )
    return input.unsqueeze(0) if input.ndim == n + 1 else input


def _unbatched(n: int, result: Tensor, input: Tensor) -> Tensor:
    return result.squeeze(0) if input.ndim == n + 1 else result


def _pool_max(
    n: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Any,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Tensor, Tensor]:
    name = f"max_pool{n}d"
    kernel = per_axis(kernel_size, n, name)
    steps = kernel if stride is None or stride == () or stride == [] else per_axis(stride, n, name)
    settings = (
        kernel,
        steps,
        per_axis(padding, n, name),
        per_axis(dilation, n, name),
        bool(ceil_mode),
    )
    if min(settings[3]) < 1:
        raise RuntimeError(f"{name}: dilation must be greater than zero, but got {settings[3]}")
    if 0 in input.shape[-n - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got: {list(input.shape)}"
        )
    values, places = dispatch(_MAX_POOL[n], (_batched(n, input, name),), settings)
    return _unbatched(n, values, input), _unbatched(n, places, input)


def max_pool1d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, L) in, (N, C, L') out, with ``return_indices`` also where they are."""
    found = _pool_max(1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return found if return_indices else found[0]


def max_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, H, W) in, (N, C, H', W') out, with ``return_indices`` also where they are."""
    found = _pool_max(2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return found if return_indices else found[0]


def max_pool3d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, D, H, W) in, (N, C, D', H', W') out; places count along D * H * W."""
    found = _pool_max(3, input, kernel_size, stride, padding, dilation, ceil_mode)
    return found if return_indices else found[0]


def max_pool1d_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """``max_pool1d`` and where the largest are: (N, C, L) in, twice (N, C, L') out."""
    return max_pool1d(input, *args, **{**kwargs, "return_indices": True})


def max_pool2d_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """``max_pool2d`` and where the largest are: (N, C, H, W) in, twice (N, C, H', W') out."""
    return max_pool2d(input, *args, **{**kwargs, "return_indices": True})


def max_pool3d_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """``max_pool3d`` and where the largest are: (N, C, D, H, W) in, twice (N, C, D', H', W') out."""
    return max_pool3d(input, *args, **{**kwargs, "return_indices": True})


@op("AvgPool2DBackward0", frees=True)
def _avg_pool(
    x: Var,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Var:
    total: Var = w.sum_pool(x, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    if divisor is not None:
        return _shared_out(total, divisor)
    counts = reference.pool_counts(
        x.shape[2:], kernel, stride, padding, total.shape[2:], count_include_pad
    )
    if counts.size and (counts == counts.reshape(-1)[0]).all():
        return _shared_out(total, int(counts.reshape(-1)[0]))
    return _shared_out(total, _literal(x, counts))


def _shared_out(total: Var, count: Var | int) -> Var:
    """The quotient; of integers without its fraction."""
    if total.dtype.is_floating_point:
        return total / count
    if not isinstance(count, Var):
        count = total.builder.constant(count, total.dtype)
    whole: Var = e.floor_divide(total, count)
    inexact = (whole * count).ne(total) & (whole < 0)
    return whole + inexact.astype(total.dtype)


_AVG_POOL = {
    1: Op(
        _avg_pool.function,
        "SqueezeBackward1",
        (("AvgPool2DBackward0", (("UnsqueezeBackward0", (0,)),)),),
        True,
    ),
    2: _avg_pool,
    3: Op(_avg_pool.function, "AvgPool3DBackward0", frees=True),
}
_mean_of_all = Op(_avg_pool.function, "MeanBackward1")
_adaptive_mean = Op(_avg_pool.function, "AdaptiveAvgPool2DBackward0", frees=True)


def _literal(x: Var, array: Any) -> Var:
    """A small array, written into the graph as constants."""
    array = np.asarray(array, np.float64)
    if not array.ndim:
        return x.builder.constant(float(array), x.dtype)
    parts = [_literal(x, a) for a in array]
    rows = [p.reshape((1, *p.shape)) for p in parts]
    result: Var = rows[0] if len(rows) == 1 else cat(*rows, axis=0)
    return result


def _pool_avg(
    n: int, input: Tensor, kernel_size: Sizes, stride: Any, padding: Sizes, ceil_mode: bool, include: bool,
    divisor: int | None = None, node: Op | None = None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{n}d"
    kernel = per_axis(kernel_size, n, name)
    steps = kernel if stride is None or stride == () or stride == [] else per_axis(stride, n, name)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    settings = (kernel, steps, per_axis(padding, n, name), bool(ceil_mode), bool(include), divisor)
    return _unbatched(
        n, dispatch(node or _AVG_POOL[n], (_batched(n, input, name),), settings), input
    )


def avg_pool1d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window: (N, C, L) in, (N, C, L') out."""
    return _pool_avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window: (N, C, H, W) in, (N, C, H', W') out."""
    return _pool_avg(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window: (N, C, D, H, W) in, (N, C, D', H', W') out."""
    return _pool_avg(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _lp_pool(
    n: int, input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any, ceil_mode: bool
) -> Tensor:
    kernel = per_axis(kernel_size, n, f"lp_pool{n}d")
    means = _pool_avg(n, input.pow(norm_type), kernel, stride, 0, ceil_mode, True)
    return (means.sign() * means.abs().relu() * math.prod(kernel)).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the sum of powers ``norm_type`` of each window: (N, C, L) in, (N, C, L') out."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the sum of powers ``norm_type`` of each window: (N, C, H, W) in, (N, C, H', W') out."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the sum of powers ``norm_type`` of each window: (N, C, D, H, W) in, with new D, H, W out."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _adaptive(n: int, input: Tensor, output_size: Any, name: str) -> tuple[int, ...]:
    asked = (
        (output_size,) * n
        if isinstance(output_size, int) or output_size is None
        else tuple(output_size)
    )
    if len(asked) != n:
        raise RuntimeError(f"{name}: output_size must be {n} numbers or one, got {asked}")
    sizes = [input.shape[i - n] if size is None else int(size) for i, size in enumerate(asked)]
    if min(sizes) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0, but got {sizes}"
        )
    return tuple(sizes)


def _pieces(size: int, out: int) -> list[tuple[int, int]]:
    """Where each of ``out`` parts of an axis begins and ends."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_pool(
    n: int, input: Tensor, output_size: Any, largest: bool
) -> tuple[Tensor, Tensor | None]:
    name = f"adaptive_{'max' if largest else 'avg'}_pool{n}d"
    if n > 1 and input.ndim <= n:
        raise ValueError(f"{name}: Input dimension should be at least {n + 1}, got {input.ndim}")
    x = _batched(n, input, name)
    out = _adaptive(n, x, output_size, name)
    spatial = tuple(x.shape[2:])
    if all(o and s % o == 0 for s, o in zip(spatial, out, strict=True)):
        kernel = tuple(s // o for s, o in zip(spatial, out, strict=True))
        if largest:
            return _pool_max(n, input, kernel, None, 0, 1, False)
        node = None if n != 2 else _mean_of_all if set(out) == {1} else _adaptive_mean
        return _pool_avg(n, input, kernel, None, 0, False, True, None, node), None
    if largest:
        return _adaptive_max(n, x, input, spatial, out)
    for axis, (size, parts) in enumerate(zip(spatial, out, strict=True), 2):
        if size != parts:
            means = [
                x.narrow(axis, a, b - a).mean(axis, keepdim=True) for a, b in _pieces(size, parts)
            ]
            x = _joined(means, axis)
    return _unbatched(n, x, input), None


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    return dispatch(_cat_parts, tuple(parts), (axis,))


@op("CatBackward0")
def _cat_parts(*parts_and_axis: Any) -> Var:
    *parts, axis = parts_and_axis
    return cat(*parts, axis=axis)


def _adaptive_max(
    n: int, x: Tensor, input: Tensor, spatial: tuple[int, ...], out: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Each piece by itself; places count along the flattened plane."""
    grids = [_pieces(size, parts) for size, parts in zip(spatial, out, strict=True)]
    plane = np.arange(math.prod(spatial)).reshape(spatial)
    values, places = [], []
    for cell in np.ndindex(*out):
        piece, numbers = x, plane
        for axis, i in enumerate(cell):
            a, b = grids[axis][i]
            piece = piece.narrow(2 + axis, a, b - a)
            numbers = np.take(numbers, np.arange(a, b), axis)
        best = piece.reshape(x.shape[0], x.shape[1], -1).max(-1, keepdim=True)
        values.append(best[0])
        flat = x.new_tensor(numbers.reshape(-1), dtype=best[1].dtype)
        places.append(flat[best[1]])
    shape = (*x.shape[:2], *out)
    found = _joined(values, 2).reshape(shape), _joined(places, 2).reshape(shape)
    return _unbatched(n, found[0], input), _unbatched(n, found[1], input)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of ``output_size`` equal parts: (N, C, L) in, (N, C, output_size) out."""
    return _adaptive_pool(1, input, output_size, False)[0]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of a grid of equal parts: (N, C, H, W) in, (N, C, *output_size) out."""
    return _adaptive_pool(2, input, output_size, False)[0]


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of a lattice of equal parts: (N, C, D, H, W) in, (N, C, *output_size) out."""
    return _adaptive_pool(3, input, output_size, False)[0]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of ``output_size`` equal parts: (N, C, L) in, (N, C, output_size) out."""
    found = _adaptive_pool(1, input, output_size, True)
    return found if return_indices else found[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of a grid of equal parts: (N, C, H, W) in, (N, C, *output_size) out."""
    found = _adaptive_pool(2, input, output_size, True)
    return found if return_indices else found[0]


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of a lattice of equal parts: (N, C, D, H, W) in, (N, C, *output_size) out."""
    found = _adaptive_pool(3, input, output_size, True)
    return found if return_indices else found[0]


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any) -> Any:
    """``adaptive_max_pool1d`` and where the largest are: twice (N, C, output_size)."""
    return _adaptive_pool(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any) -> Any:
    """``adaptive_max_pool2d`` and where the largest are: twice (N, C, *output_size)."""
    return _adaptive_pool(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any) -> Any:
    """``adaptive_max_pool3d`` and where the largest are: twice (N, C, *output_size)."""
    return _adaptive_pool(3, input, output_size, True)
