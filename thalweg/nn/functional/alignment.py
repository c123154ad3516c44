"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.builder import Var
from ...ir.dtype import int32, int64
from ...ops.alignment import ctc
from ...ops.composite import op
from ...tensor import Tensor
from ...tensor.creation import from_array
from ...tensor.dispatch import dispatch

__all__ = ["ctc_loss"]


@op("CtcLossBackward0", (0,))
def _ctc(log_probs: Var, targets: Var, steps: Var, labels: Var, blank: int) -> Var:
    found: Var = ctc(log_probs, targets.astype(int64), steps, labels, blank=blank)
    return found


def _lengths(given: Any, batch: int, name: str) -> Any:
    """(batch,) integers."""
    if isinstance(given, Tensor):
        if given.dtype not in (int64, int32):
            raise RuntimeError(f"{name} must be integral, got {given.dtype}")
        given = given._array()
    found = np.asarray(given, np.int64).reshape(-1)
    if found.shape != (batch,):
        raise RuntimeError(f"{name} must be of size batch_size: {len(found)} for {batch} samples")
    if found.size and found.min() < 0:
        raise RuntimeError(f"Expected {name} to have value at least 0, but got value {found.min()}")
    return found


def _padded(targets: Tensor, labels: Any) -> Tensor:
    """(N, S) the labels of each sample in a row of its own."""
    longest = int(labels.max()) if labels.size else 0
    if targets.ndim == 2:
        if targets.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {list(targets.shape)} "
                "for argument 'targets' (while checking arguments for ctc_loss)"
            )
        return targets
    if targets.ndim != 1:
        raise RuntimeError(f"ctc_loss: targets should be 1D or 2D, got shape {list(targets.shape)}")
    if int(labels.sum()) > targets.shape[0]:
        raise RuntimeError(
            f"ctc_loss: targets has {targets.shape[0]} labels, target_lengths asks for {labels.sum()}"
        )
    if not longest:
        return targets.new_zeros((len(labels), 0))
    starts = np.cumsum(labels) - labels
    places = np.minimum(starts[:, None] + np.arange(longest), targets.shape[0] - 1)
    return targets.index_select(0, from_array(places.reshape(-1))).reshape(len(labels), longest)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """How improbable it is that labels come in their order, at any times, with blanks between them.

    Args:
        log_probs: (T, N, C) or (T, C) log-probabilities.
        targets: (N, S) labels in [0, C), not ``blank``, or all of them one after another.
        input_lengths, target_lengths: (N,) how many steps and labels of each sample count.
        blank: the class that is no label.
        zero_infinity: a target that cannot be reached has a loss of zero, not of infinity.
    Returns:
        () the mean over the samples of the loss for each label; (N,) with ``reduction="none"``.
    Source: Graves, Fernandez, Gomez and Schmidhuber 2006.

    The gradient is the one that PyTorch gives: it presumes that ``log_probs`` come from a log_softmax.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(
            f"ctc_loss: log_probs must be 2D or 3D, got shape {list(log_probs.shape)}"
        )
    single = log_probs.ndim == 2
    scores = log_probs.unsqueeze(1) if single else log_probs
    steps, batch, classes = (int(n) for n in scores.shape)
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: {blank} of {classes} classes")
    inputs = _lengths(input_lengths, batch, "input_lengths")
    labels = _lengths(target_lengths, batch, "target_lengths")
    if inputs.size and inputs.max() > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {inputs.max()} (while checking "
            "arguments for ctc_loss)"
        )
    wanted = _padded(targets.unsqueeze(0) if single and targets.ndim == 1 else targets, labels)
    operands = (scores, wanted, from_array(inputs), from_array(labels))
    losses = dispatch(_ctc, operands, (blank,))
    if scores.requires_grad:
        timely = np.arange(steps)[:, None] < inputs
        masses = (scores.exp().sum(2) * from_array(timely.astype(scores.dtype.numpy))).sum(0)
        losses = losses + (masses - masses.detach())
    if zero_infinity:
        losses = losses.masked_fill(losses == float("inf"), 0.0)
    if reduction == "mean":
        share = from_array(np.maximum(labels, 1).astype(scores.dtype.numpy))
        return (losses / share).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses
