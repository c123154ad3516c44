"""How a batch is gathered from array-like data: one fancy index per array, or a slice.

All that the data room knows about the insides of tensors is here.

Note: what a batch shares. A batch of consecutive rows of a tensor is a Value over the same buffer, without a
copy. Values are immutable, so writing into the batch never reaches the data set, nor the other way round.
Memory that NumPy may write to (an array, a tensor from ``from_numpy``) is copied instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..ir.dtype import from_numpy as dtype_of
from ..tensor import Tensor
from ..tensor.creation import as_tensor, from_array, from_numpy, tensor
from ..tensor.joining import stack

Array = np.ndarray[Any, Any]
Rows = np.ndarray[Any, np.dtype[np.int64]]
Gather = Callable[[Sequence[int] | Rows], Any]

__all__ = [
    "Array", "Gather", "Rows", "array_kind", "as_tensor", "from_array", "gather_of", "joined", "shared_tensor", "stacked", "tensor",
]  # fmt: skip


def array_kind(dtype: np.dtype[Any]) -> bool:
    """Whether a tensor can hold elements of ``dtype``."""
    try:
        dtype_of(dtype)
    except TypeError:
        return False
    return True


def shared_tensor(array: Array) -> Tensor:
    """``array`` as a tensor on the same memory; on a copy of it where its strides do not allow that.

    Args:
        array: (*) of any shape.
    Returns:
        (*) the same elements.
    """
    return from_numpy(array if all(s >= 0 for s in array.strides) else np.ascontiguousarray(array))


def gather_of(source: Any) -> Gather | None:
    """A function from row numbers to a tensor of those rows of ``source``; None where items go one by one.

    Args:
        source: a tensor that does not require grad, or an array, (N, *).
    Returns:
        A function that takes K row numbers and gives a new (K, *) tensor.
    """
    if isinstance(source, Tensor):
        return (
            None
            if source.requires_grad or not source.ndim
            else lambda rows: _tensor_rows(source, rows)
        )
    if type(source) in (np.ndarray, np.memmap) and source.ndim and array_kind(source.dtype):
        return lambda rows: _rows(np.asarray(source), rows, True)
    return None


def _tensor_rows(source: Tensor, rows: Sequence[int] | Rows) -> Tensor:
    array, written_to = _current(source)
    return _rows(array, rows, written_to)


def _current(t: Tensor) -> tuple[Array, bool]:
    """The elements of ``t`` as they are now, without a copy, and whether somebody else may write to them."""
    storage, view = t._storage, t._view
    shared = None if storage.value is not None else storage.settle()
    if shared is not None:
        return (shared if view is None else view.over(shared)), True
    if view is not None and storage.value is not None and storage.value.array is not None:
        return view.over(storage.value.get()), False
    return t._array(), False


def _rows(array: Array, rows: Sequence[int] | Rows, written_to: bool) -> Tensor:
    """Rows of ``array`` as a new tensor; ``written_to`` forbids to share memory."""
    size, first = len(rows), rows[0]
    if 0 <= first <= len(array) - size and rows[-1] == first + size - 1 and _consecutive(rows):
        part = array[first : first + size]
        if written_to:
            return from_array(part.copy())
        part.flags.writeable = False
        return from_array(part)
    index = np.asarray(rows)
    try:
        # take() would first make an array with gaps dense as a whole
        found = array.take(index, 0) if array.flags.c_contiguous else array[index]
    except IndexError:
        wrong = next(i for i in rows if not -len(array) <= i < len(array))
        raise IndexError(
            f"index {wrong} is out of bounds for dimension 0 with size {len(array)}"
        ) from None
    return from_array(found)


def _consecutive(rows: Sequence[int] | Rows) -> bool:
    if type(rows) is np.ndarray:
        return bool((np.diff(rows) == 1).all())
    return all(a == b for a, b in zip(rows, range(rows[0], rows[0] + len(rows)), strict=True))


def joined(tensors: Sequence[Any]) -> Tensor:
    """Tensors of one shape along a new first axis.

    Args:
        tensors: N tensors (*) each.
    Returns:
        (N, *) on the tape where one of them is.
    Raises:
        TypeError: one of them is no tensor.
        RuntimeError: the shapes differ.
    """
    for number, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            name = _full_name(type(t))
            raise TypeError(f"expected Tensor as element {number} in argument 0, but got {name}")
        if t.requires_grad:
            return stack(tensors)
    parts = _parts_of_one(tensors)
    if parts is not None:
        return parts
    arrays = [_current(t)[0] for t in tensors]
    kind = arrays[0].dtype
    return (
        stacked(arrays)
        if all(a.dtype is kind or a.dtype == kind for a in arrays)
        else stack(tensors)
    )


def _parts_of_one(tensors: Sequence[Tensor]) -> Tensor | None:
    """Tensors that are whole rows of one dense memory, gathered in one call; None where they are not.

    Args:
        tensors: N tensors (*) each.
    Returns:
        (N, *) without a tape, or None.
    """
    storage, view = tensors[0]._storage, tensors[0]._view
    if view is None or not view.is_contiguous() or not (size := prod(view.shape)):
        return None
    shape, strides, offsets = view.shape, view.strides, []
    for t in tensors:
        v = t._view
        if t._storage is not storage or v is None or v.shape != shape or v.strides != strides:
            return None
        offsets.append(v.offset)
    places, rests = np.divmod(np.array(offsets), size)
    shared = None if storage.value is not None else storage.settle()
    value = storage.value
    if shared is None and (value is None or value.array is None):
        return None
    array = value.get() if shared is None and value is not None else shared
    if array is None or not array.flags.c_contiguous or rests.any():
        return None
    rows = array.reshape(-1)[: array.size // size * size].reshape(-1, size)
    return from_array(rows.take(places, 0).reshape(len(tensors), *shape))


def stacked(arrays: Sequence[Array]) -> Tensor:
    """Arrays of one shape along a new first axis, as a tensor.

    Args:
        arrays: N arrays (*) each.
    Returns:
        (N, *) in the type that holds them all.
    Raises:
        RuntimeError: the shapes differ.
    """
    shape = arrays[0].shape
    for number, a in enumerate(arrays):
        if a.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(a.shape)} at entry {number}: pad or crop the items, or pass a collate_fn"
            )
    if not shape:
        return from_array(np.array(arrays))
    return from_array(np.concatenate(arrays).reshape(len(arrays), *shape))


def _full_name(cls: type) -> str:
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
