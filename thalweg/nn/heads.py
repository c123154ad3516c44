"""Losses with a last linear map of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.joining import cat
from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .loss import _WeightedLoss
from .module import Module

_POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch computes LinearCrossEntropyLoss in pieces; checked here, and without effect.

    Attributes:
        allow_retain_graph: whether backward may be called twice.
        batch_chunk_size: rows a piece.
        chunking_method: how that size is found: "auto", "aspect_ratio" or "aspect_ratio:N".
        acc_policy: what is accumulated in ``acc_dtype``.
        acc_dtype: the type of sums.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}: choose one of {_POLICIES}")
        if self.chunking_method not in (None, "auto"):
            name, _, factor = str(self.chunking_method).partition(":")
            if name != "aspect_ratio" or (factor and not (factor.isdigit() and int(factor))):
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross-entropy between class numbers, or probabilities, and a linear map of the input.

    Attributes:
        linear: the map, to num_classes * prod(out_features) scores.
        weight: (num_classes,) a factor for each class, or None.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        scores = num_classes * math.prod(out_features)
        self.linear = Linear(in_features, scores, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input: (N, in_features) or (in_features,), target: (N, *out_features); gives ()."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(*shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )


class _ASMoutput(NamedTuple):
    """What AdaptiveLogSoftmaxWithLoss gives: (N,) log-probabilities of the targets, and () their mean loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of very many classes: the frequent ones in a head, the rare ones in clusters behind it.

    Attributes:
        head: in_features to the classes below the first cutoff, and one score for each cluster.
        tail: for each cluster two maps, to fewer features and from there to its classes.
    Source: Grave et al. 2017.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(a < b for a, b in pairwise(ends))
        whole = all(int(c) == c for c in ends)
        if not rising or not whole or ends[0] <= 0 or ends[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1: got {ends} for {n_classes} classes"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            narrow = int(in_features // (div_value ** (i + 1)))
            self.tail.append(
                Sequential(
                    Linear(in_features, narrow, bias=False, **kind),
                    Linear(narrow, stop - start, bias=False, **kind),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new weights."""
        self.head.reset_parameters()
        for layer in self.tail.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """input_: (N, in_features) or (in_features,), target_: (N,) or (); gives log-probabilities and loss."""
        _check_batch(input_, target_)
        single = target_.ndim == 0
        input = input_.unsqueeze(0) if single else input_
        target = target_.unsqueeze(0) if single else target_
        lowest, highest = int(target.min()), int(target.max())
        if lowest < 0 or highest >= self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{lowest}, {highest}] "
                "were found. "
            )
        places, within = target, []
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= start) & (target < stop)
            rows = inside.nonzero().reshape(-1)
            if rows.numel():
                places = places.masked_fill(inside, self.shortlist_size + i)
                within.append((rows, self._of_cluster(i, input, target - start, rows)))
        scores = F.log_softmax(self.head(input), 1)
        output = scores.gather(1, places.unsqueeze(1)).squeeze(1)
        for rows, found in within:
            output = output.index_add(0, rows, found)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _of_cluster(self, i: int, input: Tensor, classes: Tensor, rows: Tensor) -> Tensor:
        """(R,) log-probabilities within cluster ``i`` of the rows (R,) of ``input`` (N, in_features)."""
        scores = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
        return scores.gather(1, classes.index_select(0, rows).unsqueeze(1)).squeeze(1)

    def log_prob(self, input: Tensor) -> Tensor:
        """input: (N, in_features); gives (N, n_classes) log-probabilities."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            own = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), 1) + own)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """input: (N, in_features); gives (N,) the most probable classes."""
        return self.log_prob(input).argmax(1)


def _check_batch(input: Tensor, target: Tensor) -> None:
    """Raise where ``input`` (N, F) or (F,) and ``target`` (N,) or () do not fit each other."""
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
            f"{input.shape}"
        )
    if target.ndim and input.shape[0] != target.shape[0]:
        raise RuntimeError(
            f"Input and target should have the same size in the batch dimension: {input.shape[0]} and {target.shape[0]}"
        )
