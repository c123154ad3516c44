"""Losses that want the right classes ahead of the others by a margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir.dtype import int64
from ...tensor import Tensor
from ...tensor.creation import zeros
from ...tensor.grids import triu_indices
from .activations import logsigmoid
from .losses import pairwise_distance
from .regression import reduced_tensor, reduction_of

__all__ = [
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "pdist",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def _rows(name: str, input: Tensor, target: Tensor, axes: int) -> tuple[Tensor, Tensor]:
    """(N, C) scores, and a target of ``axes`` axes with N first."""
    if target.dtype is not int64:
        raise RuntimeError(f"{name}: expected target of type int64, got {target.dtype}")
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    scores = input if input.ndim == 2 else input.reshape(1, -1)
    wanted = (int(scores.shape[0]), int(scores.shape[1]))[:axes]
    found = target if input.ndim == 2 else target.reshape(1, -1)[0:1].reshape(*wanted)
    if tuple(found.shape) != wanted:
        raise RuntimeError(
            f"{name}: inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    return scores, found


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over the classes of max(0, margin - x[target] + x[class]) ** p, the target's own left out.

    Args:
        input: (N, C) or (C,) scores. target: (N,) or () int64.
        weight: (C,) a factor for each target.
    Returns:
        () by default; (N,) or () with ``reduction="none"``.
    """
    how = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if target.numel() != (input.shape[0] if input.ndim == 2 else 1):
        raise RuntimeError(
            f"inconsistent target size, expected {input.shape[0] if input.ndim == 2 else 1} but got {list(target.shape)}"
        )
    scores, classes = _rows("multi_margin_loss", input, target, 1)
    if weight is not None and weight.shape[0] != scores.shape[1]:
        raise RuntimeError(
            f"inconsistent weight size, expected {scores.shape[1]} but got {list(weight.shape)}"
        )
    own = classes.unsqueeze(1)
    behind = (margin - scores.gather(1, own) + scores).relu()
    losses = behind if p == 1 else behind * behind
    if weight is not None:
        losses = losses * weight.index_select(0, classes).unsqueeze(1)
    others = zeros(tuple(scores.shape), dtype=scores.dtype).scatter(1, own, 1.0) == 0
    sums = losses.masked_fill(~others, 0.0).sum(1) / scores.shape[1]
    return reduced_tensor(sums if input.ndim == 2 else sums.squeeze(0), how)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """The sum of max(0, 1 - x[right] + x[wrong]) over pairs of a right and a wrong class, over C.

    Args:
        input: (N, C) or (C,) scores.
        target: of the input's shape, int64: the right classes of each row first, then -1.
    Returns:
        () by default; (N,) or () with ``reduction="none"``.
    """
    how = reduction_of(reduction, size_average, reduce)
    if tuple(target.shape) != tuple(input.shape):
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    scores, labels = _rows("multilabel_margin_loss", input, target, 2)
    named = (labels >= 0).long().cumprod(1)
    classes = labels.clamp(min=0)
    right = zeros(tuple(labels.shape), dtype=int64).scatter_add(1, classes, named) > 0
    pairs = (1 - scores.gather(1, classes).unsqueeze(2) + scores.unsqueeze(1)).relu()
    counted = (named > 0).unsqueeze(2) & ~right.unsqueeze(1)
    sums = pairs.masked_fill(~counted, 0.0).sum((1, 2)) / scores.shape[1]
    return reduced_tensor(sums if input.ndim == 2 else sums.squeeze(0), how)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over the classes of the cross-entropy of each of them.

    Args:
        input: (N, C) or (C,) scores. target: in [0, 1], the same shape.
        weight: (C,) a factor for each class.
    Returns:
        () by default; (N,) or () with ``reduction="none"``.
    """
    how = reduction_of(reduction, size_average, reduce)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced_tensor(losses.sum(-1) / input.shape[-1], how)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for any distance; each (N, D), () by default."""
    how = reduction_of(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    axes = (anchor.ndim, positive.ndim, negative.ndim)
    if len(set(axes)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {axes[0]}D, positive {axes[1]}D, and negative {axes[2]}D inputs"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced_tensor((margin + near - far).clamp_min(0), how)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """(N (N - 1) / 2,) the p-norms of the differences of all pairs of rows of ``input`` (N, D)."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    rows, columns = triu_indices(input.shape[0], input.shape[0], 1)
    return (input.index_select(0, rows) - input.index_select(0, columns)).norm(p, 1)
