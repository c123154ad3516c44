"""Views: other shapes and other walks over the same storage. Nothing is computed, nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from operator import index as as_index
from typing import TYPE_CHECKING, Any

from ..ir.aval import Shape, broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import DType
from ..ops.composite import Op, op
from ..ops.movement import strided, strided_at
from .bits import as_bits
from .core import TensorCore
from .dispatch import derived, dispatch
from .formats import check_format
from .inplace import check_writable
from .node import Node
from .reduce import wrap_dim
from .view import View, row_major

if TYPE_CHECKING:
    from .tensor import Tensor


@op("PermuteBackward0")
def _permute(x: Var, axes: tuple[int, ...]) -> Var:
    return x.permute(axes)


@op("ViewBackward0")
def _view(x: Var, shape: Shape) -> Var:
    return x.reshape(shape)


@op("ExpandBackward0")
def _expand(x: Var, shape: Shape) -> Var:
    return x.broadcast_to(shape)


@op("SelectBackward0", frees=False)
def _strided(x: Var, offset: Var, shape: Shape, strides: Shape) -> Var:
    """Elements of the dense ``x`` at ``strides`` from an offset that is known at the run."""
    return strided(x, offset, shape=shape, strides=strides)


_transpose = Op(_permute.function, "TransposeBackward0")
_t = Op(_permute.function, "TBackward0")
_unsafe_view = Op(_view.function, "UnsafeViewBackward0", (("CloneBackward0", (0,)),))
_unsqueeze = Op(_view.function, "UnsqueezeBackward0")
_squeeze_all = Op(_view.function, "SqueezeBackward0")
_squeeze = Op(_view.function, "SqueezeBackward1")
_squeeze_many = Op(_view.function, "SqueezeBackward2")
_alias = Op(_view.function, "AliasBackward0")
_slice = Op(_strided.function, "SliceBackward0", frees=False)
_diagonal = Op(_strided.function, "DiagonalBackward0", frees=False)
_unfold = Op(_strided.function, "UnfoldBackward0", frees=False)
_as_strided = Op(strided_at, "AsStridedBackward0")
_clone_dense = Op(lambda x: x, "CloneBackward0")
_clone_dense.row_major = True


def walked(node: Op, source: TensorCore, view: View, inner: View) -> Tensor:
    """A view of ``source`` at any strides; ``inner`` is the same view if ``source`` were dense."""
    return derived(node, source, view, (inner.shape, inner.strides), (inner.offset,))


# The same elements in another shape


def inferred_shape(size: Shape, count: int) -> Shape:
    """``size`` with its one -1 replaced so that it holds ``count`` elements."""
    unknown = [axis for axis, n in enumerate(size) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    for n in size:
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n}")
    known = prod(n for n in size if n != -1)
    if unknown:
        if known == 0 and count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size "
                "-1 can be any value and is ambiguous"
            )
        if known and count % known == 0:
            return tuple(count // known if n == -1 else n for n in size)
    elif known == count:
        return size
    raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")


def sizes_of(size: tuple[Any, ...]) -> Shape:
    """Integers given one by one or as one sequence."""
    if len(size) == 1 and isinstance(size[0], Sequence):
        size = tuple(size[0])
    return tuple(n if type(n) is int else as_index(n) for n in size)


def view(input: Tensor, *size: Any, dtype: DType | None = None) -> Tensor:
    """The same elements in another shape, of which one size may be -1; or, given a type, their bits as that type.

    Of another type it is a copy without a gradient, (..., N) for (..., M) where N of those take the bytes of M of these.

    Raises:
        RuntimeError: the count differs, or the strides or sizes do not allow it without a copy.
    """
    if dtype is None and len(size) == 1 and isinstance(size[0], DType):
        dtype, size = size[0], ()
    if dtype is not None:
        return alias_of(input) if dtype is input.dtype else as_bits(input, dtype)
    shape = inferred_shape(sizes_of(size), input._aval().size)
    found = input._layout().reshape(shape)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return derived(_view, input, found, (shape,))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; a view where the strides allow it, else a copy."""
    size = shape[0] if shape and isinstance(shape[0], Sequence) else shape
    wanted = inferred_shape(sizes_of((size,)), input._aval().size)
    found = input._layout().reshape(wanted)
    if found is None:
        return dispatch(_unsafe_view, (input,), (wanted,))
    return derived(_view, input, found, (wanted,))


