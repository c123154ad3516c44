"""Elements picked, and places written, by index tensors and masks: the functions beside ``x[key]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.aval import broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import DType, bool_, int32, int64, uint8
from ..ops import elementwise as e
from ..ops import indexing as i
from ..ops.composite import Op, op, promoted
from ..ops.movement import slice_
from .core import TensorCore
from .creation import from_array
from .dispatch import dispatch
from .inplace import assign, check_writable, inplace
from .modes import made_of
from .reduce import wrap_dim
from .scalars import check_beside, scalar_of
from .shape import expand, ravel

if TYPE_CHECKING:
    from .tensor import Tensor

_MODES = {"sum": "add", "mean": "add", "prod": "prod", "amax": "amax", "amin": "amin"}


def _lined(x: Var) -> Var:
    """A 0-d operand with one axis."""
    return x if x.ndim else x.reshape((1,))


def _corner(x: Var, stops: tuple[int, ...]) -> Var:
    if stops == x.shape:
        return x
    result: Var = slice_(x, starts=(0,) * x.ndim, stops=stops, steps=(1,) * x.ndim)
    return result


def bounded(
    input: TensorCore, index: TensorCore, axis: int, kind: type[Exception], low: int = 0
) -> None:
    """Raise now, not at the run, where an index is out of bounds: if ``input`` is recorded and the index is known.

    ``low`` is the smallest index allowed; an operation that is carried out at once checks for itself.
    """
    value = index._storage.value
    if value is None or value.array is None or is_plain(input):
        return
    array = index._array()
    size = input.shape[axis] if input.ndim else 1
    if array.size and (array.min() < low or array.max() >= size):
        bad = array[(array < low) | (array >= size)].reshape(-1)[0]
        raise kind(
            f"index out of range in self: index {bad} is out of bounds for dimension {axis} with size {size}"
        )


def is_plain(x: Any) -> bool:
    """Whether ``x`` is a realized tensor without view, tape and foreign memory."""
    value = x._storage.value
    return (
        x._view is None and x._node is None and not x._requires_grad and x._base is None
        and value is not None and value.array is not None and not x._is_parameter
    )  # fmt: skip


# An index for each element: gather and scatter


@op("GatherBackward0", (0,))
def _gather(x: Var, index: Var, axis: int) -> Var:
    source, places = _lined(x), _lined(index)
    stops = tuple(n if a == axis else places.shape[a] for a, n in enumerate(source.shape))
    found: Var = i.gather(_corner(source, stops), places, axis=axis)
    return found.reshape(index.shape)


def _nothing(x: Var, shape: tuple[int, ...]) -> Var:
    none: Var = slice_(x.reshape((x.size,)), starts=(0,), stops=(0,), steps=(1,))
    return none.reshape(shape)


_gather_nothing = Op(_nothing, "GatherBackward0", (0,))


def _laid(x: Var, src: Var, index: Var) -> tuple[Var, Var, Var]:
    """The operands of a scatter with one axis at least, ``src`` cut to the index's shape."""
    base, places = _lined(x), _lined(index)
    if src.ndim == 0:
        return base, src.astype(x.dtype).broadcast_to(places.shape), places
    return base, _corner(src, places.shape), places


@op("ScatterBackward0", (0, 2))
def _scatter(x: Var, index: Var, src: Var, axis: int, mode: str) -> Var:
    base, values, places = _laid(x, src, index)
    written: Var = i.scatter(base, values, places, axis=axis, mode=mode)
    return written.reshape(x.shape)


_scatter_value = Op(_scatter.function, "ScatterBackward1", (0,))
_scatter_reducing = Op(_scatter.function, "ScatterBackward2", (0, 2))
_scatter_value_reducing = Op(_scatter.function, "ScatterBackward3", (0,))
_scatter_add = Op(_scatter.function, "ScatterAddBackward0", (0, 2))


def _identity(mode: str, dtype: DType) -> Any:
    """The number that changes nothing under a reduction."""
    if mode in ("add", "prod"):
        return int(mode == "prod")
    if dtype.is_floating_point:
        return -np.inf if mode == "amax" else np.inf
    if dtype is bool_:
        return mode == "amin"
    limits = np.iinfo(dtype.numpy)
    return limits.min if mode == "amax" else limits.max


