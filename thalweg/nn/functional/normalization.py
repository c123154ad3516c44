"""Normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...ir.builder import Var
from ...ir.dtype import float64
from ...ops import elementwise as e
from ...ops.composite import Op, op
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from ...tensor.inplace import put
from ...tensor.modes import no_grad
from .padding import pad
from .pooling import avg_pool3d

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip


def _standardized(x: Var, axes: tuple[int, ...], eps: float) -> tuple[Var, Var, Var]:
    """``x`` less its mean over ``axes``, by its standard deviation; with the mean and the (biased) variance."""
    count = math.prod(x.shape[a] for a in axes)
    mean = x.sum(axes, True) / count
    centered = x - mean
    variance = (centered * centered).sum(axes, True) / count
    return centered * e.rsqrt(variance + eps), mean, variance


def _scaled(x: Var, weight: Var | None, bias: Var | None, shape: tuple[int, ...]) -> Var:
    if weight is not None:
        x = x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


@op("NativeBatchNormBackward0", (0, 1, 2))
def _batch_norm_train(
    x: Var, weight: Var | None, bias: Var | None, running_mean: Var | None, running_var: Var | None, momentum: Var,
    eps: float,
) -> Any:  # fmt: skip
    """The normalized batch, and the running statistics moved toward the batch's (unbiased variance)."""
    axes = (0, *range(2, x.ndim))
    channels = x.shape[1]
    shape = (channels, *(1,) * (x.ndim - 2))
    standard, mean, variance = _standardized(x, axes, eps)
    results = [_scaled(standard, weight, bias, shape)]
    if running_mean is not None and running_var is not None:
        step = momentum.astype(running_mean.dtype)
        count = x.size // channels
        batch_mean = mean.reshape((channels,)).astype(running_mean.dtype)
        batch_var = (variance.reshape((channels,)) * (count / (count - 1))).astype(
            running_mean.dtype
        )
        results.append(running_mean * (1 - step) + batch_mean * step)
        results.append(running_var * (1 - step) + batch_var * step)
    return results


@op("NativeBatchNormBackward0", (0, 1, 2))
def _batch_norm_eval(
    x: Var, weight: Var | None, bias: Var | None, mean: Var, variance: Var, eps: float
) -> Var:
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    scale = e.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = bias + shift
    return x * scale.astype(x.dtype).reshape(shape) + shift.astype(x.dtype).reshape(shape)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel normalized over the batch (training) or by the running statistics.

    Args:
        input: (N, C) or (N, C, ...). running_mean, running_var, weight, bias: (C,) or None.
        momentum: how far the running statistics move toward the batch's.
    Returns:
        the input's shape.
    Raises:
        ValueError: one value per channel in training, which has no spread; ``eps`` is not positive.
        RuntimeError: a statistic or parameter does not have C elements.
    Source: Ioffe and Szegedy 2015.
    """
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive, but got {eps}")
    if input.ndim < 2 and not input.numel():
        return input.clone()
    if input.ndim < 2:
        raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")
    channels = input.shape[1]
    for name, t in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if t is not None and tuple(t.shape) != (channels,):
            raise RuntimeError(
                f"{name} should contain {channels} elements not {t.numel()}: input {list(input.shape)}"
            )
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when training=False"
            )
        return dispatch(_batch_norm_eval, (input, weight, bias, running_mean, running_var), (eps,))
    if input.numel() // max(channels, 1) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    operands = (input, weight, bias, running_mean, running_var, momentum)
    results = dispatch(_batch_norm_train, operands, (eps,))
    if running_mean is None or running_var is None:
        return results
    if not input.numel():
        return results[0]
    out, new_mean, new_var = results
    if not set(new_mean._levels) <= set(running_mean._levels):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in "
            "place, were not batched: leave running statistics out, or call eval()"
        )
    for running, new in ((running_mean, new_mean), (running_var, new_var)):
        put(running, new.detach())
    return out


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel of each sample normalized over its own positions.

    Args:
        input: (N, C, ...). running_mean, running_var, weight, bias: (C,) or None.
        use_input_stats: False: by the running statistics, as ``batch_norm`` does.
        momentum: how far the running statistics move toward the mean of the samples'.
    Returns:
        the input's shape.
    Raises:
        ValueError: one position for each sample, which has no spread.
    Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim > 2 and math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    if running_mean is None or running_var is None:
        return group_norm(input, input.shape[1], weight, bias, eps)
    samples, channels = int(input.shape[0]), int(input.shape[1])
    means, spreads = running_mean.repeat(samples), running_var.repeat(samples)
    row = input.reshape(1, samples * channels, *input.shape[2:])
    found = batch_norm(row, means, spreads, None, None, True, momentum, eps).reshape(input.shape)
    with no_grad():
        running_mean.copy_(means.reshape(samples, channels).mean(0))
        running_var.copy_(spreads.reshape(samples, channels).mean(0))
    shape = (channels, *(1,) * (input.ndim - 2))
    found = found if weight is None else found * weight.reshape(*shape)
    return found if bias is None else found + bias.reshape(*shape)


@op("NativeLayerNormBackward0")
def _layer_norm(x: Var, weight: Var | None, bias: Var | None, n: int, eps: float) -> Var:
    axes = tuple(range(x.ndim - n, x.ndim))
    return _scaled(_standardized(x, axes, eps)[0], weight, bias, x.shape[x.ndim - n :])


def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalized over the last axes, whose sizes are ``normalized_shape``.

    Args:
        input: (..., *normalized_shape). weight, bias: ``normalized_shape`` or None.
    Returns:
        the input's shape.
    Source: Ba, Kiros and Hinton 2016.
    """
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != shape:
            raise RuntimeError(
                f"layer_norm: Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(given.shape)} and normalized_shape = {list(shape)}"
            )
    return dispatch(_layer_norm, (input, weight, bias), (len(shape), eps))


