"""``x[key]`` and ``x[key] = value``.

Integers, slices, ``...`` and ``None`` give views; index tensors, lists and masks give new tensors.

Note: advanced axes. Integers and slices are applied first, from left to right. If the axes that index
tensors stand at are then side by side, their common shape takes that place; otherwise it comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.aval import broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import bool_, int32, int64, uint8
from ..ops import elementwise as e
from ..ops import indexing as i
from ..ops.composite import Op, op
from ..runtime.state import state
from ..runtime.value import realized
from .core import TensorCore
from .creation import from_array, infer_array
from .dispatch import derived, dispatch, wrap
from .inplace import assign, check_writable, instead, put
from .modes import made_of
from .picking import PickMethods, bounded, is_plain
from .scalars import scalar_of
from .shape import alias_of, ravel, selected, sliced, unsqueeze

if TYPE_CHECKING:
    from .tensor import Tensor


def _front(rank: int, axes: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """An order of axes in which ``axes`` are side by side, and where they begin."""
    if axes == tuple(range(axes[0], axes[0] + len(axes))):
        return tuple(range(rank)), axes[0]
    return (*axes, *(a for a in range(rank) if a not in axes)), 0


@op("IndexBackward0", (0,))
def _index(x: Var, *operands: Any) -> Var:
    *indices, axes = operands
    order, axis = _front(x.ndim, axes)
    return i.index(x.permute(order), *indices, axis=axis, signed=True)


@op("IndexPutBackward0", (0, 1), frees=True)
def _index_put(x: Var, value: Var, *operands: Any) -> Var:
    *indices, axes, accumulate = operands
    order, axis = _front(x.ndim, axes)
    back = tuple(sorted(range(x.ndim), key=order.__getitem__))
    value = value.astype(x.dtype)
    room = i.indexed_shape(tuple(x.shape[a] for a in order), tuple(indices), axis)
    value = _without_leading_ones(value, len(room))
    done: Var = i.index_put(x.permute(order), value, *indices, axis=axis, accumulate=accumulate)
    return done.permute(back)


@op("IndexPutBackward0", (0, 2))
def _mask_put(x: Var, mask: Var, value: Var, axis: int) -> Var:
    """One value written where ``mask`` (which covers the axes from ``axis`` on) is true."""
    shape = (*mask.shape, *(1,) * (x.ndim - axis - mask.ndim))
    return e.where(mask.astype(bool_).reshape(shape), value.reshape(()).astype(x.dtype), x)


def _without_leading_ones(x: Var, rank: int) -> Var:
    extra = x.ndim - rank
    return x.reshape(x.shape[extra:]) if extra > 0 and set(x.shape[:extra]) == {1} else x


# Reading the key


class _Taped:
    """A tensor that walks as a View does and notes every step on the tape."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensor.shape

    def select(self, axis: int, index: int) -> _Taped:
        return _Taped(selected(self.tensor, axis, index))

    def slice(self, axis: int, start: int, stop: int, step: int) -> _Taped:
        return _Taped(sliced(self.tensor, axis, start, stop, step))

    def insert(self, axis: int) -> _Taped:
        return _Taped(unsqueeze(self.tensor, axis))


_LISTS_ITEMS = (TensorCore, np.ndarray, Sequence, slice, type(Ellipsis), type(None))


def _items(key: Any) -> list[Any]:
    """The key as a list; a list of lists (or tensors) counts as a tuple, a list of numbers as an index."""
    if type(key) is tuple:
        return list(key)
    if isinstance(key, list) and len(key) < 32 and any(isinstance(k, _LISTS_ITEMS) for k in key):
        return list(key)
    return [key]


def _as_index(item: Any) -> Any:
    """A key's item as an int, a bool, a slice, None, Ellipsis or an index tensor."""
    if item is None or item is Ellipsis or isinstance(item, int | slice):
        return item
    if isinstance(item, TensorCore):
        return item
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, np.integer):
        return int(item)
    if isinstance(item, np.ndarray):
        return from_array(np.array(item))
    if isinstance(item, Sequence) and not isinstance(item, str):
        array = infer_array(item, None)
        return from_array(array if array.size else array.astype(np.int64))
    if isinstance(item, str):
        raise TypeError(
            "new(): invalid data type 'str': an index is an integer, a slice, a list or a tensor"
        )
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(item).__name__})"
    )


