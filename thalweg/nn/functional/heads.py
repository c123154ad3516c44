"""The loss of a last linear map."""

from __future__ import annotations

import math
from typing import Any

from ...tensor import Tensor
from .linear import linear
from .losses import cross_entropy

__all__ = ["linear_cross_entropy"]


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if weight.ndim < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {weight.ndim}"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    if bias is not None and tuple(bias.shape) != tuple(weight.shape[:-1]):
        raise RuntimeError(
            f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}"
        )
    if weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, "
            f"(N, {input.shape[-1]}), got unbatched input with shape {tuple(input.shape)}"
        )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """``cross_entropy`` of a linear map of ``input``.

    Args:
        input: (N, F) or (F,).
        linear_weight: (C, *out, F), C classes. linear_bias: (C, *out) or None.
        target: (N, *out) integers in [0, C), or () for a single input; or probabilities (N, C, *out).
        weight, reduction, label_smoothing: as in ``cross_entropy``.
        ignore_index: a class number that does not count, -100 by default.
        options: accepted, changes nothing: how much memory the scores take is up to the compiler here.
    Returns:
        () by default; the target's shape without classes with ``reduction="none"``.
    """
    _check(input, linear_weight, linear_bias)
    classes, *out = (int(n) for n in linear_weight.shape[:-1])
    flat = linear_weight.reshape(classes * math.prod(out), linear_weight.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, flat, bias).reshape(*input.shape[:-1], classes, *out)
    if ignore_index is not None and tuple(target.shape) == tuple(scores.shape):
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    return cross_entropy(
        scores,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
