"""Primitives that look rows and classes up by number, and put gradients back there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.primitive import Primitive, primitive
from .samples import draw

Array = np.ndarray[Any, Any]


def _check_classes(target: Array, classes: int) -> None:
    if target.size and (target.min() < 0 or target.max() >= classes):
        bad = target[(target < 0) | (target >= classes)].reshape(-1)[0]
        raise IndexError(
            f"Target {bad} is out of bounds: there are {classes} classes, 0 to {classes - 1}"
        )


def _take_class(x: Array, target: Array) -> Array:
    _check_classes(target, x.shape[1])
    return x[np.arange(x.shape[0]), target]


def _put_class(g: Array, target: Array, classes: int) -> Array:
    _check_classes(target, classes)
    result = np.zeros((g.shape[0], classes), g.dtype)
    result[np.arange(g.shape[0]), target] = g
    return result


take_class: Primitive = primitive(
    "take_class",
    infer=lambda x, target: Aval(target.shape, x.dtype),
    reference=_take_class,
    grads=(lambda g, out, x, t: put_class(g, t, classes=x.shape[1]), None),
    samples=lambda: [
        ((draw(3, 4), np.array([0, 3, 3])), {}),
        ((draw(0, 4), np.zeros(0, np.int64)), {}),
    ],
    errors=lambda: [
        ((draw(3, 4), np.array([0, 4, 3])), {}, IndexError, "Target 4 is out of bounds")
    ],
)
put_class: Primitive = primitive(
    "put_class",
    moves=True,
    infer=lambda g, target, classes: Aval((g.shape[0], classes), g.dtype),
    reference=_put_class,
    grads=(lambda h, out, g, t, classes: take_class(h, t), None),
    statics=("classes",),
    samples=lambda: [((draw(3), np.array([0, 3, 3])), {"classes": 4})],
    errors=lambda: [
        ((draw(3), np.array([0, -1, 3])), {"classes": 4}, IndexError, "Target -1 is out of bounds")
    ],
)


def _take_rows(table: Array, index: Array) -> Array:
    if index.size and (index.min() < 0 or index.max() >= table.shape[0]):
        bad = index[(index < 0) | (index >= table.shape[0])].reshape(-1)[0]
        raise IndexError(
            f"index out of range in self: {bad} among {table.shape[0]} rows, 0 to {table.shape[0] - 1}"
        )
    return table[index]


def _add_rows(g: Array, index: Array, rows: int, skip: int | None) -> Array:
    flat, values = index.reshape(-1), g.reshape(-1, g.shape[-1])
    if skip is not None:
        keep = flat != skip
        flat, values = flat[keep], values[keep]
    result = np.zeros((rows, g.shape[-1]), g.dtype)
    if flat.size:
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        result[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
    return result


take_rows: Primitive = primitive(
    "take_rows",
    moves=True,
    infer=lambda table, index, skip: Aval((*index.shape, table.shape[1]), table.dtype),
    reference=lambda table, index, skip: _take_rows(table, index),
    grads=(
        lambda g, out, table, index, skip: add_rows(g, index, rows=table.shape[0], skip=skip),
        None,
    ),
    statics=("skip",),
    samples=lambda: [
        ((draw(5, 3), np.array([[0, 4], [4, 1]])), {"skip": None}),
        ((draw(5, 3), np.array([0, 4, 1])), {"skip": None}),
    ],
    errors=lambda: [
        ((draw(5, 3), np.array([0, 5])), {"skip": None}, IndexError, "index out of range")
    ],
)
add_rows: Primitive = primitive(
    "add_rows",
    infer=lambda g, index, rows, skip: Aval((rows, g.shape[-1]), g.dtype),
    reference=_add_rows,
    grads=(lambda h, out, g, index, rows, skip: take_rows(h, index, skip=skip), None),
    statics=("rows", "skip"),
    samples=lambda: [((draw(3, 2), np.array([0, 4, 4])), {"rows": 5, "skip": None})],
)
