"""Places as numbers and as coordinates; writes that reduce; slices that are shortened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .inplace import inplace
from .joining import vstack
from .matrices import addr
from .picking import scatter_reduce, where
from .reduce import norm, wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor

row_stack = vstack


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in ``shape``, of places counted row by row: one tensor of ``indices``' shape for each axis.

    Raises:
        TypeError: ``indices`` are no integers.
        ValueError: an axis of ``shape`` is negative.
    """
    if indices.dtype.category != 1:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    found = []
    for axis, size in enumerate(sizes):
        after = math.prod(sizes[axis + 1 :])
        found.append(indices.div(max(after, 1), rounding_mode="floor") % max(size, 1))
    return tuple(found)


_REDUCTIONS = {"prod": "prod", "mean": "mean", "amax": "amax", "amin": "amin"}


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """``input`` with each place ``index``, (K,), of the axis ``dim`` reduced with the slices of ``source`` for it.

    Args:
        reduce: prod, mean, amax or amin.
        include_self: whether what was there counts too.
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}"
        )
    if index.ndim > 1:
        raise IndexError(
            f"index_reduce_(): Index is supposed to be a vector, got {index.ndim} axes"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"index_reduce_(): self ({input.dtype}) and source ({source.dtype}) must have the same scalar type"
        )
    if not input.ndim:
        whole = input.reshape(1)
        return index_reduce(
            whole, 0, index.reshape(-1), source.reshape(-1), reduce, include_self=include_self
        ).reshape(())
    axis = wrap_dim(dim, input.ndim)
    if index.numel() != source.shape[axis]:
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index.numel()}) should be equal to self.size(dim): "
            f"({source.shape[axis]}), for dim: {dim}"
        )
    lined = [1] * input.ndim
    lined[axis] = -1
    places = index.reshape(lined).expand(source.shape).long()
    return scatter_reduce(
        input, axis, places, source, _REDUCTIONS[reduce], include_self=include_self
    )


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """``input`` with every slice along ``dim`` whose ``p``-norm is above ``maxnorm`` shortened to that."""
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported: p is {p}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    axis = wrap_dim(dim, input.ndim)
    others = tuple(a for a in range(input.ndim) if a != axis)
    lengths = norm(input, p, others, True)
    factors = where(lengths > maxnorm, maxnorm / (lengths + 1e-7), lengths.new_ones(()))
    return input * factors


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """(size, D): the coordinates of the first ``size`` nonzero elements, ``fill_value`` where there are fewer."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer: got {size}")
    found = input.nonzero()[:size]
    whole = found.new_full((size, input.ndim), fill_value)
    whole[: found.shape[0]] = found
    return whole


class PlaceMethods(TensorCore):
    """Tensor's methods of this kind."""

    index_reduce, renorm, nonzero_static = index_reduce, renorm, nonzero_static
    index_reduce_, renorm_ = inplace(index_reduce), inplace(renorm)
    addr, addr_ = addr, inplace(addr)
