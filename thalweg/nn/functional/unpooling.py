"""Pooling undone, and pooling over windows of random sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.dtype import int64
from ...runtime.generator import default_generator
from ...tensor import Tensor
from ...tensor.creation import from_array, zeros
from .sizes import Sizes, per_axis

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _unpooled_sizes(
    n: int, input: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...],
    output_size: Sequence[int] | None,
) -> list[int]:  # fmt: skip
    """The spatial sizes that were pooled: ``output_size``, if it could have been."""
    sizes = [
        (size - 1) * step + k - 2 * p
        for size, step, k, p in zip(input.shape[-n:], stride, kernel, padding, strict=True)
    ]
    if output_size is None:
        return sizes
    asked = list(output_size)
    if len(asked) == n + 2:
        asked = asked[2:]
    if len(asked) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
            f"'{len(asked)}'"
        )
    for size, step, wanted in zip(sizes, stride, asked, strict=True):
        if not size - step < wanted < size + step:
            raise ValueError(
                f'invalid output_size "{asked}" (dim 0 must be between {size - step} and {size + step})'
            )
    return asked


def _unpool(
    n: int, input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any, padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:  # fmt: skip
    name = f"max_unpool{n}d"
    kernel = per_axis(kernel_size, n, name)
    step = kernel if stride is None or stride == () or stride == [] else per_axis(stride, n, name)
    sizes = _unpooled_sizes(n, input, kernel, step, per_axis(padding, n, name), output_size)
    if indices.dtype is not int64:
        raise RuntimeError(f"{name}: indices should be of type int64, got {indices.dtype}")
    if input.ndim not in (n + 1, n + 2) or tuple(indices.shape) != tuple(input.shape):
        raise RuntimeError(
            f"{name}: expected an input of {n + 1} or {n + 2} axes and indices of its shape, got {list(input.shape)} "
            f"and {list(indices.shape)}"
        )
    lead, plane = tuple(input.shape[:-n]), math.prod(sizes)
    places = indices.reshape(*lead, -1)
    known = places._read()
    if known.array is not None and known.get().size:
        lowest, highest = int(known.get().min()), int(known.get().max())
        if lowest < 0 or highest >= plane:
            raise RuntimeError(
                f"{name}: found an invalid max index: {highest if highest >= plane else lowest} (output volumes are of "
                f"size {'x'.join(map(str, sizes))})"
            )
    empty = zeros((*lead, plane), dtype=input.dtype)
    return empty.scatter(-1, places, input.reshape(*lead, -1)).reshape(*lead, *sizes)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """Elements put back where ``max_pool1d`` found them, among zeros: (N, C, L) in, (N, C, L') out."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """Elements put back where ``max_pool2d`` found them, among zeros: (N, C, H, W) in, (N, C, H', W') out."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """Elements put back where ``max_pool3d`` found them: (N, C, D, H, W) in, the same with new D, H, W out."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# Fractional pooling


def _starts(samples: Any, size: int, out: int, kernel: int) -> Any:
    """(..., out) where the windows of an axis of ``size`` begin, for ``samples`` (...) in [0, 1)."""
    kind = samples.dtype.type
    last = np.full((*samples.shape, 1), size - kernel, np.int64)
    if out == 1:
        return last
    pace = kind(size - kernel) / kind(out - 1)
    steps = np.arange(out - 1).astype(samples.dtype)
    places = ((steps + samples[..., None]) * pace).astype(np.int64)
    return np.concatenate([places - (samples[..., None] * pace).astype(np.int64), last], -1)


def _fractional_sizes(
    n: int, input: Tensor, kernel: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratios = (output_ratio,) * n if isinstance(output_ratio, float) else tuple(output_ratio)
        output_size = [int(s * r) for s, r in zip(input.shape[-n:], ratios, strict=True)]
    out = per_axis(output_size, n, name)
    for axis, (size, k, o) in enumerate(zip(input.shape[-n:], kernel, out, strict=True)):
        if o <= 0 or o + k - 1 > size:
            raise RuntimeError(
                f"{name}: windows of {k} of an axis of {size} (number {axis - n}) cannot give {o} places: the output "
                "size and the kernel size, less one, are together at most the input size"
            )
    return out


def _fractional(
    n: int, input: Tensor, kernel_size: Sizes, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:  # fmt: skip
    name = f"fractional_max_pool{n}d"
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}"
        )
    kernel = per_axis(kernel_size, n, name)
    out = _fractional_sizes(n, input, kernel, output_size, output_ratio)
    lead, spatial = tuple(input.shape[:-n]), tuple(input.shape[-n:])
    many = lead if len(lead) == 2 else (1, *lead)
    if samples is None:
        drawn = default_generator.random((*many, n), input.dtype.numpy)
    else:
        drawn = samples._array()
    if drawn.shape[1:] != (many[1], n) or drawn.shape[0] < many[0]:
        raise RuntimeError(
            f"{name}: _random_samples must be of shape {[*many, n]}, got {list(drawn.shape)}"
        )
    drawn = drawn[: many[0]]
    order = drawn[..., ::-1] if n == 2 else drawn  # of a plane the column's number comes first
    flat: Any = 0
    for axis, (size, k, o) in enumerate(zip(spatial, kernel, out, strict=True)):
        windows = _starts(order[..., axis], size, o, k)[..., None] + np.arange(k)
        shape = [1] * (2 * n)
        shape[axis], shape[n + axis] = o, k
        flat = flat * size + windows.reshape(*many, *shape)
    windows, inside = math.prod(out), math.prod(kernel)
    places = from_array(np.ascontiguousarray(flat).reshape(*lead, windows, inside))
    planes = input.reshape(*lead, math.prod(spatial))
    seen = planes.gather(-1, places.reshape(*lead, windows * inside)).reshape(places.shape)
    values, chosen = seen.max(-1, keepdim=True)
    found = places.gather(-1, chosen)
    return values.reshape(*lead, *out), found.reshape(*lead, *out)


def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Sizes, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``fractional_max_pool2d`` and where the largest are: twice (N, C, *output_size)."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor, kernel_size: Sizes, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """The largest of windows that begin at random places, about evenly apart.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: how many windows each spatial axis has, or
        output_ratio: how many of its size, in (0, 1).
        _random_samples: (N, C, 2) in [0, 1), drawn when left out.
    Returns:
        (N, C, *output_size); with ``return_indices`` also where the largest are.
    Source: Graham 2014.
    """
    found = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Sizes, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``fractional_max_pool3d`` and where the largest are: twice (N, C, *output_size)."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor, kernel_size: Sizes, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """``fractional_max_pool2d`` of volumes: (N, C, D, H, W) in, (N, C, *output_size) out."""
    found = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]
