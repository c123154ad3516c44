"""Convolution, pooling and padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.builder import Var
from ...ops import elementwise as e
from ...ops import window as w
from ...ops import window_reference as reference
from ...ops.composite import Op, op
from ...ops.movement import cat, flip, slice_
from ...ops.movement import pad as with_border
from ...tensor import Tensor
from ...tensor.dispatch import dispatch

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "avg_pool1d",
    "avg_pool2d", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "pad", "unfold",
]  # fmt: skip

Sizes = int | Sequence[int]


def _tuple(value: Sizes, n: int, name: str) -> tuple[int, ...]:
    """One size for each spatial axis."""
    if isinstance(value, int):
        return (value,) * n
    sizes = tuple(int(v) for v in value)
    if len(sizes) == 1:
        return sizes * n
    if len(sizes) != n:
        raise RuntimeError(f"{name}: expected one number or {n} of them, got {sizes}")
    return sizes


# Convolution


@op("ConvolutionBackward0")
def _conv(
    x: Var, weight: Var, bias: Var | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Var:
    out: Var = w.conv(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out if bias is None else out + bias.reshape((bias.size, *(1,) * (out.ndim - 2)))


def _same_padding(
    input: Tensor, kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """The padding that keeps sizes; an odd element is padded at the end first."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(t % 2 for t in totals):
        extra = [side for t in reversed(totals) for side in (0, t % 2)]
        input = pad(input, extra)
    return input, tuple(t // 2 for t in totals)


def _convolve(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Any, dilation: Sizes,
    groups: int,
) -> Tensor:  # fmt: skip
    name = f"conv{n}d"
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
        )
    if weight.ndim != n + 2:
        raise RuntimeError(
            f"{name}: expected a {n + 2}-dimensional weight, got size {list(weight.shape)}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise RuntimeError(
            f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {weight.shape[0]} "
            f"elements, but got bias of size {list(bias.shape)} instead"
        )
    steps, spread = _tuple(stride, n, "stride"), _tuple(dilation, n, "dilation")
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: {padding!r}: it is 'valid' or 'same'")
        if padding == "same" and any(s != 1 for s in steps):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
    unbatched = input.ndim == n + 1
    x = input.unsqueeze(0) if unbatched else input
    if padding == "same":
        x, room = _same_padding(x, weight.shape[2:], spread)
    else:
        room = (0,) * n if padding == "valid" else _tuple(padding, n, "padding")
    out = dispatch(_conv, (x, weight, bias), (steps, room, spread, groups))
    return out.squeeze(0) if unbatched else out


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation along one axis: input (N, C, L), weight (O, C/groups, K), bias (O,), out (N, O, L')."""
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over two axes.

    Args:
        input: (N, C, H, W) or (C, H, W). weight: (O, C/groups, KH, KW). bias: (O,) or None.
        padding: zeros on both sides; "same" keeps the size, "valid" adds none.
    Returns:
        (N, O, H', W') with H' = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1, rounded down.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over three axes: input (N, C, D, H, W), weight (O, C/groups, KD, KH, KW)."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@op("ConvolutionBackward0")
def _conv_transpose(
    x: Var,
    weight: Var,
    bias: Var | None,
    stride: Any,
    padding: Any,
    extra: Any,
    dilation: Any,
    groups: int,
) -> Var:
    kernel = weight.shape[2:]
    spatial = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, o, d in zip(
            x.shape[2:], kernel, stride, padding, extra, dilation, strict=True
        )
    )
    shape = (x.shape[0], weight.shape[1] * groups, *spatial)
    more = tuple(o // s for o, s in zip(extra, stride, strict=True))
    if any(more):  # windows that the convolution of such an output has as well, of nothing
        zero = x.builder.constant(0, x.dtype)
        x = with_border(x, zero, low=(0,) * x.ndim, high=(0, 0, *more))
    out: Var = w.conv_input_grad(
        x,
        weight,
        input_shape=shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return out if bias is None else out + bias.reshape((bias.size, *(1,) * (out.ndim - 2)))


def _transposed(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any
) -> Tensor:
    stride, padding, extra, groups, dilation = settings
    x = input.unsqueeze(0) if input.ndim == n + 1 else input
    if x.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    sizes = [_tuple(v, n, "conv_transpose") for v in (stride, padding, extra, dilation)]
    out = dispatch(_conv_transpose, (x, weight, bias), (*sizes, groups))
    return out.squeeze(0) if input.ndim == n + 1 else out


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of ``conv1d``: input (N, C, L), weight (C, O/groups, K), bias (O,), out (N, O, L')."""
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of ``conv2d``: input (N, C, H, W), weight (C, O/groups, KH, KW), bias (O,), out (N, O, H', W')."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


# Pooling


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
    kernel = _tuple(kernel_size, n, name)
    steps = kernel if stride is None or stride == () or stride == [] else _tuple(stride, n, name)
    settings = (kernel, steps, _tuple(padding, n, name), _tuple(dilation, n, name), bool(ceil_mode))
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


def max_pool1d_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """``max_pool1d`` and where the largest are: (N, C, L) in, twice (N, C, L') out."""
    return max_pool1d(input, *args, **{**kwargs, "return_indices": True})


def max_pool2d_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """``max_pool2d`` and where the largest are: (N, C, H, W) in, twice (N, C, H', W') out."""
    return max_pool2d(input, *args, **{**kwargs, "return_indices": True})


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
    kernel = _tuple(kernel_size, n, name)
    steps = kernel if stride is None or stride == () or stride == [] else _tuple(stride, n, name)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    settings = (kernel, steps, _tuple(padding, n, name), bool(ceil_mode), bool(include), divisor)
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


def _adaptive(n: int, input: Tensor, output_size: Any, name: str) -> tuple[int, ...]:
    asked = (
        (output_size,) * n
        if isinstance(output_size, int) or output_size is None
        else tuple(output_size)
    )
    return tuple(input.shape[i - n] if size is None else int(size) for i, size in enumerate(asked))


def _pieces(size: int, out: int) -> list[tuple[int, int]]:
    """Where each of ``out`` parts of an axis begins and ends."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_pool(
    n: int, input: Tensor, output_size: Any, largest: bool
) -> tuple[Tensor, Tensor | None]:
    name = f"adaptive_{'max' if largest else 'avg'}_pool{n}d"
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


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of ``output_size`` equal parts: (N, C, L) in, (N, C, output_size) out."""
    found = _adaptive_pool(1, input, output_size, True)
    return found if return_indices else found[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of a grid of equal parts: (N, C, H, W) in, (N, C, *output_size) out."""
    found = _adaptive_pool(2, input, output_size, True)
    return found if return_indices else found[0]


# Padding


@op("ConstantPadNdBackward0", (0,))
def _pad_constant(x: Var, value: Var, sides: Any) -> Var:
    """Negative sides crop."""
    starts = tuple(max(-a, 0) for a, _ in sides)
    stops = tuple(n - max(-b, 0) for n, (_, b) in zip(x.shape, sides, strict=True))
    ones = (1,) * x.ndim
    kept: Var = slice_(x, starts=starts, stops=stops, steps=ones)
    low, high = (tuple(max(pair[k], 0) for pair in sides) for k in (0, 1))
    result: Var = with_border(kept, value.astype(x.dtype), low=low, high=high)
    return result


@op("CopySlices", frees=True)
def _pad_by_copy(x: Var, sides: Any, mode: str) -> Var:
    for axis, (before, after) in enumerate(sides):
        if before or after:
            x = _padded_axis(x, axis, before, after, mode)
    return x


def _padded_axis(x: Var, axis: int, before: int, after: int, mode: str) -> Var:
    """The places from -before to n + after, those outside of the axis mapped into it; negative sides crop.

    A circle is cropped first, the other modes see all of the axis.
    """

    def part(start: int, stop: int) -> Var:
        starts, stops = [0] * x.ndim, list(x.shape)
        starts[axis], stops[axis] = start, stop
        return slice_(x, starts=tuple(starts), stops=tuple(stops), steps=(1,) * x.ndim)

    if mode == "circular" and min(before, after) < 0:
        x = part(max(-before, 0), x.shape[axis] - max(-after, 0))
        before, after = max(before, 0), max(after, 0)
    n = x.shape[axis]
    low, high = -before, n + after
    head, tail = range(low, min(0, high)), range(max(low, n), high)
    parts: list[Var] = []
    if mode == "replicate":
        parts += [part(0, 1)] * len(head)
    elif head:
        mirrored = mode == "reflect"
        parts.append(
            flip(part(-head[-1], before + 1), axes=(axis,)) if mirrored else part(n + low, n)
        )
    if max(low, 0) < min(n, high):
        parts.append(part(max(low, 0), min(n, high)))
    if mode == "replicate":
        parts += [part(n - 1, n)] * len(tail)
    elif tail:
        last = 2 * (n - 1)
        mirrored = mode == "reflect"
        parts.append(
            flip(part(last - tail[-1], last - tail[0] + 1), axes=(axis,))
            if mirrored
            else part(0, after)
        )
    joined: Var = parts[0] if len(parts) == 1 else cat(*parts, axis=axis)
    return joined


_NAMES = {"reflect": "Reflection", "replicate": "Replication"}
_PADS: dict[tuple[str, int], Op] = {
    (mode, n): Op(_pad_by_copy.function, f"{name}Pad{n}DBackward0", frees=True)
    for mode, name in _NAMES.items()
    for n in (1, 2, 3)
}


def _pad_op(mode: str, axes: int) -> Op:
    """The op with PyTorch's name for so many padded axes."""
    return _PADS.get((mode, axes), _pad_by_copy)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """``input`` with more elements around it.

    Args:
        input: any shape.
        pad: (before, after) of the last axis, then of the one before it, and so on; negative crops.
        mode: "constant" (with ``value``), "reflect", "replicate" or "circular".
    Returns:
        each padded axis longer by its two numbers.
    """
    sides = tuple(int(p) for p in pad)
    if len(sides) % 2 or len(sides) // 2 > input.ndim:
        raise RuntimeError(
            f"Padding length must be divisible by 2 and at most twice the number of dimensions of the input: {sides} for {input.ndim} axes"
        )
    pairs = [(sides[i], sides[i + 1]) for i in range(0, len(sides), 2)]
    per_axis = ((0, 0),) * (input.ndim - len(pairs)) + tuple(reversed(pairs))
    if any(n + a + b < 0 for n, (a, b) in zip(input.shape, per_axis, strict=True)):
        raise RuntimeError(
            f"The input size {list(input.shape)}, plus padding {sides}, resulted in a negative output size"
        )
    if mode == "constant":
        return dispatch(_pad_constant, (input, 0 if value is None else value), (per_axis,))
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: constant, reflect, replicate or circular"
        )
    for n, (a, b) in zip(input.shape, per_axis, strict=True):
        if not (a or b):
            continue
        if n + a + b < 1:
            raise RuntimeError(
                f"pad: an axis of {n} is too small, padding ({a}, {b}) leaves nothing of it"
            )
        kept = n + min(a, 0) + min(b, 0) if mode == "circular" else n - 1
        if mode != "replicate" and max(a, b) > kept:
            raise RuntimeError(
                f"Padding size should be less than the corresponding input dimension, but got: padding ({a}, {b}) for "
                f"size {n} with mode {mode!r}"
            )
    return dispatch(_pad_op(mode, len(pairs)), (input,), (per_axis, mode))


def unfold(
    input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Windows as columns: (N, C, H, W) in, (N, C * KH * KW, L) out."""
    k, d, s = (_tuple(v, 2, "unfold") for v in (kernel_size, dilation, stride))
    room = _tuple(padding, 2, "unfold")
    x = pad(input, (room[1], room[1], room[0], room[0]))
    out = reference.conv_sizes(tuple(x.shape[2:]), k, s, (0, 0), d)
    parts = []
    for i in range(k[0]):
        for j in range(k[1]):
            rows = x[:, :, i * d[0] : i * d[0] + (out[0] - 1) * s[0] + 1 : s[0]]
            parts.append(
                rows[:, :, :, j * d[1] : j * d[1] + (out[1] - 1) * s[1] + 1 : s[1]].unsqueeze(2)
            )
    return _joined(parts, 2).reshape(x.shape[0], x.shape[1] * k[0] * k[1], out[0] * out[1])
