"""Functions of each element, one line each: the primitive, its tape node, what it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ir.dtype import bool_
from ..ir.primitive import Primitive
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops.composite import Op, elementwise, floating, op
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .outputs import OF_ONE_TYPE, give

if TYPE_CHECKING:
    from .tensor import Tensor


Function = Callable[..., "Tensor"]


_OF_TENSORS = {  # take no numbers
    "atan2", "fmax", "fmin", "gcd", "heaviside", "hypot", "igamma", "igammac", "lcm", "ldexp", "logaddexp", "logaddexp2",
    "maximum", "minimum", "nextafter",
}  # fmt: skip
_OF_A_TENSOR = {"copysign", "eq", "fmod", "ge", "gt", "le", "lt", "ne"}  # a number may come second


def not_a_tensor(name: str, argument: str, given: Any) -> TypeError:
    """What is said of a number where a tensor is wanted."""
    return TypeError(
        f"{name}(): argument {argument!r} must be Tensor, not {type(given).__name__}: make it one with tensor()"
    )


def unary(
    name: str,
    primitive: Primitive | Op,
    node: str,
    doc: str,
    *,
    to_float: bool = False,
    but_not: tuple[str, ...] = (),
) -> Function:
    """The public function of a primitive with one operand."""
    applied = (
        primitive
        if isinstance(primitive, Op)
        else elementwise(primitive, node, to_float=to_float, but_not=but_not)
    )

    cast = name not in OF_ONE_TYPE

    def function(input: Any, *, out: Any = None) -> Any:
        return give(dispatch(applied, (input,)), out, cast)

    return _named(function, name, doc)


def binary(
    name: str,
    primitive: Primitive | Op,
    node: str,
    doc: str,
    *,
    to_float: bool = False,
    but_not: tuple[str, ...] = (),
    of_number: str = "",
) -> Function:
    """The public function of a primitive with two broadcasting operands.

    ``of_number`` is the node's name where the second one is a number, if that is another one.
    """
    applied = (
        primitive
        if isinstance(primitive, Op)
        else elementwise(primitive, node, to_float=to_float, but_not=but_not)
    )

    cast = name not in OF_ONE_TYPE
    by_number = Op(applied.function, of_number, (0,)) if of_number else applied
    first, both = name in _OF_A_TENSOR, name in _OF_TENSORS

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        chosen = applied
        if not isinstance(other, TensorCore):
            if both or not isinstance(input, TensorCore):
                raise not_a_tensor(name, "other", other)
            chosen = by_number
        elif (first or both) and not isinstance(input, TensorCore):
            raise not_a_tensor(name, "input", input)
        return give(dispatch(chosen, (input, other)), out, cast)

    return _named(function, name, doc)


def _named(function: Any, name: str, doc: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


@op("")
def _isfinite(x: Var) -> Var:
    return e.bitwise_not(e.isnan(x) | e.isinf(x))


@op("")
def _truth(x: Var) -> Var:
    return x if x.dtype is bool_ else x.ne(0)


@op("")
def _logical_not(x: Var) -> Var:
    return e.bitwise_not(_truth(x))


@op("Deg2RadBackward0")
def _deg2rad(x: Var) -> Var:
    return floating(x) * (3.141592653589793 / 180)


@op("NegBackward0")
def _neg(x: Var) -> Var:
    if x.dtype is bool_:
        raise RuntimeError("neg: the `-` operator on a bool tensor is not supported: use `~`")
    return e.neg(x)


@op("SignBackward0")
def _sign(x: Var) -> Var:
    if x.dtype.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers: use sgn() instead"
        )
    return x if x.dtype is bool_ else e.sign(x)


@op("ReluBackward0")
def _relu(x: Var) -> Var:
    if x.dtype is bool_:
        raise RuntimeError("relu: Boolean inputs are not supported: convert the tensor first")
    return e.relu(x)


@op("AbsBackward0")
def _abs(x: Var) -> Var:
    if x.dtype is bool_:
        raise NotImplementedError("abs: not implemented for bool: convert the tensor first")
    return c.magnitude(x) if x.dtype.is_complex else e.abs_(x)


_REFUSES_BOOL = ("bool",)
neg = unary("neg", _neg, "NegBackward0", "``-input``.")
exp = unary("exp", e.exp, "ExpBackward0", "e to the power of each element.", to_float=True)
exp2 = unary("exp2", e.exp2, "Exp2Backward0", "2 to the power of each element.", to_float=True)
expm1 = unary("expm1", e.expm1, "Expm1Backward0", "exp(x) - 1, exact near 0.", to_float=True)
log = unary("log", e.log, "LogBackward0", "Natural logarithm.", to_float=True)
log2 = unary("log2", e.log2, "Log2Backward0", "Logarithm to base 2.", to_float=True)
log10 = unary("log10", e.log10, "Log10Backward0", "Logarithm to base 10.", to_float=True)
log1p = unary("log1p", e.log1p, "Log1PBackward0", "log(1 + x), exact near 0.", to_float=True)
sqrt = unary("sqrt", e.sqrt, "SqrtBackward0", "Square root.", to_float=True)
rsqrt = unary("rsqrt", e.rsqrt, "RsqrtBackward0", "1 / sqrt(x).", to_float=True)
reciprocal = unary("reciprocal", e.reciprocal, "ReciprocalBackward0", "1 / x.", to_float=True)
sigmoid = unary("sigmoid", e.sigmoid, "SigmoidBackward0", "1 / (1 + exp(-x)).", to_float=True)
tanh = unary("tanh", e.tanh, "TanhBackward0", "Hyperbolic tangent.", to_float=True)
relu = unary("relu", _relu, "ReluBackward0", "max(x, 0).")
erf = unary("erf", e.erf, "ErfBackward0", "The error function.", to_float=True)
sin = unary("sin", e.sin, "SinBackward0", "Sine of radians.", to_float=True)
cos = unary("cos", e.cos, "CosBackward0", "Cosine of radians.", to_float=True)
tan = unary("tan", e.tan, "TanBackward0", "Tangent of radians.", to_float=True)
asin = unary("asin", e.asin, "AsinBackward0", "Inverse sine, in radians.", to_float=True)
acos = unary("acos", e.acos, "AcosBackward0", "Inverse cosine, in radians.", to_float=True)
atan = unary("atan", e.atan, "AtanBackward0", "Inverse tangent, in radians.", to_float=True)
sinh = unary("sinh", e.sinh, "SinhBackward0", "Hyperbolic sine.", to_float=True)
cosh = unary("cosh", e.cosh, "CoshBackward0", "Hyperbolic cosine.", to_float=True)
asinh = unary("asinh", e.asinh, "AsinhBackward0", "Inverse hyperbolic sine.", to_float=True)
acosh = unary("acosh", e.acosh, "AcoshBackward0", "Inverse hyperbolic cosine.", to_float=True)
atanh = unary("atanh", e.atanh, "AtanhBackward0", "Inverse hyperbolic tangent.", to_float=True)
abs = unary("abs", _abs, "", "Absolute value.")
sign = unary("sign", _sign, "SignBackward0", "-1, 0 or 1.")
floor = unary(
    "floor",
    e.floor,
    "FloorBackward0",
    "The largest whole number not above x.",
    but_not=_REFUSES_BOOL,
)
ceil = unary(
    "ceil", e.ceil, "CeilBackward0", "The smallest whole number not below x.", but_not=_REFUSES_BOOL
)
trunc = unary("trunc", e.trunc, "TruncBackward0", "x without its fraction.", but_not=_REFUSES_BOOL)
isnan = unary("isnan", e.isnan, "", "Where x is NaN.")
isinf = unary("isinf", e.isinf, "", "Where x is infinite.")
signbit = unary("signbit", e.signbit, "", "Where the sign bit is set.")
bitwise_not = unary("bitwise_not", e.bitwise_not, "", "Bits inverted; for bool, logical not.")
absolute, negative, arcsin, arccos, arctan = abs, neg, asin, acos, atan
arcsinh, arccosh, arctanh = asinh, acosh, atanh
isfinite = unary("isfinite", _isfinite, "", "Where x is neither infinite nor NaN.")
logical_not = unary("logical_not", _logical_not, "", "Where x is zero or False.")
deg2rad = unary("deg2rad", _deg2rad, "", "Degrees as radians.")


class PointwiseMethods(TensorCore):
    """Tensor's methods of each element."""

    neg = neg
    exp = exp
    exp2 = exp2
    expm1 = expm1
    log = log
    log2 = log2
    log10 = log10
    log1p = log1p
    sqrt = sqrt
    rsqrt = rsqrt
    reciprocal = reciprocal
    sigmoid = sigmoid
    tanh = tanh
    relu = relu
    erf = erf
    sin = sin
    cos = cos
    tan = tan
    asin = asin
    acos = acos
    atan = atan
    sinh = sinh
    cosh = cosh
    asinh = asinh
    acosh = acosh
    atanh = atanh
    abs = abs
    sign = sign
    floor = floor
    ceil = ceil
    trunc = trunc
    isnan = isnan
    isinf = isinf
    signbit = signbit
    bitwise_not = bitwise_not
    isfinite = isfinite
    logical_not = logical_not
    deg2rad = deg2rad
    absolute = absolute
    negative = negative
    arcsin = arcsin
    arccos = arccos
    arctan = arctan
    arcsinh = arcsinh
    arccosh = arccosh
    arctanh = arctanh

    neg_ = inplace(neg)
    exp_ = inplace(exp)
    exp2_ = inplace(exp2)
    expm1_ = inplace(expm1)
    log_ = inplace(log)
    log2_ = inplace(log2)
    log10_ = inplace(log10)
    log1p_ = inplace(log1p)
    sqrt_ = inplace(sqrt)
    rsqrt_ = inplace(rsqrt)
    reciprocal_ = inplace(reciprocal)
    sigmoid_ = inplace(sigmoid)
    tanh_ = inplace(tanh)
    relu_ = inplace(relu)
    erf_ = inplace(erf)
    sin_ = inplace(sin)
    cos_ = inplace(cos)
    tan_ = inplace(tan)
    asin_ = inplace(asin)
    acos_ = inplace(acos)
    atan_ = inplace(atan)
    sinh_ = inplace(sinh)
    cosh_ = inplace(cosh)
    asinh_ = inplace(asinh)
    acosh_ = inplace(acosh)
    atanh_ = inplace(atanh)
    abs_ = inplace(abs)
    sign_ = inplace(sign)
    floor_ = inplace(floor)
    ceil_ = inplace(ceil)
    trunc_ = inplace(trunc)
    bitwise_not_ = inplace(bitwise_not)
    logical_not_ = inplace(logical_not)
    deg2rad_ = inplace(deg2rad)
    absolute_ = inplace(absolute)
    negative_ = inplace(negative)
    arcsin_ = inplace(arcsin)
    arccos_ = inplace(arccos)
    arctan_ = inplace(arctan)
    arcsinh_ = inplace(arcsinh)
    arccosh_ = inplace(arccosh)
    arctanh_ = inplace(arctanh)
