"""What occurs, where, how often: answers about elements, found on the host without a gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import bool_, float32
from .core import TensorCore
from .creation import from_array
from .dispatch import by_example
from .reduce import axes_of, wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor

Array = np.ndarray[Any, Any]


@by_example
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements over ``dim`` (all axes by default) are not zero."""
    axes = axes_of(input, dim)
    return from_array(np.asarray(np.count_nonzero(input._array(), axis=axes), np.int64))


@by_example
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs, or the sum of its elements' weights.

    Args:
        input: (K,) nonnegative integers.
        weights: (K,), optional.
    Returns:
        (N,) with N the larger of ``minlength`` and the largest number + 1.
    """
    if input.dtype.is_floating_point or input.dtype is bool_:
        raise NotImplementedError(
            f"bincount: the input's type is {input.dtype}: convert it with .long()"
        )
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    numbers = input._array()
    if numbers.ndim != 1 or (numbers.size and numbers.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return from_array(np.bincount(numbers, minlength=minlength))
    if tuple(weights.shape) != numbers.shape:
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input: {list(weights.shape)}, {list(numbers.shape)}"
        )
    sums = np.bincount(numbers, weights._array(), minlength)
    return from_array(sums.astype(np.float32) if weights.dtype is float32 else sums)


def _chosen(results: list[Array | None]) -> Any:
    found = tuple(from_array(r) for r in results if r is not None)
    return found if len(found) > 1 else found[0]


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or slices along ``dim``), in ascending order.

    Returns:
        (K,) the elements; then, where asked for, the number among them that each element of ``input`` is,
        and (K,) how often each occurs.
    """
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    array = input._array()
    values, inverse, counts = np.unique(
        array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = array.shape if axis is None else (array.shape[axis],)
    return _chosen(
        [
            values,
            inverse.reshape(shape) if return_inverse else None,
            counts if return_counts else None,
        ]
    )


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along ``dim``) without those equal to the one before.

    Returns:
        (K,) the elements; then, where asked for, the number among them that each element of ``input`` is,
        and (K,) the lengths of the runs.
    """
    array = input._array()
    axis = 0 if dim is None else wrap_dim(dim, input.ndim)
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, axis, 0)
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (flat[1:] != flat[:-1]).any(1)
    first = np.flatnonzero(starts)
    shape = array.shape if dim is None else (array.shape[axis],)
    inverse = (np.cumsum(starts) - 1).reshape(shape) if return_inverse else None
    counts = np.diff(np.append(first, len(rows))) if return_counts else None
    return _chosen([np.moveaxis(rows[first], 0, axis), inverse, counts])


@by_example
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements are among ``test_elements``; either may be a number."""
    a, b = (
        x._array() if isinstance(x, TensorCore) else np.asarray(x)
        for x in (elements, test_elements)
    )
    return from_array(np.asarray(np.isin(a, b, invert=invert)))


@by_example
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Before which place of a sorted sequence each value belongs; after equal ones with ``right``.

    Args:
        sorted_sequence: (..., N) ascending along the last axis, or as ``sorter`` orders it.
        input: a number; any shape if the sequence is (N,), else (..., M).
    Returns:
        The shape of ``input``, int64 (or int32).
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    which: Any = "right" if right or side == "right" else "left"
    sequence = sorted_sequence._array()
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter._array(), -1)
    values = input._array() if isinstance(input, TensorCore) else np.asarray(input)
    if sequence.ndim == 1:
        found = np.asarray(np.searchsorted(sequence, values, which))
    else:
        if values.ndim != sequence.ndim or values.shape[:-1] != sequence.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
                f"tensor and input value tensor must match, got {list(sequence.shape)} and {list(values.shape)}"
            )
        found = np.zeros(values.shape, np.int64)
        for row in np.ndindex(values.shape[:-1]):
            found[row] = np.searchsorted(sequence[row], values[row], which)
    return from_array(found.astype(np.int32 if out_int32 else np.int64))


@by_example
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which of the ascending ``boundaries`` (N,) each element lies: 0 to N, in the input's shape."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


class CountMethods(TensorCore):
    """Tensor's methods that count and compare elements."""

    count_nonzero, bincount = count_nonzero, bincount
    unique, unique_consecutive = unique, unique_consecutive
