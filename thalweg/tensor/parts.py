"""Tensors taken apart along an axis, and put together anew: repeated, turned, cut to triangles, on diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.aval import Shape
from ..ir.builder import Var
from ..ir.dtype import int64
from ..ops import indexing as i
from ..ops import movement as m
from ..ops.composite import Op, op
from .core import TensorCore
from .creation import from_array
from .dispatch import derived_parts, dispatch
from .inplace import inplace
from .naming import also_named
from .reduce import wrap_dim
from .shape import diagonal as diagonal_of
from .shape import ravel, reshape, selected, sizes_of, sliced, unsqueeze

if TYPE_CHECKING:
    from .tensor import Tensor

Dims = int | Sequence[int]
Parts = tuple["Tensor", ...]


# Parts of an axis: views, one node on the tape for all of them


@op("SplitBackward0")
def _split(x: Var, axis: int, sizes: Shape) -> tuple[Var, ...]:
    if len(sizes) == 1:
        return (x.reshape(x.shape),)
    return m.split(x, axis=axis, sizes=sizes)


_split_with_sizes = Op(_split.function, "SplitWithSizesBackward0")


@op("UnbindBackward0")
def _unbind(x: Var, axis: int) -> tuple[Var, ...]:
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return tuple(part.reshape(shape) for part in _split(x, axis, (1,) * x.shape[axis]))


def _cut(node: Op, input: Tensor, axis: int, sizes: Shape) -> Parts:
    layout = input._layout()
    views, start = [], 0
    for n in sizes:
        views.append(layout.slice(axis, start, start + n, 1))
        start += n
    return derived_parts(node, input, views, (axis, sizes)) if sizes else ()


def unbind(input: Tensor, dim: int = 0) -> Parts:
    """All places of an axis, which goes away."""
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = wrap_dim(dim, input.ndim)
    layout = input._layout()
    count = layout.shape[axis]
    if not count:
        return ()
    if count == 1 or not input.requires_grad:
        return tuple(selected(input, axis, k) for k in range(count))
    return derived_parts(_unbind, input, [layout.select(axis, k) for k in range(count)], (axis,))


def _length(name: str, input: TensorCore, dim: int) -> tuple[int, int]:
    """The axis counted from the front, and its size."""
    if not input.ndim:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    axis = wrap_dim(dim, input.ndim)
    return axis, input.shape[axis]


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> Parts:
    """Parts of the given sizes, which add up to the axis."""
    axis, length = _length("split_with_sizes", input, dim)
    sizes = tuple(int(n) for n in split_sizes)
    if any(n < 0 for n in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
        )
    if sum(sizes) != length:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension {axis}), "
            f"but got split_sizes={list(sizes)}"
        )
    return _cut(_split_with_sizes, input, axis, sizes)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> Parts:
    """Parts of one size (the last may be smaller), or of the given sizes."""
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    axis, length = _length("split", tensor, dim)
    size = split_size_or_sections
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and length:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
        )
    if not length:
        return _cut(_split, tensor, axis, (0,))
    return _cut(
        _split, tensor, axis, tuple(min(size, length - start) for start in range(0, length, size))
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> Parts:
    """At most ``chunks`` parts of equal size; the last may be smaller."""
    axis, length = _length("chunk", input, dim)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not length:
        return _cut(_split, input, axis, (0,) * chunks)
    return split(input, -(-length // chunks), axis)


_parts_or_cuts = also_named(sections="indices_or_sections", indices="indices_or_sections")


@_parts_or_cuts
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> Parts:
    """So many parts whose sizes differ by at most one, or parts cut at the given indices."""
    axis, length = _length("tensor_split", input, dim)
    given = indices_or_sections
    if isinstance(given, TensorCore):
        given = given._array().tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        small, larger = divmod(length, given)
        cuts = [k * small + min(k, larger) for k in range(1, given)]
    else:
        cuts = [slice(0, c).indices(length)[1] for c in given]
    starts, stops = [0, *cuts], [*cuts, length]
    pairs = zip(starts, stops, strict=True)
    return tuple(sliced(input, axis, start, max(start, stop), 1) for start, stop in pairs)


def _numpy_split(name: str, input: Tensor, given: Any, least: int, axis: int) -> Parts:
    if input.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!"
        )
    if isinstance(given, int) and (given <= 0 or input.shape[axis] % given):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {axis}, but the size of the dimension {input.shape[axis]} is "
            f"not divisible by the split_size {given}!"
        )
    return tensor_split(input, given, axis)


@_parts_or_cuts
def hsplit(input: Tensor, indices_or_sections: Any) -> Parts:
    """Parts along axis 1 (0 of a 1-d tensor): so many equal ones, or cut at indices."""
    return _numpy_split("hsplit", input, indices_or_sections, 1, 0 if input.ndim == 1 else 1)


@_parts_or_cuts
def vsplit(input: Tensor, indices_or_sections: Any) -> Parts:
    """Parts along axis 0: so many equal ones, or cut at indices."""
    return _numpy_split("vsplit", input, indices_or_sections, 2, 0)


@_parts_or_cuts
def dsplit(input: Tensor, indices_or_sections: Any) -> Parts:
    """Parts along axis 2: so many equal ones, or cut at indices."""
    return _numpy_split("dsplit", input, indices_or_sections, 3, 2)


# Repeated


@op("RepeatBackward0")
def _repeat(x: Var, times: Shape) -> Var:
    """A new axis before each axis, broadcast, and both taken as one."""
    shape = (1,) * (len(times) - x.ndim) + x.shape
    paired = tuple(n for size in shape for n in (1, size))
    wide = tuple(n for k, size in zip(times, shape, strict=True) for n in (k, size))
    return (
        x.reshape(paired)
        .broadcast_to(wide)
        .reshape(tuple(k * n for k, n in zip(times, shape, strict=True)))
    )


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor so many times along each axis; further axes come first."""
    times = sizes_of(repeats)
    if len(times) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(n < 0 for n in times):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension: repeats {list(times)}"
        )
    return dispatch(_repeat, (input,), (times,))