@op("ScatterReduceBackward0", (0, 2), frees=True)
def _scatter_reduce(
    x: Var, index: Var, src: Var, axis: int, reduce: str, include_self: bool
) -> Var:
    base, values, places = _laid(x, src, index)
    mode = _MODES[reduce]
    if not include_self:
        start = x.builder.full(places.shape, _identity(mode, x.dtype), x.dtype)
        base = i.scatter(base, start, places, axis=axis, mode="set")
    result: Var = i.scatter(base, values, places, axis=axis, mode=mode)
    if reduce == "mean":
        ones = values.ones_like()
        count = base.ones_like()
        if not include_self:
            count = i.scatter(count, values.zeros_like(), places, axis=axis, mode="set")
        count = i.scatter(count, ones, places, axis=axis, mode="add")
        result = result / count if x.dtype.is_differentiable else e.floor_divide(result, count)
    return result.reshape(x.shape)


def _check_places(name: str, input: TensorCore, dim: int, index: TensorCore) -> int:
    """The axis; RuntimeError where the index does not fit the input."""
    axis = wrap_dim(dim, input.ndim)
    if index._aval().size and index.dtype not in (int64, int32):
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}: convert it with .long()"
        )
    if index._aval().size and max(index.ndim, 1) != max(input.ndim, 1):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor: "
            f"index {list(index.shape)}, input {list(input.shape)}"
        )
    for a, (n, have) in enumerate(zip(index.shape, input.shape, strict=False)):
        if a != axis and n > have and index._aval().size:
            raise RuntimeError(
                f"Size does not match at dimension {a} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {axis}"
            )
    return axis


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Along ``dim``, the element whose number ``index`` says; elsewhere the element in the same place.

    Args:
        input: any shape.
        index: as many axes, not larger than ``input`` except along ``dim``; the result has its shape.
    """
    axis = _check_places("gather", input, dim, index)
    if not index._aval().size and len(index.shape) != input.ndim:
        return dispatch(_gather_nothing, (input,), (tuple(index.shape),))
    bounded(input, index, axis, RuntimeError)
    return dispatch(_gather, (input, index), (axis,))


def _check_source(input: TensorCore, dim: int, index: TensorCore, src: Any) -> int:
    axis = _check_places("scatter", input, dim, index)
    if isinstance(src, TensorCore) and (src.ndim or input.ndim == 0):
        if src.dtype is not input.dtype:
            raise RuntimeError(
                f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}"
            )
        if index._aval().size and max(index.ndim, 1) != max(src.ndim, 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as src tensor: "
                f"index {list(index.shape)}, src {list(src.shape)}"
            )
        if any(n > m for n, m in zip(index.shape, src.shape, strict=False)):
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
                f"{axis} and to be no larger size than src {list(src.shape)}"
            )
    bounded(input, index, axis, RuntimeError)
    return axis


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """``input`` with ``src`` (a tensor or a number) written at the places ``index`` says along ``dim``.

    Where several elements go to one place, the last one stays; with ``reduce`` "add" or "multiply" all count.
    """
    given = value if src is None else src
    axis = _check_source(input, dim, index, given)
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce}")
    if not index._aval().size:
        return input.clone()
    mode = {None: "set", "add": "add", "multiply": "prod"}[reduce]
    by_tensor = isinstance(given, TensorCore)
    if reduce is None:
        chosen = _scatter if by_tensor else _scatter_value
    else:
        chosen = _scatter_reducing if by_tensor else _scatter_value_reducing
    return dispatch(chosen, (input, index, given), (axis, mode))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with ``src`` added at the places ``index`` says along ``dim``."""
    axis = _check_source(input, dim, index, src)
    if not index._aval().size:
        return input.clone()
    return dispatch(_scatter_add, (input, index, src), (axis, "add"))


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` with the elements of ``src`` folded in at the places ``index`` says along ``dim``.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin"; without ``include_self`` what was there does not count.
    """
    if reduce not in _MODES:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    axis = _check_source(input, dim, index, src)
    if not index._aval().size:
        return input.clone()
    return dispatch(_scatter_reduce, (input, index, src), (axis, reduce, include_self))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` that broadcasts its operands off ``dim``; of the flattened input without ``dim``."""
    if indices.dtype is not int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype}"
        )
    if dim is None:
        return gather(ravel(input), 0, ravel(_from_the_end(indices, input._aval().size)))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {input.ndim} "
            f"dimensions for input, and {indices.ndim} dimensions for indices"
        )
    axis = wrap_dim(dim, input.ndim)
    shapes = [tuple(1 if a == axis else n for a, n in enumerate(x.shape)) for x in (input, indices)]
    common = broadcast_shapes(*shapes)
    size = input.shape[axis] if input.ndim else 1
    sizes = [
        tuple(x.shape[a] if a == axis else n for a, n in enumerate(common))
        for x in (input, indices)
    ]
    return gather(expand(input, sizes[0]), axis, expand(_from_the_end(indices, size), sizes[1]))


def _from_the_end(indices: Tensor, size: int) -> Tensor:
    """Negative indices counted from the end of an axis of ``size``."""
    return where(indices < 0, indices + size, indices)


# An index for each place of an axis


@op("IndexSelectBackward0", (0,))
def _index_select(x: Var, index: Var, axis: int) -> Var:
    found: Var = i.index(_lined(x), _lined(index), axis=axis, signed=False)
    return found if x.ndim else found.reshape(())


@op("IndexAddBackward0", (0, 2))
def _index_add(x: Var, index: Var, source: Var, alpha: Var, axis: int) -> Var:
    factor = alpha.astype(source.dtype)
    scaled = source & factor if source.dtype is bool_ else source * factor
    written: Var = i.index_put(_lined(x), _lined(scaled), _lined(index), axis=axis, accumulate=True)
    return written.reshape(x.shape)


@op("IndexCopyBackward0", (0, 2))
def _index_copy(x: Var, index: Var, source: Var, axis: int) -> Var:
    written: Var = i.index_put(
        _lined(x), _lined(source), _lined(index), axis=axis, accumulate=False
    )
    return written.reshape(x.shape)


@op("IndexFillBackward0", (0,))
def _index_fill(x: Var, index: Var, value: Var, axis: int) -> Var:
    """An element that several indices name is filled once: its gradient counts once."""
    base = _lined(x)
    nowhere = base.builder.full(base.shape, False, bool_)
    truth = base.builder.constant(True, bool_)
    filled: Var = i.index_put(nowhere, truth, _lined(index), axis=axis, accumulate=False)
    written: Var = e.where(filled, value.astype(x.dtype), base)
    return written.reshape(x.shape)


_index_fill_tensor = Op(_index_fill.function, "IndexFillBackward1", (0, 2))


def _check_vector(name: str, index: TensorCore) -> None:
    if index.dtype not in (int64, int32):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index, got {index.dtype}")
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, got {index.ndim} dimensions")


def _check_slices(
    name: str, input: TensorCore, axis: int, index: TensorCore, source: TensorCore
) -> None:
    """Raise where ``source`` is not what ``input`` is, with one place along the axis for each index."""
    count, have = index._aval().size, source.shape[axis] if source.ndim else 1
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}: self ({input.dtype}) and source ({source.dtype}) must have the same scalar type"
        )
    if count != have:
        kind = IndexError if name == "index_copy_()" else RuntimeError
        raise kind(
            f"{name}: Number of indices ({count}) should be equal to source.size(dim): ({have}), for dim: {axis}"
        )
    rest = [[n for a, n in enumerate(x.shape) if a != axis] for x in (input, source)]
    if rest[0] != rest[1] and source.ndim:
        raise RuntimeError(
            f"{name}: source and destination slices must have the same shape: destination slice {rest[0]}, source {rest[1]}"
        )


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of the axis ``dim`` whose numbers ``index`` (K,) lists."""
    axis = wrap_dim(dim, input.ndim)
    _check_vector("index_select", index)
    if not input.ndim and index._aval().size != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index._aval().size} value(s)"
        )
    bounded(input, index, axis, IndexError)
    return dispatch(_index_select, (input, index), (axis,))


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """``input`` with ``alpha * source`` added at the places ``index`` (K,) of the axis ``dim``."""
    axis = wrap_dim(dim, input.ndim)
    _check_vector("index_add_", index)
    _check_slices("index_add_()", input, axis, index, source)
    bounded(input, index, axis, RuntimeError)
    return dispatch(_index_add, (input, index, source, alpha), (axis,))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with ``source`` written at the places ``index`` (K,) of the axis ``dim``."""
    axis = wrap_dim(dim, input.ndim)
    _check_vector("index_copy_", index)
    _check_slices("index_copy_()", input, axis, index, source)
    bounded(input, index, axis, IndexError)
    return dispatch(_index_copy, (input, index, source), (axis,))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) at the places ``index`` (K,) of the axis ``dim``."""
    axis = wrap_dim(dim, input.ndim)
    _check_vector("index_fill_", index)
    _check_scalar("index_fill_", value, input.dtype)
    bounded(input, index, axis, IndexError, -(input.shape[axis] if input.ndim else 1))
    chosen = _index_fill_tensor if isinstance(value, TensorCore) else _index_fill
    return dispatch(chosen, (input, index, value), (axis,))


