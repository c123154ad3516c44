"""Lengths of vectors and matrices, and the distances between rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .reduce import norm as _p_norm

if TYPE_CHECKING:
    from ..ir.dtype import DType
    from .tensor import Tensor


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The ``ord``-norm of the elements over ``dim`` (all axes by default), as of one vector."""
    return _p_norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norm of matrices (..., N, M): "fro", or the largest (smallest) sum of a column (1) or row (inf).

    Returns:
        (...,), or (..., 1, 1) with keepdim.
    Raises:
        RuntimeError: ``ord`` needs singular values ("nuc", 2, -2) or is no norm of a matrix.
    """
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, it has {A.ndim}"
        )
    row, column = (d % A.ndim for d in dim)
    if ord == "fro":
        return _p_norm(A, 2, (row, column), keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(
            f"linalg.matrix_norm: order {ord!r} is not supported: use 'fro', 1, -1, inf or -inf"
        )
    along, across = (row, column) if abs(ord) == 1 else (column, row)
    sums = _p_norm(A, 1, (along,), True, dtype=dtype)
    best = sums.amax(across, True) if ord > 0 else sums.amin(across, True)
    if keepdim:
        return best
    for axis in sorted((row, column), reverse=True):
        best = best.squeeze(axis)
    return best


def norm(
    A: Tensor,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """``thalweg.linalg.norm``: of a vector where one axis or nothing is named, else of matrices."""
    axes = (dim,) if isinstance(dim, int) else dim
    if ord is None:
        return vector_norm(A, 2, axes, keepdim, dtype=dtype)
    if (axes is not None and len(axes) == 2) or (axes is None and A.ndim == 2):
        return matrix_norm(A, ord, tuple(axes or (0, 1)), keepdim, dtype=dtype)
    if axes is None and A.ndim != 1:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    return vector_norm(A, ord, axes, keepdim, dtype=dtype)


def trace(input: Tensor) -> Tensor:
    """(N, M) gives () the sum of its diagonal."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return input.diagonal().sum()


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """(..., N, D) and (..., M, D) give (..., N, M) the p-norms of all differences of rows."""
    if x1.ndim < 2 or x2.ndim < 2:
        raise RuntimeError(
            f"cdist only supports at least 2D tensors, got: {x1.ndim}D and {x2.ndim}D"
        )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    return _p_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


class NormMethods(TensorCore):
    """Tensor's method of the diagonal's sum."""

    trace = trace
