"""Primitives that read and write elements at places given by integer arrays.

Note: indices. An index primitive takes k integer arrays that are broadcast against each other; they
stand for the k axes from ``axis`` on, which their common shape replaces in the result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape, broadcast_shapes
from ..ir.builder import Var
from ..ir.primitive import primitive
from ..ir.vjp import sum_to
from .elementwise import eq, where
from .movement import row_major, slice_
from .samples import draw

Array = np.ndarray[Any, Any]


def indexed_shape(shape: Shape, indices: Sequence[Aval | Var | Array], axis: int) -> Shape:
    """The shape of ``x[..., indices, ...]`` for an x of ``shape``."""
    return (
        *shape[:axis],
        *broadcast_shapes(*(i.shape for i in indices)),
        *shape[axis + len(indices) :],
    )


def _key(indices: tuple[Array, ...], axis: int) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, *indices)


def _out_of_bounds(error: IndexError) -> IndexError:
    """The same in PyTorch's words."""
    return IndexError(re.sub(r"\baxis\b", "dimension", str(error)))


def _nonnegative(indices: tuple[Array, ...], signed: bool) -> None:
    for i in indices:
        if not signed and i.size and i.min() < 0:
            raise IndexError(
                f"index out of range in self: index {i.min()} is negative: count from 0"
            )


def _index(x: Array, *indices: Array, axis: int, signed: bool) -> Array:
    _nonnegative(indices, signed)
    try:
        found: Array = x[_key(indices, axis)]
    except IndexError as error:
        if not signed:
            raise IndexError(f"index out of range in self: {_out_of_bounds(error)}") from None
        raise _out_of_bounds(error) from None
    return np.asarray(found, order="C")


def _index_grad(
    k: int, g: Var, out: Var, x: Var, *indices: Var, axis: int, signed: bool
) -> Var | None:
    if k:
        return None
    zeros = g.builder.full(x.shape, 0, g.dtype)
    result: Var = index_put(zeros, g, *indices, axis=axis, accumulate=True)
    return result


index = primitive(
    "index",
    moves=True,
    infer=lambda x, *indices, axis, signed: Aval(indexed_shape(x.shape, indices, axis), x.dtype),
    reference=_index,
    grads=_index_grad,
    statics=("axis", "signed"),
    samples=lambda: [
        ((draw(5, 3), np.array([0, 4, 4, -1])), {"axis": 0, "signed": True}),
        ((draw(5, 3), np.array([[0, 2], [1, 1]])), {"axis": 1, "signed": False}),
        ((draw(2, 3, 4), np.array([[0], [2]]), np.array([3, 0, 1])), {"axis": 1, "signed": True}),
        ((draw(5, 3), np.zeros(0, np.int64)), {"axis": 0, "signed": True}),
        ((draw(5), np.asarray(2)), {"axis": 0, "signed": True}),
    ],
    errors=lambda: [
        (
            (draw(3), np.array([3])),
            {"axis": 0, "signed": True},
            IndexError,
            "index 3 is out of bounds for dimension 0",
        ),
        (
            (draw(3), np.array([3])),
            {"axis": 0, "signed": False},
            IndexError,
            "index out of range in self",
        ),
        (
            (draw(3), np.array([-1])),
            {"axis": 0, "signed": False},
            IndexError,
            "index out of range in self",
        ),
    ],
)


def _index_put(base: Array, value: Array, *indices: Array, axis: int, accumulate: bool) -> Array:
    return _index_put_donated(
        np.array(base, order="C"), value, *indices, axis=axis, accumulate=accumulate
    )


def _index_put_donated(
    base: Array, value: Array, *indices: Array, axis: int, accumulate: bool
) -> Array:
    result = np.asarray(base, order="C")
    try:
        if accumulate:
            _add_at(result, value, indices, axis)
        else:
            result[_key(indices, axis)] = value
    except IndexError as error:
        raise _out_of_bounds(error) from None
    return result


_index_put.donating = _index_put_donated  # type: ignore[attr-defined]  # read by the interpreter


