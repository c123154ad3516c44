"""Primitives that act element by element, broadcasting their operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import DType, bool_, float32, float64, int32, int64, uint8
from ..ir.primitive import GradRule, Primitive, primitive
from .samples import Sample, binary, draw, integers, unary

_OF_REAL = {  # what complex numbers don't have
    "floor", "ceil", "trunc", "round", "sign", "signbit", "maximum", "minimum", "floor_divide", "remainder", "fmod", "atan2",
    "hypot", "copysign", "lt", "le", "gt", "ge", "erf", "relu", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
    "shift_left", "shift_right",
}  # fmt: skip


def same(*avals: Aval) -> Aval:
    """Broadcast shape, the operands' common dtype."""
    dtype = avals[0].dtype
    for a in avals:
        assert a.dtype is dtype, f"operands must be promoted first: {avals}"
    return Aval(broadcast_shapes(*(a.shape for a in avals)), dtype)


def _truth(*avals: Aval) -> Aval:
    return Aval(same(*avals).shape, bool_)


def _unary(
    name: str,
    reference: Callable[..., Any],
    grad: GradRule | None,
    samples: Callable[[], list[Sample]] | None = None,
    infer: Callable[..., Aval] = same,
    source: str = "",
) -> Primitive:
    return primitive(
        name,
        infer=infer,
        reference=reference,
        grads=(grad,),
        elementwise=True,
        ordered=name in _OF_REAL,
        samples=samples or unary(),
        source=source,
    )


def _binary(
    name: str,
    reference: Callable[..., Any],
    grads: tuple[GradRule | None, GradRule | None] | None,
    samples: Callable[[], list[Sample]] | None = None,
    infer: Callable[..., Aval] = same,
) -> Primitive:
    return primitive(
        name,
        infer=infer,
        reference=reference,
        grads=grads,
        elementwise=True,
        ordered=name in _OF_REAL,
        samples=samples or binary(),
    )


# Arithmetic

add: Primitive = _binary("add", np.add, (lambda g, out, x, y: g, lambda g, out, x, y: g))
sub: Primitive = _binary("sub", np.subtract, (lambda g, out, x, y: g, lambda g, out, x, y: -g))
mul: Primitive = _binary(
    "mul", np.multiply, (lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
)
div: Primitive = _binary(
    "div",
    np.divide,
    (lambda g, out, x, y: g / y, lambda g, out, x, y: -g * ((x / y) / y)),
    binary(0.5, 2.0),
)
neg: Primitive = _unary("neg", np.negative, lambda g, out, x: -g)


def _pow_reference(x: Any, y: Any) -> Any:
    if np.issubdtype(np.result_type(x), np.integer):
        x, y = np.asarray(x), np.asarray(y)
        inverse = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0))
        return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0))).astype(x.dtype)
    return np.power(x, y)


def _pow_grad_base(g: Var, out: Var, x: Var, y: Var) -> Var:
    return where(y.eq(0), g.zeros_like(), g * (y * x ** (y - 1)))


def _pow_grad_exponent(g: Var, out: Var, x: Var, y: Var) -> Var:
    real = Primitive.registry["real"](y) if y.dtype.is_complex else y
    flat = x.eq(0) & (real >= 0)
    return where(flat, g.zeros_like(), g * (out * log(x)))


pow_: Primitive = _binary(
    "pow", _pow_reference, (_pow_grad_base, _pow_grad_exponent), binary(0.5, 2.0)
)


def _floor_divide_reference(x: Any, y: Any) -> Any:
    if np.issubdtype(np.result_type(x), np.integer) and np.any(np.equal(y, 0)):
        raise RuntimeError(
            "ZeroDivisionError: integer division by zero: the divisor has a zero element"
        )
    return np.floor_divide(x, y)


def _remainder_reference(x: Any, y: Any) -> Any:
    if np.issubdtype(np.result_type(x), np.integer) and np.any(np.equal(y, 0)):
        raise RuntimeError(
            "ZeroDivisionError: integer remainder by zero: the divisor has a zero element"
        )
    return np.remainder(x, y)