def view_as(input: Tensor, other: TensorCore) -> Tensor:
    """``input.view(other.shape)``."""
    return view(input, tuple(other.shape))


def reshape_as(input: Tensor, other: TensorCore) -> Tensor:
    """``input.reshape(other.shape)``."""
    return reshape(input, tuple(other.shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from ``start_dim`` to ``end_dim`` as one; a 0-d tensor becomes (1,)."""
    shape = tuple(input.shape)
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if shape and first == last:
        return input
    return reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """(N,) all elements in row-major order."""
    return reshape(input, (-1,))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """The axis ``dim`` as several axes of the given ``sizes``; one may be -1."""
    shape = tuple(input.shape)
    axis = wrap_dim(dim, len(shape))
    if not len(sizes):
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        inner = inferred_shape(sizes_of((tuple(sizes),)), shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[axis]}) in the "
            "input tensor"
        ) from None
    return reshape(input, (*shape[:axis], *inner, *shape[axis + 1 :]))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without the axes of size 1: all of them, or those of ``dim`` that have it."""
    shape = tuple(input.shape)
    if dim is None:
        chosen, node = set(range(len(shape))), _squeeze_all
    elif isinstance(dim, Sequence):
        chosen, node = {wrap_dim(a, len(shape)) for a in dim}, _squeeze_many
    else:
        chosen, node = {wrap_dim(dim, len(shape))}, _squeeze
    axes = tuple(a for a in chosen if shape and shape[a] == 1)
    found = input._layout().drop(axes)
    return derived(node, input, found, (found.shape,))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of size 1 at ``dim``."""
    found = input._layout().insert(wrap_dim(dim, input.ndim + 1))
    return derived(_unsqueeze, input, found, (found.shape,))


def alias_of(input: Tensor) -> Tensor:
    """Another tensor over the same elements."""
    found = input._layout()
    return derived(_alias, input, found, (found.shape,))


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The same elements in row-major memory: ``input`` itself if it is so, else a copy."""
    check_format(memory_format, input.ndim)
    return input if is_contiguous(input) else dispatch(_clone_dense, (input,))


# Axes in another order


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The axes in the order ``dims``."""
    order = sizes_of(dims)
    rank = input.ndim
    if len(order) != rank:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple(wrap_dim(a, rank) for a in order)
    if len(set(axes)) != rank:
        raise RuntimeError(f"permute(): duplicate dims are not allowed: {list(order)}")
    return derived(_permute, input, input._layout().permute(axes), (axes,))


def _swapped(node: Op, input: Tensor, a: int, b: int) -> Tensor:
    axes = list(range(input.ndim))
    if axes:
        axes[a], axes[b] = axes[b], axes[a]
    order = tuple(axes)
    return derived(node, input, input._layout().permute(order), (order,))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """With two axes exchanged."""
    return _swapped(_transpose, input, wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim))


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """With two axes exchanged."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """With two axes exchanged."""
    return transpose(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """(M, N) to (N, M); fewer axes stay as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _swapped(_t, input, 0, -1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """The axes ``source`` at the places ``destination``, the others in order around them."""
    rank = input.ndim
    given = [source] if isinstance(source, int) else list(source)
    places = [destination] if isinstance(destination, int) else list(destination)
    if len(given) != len(places):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given} dims) should contain the same number of "
            f"dims as destination ({places} dims)"
        )
    given, places = [wrap_dim(a, rank) for a in given], [wrap_dim(a, rank) for a in places]
    for name, axes in (("source", given), ("destination", places)):
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({axes})")
    if not rank:
        return alias_of(input)
    taken = dict(zip(places, given, strict=True))
    others = iter(a for a in range(rank) if a not in given)
    return permute(input, [taken[p] if p in taken else next(others) for p in range(rank)])


def moveaxis(
    input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> Tensor:
    """The axes ``source`` at the places ``destination``, the others in order around them."""
    return movedim(input, source, destination)


# Repeating without copying


def expand(input: Tensor, *size: Any) -> Tensor:
    """Broadcast to ``size``; -1 keeps an axis."""
    shape, wanted = tuple(input.shape), sizes_of(size)
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(shape)}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) must be greater "
            f"or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    result = []
    for axis, n in enumerate(wanted):
        have = shape[axis - lead] if axis >= lead else None
        if n == -1 and have is None:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {axis}"
            )
        if n != -1 and have not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {axis}. Target sizes: {list(wanted)}. Tensor sizes: {list(shape)}"
            )
        result.append(have if n == -1 else n)
    final = tuple(result)
    return derived(_expand, input, input._layout().expand(final), (final,))