def tile(input: Tensor, *dims: Any) -> Tensor:
    """The whole tensor so many times along each axis, counted from the last."""
    times = sizes_of(dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@op("ViewBackward0", (("CloneBackward0", (("ExpandBackward0", (("UnsqueezeBackward0", (0,)),)),)),))
def _interleave(x: Var, times: int, axis: int) -> Var:
    shape = x.shape
    wide = (*shape[: axis + 1], times, *shape[axis + 1 :])
    merged = (*shape[:axis], shape[axis] * times, *shape[axis + 1 :])
    return x.reshape((*shape[: axis + 1], 1, *shape[axis + 1 :])).broadcast_to(wide).reshape(merged)


@op("IndexSelectBackward0", (0,))
def _chosen(x: Var, index: Var, axis: int) -> Var:
    return i.index(x, index, axis=axis, signed=False)


def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each place of an axis (each element without ``dim``) several times in a row.

    Args:
        repeats: one number for all, or (N,) or (1,) integers.
    """
    x = ravel(input) if dim is None or not input.ndim else input
    axis = 0 if dim is None else wrap_dim(dim, x.ndim)
    counts = repeats._array() if isinstance(repeats, TensorCore) else np.asarray(repeats)
    if counts.size and counts.min() < 0:
        raise RuntimeError(f"repeats can not be negative, got {counts.min()}")
    if counts.ndim > 1:
        raise RuntimeError(f"repeats must be 0-dim or 1-dim tensor, got {counts.ndim} dimensions")
    if counts.ndim == 0 or counts.shape == (1,):
        return dispatch(_interleave, (x,), (int(counts.item()), axis))
    if counts.size != x.shape[axis]:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({axis}) = {x.shape[axis]}"
        )
    index = np.repeat(np.arange(x.shape[axis]), counts)
    return dispatch(_chosen, (x, from_array(index)), (axis,))


# Turned


@op("FlipBackward0")
def _flip(x: Var, axes: tuple[int, ...]) -> Var:
    return m.flip(x, axes=axes) if axes else x


@op("Rot90Backward0")
def _rot90(x: Var, k: int, a: int, b: int) -> Var:
    turned = x if k < 2 else m.flip(x, axes=(a, b))
    return m.flip(turned, axes=(b,)).swap(a, b) if k % 2 else turned


@op("RollBackward0")
def _roll(x: Var, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Var:
    shape = x.shape
    if not axes:
        x, axes = x.reshape((x.size,)), (0,)
    for shift, axis in zip(shifts, axes, strict=True):
        n = x.shape[axis]
        if n and shift % n:
            head, tail = m.split(x, axis=axis, sizes=(n - shift % n, shift % n))
            x = m.cat(tail, head, axis=axis)
    return x.reshape(shape)


def flip(input: Tensor, *axes_given: Any, dims: Any = None) -> Tensor:
    """The order along each of ``dims`` turned round; any shape in, the same out."""
    given = axes_given if dims is None else (dims,)
    axes = tuple(wrap_dim(a, input.ndim) for a in sizes_of(given))
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {list(axes)} appears multiple times in the list of dims")
    return dispatch(_flip, (input,), (axes if input.ndim else (),))


def fliplr(input: Tensor) -> Tensor:
    """(M, N, ...) with the columns turned round."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """(M, ...) with the rows turned round."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of two axes, from the first toward the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
        )
    return dispatch(_rot90, (input,), (k % 4, a, b))


