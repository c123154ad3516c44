"""Rows of a table, by number: alone, in bags, and as ones among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Function
from ...ir.builder import Var
from ...ir.dtype import int32, int64
from ...ops.composite import op
from ...ops.lookup import take_rows
from ...tensor import Tensor
from ...tensor.creation import from_array, zeros
from ...tensor.dispatch import by_example, dispatch
from ...tensor.modes import no_grad

__all__ = ["embedding", "embedding_bag", "one_hot"]


@op("EmbeddingBackward0", (0,))
def _embedding(weight: Var, index: Var, skip: int | None) -> Var:
    return take_rows(weight, index.astype(int64), skip=skip)


class _ByFrequency(Function):
    """Rows whose gradient is divided by how often each of them is looked up."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, index: Tensor, padding_idx: int | None) -> Tensor:
        """weight: (V, D), index: (N,); gives (N, D)."""
        ctx.rows = weight.shape[0]
        numbers = index._array()
        counts = np.bincount(numbers, minlength=ctx.rows)[numbers]
        share = 1 / counts
        if padding_idx is not None:
            share = np.where(numbers == padding_idx, 0, share)
        ctx.index, ctx.share = index, from_array(share.astype(weight.dtype.numpy)[:, None])
        return dispatch(_embedding, (weight, index), (None,))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scaled = grads[0] * ctx.share
        empty = zeros((ctx.rows, scaled.shape[1]), dtype=scaled.dtype)
        return empty.index_add(0, ctx.index, scaled), None, None


def _renormalize(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Shorten, in place, the looked-up rows of ``weight`` (V, D) whose p-norm is above ``max_norm``."""
    rows = from_array(np.unique(index._array()).astype(np.int64))
    with no_grad():
        found = weight.detach().index_select(0, rows)
        norms = found.norm(norm_type, 1, True)
        scale = (max_norm / (norms + 1e-7)).masked_fill(norms <= max_norm, 1.0)
        weight.index_copy_(0, rows, found * scale)


def _row(padding_idx: int | None, rows: int) -> int | None:
    """The row's number, counted from the start."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"Padding_idx must be within num_embeddings: {padding_idx} among {rows}"
        )
    return padding_idx % rows


def _check_numbers(name: str, input: Tensor) -> None:
    if input.dtype not in (int64, int32):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.dtype} instead (while checking arguments for {name}): convert it with .long()"
        )


