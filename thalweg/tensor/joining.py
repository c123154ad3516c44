"""Tensors joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from ..ir.dtype import promote_types
from ..ops.composite import op, promoted
from ..ops.movement import cat as _cat_primitive
from ..ops.movement import pad
from .core import TensorCore
from .dispatch import dispatch
from .naming import numpy_names
from .reduce import wrap_dim
from .shape import reshape, unsqueeze

if TYPE_CHECKING:
    from .tensor import Tensor


@op("CatBackward0")
def _cat(*parts_and_axis: Any) -> Any:
    *parts, axis = parts_and_axis
    return _cat_primitive(*promoted(*parts), axis=axis)


@op("StackBackward0")
def _stack(*parts_and_axis: Any) -> Any:
    *parts, axis = parts_and_axis
    shape = parts[0].shape
    rows = [x.reshape((*shape[:axis], 1, *shape[axis:])) for x in promoted(*parts)]
    return _cat_primitive(*rows, axis=axis)


@op("BlockDiagBackward0")
def _block_diag(*blocks: Any) -> Any:
    blocks = promoted(*blocks)
    columns = sum(x.shape[1] for x in blocks)
    placed, left = [], 0
    zero = blocks[0].builder.constant(0, blocks[0].dtype)
    for x in blocks:
        width = x.shape[1]
        placed.append(pad(x, zero, low=(0, left), high=(0, columns - left - width)))
        left += width
    return _cat_primitive(*placed, axis=0)


def _listed(name: str, tensors: Any) -> list[Tensor]:
    """The tensors as a list; TypeError where they are one tensor, or something else is among them."""
    if isinstance(tensors, TensorCore):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    parts = list(tensors)
    for number, x in enumerate(parts):
        if not isinstance(x, TensorCore):
            raise TypeError(
                f"{name}(): expected Tensor as element {number} in argument 0, but got {type(x).__name__}"
            )
    return parts


def _some(name: str, tensors: Any) -> list[Tensor]:
    """As ``_listed``; RuntimeError where there are none."""
    parts = _listed(name, tensors)
    if not parts:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return parts


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after another along an axis that is there; the other sizes are equal."""
    parts = _listed("cat", tensors)
    if not parts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    kept = [x for x in parts if tuple(x.shape) != (0,)] or parts[:1]
    first = kept[0]
    if not first.ndim:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    axis = wrap_dim(dim, first.ndim)
    for number, x in enumerate(kept):
        if x.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}"
            )
        for a, (n, m) in enumerate(zip(first.shape, x.shape, strict=True)):
            if a != axis and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} but got size {m} for "
                    f"tensor number {number} in the list."
                )
    if len(kept) < len(parts):  # those of shape (0,) count for the type only
        dtype = reduce(promote_types, [x.dtype for x in parts])
        kept = [x.to(dtype) for x in kept]
    return dispatch(_cat, tuple(kept), (axis,))


concat = concatenate = cat


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors along a new axis; their shapes are equal."""
    parts = _some("stack", tensors)
    shape = tuple(parts[0].shape)
    for number, x in enumerate(parts):
        if tuple(x.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(x.shape)} at "
                f"entry {number}"
            )
    return dispatch(_stack, tuple(parts), (wrap_dim(dim, len(shape) + 1),))


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: along axis 1, or 0 for 1-d tensors."""
    parts = [x if x.ndim else reshape(x, 1) for x in _some("hstack", tensors)]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One below another; 1-d tensors are rows."""
    return cat(
        [
            unsqueeze(x, 0) if x.ndim == 1 else reshape(x, 1, 1) if not x.ndim else x
            for x in _some("vstack", tensors)
        ],
        0,
    )


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the third axis."""
    return cat(
        [
            unsqueeze(reshape(x, 1, -1) if x.ndim < 2 else x, 2) if x.ndim < 3 else x
            for x in _some("dstack", tensors)
        ],
        2,
    )


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side; 1-d tensors are columns."""
    return cat([reshape(x, -1, 1) if x.ndim < 2 else x for x in _some("column_stack", tensors)], 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices (M1, N1), (M2, N2), ... on the diagonal of one (M1 + M2 + ..., N1 + N2 + ...); () and (N,) are rows."""
    blocks = [reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors]
    for k, x in enumerate(blocks):
        if x.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {k} has {x.ndim} dimensions"
            )
    return dispatch(_block_diag, tuple(blocks))
