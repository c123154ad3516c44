"""Primitives of order: they give positions; the values are gathered there, so gradients need no rule of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.dtype import int64
from ..ir.primitive import primitive
from .elementwise import exp, log, where
from .movement import flip, row_major
from .samples import Sample, draw

Array = np.ndarray[Any, Any]
_FEW = 64


def _order(x: Array, axis: int, descending: bool) -> Array:
    """Stable both ways; NaN counts as the largest."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    turned = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.ascontiguousarray(np.flip(x.shape[axis] - 1 - turned, axis))


def _kinds() -> list[Array]:
    """Arrays with ties, NaN, infinities, and nothing."""
    return [
        draw(3, 4),
        np.array([[2.0, 1.0, 2.0, 1.0], [np.nan, -np.inf, np.inf, np.nan]]),
        np.array([[True, False], [False, False]]),
        np.array([[3, 1, 3, 2]], np.int8),
    ]


def _along(**statics: Any) -> Any:
    def samples() -> list[Sample]:
        return [((x,), {"axis": axis, **statics}) for x in _kinds() for axis in (0, 1)]

    return samples


argsort = primitive(
    "argsort",
    infer=lambda x, axis, descending: Aval(x.shape, int64),
    reference=_order,
    grads=(None,),
    statics=("axis", "descending"),
    samples=lambda: [*_along(descending=False)(), *_along(descending=True)()],
)


def _top(x: Array, axis: int, k: int, largest: bool) -> Array:
    n = x.shape[axis]
    head = (slice(None),) * axis
    if n <= _FEW or k * 2 > n or not k:
        return np.ascontiguousarray(_order(x, axis, largest)[(*head, slice(0, k))])
    if largest:
        chosen = np.argpartition(x, n - k, axis)[(*head, slice(n - k, n))]
    else:
        chosen = np.argpartition(x, k - 1, axis)[(*head, slice(0, k))]
    chosen = np.sort(chosen, axis)
    order = _order(np.take_along_axis(x, chosen, axis), axis, largest)
    return np.take_along_axis(chosen, order, axis)


argtop = primitive(
    "argtop",
    ordered=True,
    infer=lambda x, axis, k, largest: Aval((*x.shape[:axis], k, *x.shape[axis + 1 :]), int64),
    reference=_top,
    grads=(None,),
    statics=("axis", "k", "largest"),
    samples=lambda: [
        *_along(k=1, largest=True)(),
        ((draw(2, 200),), {"axis": 1, "k": 3, "largest": True}),
        ((draw(2, 200),), {"axis": 1, "k": 3, "largest": False}),
    ],
)


def _middle(x: Array, axis: int, skip_nan: bool) -> Array:
    """Where the lower median is along an axis, which stays with size 1; a NaN, unless skipped, is the median."""
    order = np.argsort(x, axis, kind="stable")
    missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, np.bool_)
    count = np.asarray(x.shape[axis] - missing.sum(axis, keepdims=True))
    place = np.maximum(count - 1, 0) // 2
    if not skip_nan:
        place = np.where(count < x.shape[axis], count, place)
    return np.take_along_axis(order, place, axis)


argmedian = primitive(
    "argmedian",
    ordered=True,
    infer=lambda x, axis, skip_nan: Aval((*x.shape[:axis], 1, *x.shape[axis + 1 :]), int64),
    reference=_middle,
    grads=(None,),
    statics=("axis", "skip_nan"),
    samples=lambda: [*_along(skip_nan=False)(), *_along(skip_nan=True)()],
)


def _median(x: Array, skip_nan: bool) -> Array:
    return np.asarray(x[_middle(x, 0, skip_nan)[0]] if x.size else np.nan, x.dtype)


def _median_grad(g: Var, out: Var, x: Var, skip_nan: bool) -> Var:
    """Shared evenly among the elements that equal the median."""
    chosen = x.eq(out) | (x.ne(x) & out.ne(out))
    mask = chosen.astype(g.dtype)
    return mask * (g / mask.sum())


median = primitive(
    "median",
    ordered=True,
    infer=lambda x, skip_nan: Aval((), x.dtype),
    reference=_median,
    grads=(_median_grad,),
    statics=("skip_nan",),
    samples=lambda: [
        ((x.reshape(-1),), {"skip_nan": skip}) for x in _kinds() for skip in (False, True)
    ],
)


def _most_frequent(x: Array, axis: int) -> Array:
    """Where the smallest of the most frequent elements is last along an axis, which stays with size 1."""
    lanes = np.moveaxis(x, axis, -1)
    found = np.zeros(lanes.shape[:-1], np.int64)
    for place in np.ndindex(found.shape):
        lane = lanes[place]
        values, counts = np.unique(lane, return_counts=True)
        best = values[np.argmax(counts)]
        found[place] = np.flatnonzero((lane == best) | ((best != best) & (lane != lane)))[-1]
    return np.ascontiguousarray(np.expand_dims(found, axis))


argmode = primitive(
    "argmode",
    ordered=True,
    infer=lambda x, axis: Aval((*x.shape[:axis], 1, *x.shape[axis + 1 :]), int64),
    reference=_most_frequent,
    grads=(None,),
    statics=("axis",),
    samples=_along(),
)


def _running_position(x: Array, axis: int, largest: bool) -> Array:
    """Where the running extreme was last met; once a NaN is met, it is the extreme."""
    if not x.size:
        return np.zeros(x.shape, np.int64)
    x = row_major(x)
    best = (np.maximum if largest else np.minimum).accumulate(x, axis)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    steps = np.arange(x.shape[axis]).reshape(shape)
    return np.maximum.accumulate(np.where((x == best) | (x != x), steps, 0), axis)


running_position = primitive(
    "running_position",
    ordered=True,
    infer=lambda x, axis, largest: Aval(x.shape, int64),
    reference=_running_position,
    grads=(None,),
    statics=("axis", "largest"),
    samples=lambda: [*_along(largest=True)(), *_along(largest=False)()],
)


def _logcumsumexp(x: Array, axis: int) -> Array:
    return np.logaddexp.accumulate(row_major(x), axis)


def _logcumsumexp_grad(g: Var, out: Var, x: Var, axis: int) -> Var:
    """exp(x) times the reverse running sums of g * exp(-out), positive and negative g apart, in logarithms."""
    nothing = g.builder.full(g.shape, -np.inf, g.dtype)
    parts = []
    for side in (g, -g):
        counts = (side > 0) & (out > -np.inf)
        exponent = log(where(counts, side, side.ones_like())) - where(counts, out, out.zeros_like())
        exponent = where(counts, exponent, nothing)
        summed = flip(logcumsumexp(flip(exponent, axes=(axis,)), axis=axis), axes=(axis,))
        parts.append(exp(summed + x))
    return parts[0] - parts[1]


logcumsumexp = primitive(
    "logcumsumexp",
    ordered=True,
    infer=lambda x, axis: Aval(x.shape, x.dtype),
    reference=_logcumsumexp,
    grads=(_logcumsumexp_grad,),
    statics=("axis",),
    samples=lambda: [
        ((draw(3, 4),), {"axis": 1}),
        ((np.array([1000.0, -np.inf, 1001.0]),), {"axis": 0}),
        ((np.zeros((0, 3)),), {"axis": 0}),
    ],
)
