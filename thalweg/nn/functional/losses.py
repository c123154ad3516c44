"""Losses."""

from __future__ import annotations

import math
from typing import Any

from ...ir.builder import Var
from ...ir.dtype import int64, uint8
from ...ops import elementwise as e
from ...ops.composite import Op, op, per_reduction
from ...ops.lookup import take_class
from ...ops.movement import detached
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from ...tensor.shape import broadcast_tensors
from .activations import log_softmax
from .regression import reduced, reduced_tensor, reduction_of

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "gaussian_nll_loss", "hinge_embedding_loss", "kl_div", "margin_ranking_loss", "nll_loss",
    "pairwise_distance", "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
]  # fmt: skip

# Two classes


@op("BinaryCrossEntropyBackward0", (0, 1))
def _bce(p: Var, y: Var, weight: Var | None, reduction: str) -> Var:
    """The logarithms are not below -100, so that a probability of 0 gives a finite loss, and the slope for p is
    (p - y) / max(p (1 - p), 1e-12), finite too: what comes from a saturated sigmoid has no gradient of NaN.

    At the edge, where 1e-12 bounds the slope, p and 1 - p are 0 but for ``small``; the logarithms there are numbers
    (of the large one -small), and a term of value 0 has the slope.
    """
    constant = p.builder.constant
    one, half = constant(1.0, p.dtype), constant(0.5, p.dtype)
    least = constant(max(1e-12, float(p.dtype.limits.tiny)), p.dtype)
    here = detached(p)
    edge, high = e.lt(p * (one - p), least), e.gt(here, half)
    small = e.where(high, one - here, here)
    steep = e.maximum(e.log(small), constant(-100.0, p.dtype))
    inside = e.where(edge, half, p)
    hit = e.where(edge, e.where(high, -small, steep), e.log(inside))
    miss = e.where(edge, e.where(high, steep, -small), e.log1p(-inside))
    slope = (p - here) * ((p + here) * half - y) / least
    losses = (y - 1) * miss - y * hit + e.where(edge, slope, p.zeros_like())
    return reduced(losses if weight is None else losses * weight, reduction)


@op("BinaryCrossEntropyWithLogitsBackward0", (0, 1))
def _bce_logits(x: Var, y: Var, weight: Var | None, pos_weight: Var | None, reduction: str) -> Var:
    """(1 - y) x - log(sigmoid(x)), the logarithm written so that exp cannot overflow."""
    log_sigmoid = e.minimum(x, x.zeros_like()) - e.log1p(e.exp(-e.abs_(x)))
    factor = log_sigmoid if pos_weight is None else ((pos_weight - 1) * y + 1) * log_sigmoid
    losses = (1 - y) * x - factor
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(y log p + (1 - y) log(1 - p)), each logarithm at least -100.

    Args:
        input: probabilities in [0, 1], any shape. target: in [0, 1], the same shape.
        weight: a factor for each element, broadcast.
    Returns:
        () by default; the input's shape with ``reduction="none"``.
    Raises:
        ValueError: the shapes differ.
        RuntimeError: a realized probability is outside [0, 1], or the types differ.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    _same_type("binary_cross_entropy", input, target)
    value = input._read()
    if (
        value.array is not None
        and value.get().size
        and not bool(((value.array >= 0) & (value.array <= 1)).all())
    ):
        raise RuntimeError(
            "all elements of input should be between 0 and 1: apply a sigmoid, or use the loss with logits"
        )
    return dispatch(_bce, (input, target, weight), (reduction_of(reduction, size_average, reduce),))