def _add_at(result: Array, value: Array, indices: tuple[Array, ...], axis: int) -> None:
    """Add ``value`` into ``result``; elements meant for one place are summed first, in their order."""
    last = axis + len(indices)
    sizes = result.shape[axis:last]
    chosen = np.broadcast_arrays(*indices)
    place = np.zeros(chosen[0].shape, np.int64)
    for a, (i, n) in enumerate(zip(chosen, sizes, strict=True), axis):
        if i.size and not (-n <= i.min() and i.max() < n):
            bad = i[(i < -n) | (i >= n)].reshape(-1)[0]
            raise IndexError(f"index {bad} is out of bounds for dimension {a} with size {n}")
        place = place * n + np.where(i < 0, i + n, i)
    outer, inner = math.prod(result.shape[:axis]), math.prod(result.shape[last:])
    flat = place.reshape(-1)
    if not flat.size or not result.size:
        return
    table = result.reshape(outer, math.prod(sizes), inner)
    rows = np.broadcast_to(value, indexed_shape(result.shape, chosen, axis)).reshape(
        outer, flat.size, inner
    )
    if result.dtype == np.bool_:
        np.logical_or.at(table.swapaxes(0, 1), flat, rows.swapaxes(0, 1))
    elif outer == inner == 1:
        np.add.at(table.reshape(-1), flat, rows.reshape(-1))
    else:
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        table[:, ordered[starts]] += np.add.reduceat(rows[:, order], starts, axis=1)


def _index_put_grad(
    k: int, g: Var, out: Var, base: Var, value: Var, *indices: Var, axis: int, accumulate: bool
) -> Var | None:
    if k == 0:
        if accumulate:
            return g
        zero = g.builder.full(value.shape, 0, g.dtype)
        result: Var = index_put(g, zero, *indices, axis=axis, accumulate=False)
        return result
    return sum_to(index(g, *indices, axis=axis, signed=True), value.shape) if k == 1 else None


index_put = primitive(
    "index_put",
    infer=lambda base, value, *indices, axis, accumulate: Aval(base.shape, base.dtype),
    reference=_index_put,
    grads=_index_put_grad,
    statics=("axis", "accumulate"),
    samples=lambda: [
        ((draw(5, 3), draw(3, 3, seed=1), np.array([0, 4, 1])), {"axis": 0, "accumulate": False}),
        (
            (draw(5, 3), draw(4, 3, seed=1), np.array([0, 4, 4, -1])),
            {"axis": 0, "accumulate": True},
        ),
        ((draw(2, 3, 4), draw(2, 2, 4, seed=1), np.array([2, 2])), {"axis": 1, "accumulate": True}),
        ((draw(6), draw(4, seed=1), np.array([2, 2, 0, 5])), {"axis": 0, "accumulate": True}),
        (
            (draw(3, 4), np.asarray(9.0), np.array([0, 2]), np.array([1, 3])),
            {"axis": 0, "accumulate": False},
        ),
        ((draw(5, 3), draw(0, 3), np.zeros(0, np.int64)), {"axis": 0, "accumulate": True}),
    ],
    errors=lambda: [
        (
            (draw(3), draw(1), np.array([3])),
            {"axis": 0, "accumulate": False},
            IndexError,
            "index 3 is out of bounds for dimension 0",
        ),
        (
            (draw(3), draw(1), np.array([-4])),
            {"axis": 0, "accumulate": True},
            IndexError,
            "index -4 is out of bounds for dimension 0",
        ),
    ],
)


def _within(index: Array, size: int, axis: int) -> None:
    """RuntimeError where an index is outside [0, size)."""
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")


def _gather(x: Array, index: Array, axis: int) -> Array:
    _within(index, x.shape[axis], axis)
    return np.take_along_axis(x, row_major(index), axis)


def _gather_grad(g: Var, out: Var, x: Var, index: Var, axis: int) -> Var:
    result: Var = scatter(g.builder.full(x.shape, 0, g.dtype), g, index, axis=axis, mode="add")
    return result


gather = primitive(
    "gather",
    moves=True,
    infer=lambda x, index, axis: Aval(index.shape, x.dtype),
    reference=_gather,
    grads=(_gather_grad, None),
    statics=("axis",),
    samples=lambda: [
        ((draw(3, 4), np.array([[0, 3], [2, 2], [1, 0]])), {"axis": 1}),
        ((draw(3, 4), np.array([[0, 2, 1, 1]])), {"axis": 0}),
        ((draw(3, 4), np.zeros((3, 0), np.int64)), {"axis": 1}),
    ],
    errors=lambda: [
        ((draw(3), np.array([3])), {"axis": 0}, RuntimeError, "index 3 is out of bounds")
    ],
)


def _scatter(base: Array, src: Array, index: Array, axis: int, mode: str) -> Array:
    return _scatter_donated(np.array(base, order="C"), src, index, axis, mode)


