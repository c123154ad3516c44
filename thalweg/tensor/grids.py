"""Grids and combinations: every way to take one of each, or several of one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import DType, int64
from .creation import from_array
from .joining import stack
from .picking import index_select
from .shape import expand, ravel, reshape

if TYPE_CHECKING:
    from .tensor import Tensor


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """(N1,), (N2,), ... as coordinates of a grid: each (N1, N2, ...), or (N2, N1, ...) with "xy"."""
    given = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors)
    if not given:
        raise ValueError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    if any(x.ndim > 1 for x in given):
        raise RuntimeError(
            f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {given}"
        )
    swap = indexing == "xy" and len(given) >= 2
    order = [1, 0, *range(2, len(given))] if swap else list(range(len(given)))
    sizes = [given[k]._aval().size for k in order]
    results = []
    for k, x in enumerate(given):
        place = order.index(k)
        row = reshape(x, [-1 if p == place else 1 for p in range(len(given))])
        results.append(expand(row, sizes))
    return tuple(results)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """(N1,), (N2,), ..., (Nk,) as all combinations: (N1 * N2 * ..., k)."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([ravel(x) for x in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """(N,) as all choices of ``r`` elements in their order: (K, r)."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return stack([index_select(input, 0, from_array(places[:, k].copy())) for k in range(r)], 1)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None
) -> Tensor:
    """(2, K) the rows and columns of a (row, col) matrix's lower triangle, row by row."""
    return from_array(np.array(np.tril_indices(row, offset, col), dtype.numpy))


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None
) -> Tensor:
    """(2, K) the rows and columns of a (row, col) matrix's upper triangle, row by row."""
    return from_array(np.array(np.triu_indices(row, offset, col), dtype.numpy))
