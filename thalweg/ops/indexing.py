"""Primitives that read and write elements by integer index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape, broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import int64
from ..ir.primitive import primitive
from .samples import draw

Array = np.ndarray[Any, Any]
Pattern = tuple[bool, ...]


def _key(pattern: Pattern, indices: tuple[Array, ...], shape: Shape) -> tuple[Any, ...]:
    """What to index an array with: an index array where ``pattern`` is True, everything elsewhere."""
    given = iter(indices)
    key: list[Any] = []
    for axis, indexed in enumerate(pattern):
        if not indexed:
            key.append(slice(None))
            continue
        index = np.asarray(next(given))
        size = shape[axis]
        if index.size and (index.min() < -size or index.max() >= size):
            bad = index[(index < -size) | (index >= size)].reshape(-1)[0]
            raise IndexError(f"index {bad} is out of bounds for dimension {axis} with size {size}")
        key.append(index)
    return tuple(key)


def indexed_shape(shape: Shape, pattern: Pattern, indices: tuple[Shape, ...]) -> Shape:
    """The result's shape: indexed axes give way to the indices' common shape, in place if they are
    neighbors, in front otherwise."""
    common = broadcast_shapes(*indices)
    axes = [a for a, used in enumerate(pattern) if used]
    rest = [n for a, n in enumerate(shape) if a not in axes]
    front = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    return (*rest[:front], *common, *rest[front:])


def _index_infer(x: Aval, *indices: Aval, pattern: Pattern) -> Aval:
    return Aval(indexed_shape(x.shape, pattern, tuple(i.shape for i in indices)), x.dtype)


def _index_grad(which: int, g: Var, out: Var, x: Var, *indices: Var, pattern: Pattern) -> Var | None:
    if which:
        return None
    return index_add(x.zeros_like(), g, *indices, pattern=pattern)  # type: ignore[no-any-return]


_SAMPLE = (np.array([0, 2, -1]),)


def _index_samples() -> list[Any]:
    return [
        ((draw(3, 4), *_SAMPLE), {"pattern": (True, False)}),
        ((draw(3, 4), np.array([[0], [2]]), np.array([1, 1, 3])), {"pattern": (True, True)}),
        ((draw(3, 4, 3), np.array([0, 2]), np.array([1, 0])), {"pattern": (True, False, True)}),
    ]


index = primitive(
    "index",
    infer=_index_infer,
    reference=lambda x, *i, pattern: np.asarray(x[_key(pattern, i, x.shape)], order="C"),
    grads=_index_grad,
    statics=("pattern",),
    samples=_index_samples,
    errors=lambda: [((draw(3, 4), np.array([3])), {"pattern": (True, False)}, IndexError, "out of bounds")],
)


def _index_put(x: Array, value: Array, *indices: Array, pattern: Pattern) -> Array:
    return _index_put_donated(np.array(x, order="C"), value, *indices, pattern=pattern)


def _index_put_donated(x: Array, value: Array, *indices: Array, pattern: Pattern) -> Array:
    x[_key(pattern, indices, x.shape)] = value
    return x


_index_put.donating = _index_put_donated  # type: ignore[attr-defined]  # read by the interpreter


def _index_put_grad(which: int, g: Var, out: Var, x: Var, v: Var, *indices: Var, pattern: Pattern) -> Var | None:
    if which == 0:
        zero = g.builder.full(v.shape, 0, g.dtype)
        return index_put(g, zero, *indices, pattern=pattern)  # type: ignore[no-any-return]
    return index(g, *indices, pattern=pattern) if which == 1 else None


index_put = primitive(
    "index_put",
    infer=lambda x, value, *indices, pattern: Aval(x.shape, x.dtype),
    reference=_index_put,
    grads=_index_put_grad,
    statics=("pattern",),
    samples=lambda: [((draw(4, 3), draw(2, 3, seed=1), np.array([0, 2])), {"pattern": (True, False)})],
)


def _index_add(x: Array, value: Array, *indices: Array, pattern: Pattern) -> Array:
    result = np.array(x, order="C")
    np.add.at(result, _key(pattern, indices, x.shape), value)
    return result


def _index_add_grad(which: int, g: Var, out: Var, x: Var, v: Var, *indices: Var, pattern: Pattern) -> Var | None:
    if which == 0:
        return g
    return index(g, *indices, pattern=pattern) if which == 1 else None


index_add = primitive(
    "index_add",
    infer=lambda x, value, *indices, pattern: Aval(x.shape, x.dtype),
    reference=_index_add,
    grads=_index_add_grad,
    statics=("pattern",),
    samples=lambda: [((draw(4, 3), draw(3, 3, seed=1), np.array([0, 2, 2])), {"pattern": (True, False)})],
)


# Along one axis


def _along(places: Array, axis: int, shape: Shape) -> tuple[Array, ...]:
    """The index arrays that pair each element of ``places`` with its own position on the other axes."""
    size = shape[axis]
    if places.size and (places.min() < 0 or places.max() >= size):
        bad = places[(places < 0) | (places >= size)].reshape(-1)[0]
        raise IndexError(f"index {bad} is out of bounds for dimension {axis} with size {size}")
    grid = list(np.ogrid[tuple(slice(n) for n in places.shape)])
    grid[axis] = places
    return tuple(grid)


_PLACES = np.array([[0, 2], [1, 1]])

gather = primitive(
    "gather",
    infer=lambda x, places, axis: Aval(places.shape, x.dtype),
    reference=lambda x, places, axis: x[_along(places, axis, x.shape)],
    grads=(lambda g, out, x, p, axis: scatter_add(x.zeros_like(), p, g, axis=axis), None),
    statics=("axis",),
    samples=lambda: [((draw(3, 2), _PLACES), {"axis": 0}), ((draw(2, 3), _PLACES), {"axis": 1})],
    errors=lambda: [((draw(2, 2), _PLACES), {"axis": 1}, IndexError, "out of bounds")],
)


def _scatter(x: Array, places: Array, src: Array, axis: int) -> Array:
    result = np.array(x, order="C")
    result[_along(places, axis, x.shape)] = src
    return result


def _scatter_add(x: Array, places: Array, src: Array, axis: int) -> Array:
    result = np.array(x, order="C")
    np.add.at(result, _along(places, axis, x.shape), src)
    return result


scatter = primitive(
    "scatter",
    infer=lambda x, places, src, axis: Aval(x.shape, x.dtype),
    reference=_scatter,
    grads=(
        lambda g, out, x, p, s, axis: scatter(g, p, s.zeros_like(), axis=axis),
        None,
        lambda g, out, x, p, s, axis: gather(g, p, axis=axis),
    ),
    statics=("axis",),
    samples=lambda: [((draw(3, 2), np.array([[0, 2], [1, 1]]), draw(2, 2, seed=1)), {"axis": 0})],
)
scatter_add = primitive(
    "scatter_add",
    infer=lambda x, places, src, axis: Aval(x.shape, x.dtype),
    reference=_scatter_add,
    grads=(lambda g, out, x, p, s, axis: g, None, lambda g, out, x, p, s, axis: gather(g, p, axis=axis)),
    statics=("axis",),
    samples=lambda: [((draw(3, 2), _PLACES, draw(2, 2, seed=1)), {"axis": 0})],
)


# Order


def _sort(x: Array, axis: int, descending: bool) -> tuple[Array, Array]:
    """Stable in both directions; NaN counts as the largest."""
    if descending:
        order = np.flip(x.shape[axis] - 1 - np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(x, order, axis)), np.ascontiguousarray(order)


def _sort_infer(x: Aval, axis: int, descending: bool) -> tuple[Aval, Aval]:
    return Aval(x.shape, x.dtype), Aval(x.shape, int64)


def _sort_grad(g: Any, out: Any, x: Var, axis: int, descending: bool) -> Var | None:
    return None if g[0] is None else scatter(x.zeros_like(), out[1], g[0], axis=axis)  # type: ignore[no-any-return]


sort = primitive(
    "sort",
    infer=_sort_infer,
    reference=_sort,
    grads=(_sort_grad,),
    statics=("axis", "descending"),
    samples=lambda: [
        ((draw(3, 4),), {"axis": 1, "descending": False}),
        ((np.array([2.0, np.nan, 1.0, 2.0]),), {"axis": 0, "descending": True}),
    ],
)
