"""Ways to fill a tensor with its first values. All work in place, off the tape, and give the tensor back.

Draws are PyTorch's: the same seed gives the same values.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime.generator import Generator
from ..tensor import Tensor
from ..tensor.creation import empty_like, from_numpy
from ..tensor.modes import no_grad
from ..tensor.random import randperm

Array = np.ndarray[Any, Any]

_LINEAR = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before ``nonlinearity`` are scaled.

    Args:
        param: the negative slope of a leaky_relu, 0.01 when left out.
    Source: He et al. 2015, section 2.2; PyTorch's table for the rest.
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


# Constants


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill ``tensor`` (*) with ``val``."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """Fill ``tensor`` (*) with ones."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fill ``tensor`` (*) with zeros."""
    return tensor.zero_()


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Make ``tensor`` (n, m) the identity, as far as it goes."""
    _check_matrix(tensor)
    return _put(tensor, np.eye(*tensor.shape))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make the kernel ``tensor`` (out, in/groups, ...) one that passes channels on as they are.

    Args:
        groups: out channels are passed on group by group.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(
            "Only tensors with 3, 4, or 5 dimensions are supported, got shape "
            + str(list(tensor.shape))
        )
    if tensor.shape[0] % groups != 0:
        raise ValueError(f"dim 0 must be divisible by groups: {tensor.shape[0]} is not by {groups}")
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    kernel = np.zeros(tensor.shape)
    for group in range(groups):
        for k in range(min(per_group, tensor.shape[1])):
            kernel[(group * per_group + k, k, *middle)] = 1
    return _put(tensor, kernel)


# Draws


@no_grad()
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill ``tensor`` (*) with draws from the uniform distribution over [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill ``tensor`` (*) with draws from the normal distribution."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` (*) with draws from the normal distribution cut off outside [a, b].

    Where most draws fall inside, those outside are drawn again; otherwise candidates are drawn uniformly
    and accepted by their density.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    if tensor.numel() == 0:
        return tensor
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    if inside > 0.3:
        return _put(tensor, _redrawn(tensor, mean, std, a, b, generator))
    return _put(tensor, _accepted(tensor, mean, std, a, b, generator))


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redrawn(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Array:
    """Normal draws of the shape of ``tensor`` (*), repeated until all lie in [a, b]."""
    result = _values(tensor.normal_(mean, std, generator=generator))
    low, high = result.dtype.type(a), result.dtype.type(b)
    while True:
        outside = (result < low) | (result > high)
        if not outside.any():
            return result
        fresh = _values(empty_like(tensor).normal_(mean, std, generator=generator))
        result = np.where(outside, fresh, result)


def _accepted(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Array:
    """Uniform draws of the shape of ``tensor`` (*) over [a, b], repeated until the density accepts all."""
    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2
    buffer = empty_like(tensor)
    result = np.empty(0)
    pending: Array = np.ones(tensor.shape, bool)
    while pending.any():
        candidates = _values(buffer.uniform_(a, b, generator=generator))
        result = np.where(pending, candidates, result) if result.size else candidates
        log_density = ((candidates - mean) / std) ** 2 * -0.5 - log_peak
        with np.errstate(divide="ignore"):
            pending = pending & (
                np.log(_values(buffer.uniform_(generator=generator))) > log_density
            )
    return result


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill ``tensor`` (out, in, ...) with uniform draws, their deviation by Glorot and Bengio 2010."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` (out, in, ...) with normal draws, their deviation by Glorot and Bengio 2010."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    """The standard deviation that Glorot and Bengio want for ``tensor`` (out, in, ...)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` (out, in, ...) with uniform draws of the standard deviation by He et al. 2015.

    Args:
        a: the negative slope of a leaky_relu.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` (out, in, ...) with normal draws of the standard deviation by He et al. 2015.

    Args:
        a: the negative slope of a leaky_relu.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation that He et al. want for ``tensor`` (out, in, ...)."""
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill ``tensor`` (rows, ...) with a matrix (rows, rest) whose rows or columns are orthonormal.

    Source: Saxe et al. 2013; the signs by Mezzadri 2006 make it uniform over such matrices.
    """
    if tensor.ndim < 2:
        raise ValueError(
            "Only tensors with 2 or more dimensions are supported, got shape "
            + str(list(tensor.shape))
        )
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    draws = _values(empty_like(tensor).normal_(0, 1, generator=generator)).reshape(rows, -1)
    wide = rows < draws.shape[1]
    q, r = np.linalg.qr(draws.T if wide else draws)
    q = q * np.sign(np.diagonal(r))
    _put(tensor, (q.T if wide else q).reshape(tensor.shape)).mul_(gain)
    return tensor


@no_grad()
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill ``tensor`` (n, m) with normal draws, and a share of each column with zeros.

    Args:
        sparsity: that share.
    Source: Martens 2010.
    """
    _check_matrix(tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    values = _values(tensor.normal_(0, std, generator=generator))
    for column in range(columns):
        values[randperm(rows).numpy()[:zeros], column] = 0
    return _put(tensor, values)


# What they share


def _check_matrix(tensor: Tensor) -> None:
    """Raise where ``tensor`` is not (n, m)."""
    if tensor.ndim != 2:
        raise ValueError(
            "Only tensors with 2 dimensions are supported, got shape " + str(list(tensor.shape))
        )


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of the weight ``tensor`` (out, in, ...) has, and the reverse."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The fan of ``tensor`` (out, in, ...) that ``mode`` names."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def _values(tensor: Tensor) -> Array:
    """A copy of the elements of ``tensor`` (*)."""
    return np.array(tensor.detach())


def _put(tensor: Tensor, values: Array) -> Tensor:
    """Write ``values``, of the shape of ``tensor`` (*), into it."""
    return tensor.copy_(from_numpy(np.ascontiguousarray(values)))


# The names without underscore, deprecated in PyTorch too


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def warned(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    warned.__name__ = old
    warned.__doc__ = f"The deprecated name of ``{new}``."
    return warned


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