def _consumed(item: Any) -> int:
    """How many axes of the tensor an item stands for."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, TensorCore) and item.dtype in (bool_, uint8):
        return item.ndim
    return 1


_Indices = list[tuple[int, Any]]


def _walk(start: Any, key: Any, rank: int) -> tuple[Any, _Indices]:
    """Apply the key's integers, slices and Nones; gives the place reached and (axis, index tensor) pairs."""
    items = [_as_index(item) for item in _items(key)]
    consumed = sum(_consumed(item) for item in items)
    if consumed > rank:
        if not rank and len(items) == 1 and isinstance(items[0], int):
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
                "a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    here, axis, asked = start, 0, 0
    indices: _Indices = []
    for item in items:
        if item is Ellipsis:
            axis += rank - consumed
            asked += rank - consumed
        elif item is None:
            here, axis = here.insert(axis), axis + 1
        elif isinstance(item, bool):
            here = here.insert(axis)
            indices.append((axis, from_array(np.zeros(int(item), np.int64))))
            axis += 1
        elif isinstance(item, slice):
            here, axis, asked = _cut(here, axis, item, len(items) == 1), axis + 1, asked + 1
        elif isinstance(item, int):
            here, asked = here.select(axis, _checked(item, here.shape[axis], asked)), asked + 1
        elif item.dtype in (bool_, uint8):
            here, axis, asked = _masked(here, axis, asked, item, indices)
        elif item.dtype not in (int64, int32):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        elif not item.ndim:
            at = _checked(int(item._array()), here.shape[axis], asked)
            here, asked = here.select(axis, at), asked + 1
        else:
            indices.append((axis, item))
            axis, asked = axis + 1, asked + 1
    return here, indices


def _checked(at: int, size: int, dimension: int) -> int:
    """An index counted from the front; IndexError outside the axis."""
    if not -size <= at < size:
        raise IndexError(f"index {at} is out of bounds for dimension {dimension} with size {size}")
    return at + size if at < 0 else at


def _cut(here: Any, axis: int, item: slice, alone: bool) -> Any:
    size = here.shape[axis]
    step = 1 if item.step is None else item.step.__index__()
    if step <= 0:
        raise ValueError(f"step must be greater than zero, got {step}: use flip() to go backwards")
    start, stop, step = item.indices(size)
    if not alone and (start, stop, step) == (0, size, 1):
        return here
    return here.slice(axis, start, max(stop, start), step)


def _masked(
    here: Any, axis: int, asked: int, mask: Tensor, indices: _Indices
) -> tuple[Any, int, int]:
    """Turn a mask into index tensors, one for each of its axes."""
    if not mask.ndim:
        here = here.insert(axis)
        indices.append((axis, from_array(np.zeros(int(bool(mask._array())), np.int64))))
        return here, axis + 1, asked
    shape, covered = tuple(mask.shape), tuple(here.shape[axis : axis + mask.ndim])
    if shape != covered:
        raise IndexError(
            f"The shape of the mask {list(shape)} at index {asked} does not match the shape of the indexed tensor "
            f"{list(here.shape)} at index {asked}"
        )
    for offset, places in enumerate(np.nonzero(mask._array())):
        indices.append((axis + offset, made_of(from_array(places), mask)))
    return here, axis + mask.ndim, asked + mask.ndim


def _reach(input: Tensor, key: Any) -> tuple[Tensor, _Indices]:
    """The view that the key's basic part gives, and the index tensors left to apply to it."""
    if state.grad and input.requires_grad:
        place, indices = _walk(_Taped(input), key, input.ndim)
        return place.tensor, indices
    layout = input._layout()
    place, indices = _walk(layout, key, len(layout.shape))
    return (input if place is layout else derived(_AS_VIEW, input, place, ())), indices


_AS_VIEW = Op(lambda x: x, "")


def _check(place: TensorCore, indices: _Indices) -> None:
    """IndexError where the index tensors do not broadcast, or one known already is out of bounds."""
    for axis, t in indices:
        bounded(place, t, axis, IndexError, -place.shape[axis])
    try:
        broadcast_shapes(*(tuple(t.shape) for _, t in indices))
    except RuntimeError:
        shapes = ", ".join(str(list(t.shape)) for _, t in indices)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None


# Reading


def getitem(input: Tensor, key: Any) -> Tensor:
    """The elements that ``key`` names: a view, or a new tensor if it holds index tensors, lists or masks."""
    kind = type(key)
    if kind is int and input._view is None and not input._requires_grad and input._node is None:
        shape = input._storage.aval.shape
        if shape and -shape[0] <= key < shape[0]:
            layout = input._layout()
            return derived(_AS_VIEW, input, layout.select(0, key % shape[0]), ())
    elif (
        isinstance(key, TensorCore)
        and key.dtype is int64
        and key.ndim
        and is_plain(input)
        and is_plain(key)
    ):
        if not input.ndim:
            raise IndexError("too many indices for tensor of dimension 0")
        return wrap(realized(i.taken(input._storage.value.get(), key._storage.value.get())))  # type: ignore[union-attr]
    place, indices = _reach(input, key)
    if not indices:
        return alias_of(input) if place is input else place
    _check(place, indices)
    axes = tuple(axis for axis, _ in indices)
    return dispatch(_index, (place, *(t for _, t in indices)), (axes,))


