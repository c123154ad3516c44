"""Primitives that fold axes away: sums, products, extremes, and their positions; running ones beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.builder import Var
from ..ir.dtype import DType, bool_, int64
from ..ir.primitive import Primitive, primitive
from .elementwise import div
from .movement import cat, flip, pad, row_major, slice_
from .samples import Sample, draw

Array = np.ndarray[Any, Any]
Axes = tuple[int, ...]


def reduced_shape(shape: Shape, axes: Axes, keepdim: bool) -> Shape:
    """``shape`` without ``axes``, or with size 1 there."""
    if keepdim:
        return tuple(1 if a in axes else n for a, n in enumerate(shape))
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def _fold(dtype: DType | None = None) -> Any:
    def infer(x: Aval, axes: Axes, keepdim: bool) -> Aval:
        return Aval(reduced_shape(x.shape, axes, keepdim), dtype or x.dtype)

    return infer


def spread(g: Var, shape: Shape, axes: Axes, keepdim: bool) -> Var:
    """A reduction's result or gradient, laid out again over the reduced ``shape``."""
    return (g if keepdim else g.reshape(reduced_shape(shape, axes, True))).broadcast_to(shape)


def _samples() -> list[Sample]:
    x = draw(3, 4, 2)
    return [
        ((x,), {"axes": (1,), "keepdim": False}),
        ((x,), {"axes": (0, 2), "keepdim": True}),
        ((x,), {"axes": (0, 1, 2), "keepdim": False}),
        ((np.asarray(2.0),), {"axes": (), "keepdim": False}),
    ]


def _with_empty() -> list[Sample]:
    return [*_samples(), ((np.zeros((0, 3)),), {"axes": (0,), "keepdim": False})]


def _summed(x: Array, axes: Axes, keepdim: Any) -> Any:
    return np.add.reduce(row_major(x), axis=axes, keepdims=keepdim, dtype=x.dtype)


sum_: Primitive = primitive(
    "sum",
    infer=_fold(),
    reference=_summed,
    grads=(lambda g, out, x, axes, keepdim: spread(g, x.shape, axes, keepdim),),
    fresh=True,
    statics=("axes", "keepdim"),
    samples=_with_empty,
)


def _prod_grad(g: Var, out: Var, x: Var, axes: Axes, keepdim: bool) -> Var:
    """The product of the others, so that one zero is no trouble: exclusive running products both ways."""
    order = tuple(a for a in range(x.ndim) if a not in axes) + axes
    back = tuple(order.index(a) for a in range(x.ndim))
    kept = tuple(x.shape[a] for a in range(x.ndim) if a not in axes)
    moved = x.permute(order)
    flat = moved.reshape((*kept, _size(x.shape, axes)))
    others = _exclusive(flat, reverse=False) * _exclusive(flat, reverse=True)
    grad = others.reshape(moved.shape).permute(back)
    return grad * spread(g, x.shape, axes, keepdim)


def _size(shape: Shape, axes: Axes) -> int:
    size = 1
    for a in axes:
        size *= shape[a]
    return size


def _exclusive(flat: Var, reverse: bool) -> Var:
    """Running products along the last axis that leave out the element itself."""
    if reverse:
        last = flat.ndim - 1
        result: Var = flip(_exclusive(flip(flat, axes=(last,)), False), axes=(last,))
        return result
    n, rank = flat.shape[-1], flat.ndim
    stops = (*flat.shape[:-1], max(n - 1, 0))
    head = slice_(flat, starts=(0,) * rank, stops=stops, steps=(1,) * rank)
    ones = flat.builder.full((*flat.shape[:-1], min(n, 1)), 1, flat.dtype)
    joined: Var = cumprod(cat(ones, head, axis=rank - 1), axis=rank - 1)
    return joined


prod: Primitive = primitive(
    "prod",
    infer=_fold(),
    reference=lambda x, axes, keepdim: np.multiply.reduce(
        row_major(x), axis=axes, keepdims=keepdim, dtype=x.dtype
    ),
    grads=(_prod_grad,),
    statics=("axes", "keepdim"),
    samples=lambda: [
        *_with_empty(),
        ((np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 2.0]]),), {"axes": (1,), "keepdim": False}),
    ],
)


def _extreme_grad(g: Var, out: Var, x: Var, axes: Axes, keepdim: bool) -> Var:
    """Shared evenly among ties, as PyTorch's full ``max()`` and ``amax`` do."""
    best = x.eq(spread(out, x.shape, axes, keepdim)) | (
        x.ne(x) & spread(out.ne(out), x.shape, axes, keepdim)
    )
    mask = best.astype(g.dtype)
    return mask * spread(div(g, mask.sum(axes, keepdim)), x.shape, axes, keepdim)


def _extreme_samples() -> list[Sample]:
    return [
        *_samples(),
        ((np.array([1.0, 3.0, 3.0, -np.inf]),), {"axes": (0,), "keepdim": False}),
        ((np.array([1.0, np.nan, 3.0]),), {"axes": (0,), "keepdim": False}),
    ]