def _check_scalar(name: str, value: Any, dtype: DType) -> None:
    """RuntimeError where ``value`` is a tensor with axes, or a number that ``dtype`` cannot hold."""
    if not isinstance(value, TensorCore):
        scalar_of(value, dtype)
    elif value.ndim:
        raise RuntimeError(
            f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    elif not value._levels and value._read().array is not None:  # a number that is there already
        scalar_of(value.item(), dtype)  # type: ignore[attr-defined]


# An index into the flattened tensor


@op("TakeBackward0", (0,))
def _take(x: Var, index: Var) -> Var:
    return i.index(x.reshape((x.size,)), index, axis=0, signed=True)


@op("PutBackward0", (0, 2))
def _put(x: Var, index: Var, source: Var, accumulate: bool) -> Var:
    values = source.reshape(index.shape)
    written: Var = i.index_put(x.reshape((x.size,)), values, index, axis=0, accumulate=accumulate)
    return written.reshape(x.shape)


def _within_flat(input: TensorCore, index: TensorCore, count: int) -> None:
    """IndexError now where an index known already is outside the flattened input."""
    value = index._storage.value
    if value is None or value.array is None or is_plain(input):
        return
    array = index._array()
    if array.size and (array.min() < -count or array.max() >= count):
        bad = array[(array < -count) | (array >= count)].reshape(-1)[0]
        raise IndexError(
            f"out of range: tried to access index {bad} on a tensor of {count} elements."
        )


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at ``index``, counted in the flattened input; the result has the shape of ``index``."""
    if index.dtype is not int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype}")
    _within_flat(input, index, input._aval().size)
    return dispatch(_take, (input, index))


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with ``source`` written (or added) at ``index``, counted in the flattened input."""
    if index._aval().size != source._aval().size:
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._aval().size}, index.numel() = {index._aval().size}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got {input.dtype}, {source.dtype}"
        )
    _within_flat(input, index, input._aval().size)
    return dispatch(_put, (input, index, source), (bool(accumulate),))


