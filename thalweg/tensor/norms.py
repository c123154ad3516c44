"""Lengths of vectors and matrices, and the distances between rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .creation import zeros
from .decompositions import svdvals
from .equations import inv_ex
from .naming import numpy_names
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
    """The norm of matrices (..., N, M): "fro", the largest (smallest) sum of a column (1) or row (inf), the largest
    (smallest) singular value (2, -2), or the sum of all singular values ("nuc").

    Returns:
        (...,), or (..., 1, 1) with keepdim.
    Raises:
        RuntimeError: ``ord`` is no norm of a matrix.
    """
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, it has {A.ndim}"
        )
    row, column = (d % A.ndim for d in dim)
    if _largest_of_none(ord, A.shape[row], A.shape[column]):
        kept = [1 if k in (row, column) else n for k, n in enumerate(A.shape)]
        if not keepdim:
            kept = [n for k, n in enumerate(A.shape) if k not in (row, column)]
        return zeros(kept, dtype=dtype or A.dtype.to_real())
    if ord == "fro":
        return _p_norm(A, 2, (row, column), keepdim, dtype=dtype)
    if ord in (2, -2, "nuc"):
        moved = (A if dtype is None else A.to(dtype)).movedim((row, column), (-2, -1))
        sizes = svdvals(moved)
        best = sizes.sum(-1) if ord == "nuc" else sizes.amax(-1) if ord == 2 else sizes.amin(-1)
        if not keepdim:
            return best
        first, second = sorted((row, column))
        return best.unsqueeze(first).unsqueeze(second)
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    along, across = (row, column) if abs(ord) == 1 else (column, row)
    sums = _p_norm(A, 1, (along,), True, dtype=dtype)
    best = sums.amax(across, True) if ord > 0 else sums.amin(across, True)
    if keepdim:
        return best
    for axis in sorted((row, column), reverse=True):
        best = best.squeeze(axis)
    return best


def _largest_of_none(ord: Any, rows: int, columns: int) -> bool:
    """Whether ``ord`` asks for the largest of values of which there is none; that is 0, as a sum would be."""
    among = {1: columns, 2: min(rows, columns), math.inf: rows}
    return among.get(ord, 1) == 0


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


@numpy_names
def norm_of(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The p-norm of the elements over ``dim`` as of one vector; "fro" is p = 2, "nuc" the nuclear norm of matrices (N, M).

    Gives (), or the shape without ``dim``.
    """
    if p == "nuc":
        axes = (0, 1) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        if len(axes) != 2 or (dim is None and input.ndim != 2):
            raise RuntimeError(
                f"norm: p='nuc' wants a matrix, or two axes in dim, got shape {list(input.shape)} and dim {dim}"
            )
        return matrix_norm(input, "nuc", axes, keepdim, dtype=dtype)
    return _p_norm(input, p, dim, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """(...,) how much larger the greatest of (..., M, N) is than its least; with ``p``, a norm of ``matrix_norm``, the
    norm of (..., N, N) times that of its inverse, infinite where there is none."""
    if p in (None, 2, -2):
        sizes = svdvals(A)
        largest, least = sizes[..., 0], sizes[..., -1]
        return least / largest if p == -2 else largest / least
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.cond(p={p}): A must be batches of square matrices, but its shape is {list(A.shape)}"
        )
    inverse, info = inv_ex(A)
    return (matrix_norm(A, p) * matrix_norm(inverse, p)).masked_fill(info != 0, math.inf)


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
    """Tensor's norms and the diagonal's sum."""

    norm, trace = norm_of, trace
