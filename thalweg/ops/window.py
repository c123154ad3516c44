"""Primitives of convolution and pooling. Letters as in window_reference.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.dtype import int64
from ..ir.primitive import Primitive, primitive
from . import window_reference as w
from .samples import Sample, draw

Sizes = tuple[int, ...]
_CONV = ("stride", "padding", "dilation", "groups")


def _conv_infer(
    x: Aval, weight: Aval, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Aval:
    if x.dtype is not weight.dtype:
        raise RuntimeError(
            f"Input type ({x.dtype}) and weight type ({weight.dtype}) should be the same: convert one of them"
        )
    o, per_group, *kernel = weight.shape
    if groups <= 0 or o % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {list(weight.shape)} instead"
        )
    if x.shape[1] != per_group * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{per_group * groups} channels, but got {x.shape[1]} channels instead"
        )
    if min(stride) <= 0:
        raise RuntimeError(f"non-positive stride is not supported: {stride}")
    if min(padding) < 0:
        raise RuntimeError(f"negative padding is not supported: {padding}")
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    room = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    if any(r > n for r, n in zip(reach, room, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: {room}. Kernel size: {reach}. Kernel size can't be greater "
            "than actual input size: pad the input or take a smaller kernel"
        )
    return Aval(
        (x.shape[0], o, *w.conv_sizes(x.shape[2:], tuple(kernel), stride, padding, dilation)),
        x.dtype,
    )


def _conv_samples() -> list[Sample]:
    plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    spaced = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    line = {"stride": (2,), "padding": (1,), "dilation": (1,), "groups": 1}
    return [
        ((draw(2, 3, 5, 4), draw(4, 3, 3, 2, seed=1)), plain),
        ((draw(2, 4, 6, 5), draw(4, 2, 3, 2, seed=1)), spaced),
        ((draw(2, 3, 7), draw(2, 3, 3, seed=1)), line),
    ]


def _conv_errors() -> list[Any]:
    x, weight = draw(2, 3, 5, 5), draw(4, 3, 3, 3)
    good = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    return [
        ((x, draw(4, 2, 3, 3)), good, RuntimeError, "channels"),
        ((x, draw(4, 3, 7, 7)), good, RuntimeError, "Kernel size can't be greater"),
        ((x, weight), {**good, "stride": (0, 1)}, RuntimeError, "non-positive stride"),
        ((x, weight), {**good, "padding": (-1, 0)}, RuntimeError, "negative padding"),
        ((x, weight), {**good, "groups": 3}, RuntimeError, "divisible"),
        ((x, weight.astype(np.float32)), good, RuntimeError, "should be the same"),
    ]


conv: Primitive = primitive(
    "conv",
    infer=_conv_infer,
    reference=w.conv,
    grads=(
        lambda g, out, x, k, **s: conv_input_grad(g, k, input_shape=x.shape, **s),
        lambda g, out, x, k, **s: conv_weight_grad(g, x, weight_shape=k.shape, **s),
    ),
    statics=_CONV,
    samples=_conv_samples,
    errors=_conv_errors,
    source="im2col: Chellapilla, Puri and Simard 2006",
)


def _without(statics: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in statics.items() if k != name}


conv_input_grad: Primitive = primitive(
    "conv_input_grad",
    infer=lambda g, k, input_shape, **s: Aval(input_shape, g.dtype),
    reference=w.conv_input_grad,
    grads=(
        lambda h, out, g, k, **s: conv(h, k, **_without(s, "input_shape")),
        lambda h, out, g, k, **s: conv_weight_grad(
            g, h, weight_shape=k.shape, **_without(s, "input_shape")
        ),
    ),
    statics=("input_shape", *_CONV),
    samples=lambda: [
        (
            (draw(2, 4, 3, 3), draw(4, 3, 3, 2, seed=1)),
            {
                "input_shape": (2, 3, 5, 4),
                "stride": (1, 1),
                "padding": (0, 0),
                "dilation": (1, 1),
                "groups": 1,
            },
        )
    ],
)
conv_weight_grad: Primitive = primitive(
    "conv_weight_grad",
    infer=lambda g, x, weight_shape, **s: Aval(weight_shape, g.dtype),
    reference=w.conv_weight_grad,
    grads=(
        lambda h, out, g, x, **s: conv(x, h, **_without(s, "weight_shape")),
        lambda h, out, g, x, **s: conv_input_grad(
            g, h, input_shape=x.shape, **_without(s, "weight_shape")
        ),
    ),
    statics=("weight_shape", *_CONV),
    samples=lambda: [
        (
            (draw(2, 4, 3, 3), draw(2, 3, 5, 4, seed=1)),
            {
                "weight_shape": (4, 3, 3, 2),
                "stride": (1, 1),
                "padding": (0, 0),
                "dilation": (1, 1),
                "groups": 1,
            },
        )
    ],
)


def _check_pool(x: Aval, kernel: Sizes, stride: Sizes, padding: Sizes, out: Sizes) -> None:
    if min(kernel) <= 0 or min(stride) <= 0:
        raise RuntimeError(
            f"pooling: kernel size {kernel} and stride {stride} should be greater than zero"
        )
    if any(p > k // 2 or p < 0 for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel}"
        )
    if min(out) <= 0:
        raise RuntimeError(
            f"Given input size: {list(x.shape[1:])}. Calculated output size: {list(out)}. Output size is too small: "
            "take a smaller kernel or a larger input"
        )


def _max_infer(
    x: Aval, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Aval, Aval]:
    if min(kernel) <= 0 or min(stride) <= 0:
        _check_pool(x, kernel, stride, padding, (1,))
    out = w.pool_sizes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    _check_pool(x, kernel, stride, padding, out)
    shape = (*x.shape[:2], *out)
    return Aval(shape, x.dtype), Aval(shape, int64)


def _max_grad(g: Any, out: Any, x: Var, **statics: Any) -> Var | None:
    incoming, _ = g
    if incoming is None:
        return None
    result: Var = scatter_places(incoming, out[1], spatial=x.shape[2:])
    return result


max_pool: Primitive = primitive(
    "max_pool",
    ordered=True,
    infer=_max_infer,
    reference=w.max_pool,
    grads=(_max_grad,),
    statics=("kernel", "stride", "padding", "dilation", "ceil_mode"),
    samples=lambda: [
        (
            (draw(2, 3, 6, 5),),
            {
                "kernel": (2, 2),
                "stride": (2, 2),
                "padding": (0, 0),
                "dilation": (1, 1),
                "ceil_mode": False,
            },
        ),
        (
            (draw(2, 3, 7, 7),),
            {
                "kernel": (3, 3),
                "stride": (2, 2),
                "padding": (1, 1),
                "dilation": (1, 1),
                "ceil_mode": True,
            },
        ),
        (
            (np.array([[[1.0, 1.0, np.nan, 2.0, -np.inf, -np.inf]]]),),
            {"kernel": (2,), "stride": (2,), "padding": (0,), "dilation": (1,), "ceil_mode": False},
        ),
    ],
    errors=lambda: [
        (
            (draw(2, 3, 2, 2),),
            {
                "kernel": (3, 3),
                "stride": (1, 1),
                "padding": (0, 0),
                "dilation": (1, 1),
                "ceil_mode": False,
            },
            RuntimeError,
            "too small",
        ),
        (
            (draw(2, 3, 4, 4),),
            {
                "kernel": (2, 2),
                "stride": (1, 1),
                "padding": (2, 2),
                "dilation": (1, 1),
                "ceil_mode": False,
            },
            RuntimeError,
            "at most half",
        ),
        (
            (draw(2, 3, 4, 4),),
            {
                "kernel": (0, 2),
                "stride": (1, 1),
                "padding": (0, 0),
                "dilation": (1, 1),
                "ceil_mode": False,
            },
            RuntimeError,
            "greater than zero",
        ),
    ],
)
_PLACES = np.array([[[0, 3, 3]]])
scatter_places: Primitive = primitive(
    "scatter_places",
    infer=lambda g, places, spatial: Aval((*g.shape[:2], *spatial), g.dtype),
    reference=w.scatter_places,
    grads=(lambda h, out, g, places, spatial: gather_places(h, places), None),
    statics=("spatial",),
    samples=lambda: [((draw(1, 1, 3), _PLACES), {"spatial": (5,)})],
)
gather_places: Primitive = primitive(
    "gather_places",
    moves=True,
    infer=lambda x, places: Aval(places.shape, x.dtype),
    reference=w.gather_places,
    grads=(lambda h, out, x, places: scatter_places(h, places, spatial=x.shape[2:]), None),
    samples=lambda: [((draw(1, 1, 5), _PLACES), {})],
)


def _sum_infer(x: Aval, kernel: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool) -> Aval:
    if min(kernel) <= 0 or min(stride) <= 0:
        _check_pool(x, kernel, stride, padding, (1,))
    out = w.pool_sizes(x.shape[2:], kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    _check_pool(x, kernel, stride, padding, out)
    return Aval((*x.shape[:2], *out), x.dtype)


_POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}
sum_pool: Primitive = primitive(
    "sum_pool",
    infer=_sum_infer,
    reference=w.sum_pool,
    grads=(lambda g, out, x, **s: sum_pool_grad(g, spatial=x.shape[2:], **s),),
    statics=("kernel", "stride", "padding", "ceil_mode"),
    samples=lambda: [
        ((draw(2, 3, 6, 5),), _POOL),
        (
            (draw(2, 3, 5, 5),),
            {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1), "ceil_mode": True},
        ),
    ],
    errors=lambda: [((draw(2, 3, 1, 1),), _POOL, RuntimeError, "too small")],
)
sum_pool_grad: Primitive = primitive(
    "sum_pool_grad",
    infer=lambda g, spatial, **s: Aval((*g.shape[:2], *spatial), g.dtype),
    reference=w.sum_pool_grad,
    grads=(lambda h, out, g, spatial, **s: sum_pool(h, **s),),
    statics=("spatial", "kernel", "stride", "padding", "ceil_mode"),
    samples=lambda: [((draw(2, 3, 3, 2),), {"spatial": (6, 5), **_POOL})],
)