def _scatter_donated(base: Array, src: Array, index: Array, axis: int, mode: str) -> Array:
    _within(index, base.shape[axis], axis)
    result = np.asarray(base, order="C")
    place = np.zeros(index.shape, np.int64)
    stride = 1
    for a in reversed(range(base.ndim)):
        steps = np.arange(index.shape[a]).reshape([-1 if k == a else 1 for k in range(base.ndim)])
        place += (index if a == axis else steps) * stride
        stride *= base.shape[a]
    flat, places, values = result.reshape(-1), place.reshape(-1), np.asarray(src).reshape(-1)
    if mode == "set":
        flat[places] = values
    elif places.size:
        _AT[mode](flat, places, values)
    return result


_scatter.donating = _scatter_donated  # type: ignore[attr-defined]  # read by the interpreter
_AT: dict[str, Any] = {
    "add": np.add.at,
    "prod": np.multiply.at,
    "amax": np.maximum.at,
    "amin": np.minimum.at,
}


def _scatter_grad(
    k: int, g: Var, out: Var, base: Var, src: Var, index: Var, axis: int, mode: str
) -> Var | None:
    if k == 2:
        return None
    if mode in ("set", "add"):
        if k == 1:
            return gather(_within_index(g, index, axis), index, axis=axis)
        if mode == "add":
            return g
        zeros = g.builder.full(index.shape, 0, g.dtype)
        return scatter(g, zeros, index, axis=axis, mode="set")
    spread_out = gather(_within_index(out, index, axis), index, axis=axis)
    if mode == "prod":
        if k == 0:
            ones = base.ones_like()
            return g * scatter(ones, src, index, axis=axis, mode="prod")
        return _factor_grad(g, out, base, src, index, axis)
    hits, own = eq(src, spread_out).astype(g.dtype), eq(base, out).astype(g.dtype)
    count = scatter(own, hits, index, axis=axis, mode="add")
    share = where(count.eq(0), count.zeros_like(), g / count)
    if k == 0:
        return own * share
    return hits * gather(_within_index(share, index, axis), index, axis=axis)


def _factor_grad(g: Var, out: Var, base: Var, src: Var, index: Var, axis: int) -> Var:
    """Of a product's factors: the product over the factor; of the only factor of zero the product of the others."""
    zero = eq(src, src.zeros_like())
    filled = where(zero, src.ones_like(), src)
    zeros = scatter(base.zeros_like(), zero.astype(base.dtype), index, axis=axis, mode="add")
    others = scatter(base, filled, index, axis=axis, mode="prod")
    g, out, zeros, others = (
        gather(_within_index(v, index, axis), index, axis=axis) for v in (g, out, zeros, others)
    )
    single = zero & eq(zeros, zeros.ones_like())
    return g * where(single, others, out / filled)


def _within_index(x: Var, index: Var, axis: int) -> Var:
    """The part of ``x`` that ``index`` covers on the other axes."""
    stops = tuple(n if a == axis else index.shape[a] for a, n in enumerate(x.shape))
    if stops == x.shape:
        return x
    result: Var = slice_(x, starts=(0,) * x.ndim, stops=stops, steps=(1,) * x.ndim)
    return result


scatter = primitive(
    "scatter",
    infer=lambda base, src, index, axis, mode: Aval(base.shape, base.dtype),
    reference=_scatter,
    grads=_scatter_grad,
    statics=("axis", "mode"),
    samples=lambda: [
        (
            (draw(3, 4), draw(3, 2, seed=1), np.array([[0, 3], [2, 1], [1, 0]])),
            {"axis": 1, "mode": "set"},
        ),
        ((draw(3, 4), draw(2, 2, seed=1), np.array([[0, 2], [0, 1]])), {"axis": 0, "mode": "add"}),
        ((draw(4), draw(3, seed=1), np.array([0, 0, 2])), {"axis": 0, "mode": "prod"}),
        ((draw(4), draw(3, seed=1), np.array([0, 0, 2])), {"axis": 0, "mode": "amax"}),
        ((draw(4), draw(3, seed=1), np.array([0, 0, 2])), {"axis": 0, "mode": "amin"}),
    ],
    errors=lambda: [
        (
            (draw(3), draw(1), np.array([3])),
            {"axis": 0, "mode": "add"},
            RuntimeError,
            "index 3 is out of bounds",
        ),
    ],
)


def taken(x: Array, chosen: Array) -> Array:
    """``x[chosen]`` along the first axis, at once."""
    return _index(x, chosen, axis=0, signed=True)