def _same_type(name: str, input: Tensor, target: Tensor) -> None:
    if input.dtype is not target.dtype:
        raise RuntimeError(
            f"{name}: input is {input.dtype}, target is {target.dtype}, found dtype mismatch: convert the target with "
            ".to(input.dtype)"
        )


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``binary_cross_entropy`` of sigmoid(input), without overflow.

    Args:
        input: any shape. target: in [0, 1], the same shape.
        weight, pos_weight: factors for each element and for the positive ones, broadcast.
    Returns:
        () by default; the input's shape with ``reduction="none"``.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    target = target if target.dtype is input.dtype else target.to(input.dtype)
    how = reduction_of(reduction, size_average, reduce)
    return dispatch(_bce_logits, (input, target, weight, pos_weight), (how,))


# Many classes


def _rows(x: Var) -> Var:
    """(N, C, d1, ...) as (N * d1 * ..., C)."""
    if x.ndim == 2:
        return x
    order = (0, *range(2, x.ndim), 1)
    return x.permute(order).reshape((x.size // max(x.shape[1], 1), x.shape[1]))


@op("NllLossBackward0", (0,))
def _nll(
    x: Var, target: Var, weight: Var | None, reduction: str, ignore_index: int, ignoring: bool
) -> Var:
    shape = target.shape
    rows, classes = _rows(x), target.reshape((target.size,))
    if target.dtype is not int64:
        classes = classes.astype(int64)
    counted = classes.ne(ignore_index) if ignoring else None
    if counted is not None:
        classes = e.where(counted, classes, classes.zeros_like())
    losses = -take_class(rows, classes)
    weights = None
    if weight is not None:
        weights = take_class(weight.reshape((1, weight.size)).broadcast_to(rows.shape), classes)
        losses = losses * weights
    if counted is not None:
        losses = e.where(counted, losses, losses.zeros_like())
        kept = counted.astype(x.dtype)
        weights = kept if weights is None else weights * kept
    if reduction == "none":
        return losses.reshape(shape)
    total = losses.sum()
    if reduction == "sum":
        return total
    return total / (weights.sum() if weights is not None else float(losses.size or math.nan))


_nll_of_grid = Op(_nll.function, "NllLoss2DBackward0", (0,))


def _check_classes(input: Tensor, target: Tensor, weight: Tensor | None, name: str) -> None:
    if target.dtype not in (int64, uint8):
        raise RuntimeError(
            f"{name}: expected scalar type Long but found {target.dtype}: class numbers are integers; "
            "convert them with .long()"
        )
    if not input.ndim:
        raise ValueError(
            f"{name}: expected input with 1 or more dimensions, got {list(input.shape)}"
        )
    batch = () if input.ndim == 1 else (input.shape[0], *input.shape[2:])
    if tuple(target.shape) != batch:
        if input.ndim > 1 and target.ndim and target.shape[0] != input.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
            )
        raise RuntimeError(
            f"{name}: expected target of shape {list(batch)} for input {list(input.shape)}, got {list(target.shape)}: "
            "0D or 1D target tensor expected, multi-target not supported; squeeze it, or drop the extra axis"
        )
    if weight is not None and tuple(weight.shape) != (input.shape[1 if input.ndim > 1 else 0],):
        raise RuntimeError(
            f"weight tensor should be defined either for all {input.shape[1 if input.ndim > 1 else 0]} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}: expected scalar type {input.dtype} but found {weight.dtype}: convert the weight"
        )


def _has_ignored(target: Tensor, classes: int, ignore_index: int) -> bool:
    """Whether some element may be ``ignore_index``; a realized target is checked now.

    Raises:
        IndexError: a realized class number is neither in [0, classes) nor ``ignore_index``.
    """
    value = target._read()
    if value.array is None:
        return True
    array = value.get()
    if not array.size:
        return False
    highest = array.view(f"u{array.itemsize}").max()  # a negative number is a large one here
    if highest < classes and not 0 <= ignore_index < classes:
        return False
    wrong = ((array < 0) | (array >= classes)) & (array != ignore_index)
    if wrong.any():
        raise IndexError(
            f"Target {array[wrong][0]} is out of bounds: there are {classes} classes, 0 to {classes - 1}"
        )
    return True


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The negative of each row's log-probability at its class.

    Args:
        input: (N, C) or (N, C, d1, ...) log-probabilities, or (C,).
        target: (N,) or (N, d1, ...) integers in [0, C), or ().
        weight: (C,) a factor for each class.
    Returns:
        () the mean, over the weights of what is counted; the target's shape with ``reduction="none"``.
    Raises:
        IndexError: a target is outside [0, C) and is not ``ignore_index``.
    """
    _check_classes(input, target, weight, "nll_loss")
    how = reduction_of(reduction, size_average, reduce)
    classes = input.shape[1 if input.ndim > 1 else 0]
    ignoring = _has_ignored(target, classes, ignore_index)
    if input.ndim == 1:
        input = input.unsqueeze(0)
    chosen = _nll if input.ndim == 2 else _nll_of_grid
    return dispatch(chosen, (input, target, weight), (how, ignore_index, ignoring))


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Cross-entropy between class scores and class numbers (or class probabilities).

    Args:
        input: (N, C) or (N, C, d1, ...) scores, unnormalized, or (C,).
        target: (N,) or (N, d1, ...) integers in [0, C), or (); or probabilities of the input's shape.
        weight: (C,) a factor for each class.
        label_smoothing: in [0, 1], how much of the target is spread over all classes.
    Returns:
        () the mean; the target's shape (without classes) with ``reduction="none"``.
    Raises:
        IndexError: a target is outside [0, C) and is not ``ignore_index``.

    The row maximum is subtracted first, so exp cannot overflow.
    Source: Goodfellow, Bengio and Courville 2016, section 4.1; smoothing: Szegedy et al. 2016.
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    how = reduction_of(reduction, size_average, reduce)
    axis = 1 if input.ndim > 1 else 0
    if target.dtype.is_floating_point:
        if ignore_index >= 0 and tuple(target.shape) == tuple(input.shape):
            raise RuntimeError(
                f"ignore_index is not supported for floating point target: leave out ignore_index={ignore_index}"
            )
        return _with_probabilities(input, target, weight, how, label_smoothing, axis)
    _check_classes(input, target, weight, "cross_entropy")
    scores = log_softmax(input, axis)
    if label_smoothing == 0.0:
        return nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=how)
    return _smoothed(scores, target, weight, ignore_index, how, label_smoothing, axis)


def _with_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float, axis: int
) -> Tensor:
    if tuple(target.shape) != tuple(input.shape):
        if input.ndim > 1 and target.ndim and target.shape[0] != input.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
            )
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities of the input's shape {list(input.shape)}, "
            f"got {list(target.shape)}: class numbers must be integers, convert them with .long()"
        )
    classes = input.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    losses = -(log_softmax(input, axis) * target)
    if weight is not None:
        losses = losses * weight.reshape(*((-1,) + (1,) * (input.ndim - 1 - axis)))
    rows = losses.sum(axis)
    if how == "none":
        return rows
    return rows.sum() if how == "sum" else rows.sum() / rows._aval().size


def _smoothed(
    scores: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    how: str,
    smoothing: float,
    axis: int,
) -> Tensor:
    plain = nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=how)
    spread = (
        -scores
        if weight is None
        else -(scores * weight.reshape(*((-1,) + (1,) * (scores.ndim - 1 - axis))))
    )
    rows = spread.sum(axis)
    counted = target != ignore_index
    rows = rows.masked_fill(~counted, 0.0)
    if how == "sum":
        rows = rows.sum()
    elif how == "mean":
        if weight is None:
            rows = rows.sum() / counted.sum()
        else:
            safe = target.masked_fill(~counted, 0)
            rows = rows.sum() / (weight[safe] * counted).sum()
    return plain * (1 - smoothing) + rows * (smoothing / scores.shape[axis])


# Distributions and distances


@op("")
def _kl_div(x: Var, y: Var, reduction: str, log_target: bool) -> Var:
    if log_target:
        losses = e.exp(y) * (y - x)
    else:
        nothing = y.eq(0)
        safe = e.where(nothing, y.ones_like(), y)
        losses = e.where(nothing, y.zeros_like(), y * e.log(safe)) - y * x
    if reduction == "batchmean":
        return losses.sum() / (x.shape[0] if x.ndim else 1)
    return reduced(losses, reduction)


_KL_DIV = (
    per_reduction(
        _kl_div.function, "SubBackward0", (("XlogyBackward0", (1, 1)), ("MulBackward0", (1, 0)))
    ),
    per_reduction(
        _kl_div.function, "MulBackward0", (("ExpBackward0", (1,)), ("SubBackward0", (0, 1)))
    ),
)


def kl_div(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    """Kullback-Leibler divergence: target * (log(target) - input), input being log-probabilities.

    Args:
        input, target: any shapes that broadcast.
    Returns:
        () by default; "batchmean" divides the sum by the first size.
    """
    how = reduction if reduction == "batchmean" else reduction_of(reduction, size_average, reduce)
    return dispatch(_KL_DIV[bool(log_target)][how], (input, target), (how, log_target))


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Any = None,
    eps: float = 1e-8, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Negative log-likelihood of counts under a Poisson distribution; any shapes that broadcast, () by default."""
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced_tensor(losses, reduction_of(reduction, size_average, reduce))


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood under a normal distribution of mean ``input`` and variance ``var``; () by default."""
    spread = input.new_full(tuple(input.shape), var) if isinstance(var, float | int) else var
    if tuple(spread.shape) == tuple(input.shape[:-1]) != tuple(input.shape):
        spread = spread.unsqueeze(-1)
    elif spread.ndim != input.ndim or any(
        n not in (1, m) for n, m in zip(spread.shape, input.shape, strict=True)
    ):
        raise ValueError(
            f"var is of incorrect size: {list(spread.shape)} for an input of {list(input.shape)}"
        )
    if bool((spread < 0).any()):
        raise ValueError("var has negative entry/entries")
    spread = spread.clamp(min=eps)
    losses = 0.5 * (spread.log() + (input - target) ** 2 / spread)
    return reduced_tensor(
        losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction_of(reduction)
    )


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)), targets 1 or -1; any shape, () by default."""
    return reduced_tensor(
        (-target * input).exp().log1p(), reduction_of(reduction, size_average, reduce)
    )


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """input where target is 1, max(0, margin - input) where it is -1; any shape, () by default."""
    far = (margin - input).clamp(min=0)
    losses = input.masked_fill(target == -1, 0) + far.masked_fill(target == 1, 0)
    return reduced_tensor(losses, reduction_of(reduction, size_average, reduce))


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target * (input1 - input2) + margin); shapes that broadcast, () by default."""
    losses = (-target * (input1 - input2) + margin).clamp_min(0)
    return reduced_tensor(losses, reduction_of(reduction, size_average, reduce))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle along ``dim``; shapes that broadcast, the result without ``dim``."""
    x1, x2 = broadcast_tensors(x1, x2)
    norms = (x1 * x1).sum(dim).sqrt().clamp(min=eps) * (x2 * x2).sum(dim).sqrt().clamp(min=eps)
    return (x1 * x2).sum(dim) / norms


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos where target is 1, max(0, cos - margin) where it is -1; inputs (N, D), target (N,), () by default."""
    cosine = cosine_similarity(input1, input2, -1)
    losses = (1 - cosine).masked_fill(target == -1, 0) + (cosine - margin).clamp(min=0).masked_fill(
        target == 1, 0
    )
    return reduced_tensor(losses, reduction_of(reduction, size_average, reduce))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis: (..., D) in, (...) out."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin); each (N, D), () by default."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    near, far = (
        pairwise_distance(anchor, positive, p, eps),
        pairwise_distance(anchor, negative, p, eps),
    )
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced_tensor(
        (near - far + margin).clamp(min=0), reduction_of(reduction, size_average, reduce)
    )
