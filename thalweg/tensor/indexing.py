"""Reading and writing parts of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Var
from ..ir.dtype import bool_, int64, uint8
from ..ops import elementwise as e
from ..ops import indexing as ix
from ..ops.composite import op, promoted
from ..ops.movement import slice_
from .core import TensorCore
from .creation import from_array
from .dispatch import dispatch
from .inplace import assign, check_writable, inplace
from .reduce import wrap_dim
from .shape import alias_of, select, sliced, unsqueeze

if TYPE_CHECKING:
    from .tensor import Tensor


# x[...]


def _split_key(input: Any, key: Any) -> tuple[list[Any], int]:
    """The items of a key, ellipsis spelled out, masks counted by their rank."""
    items = list(key) if isinstance(key, tuple) else [key]
    items = [_as_index(k) for k in items]
    used = sum(_rank(k) for k in items)
    dots = [i for i, k in enumerate(items) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if used > input.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input.ndim}")
    if dots:
        items[dots[0] : dots[0] + 1] = [slice(None)] * (input.ndim - used)
    return items, used


def _as_index(k: Any) -> Any:
    """Lists, arrays and NumPy numbers as tensors and ints."""
    if isinstance(k, list | tuple | range):
        return from_array(_index_array(np.array(k) if len(k) else np.zeros(0, np.int64)))
    if isinstance(k, np.ndarray):
        return from_array(_index_array(np.array(k)))
    if isinstance(k, np.integer):
        return int(k)
    if isinstance(k, TensorCore) and k.dtype.is_floating_point:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if isinstance(k, TensorCore) and not k.ndim and k.dtype not in (bool_, uint8):
        return int(k.item())  # type: ignore[attr-defined]
    if k is None or k is Ellipsis or isinstance(k, slice | bool | np.bool_ | int | TensorCore):
        return k
    if hasattr(k, "__index__"):
        return k.__index__()
    raise IndexError(
        f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {type(k).__name__})"
    )


def _index_array(array: Any) -> Any:
    if array.dtype.kind == "f":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return array if array.dtype == np.bool_ else array.astype(np.int64)


def _rank(k: Any) -> int:
    """How many axes an item of a key takes."""
    if k is None or k is Ellipsis or isinstance(k, bool | np.bool_):
        return 0
    if isinstance(k, TensorCore) and k.dtype in (bool_, uint8):
        return k.ndim
    return 1


def _basic(input: Any, items: list[Any]) -> tuple[Any, list[Any]]:
    """Apply the ints, slices and None of a key as views; gives the view and the index tensors left,
    None for axes without."""
    axis = 0
    left: list[Any] = []
    original = tuple(input.shape)
    for k in items:
        if k is None:
            input = unsqueeze(input, axis)
        elif isinstance(k, bool | np.bool_):
            input = unsqueeze(input, axis)
            left.append(from_array(np.zeros(1 if k else 0, np.int64)))
            axis += 1
            continue
        elif isinstance(k, int):
            size = input.shape[axis]
            if not -size <= k < size:
                raise IndexError(f"index {k} is out of bounds for dimension {axis} with size {size}")
            input = select(input, axis, k)
            continue
        elif isinstance(k, slice):
            step = 1 if k.step is None else int(k.step)
            if step <= 0:
                raise ValueError("step must be greater than zero")
            size = input.shape[axis]
            if k.start is not None or k.stop is not None or step != 1:
                start, stop, step = slice(_int(k.start), _int(k.stop), step).indices(size)
                if (start, stop, step) != (0, size, 1):
                    input = sliced(input, axis, start, max(stop, start), step)
        else:
            left.extend(_integers(k, input, axis, original))
            axis += _rank(k)
            continue
        left.append(None)
        axis += 1
    return input, left


def _int(bound: Any) -> int | None:
    return None if bound is None else bound.__index__()


def _integers(k: Any, input: Any, axis: int, original: tuple[int, ...]) -> list[Any]:
    """An index tensor; a mask as the positions of its True elements, one tensor per axis."""
    if k.dtype not in (bool_, uint8):
        return [k if k.dtype is int64 else k.to(int64)]
    shape = tuple(k.shape)
    for a, (n, m) in enumerate(zip(shape, tuple(input.shape)[axis:], strict=False)):
        if n != m:
            raise IndexError(
                f"The shape of the mask {list(shape)} at index {a} does not match the shape of the indexed tensor "
                f"{list(original)} at index {axis + a}"
            )
    return [from_array(p) for p in np.nonzero(k._array())]


@op("IndexBackward0")
def _index(x: Var, *indices_and_pattern: Any) -> Var:
    *indices, pattern = indices_and_pattern
    return ix.index(x, *indices, pattern=pattern)  # type: ignore[no-any-return]


@op("IndexPutBackward0")
def _index_put(x: Var, value: Var, *indices_and_statics: Any) -> Var:
    *indices, pattern, accumulate = indices_and_statics
    shape = ix.indexed_shape(x.shape, pattern, tuple(i.shape for i in indices))
    value = value.astype(x.dtype)
    if len(value.shape) > len(shape):
        lead = len(value.shape) - len(shape)
        if any(n != 1 for n in value.shape[:lead]):
            raise RuntimeError(f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of shape {list(shape)}")
        value = value.reshape(value.shape[lead:])
    if any(n not in (1, m) for n, m in zip(reversed(value.shape), reversed(shape), strict=False)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        )
    write = ix.index_add if accumulate else ix.index_put
    return write(x, value.broadcast_to(shape), *indices, pattern=pattern)  # type: ignore[no-any-return]


def _pattern(left: list[Any]) -> tuple[bool, ...]:
    while left and left[-1] is None:
        left.pop()
    return tuple(k is not None for k in left)


def getitem(input: Any, key: Any) -> Any:
    """``input[key]``: a view for ints, slices, None and Ellipsis; a new tensor for index tensors and masks."""
    if type(key) is int:
        size = input.shape[0] if input.ndim else None
        if size is None:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert it to a number")
        if not -size <= key < size:
            raise IndexError(f"index {key} is out of bounds for dimension 0 with size {size}")
        return select(input, 0, key)
    items, _ = _split_key(input, key)
    seen, left = _basic(input, items)
    pattern = _pattern(left)
    if not any(pattern):
        if seen is not input:
            return seen
        return _self_view(input)
    return dispatch(_index, (seen, *(k for k in left if k is not None)), (pattern,))


def _self_view(input: Any) -> Any:
    """``x[...]`` and ``x[:]``: the whole as a view."""
    return alias_of(input)


def setitem(input: Any, key: Any, value: Any) -> None:
    """``input[key] = value``, broadcast."""
    items, _ = _split_key(input, key)
    check_writable(input)
    if not isinstance(value, TensorCore):
        value = from_array(np.asarray(value).astype(input.dtype.numpy))
    elif value.dtype is not input.dtype:
        value = value.to(input.dtype)  # type: ignore[attr-defined]
    seen, left = _basic(input, items)
    pattern = _pattern(left)
    if not any(pattern):
        while value.ndim > seen.ndim and value.shape[0] == 1:
            value = select(value, 0, 0)  # type: ignore[arg-type]
        assign(seen, value)
        return
    indices = tuple(k for k in left if k is not None)
    assign(seen, dispatch(_index_put, (seen, value, *indices), (pattern, False)))


# Along an axis


@op("GatherBackward0")
def _gather(x: Var, places: Var, axis: int) -> Var:
    if not x.ndim:
        return x.broadcast_to(places.shape)
    stops = tuple(n if a == axis else m for a, (n, m) in enumerate(zip(x.shape, places.shape, strict=True)))
    if stops != x.shape:
        x = slice_(x, starts=(0,) * x.ndim, stops=stops, steps=(1,) * x.ndim)
    return ix.gather(x, places, axis=axis)  # type: ignore[no-any-return]


def _check_along(name: str, input: Any, dim: int, index: Any, others_may_be_smaller: bool = True) -> int:
    if index.dtype is not int64:
        raise RuntimeError(f"{name}(): Expected dtype int64 for index, got {index.dtype}: convert it with .long()")
    axis = wrap_dim(dim, input.ndim)
    if max(input.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {index.ndim} and {input.ndim}"
        )
    for a, (n, m) in enumerate(zip(index.shape, input.shape, strict=False)):
        if a != axis and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {a} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {axis}"
            )
    return axis


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """``out[i][j] = input[index[i][j]][j]`` for dim 0: input (N, M), index (I, J), out (I, J)."""
    axis = _check_along("gather", input, dim, index)
    return dispatch(_gather, (input, index), (axis,))  # type: ignore[no-any-return]


@op("ScatterBackward0")
def _scatter(x: Var, places: Var, src: Var, axis: int, add: bool) -> Var:
    src = src.astype(x.dtype)
    if src.shape != places.shape:
        if not src.ndim:
            src = src.broadcast_to(places.shape)
        else:
            src = slice_(src, starts=(0,) * src.ndim, stops=places.shape, steps=(1,) * src.ndim)
    return (ix.scatter_add if add else ix.scatter)(x, places, src, axis=axis)  # type: ignore[no-any-return]


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None) -> Tensor:
    """A copy of ``input`` with ``src`` (a tensor or number) written where ``index`` says along ``dim``."""
    axis = _check_along("scatter", input, dim, index)
    if reduce not in (None, "add"):
        raise NotImplementedError(f"scatter: reduce={reduce!r} is not supported yet: use scatter_add or reduce='add'")
    return dispatch(_scatter, (input, index, value if src is None else src), (axis, reduce == "add"))  # type: ignore[no-any-return]


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of ``input`` with ``src`` added where ``index`` says along ``dim``."""
    axis = _check_along("scatter_add", input, dim, index)
    return dispatch(_scatter, (input, index, src), (axis, True))  # type: ignore[no-any-return]


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` whose index broadcasts; the flattened input without ``dim``."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    axis = wrap_dim(dim, input.ndim)
    shape = np.broadcast_shapes(
        tuple(1 if a == axis else n for a, n in enumerate(input.shape)),
        tuple(1 if a == axis else n for a, n in enumerate(indices.shape)),
    )
    wide = input.expand(*(n if a != axis else input.shape[axis] for a, n in enumerate(shape)))
    places = indices.expand(*(n if a != axis else indices.shape[axis] for a, n in enumerate(shape)))
    return gather(wide, axis, places)


def _one_axis(input: Any, dim: int, index: Any) -> tuple[int, tuple[bool, ...]]:
    axis = wrap_dim(dim, input.ndim)
    if index.dtype.is_floating_point or index.dtype is bool_:
        raise RuntimeError(f"index_select(): Expected dtype int32 or int64 for index, got {index.dtype}")
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got {index.ndim} axes")
    return axis, (False,) * axis + (True,)


@op("IndexSelectBackward0")
def _index_select(x: Var, index: Var, pattern: Any) -> Var:
    if not x.ndim:
        return x
    return ix.index(x, index.astype(int64).reshape((index.size,)), pattern=pattern)  # type: ignore[no-any-return]


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of axis ``dim`` whose numbers are in ``index`` (K,)."""
    _, pattern = _one_axis(input, dim, index)
    return dispatch(_index_select, (input, index), (pattern,))  # type: ignore[no-any-return]


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``input[indices] = values``, or added to it."""
    left = [None if k is None else part for k in indices for part in ([None] if k is None else _integers(k, input, 0, ()))]
    pattern = _pattern(left)
    return dispatch(_index_put, (input, values, *(k for k in left if k is not None)), (pattern, accumulate))  # type: ignore[no-any-return]


@op("IndexAddBackward0")
def _index_add(x: Var, index: Var, source: Var, alpha: Var, pattern: Any) -> Var:
    x_source = source.astype(x.dtype) * alpha.astype(x.dtype)
    return ix.index_add(x, x_source, index.astype(int64), pattern=pattern)  # type: ignore[no-any-return]


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy of ``input`` with ``alpha * source`` added at the places ``index`` of axis ``dim``."""
    _, pattern = _one_axis(input, dim, index)
    return dispatch(_index_add, (input, index, source, alpha), (pattern,))  # type: ignore[no-any-return]


@op("IndexCopyBackward0")
def _index_copy(x: Var, index: Var, source: Var, pattern: Any) -> Var:
    return ix.index_put(x, source, index.astype(int64), pattern=pattern)  # type: ignore[no-any-return]


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of ``input`` with ``source`` at the places ``index`` of axis ``dim``."""
    _, pattern = _one_axis(input, dim, index)
    return dispatch(_index_copy, (input, index, source), (pattern,))  # type: ignore[no-any-return]


@op("IndexFillBackward0")
def _index_fill(x: Var, index: Var, value: Var, pattern: Any) -> Var:
    shape = ix.indexed_shape(x.shape, pattern, (index.shape,))
    return ix.index_put(x, value.astype(x.dtype).broadcast_to(shape), index.astype(int64), pattern=pattern)  # type: ignore[no-any-return]


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of ``input`` with ``value`` at the places ``index`` of axis ``dim``."""
    _, pattern = _one_axis(input, dim, index)
    return dispatch(_index_fill, (input, index, value), (pattern,))  # type: ignore[no-any-return]


def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened input: index of any shape, the result alike."""
    return getitem(input.reshape(-1), index)  # type: ignore[no-any-return]


# By masks


@op("WhereBackward0")
def _where(condition: Var, x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    return e.where(condition if condition.dtype is bool_ else condition.ne(0), x, y)  # type: ignore[no-any-return]


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """``input`` where the condition holds, ``other`` elsewhere, broadcast; alone, as ``nonzero(as_tuple=True)``."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    return dispatch(_where, (condition, input, other))


@op("MaskedFillBackward0")
def _masked_fill(x: Var, mask: Var, value: Var) -> Var:
    return e.where(mask, value.astype(x.dtype), x)  # type: ignore[no-any-return]


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where the mask holds, ``input`` elsewhere; the mask broadcasts."""
    if mask.dtype is not bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    return dispatch(_masked_fill, (input, mask, value))  # type: ignore[no-any-return]


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """(K,) the elements where the mask holds; both broadcast."""
    if mask.dtype is not bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    return getitem(input.expand(*shape), mask.expand(*shape)) if shape else getitem(input.reshape(1), mask.reshape(1))  # type: ignore[no-any-return]


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of ``input`` with the elements of ``source``, in order, where the mask holds."""
    wide = mask.expand(*input.shape)
    count = int(wide._array().sum())
    places = [from_array(p) for p in np.nonzero(wide._array())]
    return index_put(input, places, source.reshape(-1)[:count])


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """(K, ndim) the positions of the elements that are not zero; with ``as_tuple`` one (K,) per axis."""
    array = input._array()
    places = np.nonzero(array if array.ndim else array.reshape(1))
    if as_tuple:
        return tuple(from_array(p) for p in places)
    return from_array(np.stack(places, 1)[:, : array.ndim])


argwhere = nonzero


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    return (input != 0).sum(dim)


@op("TrilBackward0")
def _tril(x: Var, keep: Var) -> Var:
    return e.where(keep, x, x.zeros_like())  # type: ignore[no-any-return]


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices (..., N, M) with zeros above a diagonal."""
    keep = np.tri(*input.shape[-2:], diagonal, dtype=np.bool_)
    return dispatch(_tril, (input, from_array(keep)))  # type: ignore[no-any-return]


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices (..., N, M) with zeros below a diagonal."""
    keep = ~np.tri(*input.shape[-2:], diagonal - 1, dtype=np.bool_)
    return dispatch(_tril, (input, from_array(keep)))  # type: ignore[no-any-return]


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None, *, output_size: Any = None) -> Tensor:
    """Each place of an axis repeated: so many times, or each its own number of times."""
    if dim is None:
        input, dim = input.reshape(-1), 0
    counts = repeats._array() if isinstance(repeats, TensorCore) else repeats
    places = np.repeat(np.arange(input.shape[dim]), counts)
    return index_select(input, dim, from_array(places))


class IndexMethods(TensorCore):
    """Tensor's methods that read and write parts."""

    __getitem__, __setitem__ = getitem, setitem
    gather, scatter, scatter_add, take_along_dim = gather, scatter, scatter_add, take_along_dim
    index_select, index_put, index_add, index_copy, index_fill = index_select, index_put, index_add, index_copy, index_fill
    take, masked_fill, masked_select, masked_scatter = take, masked_fill, masked_select, masked_scatter
    nonzero, argwhere, count_nonzero, tril, triu = nonzero, nonzero, count_nonzero, tril, triu
    repeat_interleave = repeat_interleave
    scatter_, scatter_add_, index_put_, index_add_ = (
        inplace(scatter), inplace(scatter_add), inplace(index_put), inplace(index_add),
    )  # fmt: skip
    index_copy_, index_fill_, masked_fill_, masked_scatter_ = (
        inplace(index_copy), inplace(index_fill), inplace(masked_fill), inplace(masked_scatter),
    )  # fmt: skip
    tril_, triu_ = inplace(tril), inplace(triu)

    def where(self, condition: Any, other: Any) -> Any:
        """This where the condition holds, ``other`` elsewhere."""
        return where(condition, self, other)