amax: Primitive = primitive(
    "amax",
    ordered=True,
    infer=_fold(),
    reference=lambda x, axes, keepdim: np.maximum.reduce(row_major(x), axis=axes, keepdims=keepdim),
    grads=(_extreme_grad,),
    statics=("axes", "keepdim"),
    samples=_extreme_samples,
)
amin: Primitive = primitive(
    "amin",
    ordered=True,
    infer=_fold(),
    reference=lambda x, axes, keepdim: np.minimum.reduce(row_major(x), axis=axes, keepdims=keepdim),
    grads=(_extreme_grad,),
    statics=("axes", "keepdim"),
    samples=_extreme_samples,
)
any_: Primitive = primitive(
    "any",
    infer=_fold(bool_),
    reference=lambda x, axes, keepdim: np.any(row_major(x), axis=axes, keepdims=keepdim),
    grads=(None,),
    statics=("axes", "keepdim"),
    samples=_with_empty,
)
all_: Primitive = primitive(
    "all",
    infer=_fold(bool_),
    reference=lambda x, axes, keepdim: np.all(row_major(x), axis=axes, keepdims=keepdim),
    grads=(None,),
    statics=("axes", "keepdim"),
    samples=_with_empty,
)


def _position(x: Aval, axis: int, keepdim: bool) -> Aval:
    return Aval(reduced_shape(x.shape, (axis,), keepdim), int64)


def _position_samples() -> list[Sample]:
    return [
        ((draw(3, 4),), {"axis": 1, "keepdim": False}),
        ((np.array([1.0, 3.0, 3.0]),), {"axis": 0, "keepdim": True}),
        ((np.array([1.0, np.nan, 3.0, np.nan]),), {"axis": 0, "keepdim": False}),
    ]


argmax: Primitive = primitive(
    "argmax",
    ordered=True,
    infer=_position,
    reference=lambda x, axis, keepdim: np.argmax(row_major(x), axis=axis, keepdims=keepdim),
    grads=(None,),
    statics=("axis", "keepdim"),
    samples=_position_samples,
)
argmin: Primitive = primitive(
    "argmin",
    ordered=True,
    infer=_position,
    reference=lambda x, axis, keepdim: np.argmin(row_major(x), axis=axis, keepdims=keepdim),
    grads=(None,),
    statics=("axis", "keepdim"),
    samples=_position_samples,
)


def _running(x: Aval, axis: int) -> Aval:
    return Aval(x.shape, x.dtype)


def _running_samples() -> list[Sample]:
    return [
        ((draw(3, 4),), {"axis": 1}),
        ((draw(3, 4),), {"axis": 0}),
        ((np.zeros((0, 2)),), {"axis": 0}),
    ]


def _cumsum_grad(g: Var, out: Var, x: Var, axis: int) -> Var:
    result: Var = flip(cumsum(flip(g, axes=(axis,)), axis=axis), axes=(axis,))
    return result


cumsum: Primitive = primitive(
    "cumsum",
    infer=_running,
    reference=lambda x, axis: np.add.accumulate(row_major(x), axis=axis, dtype=x.dtype),
    grads=(_cumsum_grad,),
    statics=("axis",),
    samples=_running_samples,
)


def _cumprod_grad(g: Var, out: Var, x: Var, axis: int) -> Var:
    """With E the running product before an element: E s, where s[k] = g[k] + x[k + 1] s[k + 1] from the end on.

    Nothing is divided, so that zeros are no trouble, in later derivatives neither. The recurrence is
    unrolled by doubling: after each round s counts twice as many terms, and f is the product between.
    """
    before = _moved(out, axis, -1, 1)
    s, f = g, _moved(x, axis, 1, 0)
    step = 1
    while step < x.shape[axis]:
        s = s + f * _moved(s, axis, step, 0)
        f = f * _moved(f, axis, step, 0)
        step *= 2
    return before * s


def _moved(x: Var, axis: int, by: int, fill: int) -> Var:
    """``x[k + by]`` at each place k of an axis, ``fill`` where there is none."""
    n, rank = x.shape[axis], x.ndim
    ahead, behind = min(max(by, 0), n), min(max(-by, 0), n)
    starts = tuple(ahead if a == axis else 0 for a in range(rank))
    stops = tuple(m - behind if a == axis else m for a, m in enumerate(x.shape))
    part = slice_(x, starts=starts, stops=stops, steps=(1,) * rank)
    low = tuple(behind if a == axis else 0 for a in range(rank))
    result: Var = pad(part, x.builder.constant(fill, x.dtype), low=low, high=starts)
    return result


cumprod: Primitive = primitive(
    "cumprod",
    infer=_running,
    reference=lambda x, axis: np.multiply.accumulate(row_major(x), axis=axis, dtype=x.dtype),
    grads=(_cumprod_grad,),
    statics=("axis",),
    samples=_running_samples,
)