# Masks


@op("MaskedFillBackward0", (0,))
def _masked_fill(x: Var, mask: Var, value: Var) -> Var:
    return e.where(mask, value.astype(x.dtype), x)


_masked_fill_tensor = Op(_masked_fill.function, "MaskedFillBackward1", (0, 2))


@op("MaskedSelectBackward0", (0,))
def _masked_select(x: Var, places: Var, shape: tuple[int, ...]) -> Var:
    wide = x.broadcast_to(shape)
    return i.index(wide.reshape((wide.size,)), places, axis=0, signed=True)


@op("MaskedScatterBackward0", (0, 2))
def _masked_scatter(x: Var, places: Var, source: Var, shape: tuple[int, ...]) -> Var:
    wide = x.broadcast_to(shape)
    values = _corner(source.reshape((source.size,)), places.shape)
    written: Var = i.index_put(wide.reshape((wide.size,)), values, places, axis=0, accumulate=False)
    return written.reshape(shape)


@op("WhereBackward0", (1, 2))
def _where(condition: Var, x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    return e.where(condition.astype(bool_), x, y)


def _truths(name: str, mask: TensorCore, input: TensorCore) -> tuple[Any, tuple[int, ...]]:
    """The mask's True places in the flattened broadcast of both, and the broadcast shape."""
    if mask.dtype is not bool_:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, got {mask.dtype}")
    shape = broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    places = from_array(np.flatnonzero(np.broadcast_to(mask._array(), shape)))
    return made_of(places, mask), shape


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` (a number or a 0-d tensor) where ``mask`` is true, else ``input``; both are broadcast."""
    if mask.dtype is not bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    _check_scalar("masked_fill_", value, input.dtype)
    chosen = _masked_fill_tensor if isinstance(value, TensorCore) else _masked_fill
    return dispatch(chosen, (input, mask, value))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """(K,) the elements of ``input`` where ``mask`` is true, both broadcast; needs the mask's values."""
    places, shape = _truths("masked_select", mask, input)
    return dispatch(_masked_select, (input, places), (shape,))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the first elements of ``source``, in order, where ``mask`` is true."""
    places, shape = _truths("masked_scatter", mask, input)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}"
        )
    if source._aval().size < places._aval().size:
        raise RuntimeError(
            f"Number of elements of source < number of ones in mask: {source._aval().size} < {places._aval().size}"
        )
    return dispatch(_masked_scatter, (input, places, source), (shape,))


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` is true, else ``other``, all broadcast, in the common type of the two.

    With the condition alone: the positions of its true elements, one (K,) tensor for each axis.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.dtype not in (bool_, uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
        )
    for value, beside in ((input, other), (other, input)):
        if isinstance(value, int | float) and isinstance(beside, TensorCore):
            check_beside(value, beside.dtype)
    return dispatch(_where, (condition, input, other))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """(K, D) the positions of the nonzero elements of a D-dimensional tensor; or D tensors (K,)."""
    array = input._array()
    if as_tuple:
        return tuple(from_array(p) for p in np.nonzero(array if array.ndim else array.reshape(1)))
    if not array.ndim:
        return from_array(np.zeros((int(bool(array)), 0), np.int64))
    return from_array(np.argwhere(array))


def argwhere(input: Tensor) -> Tensor:
    """(K, D) the positions of the nonzero elements of a D-dimensional tensor."""
    return nonzero(input)


def _fixed(function: Callable[..., Any]) -> Callable[..., Any]:
    """``inplace`` of a function whose result may be wider than the tensor: that is an error here."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_writable(self)
        new = function(self, *args, **kwargs)
        if tuple(new.shape) != tuple(self.shape):
            raise RuntimeError(
                f"{function.__name__}_: the mask does not broadcast to the tensor: the result is {list(new.shape)}, "
                f"the tensor {list(self.shape)}"
            )
        return assign(self, new)

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"{function.__doc__} In place."
    return method


class PickMethods(TensorCore):
    """Tensor's methods that pick and write elements by index or mask."""

    gather, scatter, scatter_add, scatter_reduce = gather, scatter, scatter_add, scatter_reduce
    take_along_dim, index_select, index_add, index_copy = (
        take_along_dim,
        index_select,
        index_add,
        index_copy,
    )
    index_fill, take, put = index_fill, take, put
    masked_fill, masked_select, masked_scatter = masked_fill, masked_select, masked_scatter
    nonzero, argwhere = nonzero, argwhere
    scatter_, scatter_add_, scatter_reduce_ = (
        inplace(scatter),
        inplace(scatter_add),
        inplace(scatter_reduce),
    )
    index_add_, index_copy_, index_fill_ = (
        inplace(index_add),
        inplace(index_copy),
        inplace(index_fill),
    )
    put_, masked_fill_, masked_scatter_ = inplace(put), _fixed(masked_fill), _fixed(masked_scatter)

    def where(self, condition: Any, other: Any) -> Any:
        """This tensor where ``condition`` is true, else ``other``, broadcast."""
        return where(condition, self, other)
