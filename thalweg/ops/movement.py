"""Primitives that move elements and compute nothing."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.builder import Var
from ..ir.dtype import DType, float64, int64, uint8
from ..ir.primitive import Primitive, primitive
from ..ir.vjp import sum_to
from .samples import draw

Array = np.ndarray[Any, Any]


def _permuted(x: Aval, axes: tuple[int, ...]) -> Aval:
    return Aval(tuple(x.shape[a] for a in axes), x.dtype)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


permute: Primitive = primitive(
    "permute",
    moves=True,
    infer=_permuted,
    reference=lambda x, axes: x.transpose(axes),
    grads=(lambda g, out, x, axes: g.permute(_inverse(axes)),),
    statics=("axes",),
    dense=False,
    samples=lambda: [((draw(2, 3, 4),), {"axes": (2, 0, 1)}), ((draw(0, 3),), {"axes": (1, 0)})],
)


def _reshaped(x: Aval, shape: Shape) -> Aval:
    result = Aval(shape, x.dtype)
    assert result.size == x.size, f"reshape {x.shape} to {shape}"
    return result


def _reshape_reference(x: Array, shape: Shape) -> Array:
    """NumPy lays out the copy of a broadcast array as the array's strides suggest: here it is row-major."""
    result = x.reshape(shape)
    if result.flags.c_contiguous or np.may_share_memory(result, x):
        return result
    return np.ascontiguousarray(result)


reshape: Primitive = primitive(
    "reshape",
    moves=True,
    infer=_reshaped,
    reference=_reshape_reference,
    grads=(lambda g, out, x, shape: g.reshape(x.shape),),
    statics=("shape",),
    dense=False,
    samples=lambda: [((draw(2, 6),), {"shape": (3, 4)}), ((np.asarray(1.0),), {"shape": (1, 1)})],
)

broadcast_to: Primitive = primitive(
    "broadcast_to",
    moves=True,
    infer=lambda x, shape: Aval(shape, x.dtype),
    reference=lambda x, shape: np.broadcast_to(x, shape),
    grads=(lambda g, out, x, shape: sum_to(g, x.shape),),
    statics=("shape",),
    dense=False,
    samples=lambda: [((draw(3, 1),), {"shape": (2, 3, 4)}), ((np.asarray(1.0),), {"shape": (2,)})],
)


def row_major(x: Any) -> Array:
    """``x`` as row-major memory: what NumPy computes from it lies so too, and its bits don't depend on strides."""
    return np.asarray(x, order="C")


dense: Primitive = primitive(
    "dense",
    moves=True,
    infer=lambda x: Aval(x.shape, x.dtype),
    reference=row_major,
    grads=(lambda g, out, x: g,),
    samples=lambda: [((draw(3, 4).T,), {})],
)
detached: Primitive = primitive(
    "detached",
    moves=True,
    infer=lambda x: Aval(x.shape, x.dtype),
    reference=lambda x: x,
    grads=(None,),
    dense=False,
    samples=lambda: [((draw(3, 4),), {}), ((np.asarray(np.nan),), {})],
    source="A mark for composites: x itself, through which no gradient flows. Where gradients by way of x cancel.",
)


def _strided_view(base: Array, offset: Any, shape: Shape, strides: Shape) -> Array:
    base = np.asarray(base, order="C")
    if 0 in shape:
        return np.empty(shape, base.dtype)
    size = base.itemsize
    return np.ndarray(shape, base.dtype, base, int(offset) * size, tuple(s * size for s in strides))


def _strided_write(base: Array, value: Array, offset: Any, shape: Shape, strides: Shape) -> Array:
    return _strided_write_donated(np.array(base, order="C"), value, offset, shape, strides)


def _strided_write_donated(
    base: Array, value: Array, offset: Any, shape: Shape, strides: Shape
) -> Array:
    base = np.asarray(base, order="C")
    if 0 not in shape:
        _strided_view(base, offset, shape, strides)[...] = value
    return base


