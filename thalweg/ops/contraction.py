"""The matrix product: one batched primitive; vectors and broadcasting are arranged around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Var
from ..ir.primitive import Primitive, primitive
from ..ir.vjp import sum_to
from .samples import draw

Array = np.ndarray[Any, Any]


def _product(x: Aval, y: Aval) -> Aval:
    """(..., N, K) by (..., K, M) gives (..., N, M)."""
    assert x.ndim >= 2 and y.ndim >= 2 and x.dtype is y.dtype, f"matmul {x} by {y}"
    if x.shape[-1] != y.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[-2]}x{x.shape[-1]} and "
            f"{y.shape[-2]}x{y.shape[-1]}): the inner sizes {x.shape[-1]} and {y.shape[-2]} must be equal"
        )
    batch = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return Aval((*batch, x.shape[-2], y.shape[-1]), x.dtype)


def _grad_left(g: Var, out: Var, x: Var, y: Var) -> Var:
    return sum_to(g @ y.swap(), x.shape)


def _grad_right(g: Var, out: Var, x: Var, y: Var) -> Var:
    return sum_to(x.swap() @ g, y.shape)


def _multiplied(x: Array, y: Array) -> Array:
    product: Array = np.matmul(_in_rows_or_columns(x), _in_rows_or_columns(y))
    return product


def _in_rows_or_columns(x: Array) -> Array:
    """Row-major or transposed memory as it is, any other as a row-major copy: NumPy sums that in another order."""
    if x.flags.c_contiguous or x.swapaxes(-1, -2).flags.c_contiguous:
        return x
    return np.ascontiguousarray(x)


matmul: Primitive = primitive(
    "matmul",
    infer=_product,
    reference=_multiplied,
    grads=(_grad_left, _grad_right),
    fresh=True,
    samples=lambda: [
        ((draw(3, 4), draw(4, 5, seed=1)), {}),
        ((draw(2, 3, 4), draw(2, 4, 5, seed=1)), {}),
        ((draw(2, 1, 3, 4), draw(5, 4, 2, seed=1)), {}),
        ((draw(3, 0), draw(0, 5)), {}),
    ],
    errors=lambda: [((draw(3, 4), draw(5, 4)), {}, RuntimeError, "cannot be multiplied")],
)
