"""Exponentials over their sum, along an axis."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from ..ir.builder import Var
from ..ir.dtype import DType
from ..ops import elementwise as e
from ..ops import movement as m
from ..ops import reduction as r
from ..ops.composite import floating, op
from .core import TensorCore
from .dispatch import dispatch
from .naming import numpy_names
from .reduce import wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor


def _peak(x: Var, axis: int) -> Var:
    """The largest along an axis, which stays. What is taken out by it comes back: its gradients cancel."""
    peak: Var = m.detached(r.amax(x, axes=(axis,), keepdim=True))
    return peak


def softmax_of(x: Var, axis: int) -> Var:
    """exp(x) over its sum along an axis; the largest is taken out first, so that exp cannot overflow."""
    if not x.ndim:
        return softmax_of(x.reshape((1,)), 0).reshape(())
    shifted = e.exp(x - _peak(x, axis)) if x.size else e.exp(x)
    return shifted / shifted.sum((axis,), True)


def shares_of(x: Var, axis: int) -> Var:
    """``softmax_of``, but 0 and no gradient where all along the axis are -inf."""
    if not x.size:
        return softmax_of(x, axis)
    peak = _peak(x, axis)
    none = peak.eq(-math.inf)
    shifted = e.exp(x - e.where(none, peak.zeros_like(), peak))
    return shifted / (shifted.sum((axis,), True) + none.astype(x.dtype))


@op("SoftmaxBackward0")
def _softmax(x: Var, axis: int, dtype: DType | None) -> Var:
    return softmax_of(x.astype(dtype) if dtype else floating(x), axis)


@op("LogSoftmaxBackward0")
def _log_softmax(x: Var, axis: int, dtype: DType | None) -> Var:
    return log_softmax_of(x.astype(dtype) if dtype else floating(x), axis)


def log_softmax_of(x: Var, axis: int) -> Var:
    """log(softmax(x)) along an axis; the largest is taken out first, so that exp cannot overflow."""
    if not x.ndim:
        return log_softmax_of(x.reshape((1,)), 0).reshape(())
    if not x.size:
        return x
    shifted = x - _peak(x, axis)
    return shifted - e.log(e.exp(shifted).sum((axis,), True))


def chosen_axis(dim: int | None, ndim: int, name: str, stacklevel: int = 3) -> int:
    """``dim`` as an axis of ``ndim``; left out, PyTorch's old choice: the first of 0, 1 or 3 axes, else the second."""
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
            "argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if ndim in (0, 1, 3) else 1
    return wrap_dim(dim, ndim)


@numpy_names
def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(x) over its sum along ``dim``; any shape in, the same out."""
    return dispatch(
        _softmax, (input,), (chosen_axis(dim, input.ndim, "softmax", _stacklevel + 1), dtype)
    )


@numpy_names
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """log(softmax(x)) along ``dim`` without overflow; any shape in, the same out."""
    return dispatch(
        _log_softmax,
        (input,),
        (chosen_axis(dim, input.ndim, "log_softmax", _stacklevel + 1), dtype),
    )


class SoftmaxMethods(TensorCore):
    """Tensor's methods along an axis that give probabilities."""

    def softmax(self, dim: int, dtype: DType | None = None) -> Tensor:
        """exp(x) over its sum along ``dim``."""
        return softmax(self, dim, dtype=dtype)  # type: ignore[arg-type]

    def log_softmax(self, dim: int, dtype: DType | None = None) -> Tensor:
        """log(softmax(x)) along ``dim``, without overflow."""
        return log_softmax(self, dim, dtype=dtype)  # type: ignore[arg-type]
