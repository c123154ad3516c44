"""New tensors whose elements lie in memory as asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .creation import size_of, zeros
from .shape import _turned, as_strided

if TYPE_CHECKING:
    from .tensor import Tensor


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor yet to be written, of ``size``, that steps through memory by ``stride``; here it is zeros."""
    shape, strides = size_of((size,)), size_of((stride,))
    if len(shape) != len(strides):
        raise RuntimeError(
            f"empty_strided: mismatch in length of strides and shape: {len(strides)} and {len(shape)}"
        )
    last = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if 0 not in shape else -1
    line = zeros(last + 1, dtype=dtype, device=device)
    return as_strided(line, shape, strides).requires_grad_(requires_grad)


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor yet to be written, of ``size``, whose axes lie in memory in the order ``physical_layout``."""
    shape, order = size_of((size,)), tuple(physical_layout)
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(
            f"empty_permuted: {order} is no order of the axes of a tensor of {len(shape)} axes"
        )
    dense = zeros([shape[axis] for axis in order], dtype=dtype, device=device)
    back = sorted(range(len(order)), key=order.__getitem__)
    return dense.permute(back).requires_grad_(requires_grad)


class StridedMethods(TensorCore):
    """Tensor's methods of this kind."""

    as_strided_ = _turned(as_strided)

    def new_empty_strided(self, size: Any, stride: Any, **made: Any) -> Tensor:
        """A tensor yet to be written that steps through memory by ``stride``, in this tensor's type by default."""
        made["dtype"] = made.get("dtype") or self.dtype
        return empty_strided(size, stride, **made)