_strided_write.donating = _strided_write_donated  # type: ignore[attr-defined]  # read by the interpreter


def _strided_grad(g: Var, out: Var, base: Var, offset: Var, shape: Shape, strides: Shape) -> Var:
    return strided_add(g, offset, base_shape=base.shape, shape=shape, strides=strides)


strided: Primitive = primitive(
    "strided",
    moves=True,
    infer=lambda base, offset, shape, strides: Aval(shape, base.dtype),
    reference=_strided_view,
    grads=(_strided_grad, None),
    statics=("shape", "strides"),
    dense=False,
    samples=lambda: [
        ((draw(3, 4), np.asarray(1)), {"shape": (2, 2), "strides": (4, 1)}),
        ((draw(3, 4), np.asarray(0)), {"shape": (4, 3), "strides": (1, 4)}),
        ((draw(5), np.asarray(0)), {"shape": (3, 3), "strides": (1, 1)}),
    ],
)


def strided_at(x: Var, shape: Shape, strides: Shape, offset: int) -> Var:
    """``strided`` at an offset that is known when the graph is written."""
    result: Var = strided(x, x.builder.constant(offset, int64), shape=shape, strides=strides)
    return result


def _strided_write_grad_base(
    g: Var, out: Var, base: Var, value: Var, offset: Var, shape: Shape, strides: Shape
) -> Var:
    zero = g.builder.full(shape, 0, g.dtype)
    return strided_write(g, zero, offset, shape=shape, strides=strides)


def _strided_write_grad_value(
    g: Var, out: Var, base: Var, value: Var, offset: Var, shape: Shape, strides: Shape
) -> Var:
    return sum_to(strided(g, offset, shape=shape, strides=strides), value.shape)


strided_write: Primitive = primitive(
    "strided_write",
    moves=True,
    infer=lambda base, value, offset, shape, strides: Aval(base.shape, base.dtype),
    reference=_strided_write,
    grads=(_strided_write_grad_base, _strided_write_grad_value, None),
    statics=("shape", "strides"),
    samples=lambda: [
        ((draw(3, 4), draw(2, 2, seed=1), np.asarray(1)), {"shape": (2, 2), "strides": (4, 1)}),
        ((draw(3, 4), draw(1, seed=1), np.asarray(0)), {"shape": (3,), "strides": (4,)}),
    ],
)


def _strided_add(
    value: Array, offset: Any, base_shape: Shape, shape: Shape, strides: Shape
) -> Array:
    base = np.zeros(base_shape, value.dtype)
    if 0 not in shape:
        spread = np.broadcast_to(value, shape)
        if _overlaps(shape, strides):
            index = np.full(shape, int(offset))
            for axis, stride in enumerate(strides):
                steps = np.arange(shape[axis]) * stride
                index += steps.reshape([-1 if a == axis else 1 for a in range(len(shape))])
            np.add.at(base.reshape(-1), index, spread)
        else:
            _strided_view(base, offset, shape, strides)[...] = spread
    return base