def expand_as(input: Tensor, other: TensorCore) -> Tensor:
    """Broadcast to the shape of ``other``."""
    return expand(input, tuple(other.shape))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Broadcast to ``size``."""
    return expand(input, tuple(size))


def broadcast_tensors(*tensors: Any) -> list[Tensor]:
    """All tensors, broadcast to their common shape."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors
    shape = broadcast_shapes(*(tuple(x.shape) for x in given))
    return [expand(x, shape) for x in given]


# Parts


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """What is at ``index`` of the axis ``dim``, which goes away."""
    rank = input.ndim
    if not rank:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, at = wrap_dim(dim, rank), index.__index__()
    size = input.shape[axis]
    if not -size <= at < size:
        raise IndexError(
            f"select(): index {at} out of range for tensor of size {list(input.shape)} at dimension {axis}"
        )
    return selected(input, axis, at % size)


def selected(input: Tensor, axis: int, at: int) -> Tensor:
    """``select`` with an axis and an index that are known to fit."""
    layout = input._layout()
    dense = layout if input._view is None else View(layout.shape, row_major(layout.shape))
    return walked(_strided, input, layout.select(axis, at), dense.select(axis, at))


def sliced(input: Tensor, axis: int, start: int, stop: int, step: int) -> Tensor:
    """Elements ``range(start, stop, step)`` of an axis; bounds are already clipped."""
    layout = input._layout()
    dense = layout if input._view is None else View(layout.shape, row_major(layout.shape))
    return walked(
        _slice, input, layout.slice(axis, start, stop, step), dense.slice(axis, start, stop, step)
    )


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """``length`` elements of the axis ``dim`` from ``start`` on."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, TensorCore) and (start.ndim or start.dtype.category != 1):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    if isinstance(start, float):
        raise TypeError(f"narrow(): start must be an integer, got {start}")
    axis, first = wrap_dim(dim, input.ndim), int(start)
    size = input.shape[axis]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= first <= size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size}], but got {first})"
        )
    first = first + size if first < 0 else first
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return sliced(input, axis, first, first + length, 1)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of ``size`` elements along an axis, ``step`` apart: the windows' axis comes last."""
    axis = wrap_dim(dimension, input.ndim)
    length = input.shape[axis] if input.ndim else 1
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")

    def windows(v: View) -> View:
        if not v.shape:
            return View((size,), (1,), v.offset)
        shape = (*v.shape[:axis], (length - size) // step + 1, *v.shape[axis + 1 :], size)
        strides = (
            *v.strides[:axis],
            v.strides[axis] * step,
            *v.strides[axis + 1 :],
            v.strides[axis],
        )
        return View(shape, strides, v.offset)

    return walked(_unfold, input, windows(input._layout()), windows(_as_if_dense(input)))


def _as_if_dense(input: TensorCore) -> View:
    shape = tuple(input.shape)
    return View(shape, row_major(shape))


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the axes ``dim1`` and ``dim2`` as a last axis; ``offset`` > 0 is above the main one."""
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")

    def along(v: View) -> View:
        rows, columns = v.shape[a], v.shape[b]
        length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
        start = (offset * v.strides[b] if offset >= 0 else -offset * v.strides[a]) if length else 0
        kept = [k for k in range(len(v.shape)) if k not in (a, b)]
        shape = (*(v.shape[k] for k in kept), length)
        strides = (*(v.strides[k] for k in kept), v.strides[a] + v.strides[b])
        return View(shape, strides, v.offset + start)

    return walked(_diagonal, input, along(input._layout()), along(_as_if_dense(input)))


def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """The storage of ``input`` at any shape, strides and offset, counted in elements."""
    shape, strides = tuple(size), tuple(stride)
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    layout = input._layout()
    offset = layout.offset if storage_offset is None else storage_offset
    if input._levels:
        dense = (shape, strides, offset - layout.offset)
        if layout.is_contiguous():
            return derived(_as_strided, input, View(shape, strides, offset), dense)
        return dispatch(_as_strided, (contiguous(input),), dense)
    reach = offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    have = input._storage.aval.size
    if 0 not in shape and reach > have:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset} require {reach} "
            f"elements, the storage has {have}"
        )
    source: Any = input
    if input._base is not None and input._base.requires_grad:
        source = input._base
    start = source._layout()
    if source.requires_grad and not start.is_contiguous():
        raise RuntimeError(
            "as_strided: the tape cannot follow it on a strided view: use contiguous() first"
        )
    first, size = start.offset, source._aval().size
    if source.requires_grad and 0 not in shape and not first <= offset < reach <= first + size:
        raise RuntimeError(
            f"as_strided: the tape cannot follow it outside of the tensor, elements {first} to {first + size} of its "
            f"storage: detach() it to look at {offset} to {reach}"
        )
    return derived(
        _as_strided, source, View(shape, strides, offset), (shape, strides, offset - start.offset)
    )


# Measures


def size(input: TensorCore, dim: int | None = None) -> Any:
    """The shape, or the size of one axis."""
    if dim is None:
        return input.shape
    return input.shape[_axis_of(input, dim)]


def _axis_of(input: TensorCore, dim: int) -> int:
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, input.ndim)


def stride(input: TensorCore, dim: int | None = None) -> Any:
    """How many elements of the storage lie between neighbors, for each axis or for one."""
    strides = input._layout().as_there().strides
    return strides if dim is None else strides[_axis_of(input, dim)]


def numel(input: TensorCore) -> int:
    """How many elements there are."""
    return input._aval().size


def is_contiguous(input: TensorCore, memory_format: Any = None) -> bool:
    """Whether the elements lie in row-major order without gaps; or with the channels, the second axis, last."""
    if memory_format is not None and memory_format.ndim is not None:
        axes = (0, *range(2, input.ndim), 1)
        there = input._layout().as_there()
        return input.ndim == memory_format.ndim and there.permute(axes).is_contiguous()
    return input._view is None or input._view.as_there().is_contiguous()


# In place


_IN_PLACE = {
    "AsStridedBackward0": "AsStridedBackward1",
    "SqueezeBackward0": "SqueezeBackward3",
    "SqueezeBackward1": "SqueezeBackward4",
    "SqueezeBackward2": "SqueezeBackward5",
    "UnsqueezeBackward0": "UnsqueezeBackward1",
    "TBackward0": "TBackward1",
    "TransposeBackward0": "TransposeBackward1",
}


def _turned(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method ``name_`` of a view function: the tensor itself looks at its storage in the new way."""

    def method(self: Any, *args: Any, **named: Any) -> Any:
        check_writable(self)
        new = function(self, *args, **named)
        if new._node is not None:
            new._node.__class__ = Node.kind(_IN_PLACE[new._node.name()], (0,))
        self._view, self._node, self._nr, self._seen = new._view, new._node, new._nr, None
        if self._base is not None:
            self._derive, self._made_at = new._derive, new._made_at
        return self

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"{function.__doc__} In place."
    return method


class ShapeMethods(TensorCore):
    """Tensor's methods that give views, and its measures."""

    view, reshape, view_as, reshape_as = view, reshape, view_as, reshape_as
    flatten, ravel, unflatten, squeeze, unsqueeze, contiguous = (
        flatten,
        ravel,
        unflatten,
        squeeze,
        unsqueeze,
        contiguous,
    )
    permute, transpose, swapaxes, swapdims, t = permute, transpose, swapaxes, swapdims, t
    movedim, moveaxis = movedim, moveaxis
    expand, expand_as, broadcast_to = expand, expand_as, broadcast_to
    select, narrow, unfold, diagonal, as_strided = select, narrow, unfold, diagonal, as_strided
    squeeze_, unsqueeze_, t_, transpose_ = (
        _turned(squeeze),
        _turned(unsqueeze),
        _turned(t),
        _turned(transpose),
    )
    swapaxes_, swapdims_ = _turned(swapaxes), _turned(swapdims)
    size, stride, numel, nelement, is_contiguous = size, stride, numel, numel, is_contiguous

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        return permute(self, tuple(reversed(range(self.ndim))))  # type: ignore[arg-type]

    @property
    def mT(self) -> Tensor:
        """(..., M, N) to (..., N, M)."""
        if self.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
            )
        return transpose(self, -2, -1)  # type: ignore[arg-type]

    def dim(self) -> int:
        """How many axes there are."""
        return self.ndim

    def ndimension(self) -> int:
        """How many axes there are."""
        return self.ndim

    def storage_offset(self) -> int:
        """At which element of the storage this tensor begins."""
        return 0 if self._view is None else self._view.offset
