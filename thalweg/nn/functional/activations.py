"""Activation functions.

Note: slopes and bounds. A number that becomes an element or a factor is a run-time operand (a 0-d Var), not a static:
it may vary without a new graph, and 0.0 and -0.0, which are equal as keys, stay what they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir.builder import Var
from ...ir.dtype import DType
from ...ops import elementwise as e
from ...ops.composite import op
from ...ops.movement import slice_
from ...runtime.generator import default_generator
from ...tensor import Tensor
from ...tensor import pointwise as p
from ...tensor.creation import drawn, from_array, zeros_like
from ...tensor.dispatch import dispatch
from ...tensor.inplace import assign
from ...tensor.softmax import chosen_axis, log_softmax, softmax
from ...tensor.thresholds import hardshrink, prelu

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_",
    "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign",
    "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip

relu_ = Tensor.relu_
sigmoid, tanh = p.sigmoid, p.tanh


def _finish(result: Any, input: Tensor, inplace: bool) -> Tensor:
    return assign(input, result) if inplace else result


def _like(x: Var, value: float) -> Var:
    return x.builder.constant(value, x.dtype)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0) of each element; any shape in, the same out."""
    return _finish(p.relu(input), input, inplace)


@op("LeakyReluBackward0", (0,))
def _leaky_relu(x: Var, slope: Var) -> Var:
    return x * e.where(x > 0, _like(x, 1.0), slope.astype(x.dtype))


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, ``negative_slope`` * x elsewhere; any shape in, the same out."""
    return _finish(dispatch(_leaky_relu, (input, float(negative_slope))), input, inplace)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``leaky_relu`` in place; any shape in, the same back."""
    return leaky_relu(input, negative_slope, inplace=True)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where positive, elsewhere times a slope drawn from [lower, upper); any shape in, the same out.

    Without ``training`` the slope is their mean. Source: Xu et al. 2015.
    """
    if lower > upper:
        raise RuntimeError(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    array = input._array()
    slopes = np.ones(array.shape, np.float64)
    below = array <= 0
    slopes[below] = default_generator.uniform((int(below.sum()),), lower, upper, np.float64)
    noise = from_array(slopes.astype(input.dtype.numpy))
    return _finish(dispatch(_rrelu, (input, noise)), input, inplace)


@op("RreluWithNoiseBackward0", (0,))
def _rrelu(x: Var, slopes: Var) -> Var:
    return x * slopes


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """``rrelu`` in place; any shape in, the same back."""
    return rrelu(input, lower, upper, training, inplace=True)


@op("EluBackward0", (0,))
def _elu(x: Var, factor: Var, scale: float) -> Var:
    below = x <= 0
    negative = e.expm1(e.where(below, x, _like(x, 0.0))) * factor.astype(x.dtype)
    return e.where(below, negative, x * scale if scale != 1 else x)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, alpha * (exp(x) - 1) elsewhere; any shape in, the same out."""
    return _finish(dispatch(_elu, (input, float(alpha)), (1.0,)), input, inplace)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``elu`` in place; any shape in, the same back."""
    return elu(input, alpha, inplace=True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Scaled ELU with the constants of Klambauer et al. 2017; any shape in, the same out."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return _finish(dispatch(_elu, (input, alpha * scale), (scale,)), input, inplace)


def selu_(input: Tensor) -> Tensor:
    """``selu`` in place; any shape in, the same back."""
    return selu(input, inplace=True)


@op("CeluBackward0", (0,))
def _celu(x: Var, alpha: Var, inverse: Var) -> Var:
    below = x <= 0
    bent = e.where(below, x, _like(x, 0.0)) * inverse.astype(x.dtype)
    return e.where(below, e.expm1(bent) * alpha.astype(x.dtype), x)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)); any shape in, the same out."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: celu: alpha is 0, and x is divided by it")
    return _finish(dispatch(_celu, (input, float(alpha), 1.0 / alpha)), input, inplace)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``celu`` in place; any shape in, the same back."""
    return celu(input, alpha, inplace=True)


@op("GeluBackward0")
def _gelu(x: Var, approximate: str) -> Var:
    if approximate == "tanh":
        inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
        return x * 0.5 * (e.tanh(inner) + 1)
    return x * 0.5 * (e.erf(x * math.sqrt(0.5)) + 1)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x; any shape in, the same out.

    ``approximate="tanh"`` takes the formula of Hendrycks and Gimpel 2016.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return dispatch(_gelu, (input,), (approximate,))


@op("SiluBackward0")
def _silu(x: Var) -> Var:
    return x * e.sigmoid(x)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x); any shape in, the same out."""
    return _finish(dispatch(_silu, (input,)), input, inplace)


def _softplus_of(x: Var) -> Var:
    """log(1 + exp(x)), written so that exp cannot overflow."""
    return e.maximum(x, _like(x, 0.0)) + e.log1p(e.exp(-e.abs_(x)))


@op("MishBackward0")
def _mish(x: Var) -> Var:
    return x * e.tanh(_softplus_of(x))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)); any shape in, the same out."""
    return _finish(dispatch(_mish, (input,)), input, inplace)