def _overlaps(shape: Shape, strides: Shape) -> bool:
    """Whether two places of the view may be the same element."""
    reach = 0
    for stride, size in sorted((s, n) for s, n in zip(strides, shape, strict=True) if n > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


strided_add: Primitive = primitive(
    "strided_add",
    infer=lambda value, offset, base_shape, shape, strides: Aval(base_shape, value.dtype),
    reference=_strided_add,
    grads=(
        lambda g, out, v, o, base_shape, shape, strides: strided(
            g, o, shape=shape, strides=strides
        ),
        None,
    ),
    statics=("base_shape", "shape", "strides"),
    samples=lambda: [
        ((draw(2, 2), np.asarray(1)), {"base_shape": (3, 4), "shape": (2, 2), "strides": (4, 1)}),
        ((draw(3, 3), np.asarray(0)), {"base_shape": (5,), "shape": (3, 3), "strides": (1, 1)}),
    ],
)


def _slices(starts: Shape, stops: Shape, steps: Shape) -> tuple[slice, ...]:
    return tuple(slice(a, b, s) for a, b, s in zip(starts, stops, steps, strict=True))


def _sliced(x: Aval, starts: Shape, stops: Shape, steps: Shape) -> Aval:
    return Aval(
        tuple(len(range(a, b, s)) for a, b, s in zip(starts, stops, steps, strict=True)), x.dtype
    )


slice_: Primitive = primitive(
    "slice",
    moves=True,
    infer=_sliced,
    reference=lambda x, starts, stops, steps: x[_slices(starts, stops, steps)],
    grads=(
        lambda g, out, x, starts, stops, steps: unslice(
            g, shape=x.shape, starts=starts, stops=stops, steps=steps
        ),
    ),
    statics=("starts", "stops", "steps"),
    dense=False,
    samples=lambda: [((draw(5, 4),), {"starts": (1, 0), "stops": (5, 4), "steps": (2, 1)})],
)


def _unslice(g: Array, shape: Shape, starts: Shape, stops: Shape, steps: Shape) -> Array:
    result = np.zeros(shape, g.dtype)
    result[_slices(starts, stops, steps)] = g
    return result


unslice: Primitive = primitive(
    "unslice",
    moves=True,
    infer=lambda g, shape, starts, stops, steps: Aval(shape, g.dtype),
    reference=_unslice,
    grads=(
        lambda g, out, x, shape, starts, stops, steps: slice_(
            g, starts=starts, stops=stops, steps=steps
        ),
    ),
    statics=("shape", "starts", "stops", "steps"),
    samples=lambda: [
        ((draw(2, 4),), {"shape": (5, 4), "starts": (1, 0), "stops": (5, 4), "steps": (2, 1)})
    ],
)

flip: Primitive = primitive(
    "flip",
    moves=True,
    infer=lambda x, axes: x if x.dense else Aval(x.shape, x.dtype),
    reference=lambda x, axes: np.flip(x, axes),
    grads=(lambda g, out, x, axes: flip(g, axes=axes),),
    statics=("axes",),
    dense=False,
    samples=lambda: [((draw(3, 4),), {"axes": (1,)}), ((draw(3, 4),), {"axes": (0, 1)})],
)


def _joined(*parts: Aval, axis: int) -> Aval:
    shape = list(parts[0].shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return Aval(tuple(shape), parts[0].dtype)


def _cat_grad(index: int, g: Var, out: Var, *parts: Var, axis: int) -> Var:
    start = sum(p.shape[axis] for p in parts[:index])
    starts, stops = [0] * g.ndim, list(g.shape)
    starts[axis], stops[axis] = start, start + parts[index].shape[axis]
    result: Var = slice_(g, starts=tuple(starts), stops=tuple(stops), steps=(1,) * g.ndim)
    return result


cat: Primitive = primitive(
    "cat",
    moves=True,
    infer=_joined,
    reference=lambda *parts, axis: row_major(np.concatenate(parts, axis)),
    grads=_cat_grad,
    statics=("axis",),
    samples=lambda: [
        ((draw(2, 3), draw(4, 3, seed=1)), {"axis": 0}),
        ((draw(2, 1), draw(2, 0)), {"axis": 1}),
    ],
)


@lru_cache
def _spans(axis: int, sizes: Shape) -> list[tuple[slice, ...]]:
    """The parts of an array whose ``axis`` is cut into ``sizes``."""
    lead = (slice(None),) * axis
    ends = zip(sizes, accumulate(sizes), strict=True)
    return [(*lead, slice(stop - size, stop)) for size, stop in ends]


def _part_shapes(x: Aval, axis: int, sizes: Shape) -> tuple[Aval, ...]:
    assert len(sizes) > 1 and sum(sizes) == x.shape[axis], f"split {x.shape} at {axis} into {sizes}"
    return tuple(Aval((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in sizes)


def _parts(x: Array, axis: int, sizes: Shape) -> tuple[Array, ...]:
    return tuple([x[part] for part in _spans(axis, sizes)])


def _parts_grad(g: Any, out: Any, x: Var, axis: int, sizes: Shape) -> Var:
    result: Var = cat(
        *(o.zeros_like() if p is None else p for p, o in zip(g, out, strict=True)), axis=axis
    )
    return result


split: Primitive = primitive(
    "split",
    moves=True,
    infer=_part_shapes,
    reference=_parts,
    grads=(_parts_grad,),
    statics=("axis", "sizes"),
    dense=False,
    samples=lambda: [
        ((draw(2, 6),), {"axis": 1, "sizes": (1, 3, 2)}),
        ((draw(4),), {"axis": 0, "sizes": (4, 0)}),
    ],
)


def _padded(x: Aval, value: Aval, low: Shape, high: Shape) -> Aval:
    return Aval(tuple(a + n + b for a, n, b in zip(low, x.shape, high, strict=True)), x.dtype)


def _pad(x: Array, value: Array, low: Shape, high: Shape) -> Array:
    shape = tuple(a + n + b for a, n, b in zip(low, x.shape, high, strict=True))
    result = np.full(shape, value, x.dtype)
    result[tuple(slice(a, a + n) for a, n in zip(low, x.shape, strict=True))] = x
    return result


def _pad_grad(g: Var, out: Var, x: Var, value: Var, low: Shape, high: Shape) -> Var:
    stops = tuple(a + n for a, n in zip(low, x.shape, strict=True))
    result: Var = slice_(g, starts=low, stops=stops, steps=(1,) * g.ndim)
    return result


pad: Primitive = primitive(
    "pad",
    moves=True,
    infer=_padded,
    reference=_pad,
    grads=(_pad_grad, None),
    statics=("low", "high"),
    samples=lambda: [
        ((draw(2, 3), np.asarray(7.0)), {"low": (0, 1), "high": (2, 0)}),
        ((draw(0, 3), np.asarray(0.0)), {"low": (1, 0), "high": (0, 1)}),
    ],
)
triangle: Primitive = primitive(
    "triangle",
    moves=True,
    infer=lambda x, k, lower: Aval(x.shape, x.dtype),
    reference=lambda x, k, lower: (np.tril if lower else np.triu)(row_major(x), k),
    grads=(lambda g, out, x, k, lower: triangle(g, k=k, lower=lower),),
    statics=("k", "lower"),
    samples=lambda: [
        ((draw(3, 4),), {"k": 0, "lower": True}),
        ((draw(2, 3, 3),), {"k": -1, "lower": False}),
        ((np.full((2, 2), np.nan),), {"k": 0, "lower": True}),
    ],
)


def _bits_shape(x: Aval, dtype: DType) -> Aval:
    """The last axis grows or shrinks with the elements' size."""
    old, new = x.dtype.itemsize, dtype.itemsize
    if old == new:
        return Aval(x.shape, dtype)
    if not x.ndim:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {x.dtype} as {dtype} (different element sizes)"
        )
    if (x.shape[-1] * old) % new:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {new // old} to view {x.dtype} as {dtype} (different element sizes), "
            f"but got {x.shape[-1]}"
        )
    return Aval((*x.shape[:-1], x.shape[-1] * old // new), dtype)


bits: Primitive = primitive(
    "bits",
    moves=True,
    infer=_bits_shape,
    reference=lambda x, dtype: np.array(row_major(x).view(dtype.numpy)),
    grads=(None,),
    statics=("dtype",),
    samples=lambda: [
        ((draw(3, 4),), {"dtype": int64}),
        ((draw(3, 4),), {"dtype": uint8}),
        ((np.arange(8, dtype=np.uint8),), {"dtype": int64}),
        ((np.asarray(7),), {"dtype": float64}),
        ((np.zeros((0, 2)),), {"dtype": uint8}),
    ],
    errors=lambda: [
        ((np.asarray(1.5),), {"dtype": uint8}, RuntimeError, "cannot be 0"),
        ((np.arange(7, dtype=np.uint8),), {"dtype": int64}, RuntimeError, "divisible by 8"),
    ],
)
