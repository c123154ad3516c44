"""The functions of ``nn`` as PyTorch spells them at its top: other orders of arguments, reductions by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..runtime.generator import default_generator
from ..tensor import Tensor
from ..tensor.creation import from_array
from ..tensor.inplace import assign
from . import functional as F
from .functional.sizes import Sizes
from .functional.tables import _bags, _renormalize
from .utils.weights import norm_except_dim

__all__ = [
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "affine_grid_generator", "alpha_dropout", "alpha_dropout_",
    "avg_pool1d", "batch_norm", "bilinear", "binary_cross_entropy_with_logits", "celu", "celu_", "channel_shuffle",
    "constant_pad_nd", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "cosine_embedding_loss", "cosine_similarity", "ctc_loss", "dropout",
    "dropout_", "embedding", "embedding_bag", "embedding_renorm_", "feature_alpha_dropout", "feature_alpha_dropout_",
    "feature_dropout", "feature_dropout_", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "group_norm",
    "hardshrink", "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm", "margin_ranking_loss",
    "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d", "native_batch_norm",
    "native_channel_shuffle", "native_dropout", "native_group_norm", "native_layer_norm", "norm_except_dim",
    "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu", "relu_",
    "rms_norm", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_", "triplet_margin_loss",
]  # fmt: skip

adaptive_avg_pool1d, avg_pool1d = F.adaptive_avg_pool1d, F.avg_pool1d
bilinear, celu_, channel_shuffle = F.bilinear, F.celu_, F.channel_shuffle
conv1d, conv2d, conv3d, conv_tbc = F.conv1d, F.conv2d, F.conv3d, F.conv_tbc
conv_transpose1d, conv_transpose2d = F.conv_transpose1d, F.conv_transpose2d
conv_transpose3d = F.conv_transpose3d
cosine_similarity, hardshrink, native_channel_shuffle = (
    F.cosine_similarity,
    F.hardshrink,
    F.native_channel_shuffle,
)
pairwise_distance, pdist, pixel_shuffle = F.pairwise_distance, F.pdist, F.pixel_shuffle
pixel_unshuffle, prelu, relu_, rms_norm = F.pixel_unshuffle, F.prelu, F.relu_, F.rms_norm
rrelu, rrelu_, selu_, threshold_ = F.rrelu, F.rrelu_, F.selu_, F.threshold_

_REDUCTIONS = ("none", "mean", "sum")


def _how(reduction: int) -> str:
    """What a reduction's number means."""
    if reduction not in (0, 1, 2):
        raise ValueError(f"reduction is 0 (none), 1 (mean) or 2 (sum), got {reduction!r}")
    return _REDUCTIONS[reduction]


# Windows


def max_pool1d(
    input: Tensor, kernel_size: Sizes, stride: Any = (), padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, L) in, (N, C, L') out."""
    return F.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Sizes, stride: Any = (), padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """``max_pool1d`` and where the largest are: (N, C, L) in, twice (N, C, L') out."""
    return F.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Any = (), padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, H, W) in, (N, C, H', W') out."""
    return F.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor, kernel_size: Sizes, stride: Any = (), padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window: (N, C, D, H, W) in, (N, C, D', H', W') out."""
    return F.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


def adaptive_max_pool1d(input: Tensor, output_size: Any) -> Any:
    """The largest of ``output_size`` equal parts, and where they are: (N, C, L) in, twice (N, C, output_size)."""
    return F.adaptive_max_pool1d(input, output_size, True)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """``input`` (*) with ``value`` around it; ``pad`` as ``nn.functional.pad`` takes it."""
    return F.pad(input, pad, "constant", value)


def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Sizes, dilation: Sizes,
    transposed: bool, output_padding: Sizes, groups: int,
) -> Tensor:  # fmt: skip
    """A convolution over one, two or three axes, or its adjoint: input (N, C, *S), weight as for those."""
    n = input.ndim - 2
    if n not in (1, 2, 3):
        raise RuntimeError(f"convolution: input has 3, 4 or 5 axes, got shape {list(input.shape)}")
    if transposed:
        back: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
        found: Tensor = back(input, weight, bias, stride, padding, output_padding, groups, dilation)
        return found
    there: Any = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    result: Tensor = there(input, weight, bias, stride, padding, dilation, groups)
    return result


_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """``grid_sample`` with its modes by number: input (N, C, *S), grid (N, *out, axes), out (N, C, *out)."""
    return F.grid_sample(
        input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners
    )


grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """``affine_grid``: theta (N, 2, 3) or (N, 3, 4), gives (N, *S, 2) or (N, *S, 3)."""
    return F.affine_grid(theta, size, align_corners)


