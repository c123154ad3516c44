"""Losses between numbers, and how all losses are folded into one."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...ir.aval import Aval, broadcast_shapes, promote
from ...ir.builder import Var
from ...ir.dtype import DType, bool_, int64
from ...ops import elementwise as e
from ...ops.complex import magnitude
from ...ops.composite import op, per_reduction
from ...tensor import Tensor
from ...tensor.dispatch import dispatch

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]

_REDUCTIONS = ("none", "mean", "sum")


def reduction_of(reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """``reduction`` ("none", "mean" or "sum"), or what the two older flags mean."""
    if size_average is not None or reduce is not None:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use reduction instead.",
            stacklevel=3,
        )
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"{reduction} is not a valid value for reduction: choose one of {', '.join(_REDUCTIONS)}"
        )
    return reduction


def reduced(losses: Var, reduction: str) -> Var:
    """Each loss, their sum, or their mean (NaN of nothing)."""
    if reduction == "none":
        return losses
    total = losses.sum()
    if reduction == "sum":
        return total
    return total / losses.size if losses.size else total * math.nan


def reduced_tensor(losses: Tensor, reduction: str) -> Tensor:
    """``reduced`` of a tensor of any shape."""
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


def _common(x: Var, y: Var) -> DType:
    """The type of a loss of both: they are expanded to one shape first, so one without axes counts in full."""
    shape = broadcast_shapes(x.shape, y.shape)
    return promote(Aval(shape, x.dtype), Aval(shape, y.dtype))


def _paired(name: str, x: Var, y: Var) -> tuple[Var, Var]:
    """Both in their common type, which must be floating."""
    dtype = _common(x, y)
    if not dtype.is_floating_point:
        raise NotImplementedError(
            f"{name}: not implemented for {dtype}: convert input or target to a floating type first"
        )
    return x.astype(dtype), y.astype(dtype)


@op("MseLossBackward0")
def _mse(x: Var, y: Var, reduction: str) -> Var:
    x, y = _paired("mse_loss", x, y)
    difference = x - y
    return reduced(difference * difference, reduction)


@op("")
def _l1(x: Var, y: Var, reduction: str) -> Var:
    if bool_ in (x.dtype, y.dtype):
        raise RuntimeError("l1_loss: a bool tensor has no differences: convert it to numbers first")
    dtype = _common(x, y)
    gap = x.astype(dtype) - y.astype(dtype)
    size = magnitude(gap) if dtype.is_complex else e.abs_(gap)
    if dtype.is_differentiable or reduction == "none":
        return reduced(size, reduction)
    if reduction == "mean":
        raise RuntimeError(
            f"l1_loss: there is no mean of {dtype}: convert input or target to a floating type first"
        )
    return size.astype(int64).sum()


_DIFFERENCE = ("SubBackward0", (0, 1))
_L1 = per_reduction(_l1.function, "AbsBackward0", (_DIFFERENCE,))


@op("SmoothL1LossBackward0")
def _smooth_l1(x: Var, y: Var, reduction: str, beta: float) -> Var:
    x, y = _paired("smooth_l1_loss", x, y)
    size = e.abs_(x - y)
    if beta == 0:
        return reduced(size, reduction)
    return reduced(e.where(size < beta, size * size * 0.5 / beta, size - 0.5 * beta), reduction)


@op("HuberLossBackward0")
def _huber(x: Var, y: Var, reduction: str, delta: float) -> Var:
    """In the input's type, whatever the target's is."""
    common = _common(x, y)
    if common.category > x.dtype.category:
        raise RuntimeError(
            f"huber_loss: result type {common} can't be cast to the input's type {x.dtype}: convert the input first"
        )
    left, right = _paired("huber_loss", x, y)
    size = e.abs_(left - right)
    losses = e.where(size <= delta, size * size * 0.5, (size - 0.5 * delta) * delta)
    return reduced(losses.astype(x.dtype), reduction)


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if input._aval().shape != target._aval().shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def mse_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Squared differences.

    Args:
        input, target: any shapes that broadcast, normally the same.
    Returns:
        () by default; the broadcast shape with ``reduction="none"``.
    """
    _warn_sizes(input, target)
    how = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        losses = dispatch(_mse, (input, target), ("none",)) * weight
        return (
            losses
            if how == "none"
            else losses.sum() / (weight.expand_as(losses).sum() if how == "mean" else 1)
        )
    return dispatch(_mse, (input, target), (how,))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Absolute differences of input and target (any shapes that broadcast); () by default."""
    _warn_sizes(input, target)
    how = reduction_of(reduction, size_average, reduce)
    if target.is_inference():
        target = (
            target.clone()
        )  # PyTorch's tape keeps the difference only, so such a target is allowed
    return dispatch(_L1[how], (input, target), (how,))


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """d*d / (2 beta) where |d| < beta, |d| - beta/2 elsewhere; shapes as in ``l1_loss``. Source: Girshick 2015."""
    _warn_sizes(input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    return dispatch(
        _smooth_l1, (input, target), (reduction_of(reduction, size_average, reduce), float(beta))
    )


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d*d / 2 where |d| <= delta, delta * (|d| - delta/2) elsewhere; shapes as in ``l1_loss``. Source: Huber 1964.

    ``weight`` (*), of the input's shape, is a factor for each element.
    """
    _warn_sizes(input, target)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta, got {delta}"
        )
    how = reduction_of(reduction)
    if weight is None:
        return dispatch(_huber, (input, target), (how, float(delta)))
    if tuple(weight.shape) != tuple(input.shape):
        raise ValueError(
            f"Weights and input must have the same size: {list(weight.shape)} and {list(input.shape)}"
        )
    return reduced_tensor(dispatch(_huber, (input, target), ("none", float(delta))) * weight, how)