def roll(input: Tensor, shifts: Dims, dims: Dims = ()) -> Tensor:
    """Moved along axes (or flat) by ``shifts``; what leaves at the end comes in at the start."""
    moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    axes = tuple(wrap_dim(d, input.ndim) for d in ((dims,) if isinstance(dims, int) else dims))
    if len(moves) != (len(axes) or 1):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(axes)}"
        )
    return dispatch(_roll, (input,), (moves, axes))


# Triangles


_tril = Op(lambda x, k: m.triangle(x, k=k, lower=True), "TrilBackward0")
_triu = Op(lambda x, k: m.triangle(x, k=k, lower=False), "TriuBackward0")


def _matrices(name: str, input: TensorCore) -> None:
    if input.ndim < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got {input.ndim}"
        )


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """(..., M, N) with zeros above a diagonal; positive ones are above the main one."""
    _matrices("tril", input)
    return dispatch(_tril, (input,), (int(diagonal),))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """(..., M, N) with zeros below a diagonal; positive ones are above the main one."""
    _matrices("triu", input)
    return dispatch(_triu, (input,), (int(diagonal),))


# Diagonals


@op("DiagEmbedBackward0")
def _diag_embed(x: Var, offset: int, a: int, b: int) -> Var:
    """The last axis spread on the diagonal of two new axes."""
    n = x.shape[-1] + abs(offset)
    square = (*x.shape[:-1], n, n)
    strides = []
    step = 1
    for size in reversed(square):
        strides.append(step)
        step *= size
    strides.reverse()
    start = x.builder.constant(offset if offset >= 0 else -offset * n, int64)
    placed: Var = m.strided_add(
        x,
        start,
        base_shape=square,
        shape=x.shape,
        strides=(*strides[:-2], strides[-2] + strides[-1]),
    )
    rest = iter(range(x.ndim - 1))
    order = tuple(
        x.ndim - 1 if k == a else x.ndim if k == b else next(rest) for k in range(x.ndim + 1)
    )
    return placed.permute(order)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """(..., N) as the diagonals of (..., N + |offset|, N + |offset|); the new axes are dim1 and dim2."""
    a, b = wrap_dim(dim1, input.ndim + 1), wrap_dim(dim2, input.ndim + 1)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return dispatch(_diag_embed, (input,), (offset, a, b))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """(N,) to the matrix with that diagonal; a matrix to a copy of its diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return diagonal_of(input, diagonal).clone()


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements on the diagonal of a matrix."""
    return diag_embed(ravel(input), offset)


# At least so many axes


def _over(tensors: tuple[Any, ...], function: Any) -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors
    found = tuple(function(x) for x in given)
    return found[0] if len(tensors) == 1 and not isinstance(tensors[0], Sequence) else found


def atleast_1d(*tensors: Any) -> Any:
    """Each with one axis at least."""
    return _over(tensors, lambda x: x if x.ndim else reshape(x, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """Each with two axes at least: (N,) becomes (1, N)."""
    return _over(
        tensors, lambda x: x if x.ndim > 1 else unsqueeze(x, 0) if x.ndim else reshape(x, (1, 1))
    )


def _three(x: Any) -> Any:
    if x.ndim > 2:
        return x
    if x.ndim == 2:
        return unsqueeze(x, -1)
    return reshape(x, (1, -1, 1))


def atleast_3d(*tensors: Any) -> Any:
    """Each with three axes at least: (N,) becomes (1, N, 1), (M, N) becomes (M, N, 1)."""
    return _over(tensors, _three)


class PartMethods(TensorCore):
    """Tensor's methods that take it apart, and that give its elements in another order."""

    unbind, chunk, split_with_sizes = unbind, chunk, split_with_sizes
    split = also_named(split_size="split_size_or_sections")(split)
    tensor_split, hsplit, vsplit, dsplit = tensor_split, hsplit, vsplit, dsplit
    repeat, tile, repeat_interleave = repeat, tile, repeat_interleave
    flip, fliplr, flipud, rot90, roll = flip, fliplr, flipud, rot90, roll
    tril, triu, diag, diag_embed, diagflat = tril, triu, diag, diag_embed, diagflat
    tril_, triu_ = inplace(tril), inplace(triu)