# Activations and dropout


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``nn.functional.celu``; any shape in, the same out."""
    return F.celu(input, alpha)


def selu(input: Tensor) -> Tensor:
    """``nn.functional.selu``; any shape in, the same out."""
    return F.selu(input)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """``value`` where the input is not above ``threshold``; any shape in, the same out."""
    return F.threshold(input, threshold, value)


def _named(name: str, function: Callable[..., Tensor], shape: str) -> tuple[Any, Any]:
    """A dropout whose arguments are all given, and the one that writes into its input."""

    def dropped(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train)

    def dropped_(input: Tensor, p: float, train: bool) -> Tensor:
        return assign(input, function(input, p, train)) if train and p else input

    for made, ending, how in ((dropped, "", ""), (dropped_, "_", " in place")):
        made.__name__ = made.__qualname__ = name + ending
        made.__doc__ = f"``nn.functional.{name}``{how}, while ``train``: {shape} in, the same out."
    return dropped, dropped_


def _feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    if input.ndim < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input, got {list(input.shape)}"
        )
    return F.dropout2d(input, p, train)


dropout, dropout_ = _named("dropout", F.dropout, "any shape")
alpha_dropout, alpha_dropout_ = _named("alpha_dropout", F.alpha_dropout, "any shape")
feature_dropout, feature_dropout_ = _named("feature_dropout", _feature_dropout, "(N, C, ...)")
feature_alpha_dropout, feature_alpha_dropout_ = _named(
    "feature_alpha_dropout", F.feature_alpha_dropout, "(N, C, ...)"
)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """``dropout`` and, of the input's shape (*), what it kept; all without ``train``."""
    shape = tuple(input.shape)
    if train is False or not input.numel():
        return input.clone(), from_array(np.ones(shape, np.bool_))
    if p == 1:
        return input * 0, from_array(np.zeros(shape, np.bool_))
    kept = from_array(np.asarray(default_generator.bernoulli(1 - p, shape)).astype(np.bool_))
    return input * kept * (1 / (1 - p)), kept


# Normalization


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """``nn.functional.batch_norm``: input (N, C, ...), the others (C,) or None."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """``nn.functional.instance_norm``: input (N, C, ...), the others (C,) or None."""
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """``nn.functional.layer_norm``: (..., *normalized_shape) in, the same out."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """``nn.functional.group_norm``: (N, C, ...) in, the same out."""
    return F.group_norm(input, num_groups, weight, bias, eps)


def _moments(x: Tensor, axes: tuple[int, ...], eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Mean and one over the standard deviation of ``x`` (*) over ``axes``."""
    mean = x.mean(axes, keepdim)
    square = ((x - x.mean(axes, True)) ** 2).mean(axes, keepdim)
    return mean, (square + eps).rsqrt()


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """``layer_norm``, and mean and 1 / deviation, (..., 1, ...) each."""
    axes = tuple(range(-len(normalized_shape), 0))
    found = F.layer_norm(input, normalized_shape, weight, bias, eps)
    return (found, *_moments(input.detach(), axes, eps, True))


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """``group_norm`` of an input (N, C, ...) of N * C * HxW elements, and mean and 1 / deviation, (N, group) each."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"native_group_norm: N * C * HxW is {N * C * HxW}, the input has {input.numel()} elements"
        )
    found = F.group_norm(input, group, weight, bias, eps)
    return (found, *_moments(input.reshape(N, group, C // group * HxW), (2,), eps, False))


def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """``batch_norm``, and the batch's mean and 1 / deviation, (C,) each; (0,) without ``training``."""
    found = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return found, input.new_empty(0), input.new_empty(0)
    axes = (0, *range(2, input.ndim))
    return (found, *_moments(input.detach(), axes, eps, False))


# Tables


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` (V, D) at ``indices`` (...); -1 is no row to leave out. Gives (..., D)."""
    skip = padding_idx if padding_idx >= 0 else None
    return F.embedding(indices, weight, skip, None, 2.0, scale_grad_by_freq, sparse)


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """``input`` (V, D) with its rows at ``indices`` (...) shortened, in place, to ``max_norm``."""
    _renormalize(input, indices, max_norm, norm_type)
    return input


def embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Sums (mode 0), means (1) or largest (2) of the rows that each bag names.

    Args:
        weight: (V, D). indices: (N,). offsets: (B,) where each bag begins.
    Returns:
        (B, D); (N,) the bag of each index; (B,) how many of a bag's indices count; and that again, where PyTorch
        has what it keeps for its gradient.
    """
    how = ("sum", "mean", "max")[mode]
    found = F.embedding_bag(
        indices, weight, offsets, None, 2.0, scale_grad_by_freq, how, sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    bags, count = _bags(indices, offsets, include_last_offset)
    numbers = indices._array()
    kept = np.ones(len(numbers), np.bool_)
    if padding_idx is not None:
        kept = numbers != padding_idx % weight.shape[0]
    sizes = from_array(np.bincount(bags[kept], minlength=count).astype(np.int64))
    return found, from_array(bags.astype(np.int64)), sizes, sizes


# Losses


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """``nn.functional.kl_div``; any shapes that broadcast, () by default."""
    return F.kl_div(input, target, reduction=_how(reduction), log_target=log_target)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """``nn.functional.ctc_loss``: log_probs (T, N, C), targets (N, S) or joined, () by default."""
    return F.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, _how(reduction), zero_infinity
    )


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """``nn.functional.margin_ranking_loss``: shapes that broadcast, () by default."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_how(reduction))


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """``nn.functional.hinge_embedding_loss``: any shape, () by default."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_how(reduction))


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, reduction: int = 1,
) -> Tensor:  # fmt: skip
    """``nn.functional.triplet_margin_loss``: each (N, D), () by default."""
    return F.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_how(reduction)
    )


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """``nn.functional.cosine_embedding_loss``: inputs (N, D), target (N,), () by default."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_how(reduction))


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """``nn.functional.poisson_nll_loss``: any shapes that broadcast, ()."""
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_how(reduction))


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:  # fmt: skip
    """``nn.functional.binary_cross_entropy_with_logits``: any shape, () by default."""
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_how(reduction), pos_weight=pos_weight
    )
