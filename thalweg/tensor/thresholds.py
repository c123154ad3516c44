"""Two activations that are methods of the Tensor, too; the others live in ``nn.functional``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir.builder import Var
from ..ops import elementwise as e
from ..ops.composite import op
from .core import TensorCore
from .dispatch import dispatch

if TYPE_CHECKING:
    from .tensor import Tensor


@op("PreluKernelBackward0")
def _prelu(x: Var, weight: Var) -> Var:
    if weight.size > 1 and x.ndim > 1:
        weight = weight.reshape((weight.size, *(1,) * (x.ndim - 2)))
    if weight.ndim > x.ndim:
        weight = weight.reshape(())
    return e.where(x > 0, x, x * weight)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, weight * x elsewhere: input (N, C, ...), weight (C,) or (1,), the input's shape back."""
    if weight.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
        )
    numbers = weight.numel()
    channels = (1 if input.ndim < 2 else int(input.shape[1])) if numbers != 1 else 1
    if numbers != channels or (numbers != 1 and not input.ndim):
        raise RuntimeError(
            f"prelu: Mismatch of parameter numbers and input channel size. Found parameter numbers = {numbers} and "
            f"channel size = {channels}."
        )
    return dispatch(_prelu, (input, weight))


@op("HardshrinkBackward0", (0,))
def _hardshrink(x: Var, lambd: Var) -> Var:
    lambd = lambd.astype(x.dtype)
    return e.where((x >= -lambd) & (x <= lambd), x.zeros_like(), x)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 within [-lambd, lambd], x elsewhere; any shape in, the same out."""
    return dispatch(_hardshrink, (input, float(lambd)))


class ThresholdMethods(TensorCore):
    """Tensor's activations."""

    hardshrink, prelu = hardshrink, prelu