def _fmod_reference(x: Any, y: Any) -> Any:
    if np.issubdtype(np.result_type(x), np.integer) and np.any(np.equal(y, 0)):
        raise RuntimeError(
            "ZeroDivisionError: integer remainder by zero: the divisor has a zero element"
        )
    return np.fmod(x, y)


floor_divide: Primitive = _binary("floor_divide", _floor_divide_reference, None, binary(0.5, 2.0))
remainder: Primitive = _binary(
    "remainder",
    _remainder_reference,
    (lambda g, out, x, y: g, lambda g, out, x, y: -g * floor(x / y)),
    binary(0.5, 2.0),
)
fmod: Primitive = _binary(
    "fmod",
    _fmod_reference,
    (lambda g, out, x, y: g, lambda g, out, x, y: -g * trunc(x / y)),
    binary(0.5, 2.0),
)
atan2: Primitive = _binary(
    "atan2",
    np.arctan2,
    (
        lambda g, out, y, x: g * (x / (x * x + y * y)),
        lambda g, out, y, x: -g * (y / (x * x + y * y)),
    ),
)
hypot: Primitive = _binary(
    "hypot",
    np.hypot,
    (lambda g, out, x, y: g * (x / out), lambda g, out, x, y: g * (y / out)),
    binary(0.5, 2.0),
)
copysign: Primitive = _binary(
    "copysign",
    np.copysign,
    (
        lambda g, out, x, y: where(x.eq(0), g.zeros_like(), g * (out / x)),
        lambda g, out, x, y: g.zeros_like(),
    ),
)


def _share_ties(g: Var, out: Var, mine: Var, other: Var) -> Var:
    """All of the gradient to the one chosen, half to each at a tie."""
    chosen = where(mine.eq(other), g * 0.5, g)
    return where(mine.eq(out) | mine.ne(mine), chosen, g.zeros_like())


maximum: Primitive = _binary(
    "maximum",
    np.maximum,
    (
        lambda g, out, x, y: _share_ties(g, out, x, y),
        lambda g, out, x, y: _share_ties(g, out, y, x),
    ),
)
minimum: Primitive = _binary(
    "minimum",
    np.minimum,
    (
        lambda g, out, x, y: _share_ties(g, out, x, y),
        lambda g, out, x, y: _share_ties(g, out, y, x),
    ),
)

# Exponentials and powers

exp: Primitive = _unary("exp", np.exp, lambda g, out, x: g * out)
exp2: Primitive = _unary("exp2", np.exp2, lambda g, out, x: g * out * math.log(2))
expm1: Primitive = _unary("expm1", np.expm1, lambda g, out, x: g * (out + 1))
log: Primitive = _unary("log", np.log, lambda g, out, x: g / x, unary(0.1, 3.0))
log2: Primitive = _unary("log2", np.log2, lambda g, out, x: g / (x * math.log(2)), unary(0.1, 3.0))
log10: Primitive = _unary(
    "log10", np.log10, lambda g, out, x: g / (x * math.log(10)), unary(0.1, 3.0)
)
log1p: Primitive = _unary("log1p", np.log1p, lambda g, out, x: g / (x + 1), unary(-0.9, 3.0))
sqrt: Primitive = _unary("sqrt", np.sqrt, lambda g, out, x: g / (out * 2), unary(0.1, 3.0))
rsqrt: Primitive = _unary(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    lambda g, out, x: g * -0.5 * (out * out * out),
    unary(0.1, 3.0),
)
reciprocal: Primitive = _unary(
    "reciprocal", lambda x: 1 / x, lambda g, out, x: -g * (out * out), unary(0.2, 3.0)
)
square: Primitive = _unary("square", np.square, lambda g, out, x: g * (x * 2))


def _sigmoid_reference(x: Any) -> Any:
    """1 / (1 + exp(-x)): exp overflows to inf for very negative x, which gives the right 0."""
    y = np.exp(-x)
    if not isinstance(y, np.ndarray) or not y.ndim:
        return 1 / (y + 1)
    y += 1
    return np.divide(1, y, out=y)