@op("SoftplusBackward0", (0,))
def _softplus(x: Var, beta: Var, threshold: Var) -> Var:
    beta, threshold = beta.astype(x.dtype), threshold.astype(x.dtype)
    scaled = x * beta
    beyond = scaled > threshold
    return e.where(beyond, x, e.log1p(e.exp(e.where(beyond, _like(x, 0.0), scaled))) / beta)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta * x)) / beta, and x itself beyond the threshold; any shape in, the same out."""
    return dispatch(_softplus, (input, float(beta), float(threshold)))


@op("LogSigmoidBackward0")
def _logsigmoid(x: Var) -> Var:
    return e.minimum(x, _like(x, 0.0)) - e.log1p(e.exp(-e.abs_(x)))


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)) without overflow; any shape in, the same out."""
    return dispatch(_logsigmoid, (input,))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|); any shape in, the same out."""
    return input / (p.abs(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x); any shape in, the same out."""
    return input - p.tanh(input)


@op("HardtanhBackward0", (0,))
def _hardtanh(x: Var, low: Var, high: Var) -> Var:
    low, high = low.astype(x.dtype), high.astype(x.dtype)
    inside = (x > low) & (x < high)
    bounded = e.where(x <= low, low, high)
    return e.where(inside | x.ne(x), x, bounded)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x limited to [min_val, max_val]; any shape in, the same out."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val: {min_val} > {max_val}")
    return _finish(dispatch(_hardtanh, (input, min_val, max_val)), input, inplace)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``hardtanh`` in place; any shape in, the same back."""
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]; any shape in, the same out."""
    return hardtanh(input, 0.0, 6.0, inplace)


@op("HardsigmoidBackward0")
def _hardsigmoid(x: Var) -> Var:
    inside = (x > -3) & (x < 3)
    return e.where(inside | x.ne(x), x / 6 + 0.5, (x >= 3).astype(x.dtype))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1]; any shape in, the same out."""
    return _finish(dispatch(_hardsigmoid, (input,)), input, inplace)


@op("HardswishBackward0")
def _hardswish(x: Var) -> Var:
    curve = x * (x + 3) / 6
    return e.where(x >= 3, x, e.where(x <= -3, x.zeros_like(), curve))


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x); any shape in, the same out."""
    return _finish(dispatch(_hardswish, (input,)), input, inplace)


@op("ThresholdBackward0", (0,))
def _threshold(x: Var, threshold: Var, value: Var) -> Var:
    return e.where(x <= threshold.astype(x.dtype), value.astype(x.dtype), x)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``value`` where x is not above ``threshold``, x elsewhere, a NaN too; any shape in, the same out."""
    return _finish(dispatch(_threshold, (input, threshold, value)), input, inplace)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """``threshold`` in place; any shape in, the same back."""
    return assign(input, dispatch(_threshold, (input, threshold, value)))


@op("SoftshrinkBackward0", (0,))
def _softshrink(x: Var, lambd: Var) -> Var:
    lambd = lambd.astype(x.dtype)
    inside = (x >= -lambd) & (x <= lambd)
    return e.where(inside, x * 0, e.where(x > 0, x - lambd, x + lambd))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved toward 0 by ``lambd``, which is not negative; any shape in, the same out."""
    if not 0 <= lambd < math.inf:
        raise RuntimeError(f"softshrink: lambd must be in [0, inf), got {lambd}")
    return dispatch(_softshrink, (input, float(lambd)))


@op("GluBackward0")
def _glu(x: Var, axis: int) -> Var:
    half, ones = x.shape[axis] // 2, (1,) * x.ndim
    first, second = [0] * x.ndim, list(x.shape)
    first[axis], second[axis] = half, half
    a = slice_(x, starts=(0,) * x.ndim, stops=tuple(second), steps=ones)
    b = slice_(x, starts=tuple(first), stops=x.shape, steps=ones)
    return a * e.sigmoid(b)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b) for the two halves of ``dim``: (..., 2N, ...) in, (..., N, ...) out."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}"
        )
    return dispatch(_glu, (input,), (dim % input.ndim,))


# Along an axis


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """``softmax`` of -x; any shape in, the same out."""
    return softmax(-input, chosen_axis(dim, input.ndim, "softmin", _stacklevel), dtype=dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of the Gumbel-softmax distribution; (..., C) in, the same out. Source: Jang et al. 2017."""
    kind = logits.dtype.numpy
    draws = drawn(
        lambda shape: default_generator.exponential(shape, 1.0, kind), tuple(logits.shape)
    )
    noise = -draws.log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    chosen = zeros_like(soft)
    return chosen.scatter(dim, index, 1.0) - soft.detach() + soft
