"""The bytes of a tensor as elements of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ir.dtype import DType
from ..ops.composite import op
from ..ops.movement import bits
from .dispatch import dispatch

if TYPE_CHECKING:
    from .tensor import Tensor


@op("ViewBackward0")
def _bits(x: Var, dtype: DType) -> Var:
    found: Var = bits(x, dtype=dtype)
    return found


def as_bits(input: Tensor, dtype: DType) -> Tensor:
    """The bytes of (..., M) as (..., N) elements of another type.

    Raises:
        RuntimeError: types of another size, and the elements of the last axis are not one behind the other.
    """
    strides = input._layout().strides
    if dtype.itemsize != input.dtype.itemsize and strides and strides[-1] != 1:
        raise RuntimeError(
            f"self.stride(-1) must be 1 to view {input.dtype} as {dtype} (different element sizes), but got {strides[-1]}"
        )
    result: Any = dispatch(_bits, (input.detach(),), (dtype,))
    return result