sigmoid: Primitive = _unary("sigmoid", _sigmoid_reference, lambda g, out, x: g * ((1 - out) * out))
tanh: Primitive = _unary("tanh", np.tanh, lambda g, out, x: g * (1 - out * out))
relu: Primitive = _unary(
    "relu", lambda x: np.maximum(x, 0), lambda g, out, x: g * (out > 0).astype(g.dtype)
)


def _erf_reference(x: Any) -> Any:
    """The error function in float64, rounded to the input's type.

    Source: W. J. Cody 1969, "Rational Chebyshev approximations for the error function"; here by the
    C library through ``math.erf``.
    """
    x = np.asarray(x)
    flat = np.fromiter(map(math.erf, x.ravel().tolist()), np.float64, x.size)
    return flat.astype(x.dtype).reshape(x.shape)


erf: Primitive = _unary(
    "erf", _erf_reference, lambda g, out, x: g * exp(-(x * x)) * (2 / math.sqrt(math.pi))
)

# Trigonometry

sin: Primitive = _unary("sin", np.sin, lambda g, out, x: g * cos(x))
cos: Primitive = _unary("cos", np.cos, lambda g, out, x: -g * sin(x))
tan: Primitive = _unary("tan", np.tan, lambda g, out, x: g * (out * out + 1), unary(-1.2, 1.2))
asin: Primitive = _unary(
    "asin", np.arcsin, lambda g, out, x: g * rsqrt(1 - x * x), unary(-0.9, 0.9)
)
acos: Primitive = _unary(
    "acos", np.arccos, lambda g, out, x: -g * rsqrt(1 - x * x), unary(-0.9, 0.9)
)
atan: Primitive = _unary("atan", np.arctan, lambda g, out, x: g / (x * x + 1))
sinh: Primitive = _unary("sinh", np.sinh, lambda g, out, x: g * cosh(x))
cosh: Primitive = _unary("cosh", np.cosh, lambda g, out, x: g * sinh(x))
asinh: Primitive = _unary("asinh", np.arcsinh, lambda g, out, x: g * rsqrt(x * x + 1))


def _acosh_grad(g: Var, out: Var, x: Var) -> Var:
    if x.dtype.is_complex:  # where the product of the roots is not the root of the product
        return g * (rsqrt(x - 1) * rsqrt(x + 1))
    return g * rsqrt(x * x - 1)


acosh: Primitive = _unary("acosh", np.arccosh, _acosh_grad, unary(1.1, 3.0))
atanh: Primitive = _unary("atanh", np.arctanh, lambda g, out, x: g / (1 - x * x), unary(-0.9, 0.9))

# Rounding, signs

abs_: Primitive = _unary("abs", np.abs, lambda g, out, x: g * sign(x))


def _flat(g: Var, out: Var, x: Var) -> Var:
    return g.zeros_like()


sign: Primitive = _unary("sign", np.sign, _flat)
floor: Primitive = _unary("floor", np.floor, _flat)
ceil: Primitive = _unary("ceil", np.ceil, _flat)
round_: Primitive = _unary("round", np.rint, _flat)
trunc: Primitive = _unary("trunc", np.trunc, _flat)

# Tests and comparisons

isnan: Primitive = _unary("isnan", np.isnan, None, infer=_truth)
isinf: Primitive = _unary("isinf", np.isinf, None, infer=_truth)
signbit: Primitive = _unary("signbit", lambda x: np.less(x, 0) if np.issubdtype(np.result_type(x), np.integer)
                 else np.signbit(x), None, infer=_truth)  # fmt: skip
eq: Primitive = _binary("eq", np.equal, None, infer=_truth)
ne: Primitive = _binary("ne", np.not_equal, None, infer=_truth)
lt: Primitive = _binary("lt", np.less, None, infer=_truth)
le: Primitive = _binary("le", np.less_equal, None, infer=_truth)
gt: Primitive = _binary("gt", np.greater, None, infer=_truth)
ge: Primitive = _binary("ge", np.greater_equal, None, infer=_truth)

# Bits and logic