@op("NativeGroupNormBackward0")
def _group_norm(x: Var, weight: Var | None, bias: Var | None, groups: int, eps: float) -> Var:
    grouped = x.reshape((x.shape[0], groups, x.size // max(x.shape[0] * groups, 1)))
    standard = _standardized(grouped, (2,), eps)[0].reshape(x.shape)
    return _scaled(standard, weight, bias, (x.shape[1], *(1,) * (x.ndim - 2)))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Groups of channels of each sample normalized: input (N, C, ...), weight and bias (C,), the input's shape back.

    Source: Wu and He 2018.
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"group_norm: Expected at least 2 dimensions for input tensor but received {input.ndim}"
        )
    if input.shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != (input.shape[1],):
            raise RuntimeError(
                f"group_norm: Expected {name} to be a vector of size equal to the number of channels in input, but got "
                f"{name} of shape {list(given.shape)} and input of shape {list(input.shape)}"
            )
    return dispatch(_group_norm, (input, weight, bias), (num_groups, eps))


_MEAN_SQUARE = ("MeanBackward1", (("PowBackward0", (0,)),))
_STANDARD = (0, ("RsqrtBackward0", (("AddBackward1", (_MEAN_SQUARE,)),)))


@op("MulBackward0", (("MulBackward0", _STANDARD), 1))
def _rms_norm(x: Var, weight: Var | None, n: int, eps: float) -> Var:
    axes = tuple(range(x.ndim - n, x.ndim))
    count = math.prod(x.shape[a] for a in axes)
    scale = e.rsqrt((x * x).sum(axes, True) / count + eps)
    return _scaled(x * scale, weight, None, x.shape[x.ndim - n :])


_rms_norm_plain = Op(_rms_norm.function, "MulBackward0", _STANDARD)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divided by the root mean square of the last axes: (..., *normalized_shape) in, the same out.

    Source: Zhang and Sennrich 2019.
    """
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "rms_norm: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element"
        )
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    if weight is not None and tuple(weight.shape) != shape:
        raise RuntimeError(
            f"rms_norm: Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight.shape)} and normalized_shape = {list(shape)}"
        )
    small = eps if eps is not None else 2.0**-52 if input.dtype is float64 else 2.0**-23
    chosen = _rms_norm_plain if weight is None else _rms_norm
    return dispatch(chosen, (input, weight), (len(shape), small))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divided by the p-norm along ``dim`` (at least ``eps``): any shape in, the same out."""
    return input / input.norm(p, dim, True).clamp_min(eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element over (k + alpha * m) ** beta, m the mean square of ``size`` channels around it.

    Args:
        input: (N, C, ...).
    Returns:
        the input's shape.
    Source: Krizhevsky, Sutskever and Hinton 2012.
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], 1, -1)
    lined = pad(squares, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    means = avg_pool3d(lined, (size, 1, 1), stride=1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)