# Writing


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """Write ``value``, converted and broadcast, where ``key`` looks."""
    if not isinstance(value, TensorCore):
        value = _as_value(input, value)
        if not (state.grad and input.requires_grad) and _write_number(input, key, value):
            return
    masked = _one_mask(input, key)
    if masked is not None and value.ndim < 2 and value._aval().size == 1:
        mask, axis = masked
        check_writable(input)
        put(input, dispatch(_mask_put, (input, mask, ravel(value)), (axis,)))
        return
    place, indices = _reach(input, key)
    if not indices:
        _write_view(place if place is not input else input, value)
        return
    _check(place, indices)
    axes = tuple(axis for axis, _ in indices)
    _check_fits(place, indices, value)
    if value.dtype is not place.dtype:
        raise RuntimeError(_UNEQUAL.format(place.dtype, value.dtype))
    check_writable(place)
    operands = (place, value, *(t for _, t in indices))
    put(place, dispatch(_index_put, operands, (axes, False)))


def _write_number(input: Tensor, key: Any, value: TensorCore) -> bool:
    """The short way of a number to where integers and slices look, without tape; False if it is not that."""
    if type(key) not in (int, slice) and not (
        type(key) is tuple and all(type(k) in (int, slice) for k in key)
    ):
        return False
    place, _ = _reach(input, key)
    if place._view is None:
        return False
    check_writable(place)
    place._write(value._read())
    return True


def _as_value(input: TensorCore, value: Any) -> Any:
    """A number as a tensor of the input's type."""
    if not isinstance(value, bool | int | float | np.generic):
        raise TypeError(
            f"can't assign a {type(value).__name__} to a tensor of {input.dtype}: make a tensor of it with thalweg.tensor()"
        )
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long: a number does not fit in 64 bits")
    return from_array(np.asarray(scalar_of(value, input.dtype)))


def _one_mask(input: TensorCore, key: Any) -> tuple[Any, int] | None:
    """The mask, if the whole key is one mask that fits."""
    if isinstance(key, np.ndarray) and key.dtype == np.bool_:
        key = from_array(np.array(key))
    if not isinstance(key, TensorCore) or key.dtype is not bool_ or not key.ndim:
        return None
    return (key, 0) if tuple(key.shape) == tuple(input.shape)[: key.ndim] else None


def _write_view(place: Tensor, value: Any) -> None:
    if value.dtype is not place.dtype:
        value = value.to(place.dtype)
    extra = value.ndim - place.ndim
    if extra > 0 and set(value.shape[:extra]) == {1}:
        value = value.reshape(tuple(value.shape[extra:]))
    try:
        assign(place, instead(place, value))
    except RuntimeError as error:
        if "does not broadcast" not in str(error):
            raise
        raise RuntimeError(
            f"The expanded size of the tensor does not match: a value of shape {list(value.shape)} was assigned to a "
            f"place of shape {list(place.shape)}"
        ) from None


def _check_fits(place: TensorCore, indices: _Indices, value: TensorCore) -> None:
    axes = tuple(axis for axis, _ in indices)
    order, axis = _front(place.ndim, axes)
    shape = tuple(place.shape[a] for a in order)
    room = i.indexed_shape(shape, tuple(t._aval() for _, t in indices), axis)
    given = tuple(value.shape)
    while len(given) > len(room) and given[0] == 1:
        given = given[1:]
    fits = len(given) <= len(room) and all(
        a in (1, b) for a, b in zip(reversed(given), reversed(room), strict=False)
    )
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of shape "
            f"{list(room)}"
        )


_UNEQUAL = "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source."


# index_put as a function


def index_put(
    input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Tensor:
    """``input`` with ``values`` written (or added) at ``indices``, one tensor (or None) for each axis."""
    key = tuple(slice(None) if t is None else t for t in indices)
    found: _Indices = []
    axis = 0
    for item in key:
        if isinstance(item, slice):
            axis += 1
        elif item.dtype in (bool_, uint8):
            _, axis, _ = _masked(input._layout(), axis, axis, item, found)
        else:
            found.append((axis, item))
            axis += 1
    if axis > input.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input.ndim}")
    if values.dtype is not input.dtype:
        raise RuntimeError(_UNEQUAL.format(input.dtype, values.dtype))
    _check(input, found)
    _check_fits(input, found, values)
    operands = (input, values, *(t for _, t in found))
    return dispatch(_index_put, operands, (tuple(a for a, _ in found), bool(accumulate)))


def index_put_(
    input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Tensor:
    """Write (or add) ``values`` at ``indices``."""
    check_writable(input)
    return put(input, index_put(input, indices, values, accumulate))


class IndexMethods(PickMethods):
    """Tensor's brackets, and its methods that read and write by index."""

    __getitem__, __setitem__ = getitem, setitem
    index_put, index_put_ = index_put, index_put_

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, bool | int | float | np.generic | TensorCore):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool(
            (
                self._array() == (element._array() if isinstance(element, TensorCore) else element)
            ).any()
        )