_BITS = integers([1, 2, -3], [3, -1, 2])
bitwise_and: Primitive = _binary("bitwise_and", np.bitwise_and, None, _BITS)
bitwise_or: Primitive = _binary("bitwise_or", np.bitwise_or, None, _BITS)
bitwise_xor: Primitive = _binary("bitwise_xor", np.bitwise_xor, None, _BITS)
bitwise_not: Primitive = _unary("bitwise_not", np.invert, None, integers([1, 0, -3]))
shift_left: Primitive = _binary("shift_left", np.left_shift, None, integers([1, 2, 3], [0, 1, 2]))
shift_right: Primitive = _binary(
    "shift_right", np.right_shift, None, integers([8, -2, 3], [0, 1, 2])
)

# Whole numbers, and what a floating one is made of

gcd: Primitive = _binary("gcd", np.gcd, None, integers([12, -8, 0], [18, 12, 0]))
lcm: Primitive = _binary("lcm", np.lcm, None, integers([12, -8, 0], [18, 12, 5]))
exponent: Primitive = _unary(
    "exponent",
    lambda x: np.frexp(np.where(np.isfinite(x), x, 0))[1].astype(np.int32),
    None,
    infer=lambda x: Aval(x.shape, int32),
)
mantissa: Primitive = _unary(
    "mantissa",
    lambda x: np.frexp(x)[0],
    lambda g, out, x: g / exp2(exponent(x).astype(g.dtype)),
    unary(0.6, 0.9),
)

# Choice


def _where_infer(condition: Aval, x: Aval, y: Aval) -> Aval:
    assert condition.dtype is bool_, "where: the condition must be bool"
    return Aval(broadcast_shapes(condition.shape, x.shape, y.shape), same(x, y).dtype)


where: Primitive = primitive(
    "where",
    moves=True,
    infer=_where_infer,
    reference=np.where,
    grads=(
        None,
        lambda g, out, c, x, y: where(c, g, g.zeros_like()),
        lambda g, out, c, x, y: where(c, g.zeros_like(), g),
    ),
    elementwise=True,
    samples=lambda: [
        ((draw(3, 4) > 0, draw(3, 4), draw(3, 4, seed=1)), {}),
        ((draw(4) > 0, draw(3, 1), draw(3, 4, seed=1)), {}),
        ((np.asarray(True), draw(2), np.asarray(np.nan)), {}),
    ],
)

# Types


def _cast_reference(x: Any, dtype: DType) -> Any:
    """Beyond a signed type's range, infinite or NaN: what x86-64 gives, the least number; for int8 and int16 of int32.

    uint8 is made of the low bits of int64, as in PyTorch.
    """
    if type(x) is float and dtype.is_floating_point:
        return dtype.numpy.type(x)
    x = np.asarray(x)
    if x.dtype.kind == "c" and not (dtype.is_complex or dtype is bool_):
        x = x.real
    if dtype is uint8 and x.dtype.kind == "f":
        x = x.astype(np.int64)
    return x.astype(dtype.numpy)


cast: Primitive = primitive(
    "cast",
    infer=lambda x, dtype: Aval(x.shape, dtype),
    reference=_cast_reference,
    grads=(lambda g, out, x, dtype: g.astype(x.dtype),),
    statics=("dtype",),
    elementwise=True,
    holomorphic=False,
    samples=lambda: [
        ((draw(3, 4),), {"dtype": bool_}),
        ((draw(3, 4),), {"dtype": float64}),
        ((np.array([1.9, -1.9, 255.9, -0.0]),), {"dtype": int64}),
        ((np.arange(3),), {"dtype": float32}),
    ],
)


def _constant_reference(value: Any, dtype: DType, bits: bytes) -> Any:
    """float16 has no numbers as large as float32's: they are infinite."""
    with np.errstate(over="ignore"):
        return dtype.numpy.type(value)


constant: Primitive = primitive(
    "constant",
    infer=lambda value, dtype, bits: Aval((), dtype),
    reference=_constant_reference,
    grads=(),
    statics=("value", "dtype", "bits"),
    samples=lambda: [((), {"value": 2.5, "dtype": bool_, "bits": b""})],
)
