"""Order: sorting, the largest, the middle, the running extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Var
from ..ops import indexing as ix
from ..ops.composite import op
from . import return_types
from .arithmetic import maximum, minimum
from .core import TensorCore
from .creation import from_array
from .dispatch import dispatch
from .indexing import gather
from .reduce import not_empty, whole_extreme, wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor


@op("SortBackward0")
def _sort(x: Var, axis: int, descending: bool) -> Any:
    if not x.ndim:
        values, places = ix.sort(x.reshape((1,)), axis=0, descending=descending)
        return values.reshape(()), places.reshape(())
    return ix.sort(x, axis=axis, descending=descending)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along ``dim``; equal elements keep their order."""
    values, places = dispatch(_sort, (input,), (wrap_dim(dim, input.ndim), descending))
    return return_types.sort(values, places)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along ``dim``."""
    return sort(input, dim, descending)[1]  # type: ignore[no-any-return]


def msort(input: Tensor) -> Tensor:
    """Sorted along the first axis."""
    return sort(input, 0)[0]  # type: ignore[no-any-return]


def _chosen(input: Any, axis: int, places: Any, keepdim: bool) -> tuple[Any, Any]:
    """Values at one place along an axis, and the places; ``places`` has size 1 there."""
    if not input.ndim:
        return input.clone(), places.reshape(())
    values = gather(input, axis, places)
    return (values, places) if keepdim else (values.squeeze(axis), places.squeeze(axis))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the ``k`` largest (or smallest) along ``dim``, in order."""
    axis = wrap_dim(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"selected index k out of range: k is {k}, the axis has {size} elements")
    values, places = sort(input, dim, largest)
    if input.ndim:
        values, places = values.narrow(axis, 0, k), places.narrow(axis, 0, k)
    return return_types.topk(values, places)


def _extreme(which: Any, primitive_name: str) -> Any:
    def along(input: Any, dim: int, keepdim: bool = False) -> Any:
        axis = wrap_dim(dim, input.ndim)
        if input.ndim:
            not_empty(primitive_name, input, (axis,))
        places = getattr(input, f"arg{primitive_name}")(axis if input.ndim else None, keepdim=True)
        return which(*_chosen(input, axis, places, keepdim))

    return along


max_dim, min_dim = _extreme(return_types.max, "max"), _extreme(return_types.min, "min")


def _max_or_min(largest: bool) -> Any:
    pair, along = (maximum, max_dim) if largest else (minimum, min_dim)

    def function(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, TensorCore) or other is not None:
            return pair(input, dim if other is None else other)
        return whole_extreme(input, largest) if dim is None else along(input, dim, keepdim)

    function.__name__ = function.__qualname__ = "max" if largest else "min"
    function.__doc__ = f"The {'largest' if largest else 'smallest'}: of all, along ``dim`` (values, indices), or of pairs."
    return function


max, min = _max_or_min(True), _max_or_min(False)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(value, index) of the ``k``-th smallest along ``dim``, counted from 1."""
    axis = wrap_dim(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}: {k} of {size}")
    places = argsort(input, dim)
    places = places.narrow(axis, k - 1, 1) if input.ndim else places
    return return_types.kthvalue(*_chosen(input, axis, places, keepdim))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower middle element: of all, or (values, indices) along ``dim``."""
    if dim is None:
        if not input._aval().size:
            return from_array(np.full((), np.nan, input.dtype.numpy))
        return median(input.reshape(-1), 0)[0]
    axis = wrap_dim(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    places = argsort(input, dim)
    if input.ndim:
        array = input._array()
        first_nan = np.argmax(np.isnan(array), axis, keepdims=True) if input.dtype.is_floating_point else None
        places = places.narrow(axis, (size - 1) // 2, 1)
        if first_nan is not None:
            has_nan = np.isnan(array).any(axis, keepdims=True)
            places = from_array(np.where(has_nan, first_nan, places._array()))
    return return_types.median(*_chosen(input, axis, places, keepdim))


def _running(best: Any, result: Any, node: str) -> Any:
    def function(input: Any, dim: int) -> Any:
        axis = wrap_dim(dim, input.ndim)
        array = input._array()
        if not array.ndim or not array.size:
            return result(input.clone(), from_array(np.zeros(array.shape, np.int64)))
        extremes = best.accumulate(array, axis)
        shape = [1] * array.ndim
        shape[axis] = array.shape[axis]
        steps = np.arange(array.shape[axis]).reshape(shape)
        hit = (array == extremes) | (array != array)
        places = np.maximum.accumulate(np.where(hit, steps, 0), axis)
        return result(gather(input, axis, from_array(places)), from_array(places))

    function.__name__ = function.__qualname__ = node
    function.__doc__ = "(values, indices) of the running extreme along ``dim``; the last of ties."
    return function


cummax = _running(np.maximum, return_types.cummax, "cummax")
cummin = _running(np.minimum, return_types.cummin, "cummin")


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements in order; on request where each came from and how often it occurs."""
    found = np.unique(input._array(), return_inverse=True, return_counts=True, axis=dim)
    values, inverse, counts = (np.ascontiguousarray(a) for a in found)
    inverse = inverse.reshape(tuple(input.shape) if dim is None else (-1,))
    results = [from_array(values)]
    results += [from_array(inverse.astype(np.int64))] if return_inverse else []
    results += [from_array(counts.astype(np.int64))] if return_counts else []
    return results[0] if len(results) == 1 else tuple(results)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """(N,) how often each number occurs in ``input`` (K,), or the sum of its weights."""
    array = input._array()
    if array.ndim != 1 or array.dtype.kind == "f" or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    counts = np.bincount(array, None if weights is None else weights._array(), minlength)
    return from_array(counts if weights is None else counts.astype(weights.dtype.numpy))


def searchsorted(sorted_sequence: Tensor, input: Any, *, right: bool = False) -> Tensor:
    """Where each element would be inserted to keep (N,) ``sorted_sequence`` in order."""
    values = input._array() if isinstance(input, TensorCore) else np.asarray(input)
    found = np.searchsorted(sorted_sequence._array(), values, "right" if right else "left")
    return from_array(np.asarray(found, np.int64))


class SortMethods(TensorCore):
    """Tensor's methods of order."""

    sort, argsort, msort, topk, max, min = sort, argsort, msort, topk, max, min
    kthvalue, median, cummax, cummin, unique, bincount = kthvalue, median, cummax, cummin, unique, bincount