def _looked_up(weight: Tensor, index: Tensor, skip: int | None, by_frequency: bool) -> Tensor:
    """Rows (..., D) of ``weight`` (V, D) at ``index`` (...)."""
    if not by_frequency:
        return dispatch(_embedding, (weight, index), (skip,))
    rows = _ByFrequency.apply(weight, index.reshape(-1).long(), skip)
    return rows.reshape(*index.shape, weight.shape[1])


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` with the numbers in ``input``.

    Args:
        input: (...,) integers in [0, V). weight: (V, D).
        padding_idx: a row that gets no gradient.
        max_norm: rows whose norm (of ``norm_type``) is above it are first shortened to it, in place.
        scale_grad_by_freq: divide the gradient of each row by how often it is in ``input``.
        sparse: accepted; the gradient is dense.
    Returns:
        (..., D).
    Raises:
        IndexError: a number is outside [0, V).
    """
    if weight.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, got shape {list(weight.shape)}")
    _check_numbers("embedding", input)
    skip = _row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    return _looked_up(weight, input, skip, scale_grad_by_freq)


# Bags


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Any, int]:
    """(N,) the bag of each number, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                "sequences. However, found offsets of type Tensor"
            )
        return np.repeat(np.arange(input.shape[0]), input.shape[1]), int(input.shape[0])
    if input.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = offsets._array()
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {starts[0]}"
        )
    if starts.size and starts[-1] > input.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({input.shape[0]}) but got offsets[-1] of {starts[-1]}"
        )
    count = len(starts) - bool(include_last_offset)
    return np.searchsorted(starts[:count], np.arange(input.shape[0]), "right") - 1, count


def _largest(rows: Tensor, bags: Any, count: int) -> Tensor:
    """(count, D) the largest of each bag's rows (N, D); zeros of an empty bag."""
    sizes = np.bincount(bags, minlength=count)
    longest = int(sizes.max()) if count else 0
    if not longest:
        return zeros((count, rows.shape[1]), dtype=rows.dtype)
    order = np.argsort(bags, kind="stable")
    starts = np.cumsum(sizes) - sizes
    places = starts[:, None] + np.minimum(np.arange(longest), np.maximum(sizes[:, None] - 1, 0))
    numbers = order[np.minimum(places, len(order) - 1)]
    grid = rows.index_select(0, from_array(numbers.reshape(-1).astype(np.int64)))
    best = grid.reshape(count, longest, rows.shape[1]).max(1)[0]
    return best.masked_fill(from_array((sizes == 0)[:, None]), 0.0)


def _check_bags(
    input: Tensor, weight: Tensor, mode: str, factors: Tensor | None, max_norm: float | None, by_frequency: bool
) -> None:  # fmt: skip
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if weight.ndim != 2:
        raise RuntimeError(f"embedding_bag: 'weight' must be 2-D, got shape {list(weight.shape)}")
    _check_numbers("embedding_bag", input)
    if factors is None:
        return
    if tuple(factors.shape) != tuple(input.shape):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(factors.shape)}) is not None, then it must have the same "
            f"shape as the input ({list(input.shape)})"
        )
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or largest of the rows that each bag names.

    Args:
        input: (N,) integers in [0, V), the bags one after another, or (B, L), a bag a row. weight: (V, D).
        offsets: (B,) where each bag of a (N,) input begins.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each number, of the input's shape; with "sum" only.
        include_last_offset: the last offset is where the last bag ends.
        padding_idx: a row that does not count.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in ``embedding``.
    Returns:
        (B, D); zeros for an empty bag.
    """
    _check_bags(input, weight, mode, per_sample_weights, max_norm, scale_grad_by_freq)
    skip = _row(padding_idx, weight.shape[0])
    bags, count = _bags(input, offsets, include_last_offset)
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    index = input.reshape(-1)
    factors = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    if skip is not None:
        kept = np.flatnonzero(index._array() != skip)
        bags, chosen = bags[kept], from_array(kept)
        index = index.index_select(0, chosen)
        factors = None if factors is None else factors.index_select(0, chosen)
    rows = _looked_up(weight, index, None, scale_grad_by_freq)
    if mode == "max":
        return _largest(rows, bags, count)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    empty = zeros((count, weight.shape[1]), dtype=weight.dtype)
    sums = empty.index_add(0, from_array(bags.astype(np.int64)), rows)
    if mode == "sum":
        return sums
    sizes = np.maximum(np.bincount(bags, minlength=count), 1)
    return sums / from_array(sizes.astype(weight.dtype.numpy)[:, None])


@by_example
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class number, 0 elsewhere.

    Args:
        tensor: (...,) int64 class numbers.
        num_classes: C; by default one more than the largest number.
    Returns:
        (..., C) int64.
    Raises:
        RuntimeError: the numbers are not int64, negative, or not below ``num_classes``.
    """
    if tensor.dtype is not int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}"
        )
    classes = tensor._array()
    if not classes.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return from_array(np.zeros((*classes.shape, num_classes), np.int64))
    if classes.min() < 0:
        raise RuntimeError(f"Class values must be non-negative, got {classes.min()}")
    if num_classes == -1:
        num_classes = int(classes.max()) + 1
    if classes.max() >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes: {classes.max()} of {num_classes}"
        )
    return from_array((classes[..., None] == np.arange(num_classes)).astype(np.int64))
