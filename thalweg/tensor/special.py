"""Functions of each element beyond the everyday ones: of signs, whole numbers, entropy and normal laws."""

from __future__ import annotations

import math
from typing import Any

from ..ir.builder import Var
from ..ir.dtype import bool_, complex128, float64, int64
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops import movement as m
from ..ops import special as s
from ..ops.composite import float_of, floating, op, promoted, promoted_to_float
from .core import TensorCore
from .inplace import inplace
from .naming import also_named
from .pointwise import binary, unary


def _prefer(x: Var, y: Var, best: Any) -> Var:
    """The best of two, where a NaN is no candidate."""
    x, y = promoted(x, y)
    chosen = best(x, y)
    if not x.dtype.is_floating_point:
        return chosen
    wide = chosen.shape
    return e.where(y.ne(y), x.broadcast_to(wide), e.where(x.ne(x), y.broadcast_to(wide), chosen))


@op("FmaxBackward0")
def _fmax(x: Var, y: Var) -> Var:
    return _prefer(x, y, lambda a, b: e.where(a >= b, a, b))


@op("FminBackward0")
def _fmin(x: Var, y: Var) -> Var:
    return _prefer(x, y, lambda a, b: e.where(a <= b, a, b))


@op("")
def _heaviside(x: Var, values: Var) -> Var:
    if x.dtype is not values.dtype:
        raise RuntimeError(
            f"heaviside is not yet implemented for tensors with different dtypes: {x.dtype} and "
            f"{values.dtype}: convert one"
        )
    step = (x > 0).astype(x.dtype)
    return e.where(x.eq(0), values, step)


@op("Logaddexp2Backward0")
def _logaddexp2(x: Var, y: Var) -> Var:
    x, y = promoted_to_float(x, y)
    most = e.maximum(x, y)
    gap = e.abs_(x - y)
    nothing = gap.builder.full(gap.shape, 0, gap.dtype)
    gap = e.where(x.eq(y), nothing, gap)
    return most + e.log1p(e.exp2(-gap)) * (1 / math.log(2))


@op("LdexpBackward0")
def _ldexp(x: Var, other: Var) -> Var:
    """By a whole power in three steps, of which none overflows where the result does not."""
    if other.dtype.is_differentiable:
        x, power = promoted(x, e.exp2(other))
        return x * power
    x = x.astype(float_of(x.dtype))
    most = x.builder.constant(2200, int64)  # takes float64's smallest number past its largest
    power = e.minimum(e.maximum(other.astype(int64), -most), most)
    third = e.floor_divide(power, x.builder.constant(3, int64))
    for part in (third, third, power - third - third):
        x = x * e.exp2(part.astype(x.dtype))
    return x


@op("PowBackward1")
def _float_power(x: Var, y: Var) -> Var:
    wide = complex128 if x.dtype.is_complex or y.dtype.is_complex else float64
    return e.pow_(x.astype(wide), y.astype(wide))


@op("SincBackward0")
def _sinc(x: Var) -> Var:
    x = floating(x)
    zero = x.eq(0)
    turned = e.where(zero, x.ones_like(), x) * math.pi
    return e.where(zero, x.ones_like(), e.sin(turned) / turned)


@op("SgnBackward0")
def _sgn(x: Var) -> Var:
    if x.dtype.is_complex:
        return c.direction(x)
    return x if x.dtype is bool_ else e.sign(x)


def _turn(re: Var, im: Var) -> Var:
    """The angle of (re, im), whose gradient at the origin is 0."""
    origin = re.eq(0) & im.eq(0)
    safe = e.where(origin, re.ones_like(), re)
    return e.where(origin, e.atan2(m.detached(im), m.detached(re)), e.atan2(im, safe))


@op("AngleBackward0")
def _angle(x: Var) -> Var:
    x = floating(x)
    if x.dtype.is_complex:
        return _turn(c.real(x), c.imag(x))
    turned = e.where(x < 0, x.zeros_like() + math.pi, x.zeros_like())
    return e.where(x.ne(x), x, turned)


@op("")
def _isposinf(x: Var) -> Var:
    return e.isinf(x) & (floating(x) > 0)


@op("")
def _isneginf(x: Var) -> Var:
    return e.isinf(x) & (floating(x) < 0)


@op("SpecialXlog1PyBackward0")
def _xlog1py(x: Var, y: Var) -> Var:
    x, y = promoted_to_float(x, y)
    nothing = x.eq(0) & y.eq(y)
    product = x * e.log1p(y)
    return e.where(nothing, product.zeros_like(), product)


@op("SpecialEntrBackward0")
def _entr(x: Var) -> Var:
    x = floating(x)
    inside = x > 0
    safe = e.where(inside, x, x.ones_like())
    outside = e.where(x < 0, x.zeros_like() - math.inf, x.zeros_like())
    value = e.where(inside, -(safe * e.log(safe)), outside)
    return e.where(x.ne(x), x, value)


@op("SpecialNdtrBackward0")
def _ndtr(x: Var) -> Var:
    return (e.erf(floating(x) * math.sqrt(0.5)) + 1) * 0.5


fmax = binary("fmax", _fmax, "", "The larger of each pair; a NaN gives way to the other.")
fmin = binary("fmin", _fmin, "", "The smaller of each pair; a NaN gives way to the other.")
heaviside = also_named(values="other")(
    binary("heaviside", _heaviside, "", "0 below zero, 1 above, the other's value at zero.")
)
logaddexp2 = binary("logaddexp2", _logaddexp2, "", "log2(2**x + 2**y) without overflow.")
ldexp = binary("ldexp", _ldexp, "", "x * 2**other.")
float_power = also_named(exponent="other")(
    binary("float_power", _float_power, "", "x**other in float64, or complex128.")
)
xlog1py = binary("xlog1py", _xlog1py, "", "x * log1p(y), and 0 where x is 0.")
sinc = unary("sinc", _sinc, "", "sin(pi x) / (pi x), and 1 at 0.")
sgn = unary("sgn", _sgn, "", "-1, 0 or 1; of complex numbers what is left without their size.")
angle = unary(
    "angle", _angle, "", "0 for numbers from 0 up, pi below; of complex ones their angle."
)
isposinf = unary("isposinf", _isposinf, "", "Where x is positive infinity.")
isneginf = unary("isneginf", _isneginf, "", "Where x is negative infinity.")
entr = unary("entr", _entr, "", "-x log(x); 0 at 0 and -inf below.")
erfc = unary("erfc", s.erfc, "ErfcBackward0", "1 - erf(x).", to_float=True)
erfinv = unary("erfinv", s.erfinv, "ErfinvBackward0", "The inverse of erf.", to_float=True)
erfcx = unary("erfcx", s.erfcx, "SpecialErfcxBackward0", "exp(x**2) erfc(x).", to_float=True)
ndtri = unary("ndtri", s.ndtri, "SpecialNdtriBackward0", "The inverse of ndtr.", to_float=True)
log_ndtr = unary("log_ndtr", s.log_ndtr, "SpecialLogNdtrBackward0", "log(ndtr(x)).", to_float=True)
ndtr = unary("ndtr", _ndtr, "", "The share of the standard normal law below x.")


class SpecialMethods(TensorCore):
    """Tensor's methods of this room."""

    fmax, fmin, heaviside, logaddexp2, ldexp = fmax, fmin, heaviside, logaddexp2, ldexp
    float_power, sinc, sgn, angle = float_power, sinc, sgn, angle
    isposinf, isneginf = isposinf, isneginf
    erfc, erfinv, erfc_, erfinv_ = erfc, erfinv, inplace(erfc), inplace(erfinv)
    float_power_, heaviside_, ldexp_ = inplace(float_power), inplace(heaviside), inplace(ldexp)
    sinc_, sgn_ = inplace(sinc), inplace(sgn)
