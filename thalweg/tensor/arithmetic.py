"""Arithmetic and elementwise functions of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Var
from ..ir.dtype import DType, bool_, int64, of_scalar
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops.composite import Op, floating, op, promoted, promoted_to_float
from .core import TensorCore
from .creation import from_array
from .dispatch import by_example, dispatch
from .inplace import inplace
from .older import numbers_first
from .outputs import give
from .pointwise import binary, not_a_tensor
from .scalars import check_beside

if TYPE_CHECKING:
    from .tensor import Tensor

Number = bool | int | float | complex


def _scaled(y: Var, dtype: DType, alpha: Var | None) -> Var:
    """``alpha * y`` in ``dtype``; alpha is an operand, so that it may vary from step to step."""
    if alpha is None:
        return y
    if alpha.dtype.is_differentiable and alpha.dtype.category > dtype.category:
        raise RuntimeError("add: for integer tensors alpha must not be a floating point number")
    factor = alpha.astype(dtype)
    return y & factor if dtype is bool_ else y * factor


@op("AddBackward0", (0, 1), frees=False)
def _add(x: Var, y: Var, alpha: Var | None = None) -> Var:
    x, y = promoted(x, y)
    y = _scaled(y, x.dtype, alpha)
    return x | y if x.dtype is bool_ else x + y


@op("SubBackward0", (0, 1), frees=False)
def _sub(x: Var, y: Var, alpha: Var | None = None) -> Var:
    if bool_ in (x.dtype, y.dtype):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported: use `^`, `~` or logical_xor() instead"
        )
    x, y = promoted(x, y)
    return x - _scaled(y, x.dtype, alpha)


@op("RsubBackward1", (0,), frees=False)
def _rsub(x: Var, y: Var, alpha: Var | None = None) -> Var:
    return _sub(y, x, alpha)


_rsub_tensor = Op(_rsub.function, "RsubBackward0", (0, 1), frees=False)


@op("MulBackward0")
def _mul(x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    return x & y if x.dtype is bool_ else x * y


@op("DivBackward0")
def _div(x: Var, y: Var) -> Var:
    x, y = promoted_to_float(x, y)
    return x / y


@op("DivBackward2", (0, 1), frees=True)
def _div_rounded(x: Var, y: Var, rounding_mode: str) -> Var:
    """The gradient is zero, not none."""
    x, y = promoted(x, y)
    if x.dtype.is_floating_point and rounding_mode == "trunc":
        return e.trunc(x / y)
    whole: Var = e.floor_divide(x, y)
    if x.dtype.is_floating_point:
        return e.where(whole.builder.constant(False, bool_), x + y, whole)
    if rounding_mode == "floor":
        return whole
    inexact = (whole * y).ne(x) & (whole < 0)
    return whole + inexact.astype(x.dtype)


@op("PowBackward1")
def _pow(x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    if x.dtype is bool_:
        raise NotImplementedError("pow: not implemented for bool: convert one of the two first")
    return x**y


_pow_of_number = Op(_pow.function, "PowBackward2", (1,))


@op("PowBackward0")
def _pow_scalar(x: Var, exponent: Number, kind: type) -> Var:
    """The exponent is static, so that squares and roots get primitives of their own.

    So is its type, since 2 and 2.0 are one key and give different types.
    """
    if isinstance(exponent, complex):
        x = x.astype(x.dtype.to_complex() if x.dtype.is_differentiable else of_scalar(exponent))
    elif isinstance(exponent, float):
        x = floating(x)
    elif x.dtype is bool_ and exponent >= 0:
        power = x.astype(int64) ** int(exponent)
        return power.astype(bool_) if isinstance(exponent, bool) else power
    elif exponent < 0 and not x.dtype.is_differentiable:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if exponent == 2 and x.dtype is not bool_:
        return x * x
    if exponent == 0.5:
        return e.sqrt(x)
    if exponent == -1:
        return e.reciprocal(x)
    return x**exponent


def add(
    input: Tensor, other: Any, *older: Any, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``input + alpha * other``, broadcast."""
    if older:
        (input, other), (alpha,) = numbers_first("add", (input, other, *older), 2, 1)
    return give(dispatch(_add, (input, other) if alpha == 1 else (input, other, alpha)), out)


def sub(
    input: Tensor, other: Any, *older: Any, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``input - alpha * other``, broadcast."""
    if older:
        (input, other), (alpha,) = numbers_first("sub", (input, other, *older), 2, 1)
    return give(dispatch(_sub, (input, other) if alpha == 1 else (input, other, alpha)), out)


def rsub(input: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
    """``other - alpha * input``, broadcast."""
    if not isinstance(input, TensorCore):
        raise not_a_tensor("rsub", "input", input)
    chosen = _rsub_tensor if isinstance(other, TensorCore) else _rsub
    return dispatch(chosen, (input, other) if alpha == 1 else (input, other, alpha))


def mul(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """``input * other``, broadcast."""
    return give(dispatch(_mul, (input, other)), out)


def div(
    input: Tensor, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """``input / other``, broadcast; rounded by ``rounding_mode`` None, "trunc" or "floor"."""
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    if rounding_mode is None:
        return give(dispatch(_div, (input, other)), out)
    return give(dispatch(_div_rounded, (input, other), (rounding_mode,)), out)


def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """``input ** exponent``, broadcast; either may be a number."""
    if isinstance(exponent, Number) and isinstance(input, TensorCore):
        return give(dispatch(_pow_scalar, (input,), (exponent, type(exponent))), out)
    of_number = not isinstance(input, TensorCore)
    if of_number and not isinstance(exponent, TensorCore):
        raise not_a_tensor("pow", "exponent", exponent)
    return give(dispatch(_pow_of_number if of_number else _pow, (input, exponent)), out)


def square(input: Tensor) -> Tensor:
    """``input ** 2``."""
    return pow(input, 2)


_REFUSES_BOOL = ("bool",)
floor_divide = binary(
    "floor_divide",
    e.floor_divide,
    "NotImplemented",
    "Quotient rounded down.",
    but_not=_REFUSES_BOOL,
)
remainder = binary(
    "remainder",
    e.remainder,
    "RemainderBackward1",
    "Remainder with the divisor's sign.",
    of_number="RemainderBackward0",
    but_not=_REFUSES_BOOL,
)
fmod = binary(
    "fmod",
    e.fmod,
    "FmodBackward1",
    "Remainder with the dividend's sign.",
    but_not=_REFUSES_BOOL,
    of_number="FmodBackward0",
)
atan2 = binary(
    "atan2",
    e.atan2,
    "Atan2Backward0",
    "Angle of the point (other, input), in radians.",
    to_float=True,
)
hypot = binary("hypot", e.hypot, "HypotBackward0", "sqrt(x*x + y*y).", but_not=("bool", "integer"))
copysign = binary(
    "copysign",
    e.copysign,
    "CopysignBackward0",
    "Magnitude of x, sign of y.",
    to_float=True,
    of_number="CopysignBackward1",
)
maximum = binary("maximum", e.maximum, "MaximumBackward0", "The larger of each pair.")
minimum = binary("minimum", e.minimum, "MinimumBackward0", "The smaller of each pair.")
eq = binary("eq", e.eq, "", "Where x == y.")
ne = binary("ne", e.ne, "", "Where x != y.")
lt = binary("lt", e.lt, "", "Where x < y.")
le = binary("le", e.le, "", "Where x <= y.")
gt = binary("gt", e.gt, "", "Where x > y.")
ge = binary("ge", e.ge, "", "Where x >= y.")
bitwise_and = binary(
    "bitwise_and", e.bitwise_and, "", "Bitwise and; for bool, logical and.", but_not=("floating",)
)
bitwise_or = binary(
    "bitwise_or", e.bitwise_or, "", "Bitwise or; for bool, logical or.", but_not=("floating",)
)
bitwise_xor = binary(
    "bitwise_xor", e.bitwise_xor, "", "Bitwise exclusive or.", but_not=("floating",)
)
bitwise_left_shift = binary(
    "bitwise_left_shift",
    e.shift_left,
    "",
    "x * 2**y by shifting bits.",
    but_not=("floating", "bool"),
)
bitwise_right_shift = binary(
    "bitwise_right_shift",
    e.shift_right,
    "",
    "x / 2**y by shifting bits.",
    but_not=("floating", "bool"),
)
subtract, multiply, divide, true_divide = sub, mul, div, div
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@op("")
def _logical(x: Var, y: Var, name: str) -> Var:
    truths = [v if v.dtype is bool_ else v.ne(0) for v in (x, y)]
    return _LOGIC[name](*truths)


_LOGIC = {"and": e.bitwise_and, "or": e.bitwise_or, "xor": e.bitwise_xor}


def _truths(name: str, input: Tensor, other: Any) -> Tensor:
    for argument, given in (("input", input), ("other", other)):
        if not isinstance(given, TensorCore):
            raise not_a_tensor(f"logical_{name}", argument, given)
    return dispatch(_logical, (input, other), (name,))


def logical_and(input: Tensor, other: Any) -> Tensor:
    """Where both are nonzero."""
    return _truths("and", input, other)


def logical_or(input: Tensor, other: Any) -> Tensor:
    """Where either is nonzero."""
    return _truths("or", input, other)


def logical_xor(input: Tensor, other: Any) -> Tensor:
    """Where exactly one is nonzero."""
    return _truths("xor", input, other)


@op("ClampBackward1", (0,))
def _clamp(x: Var, low: Var | None, high: Var | None) -> Var:
    """At a bound the gradient passes, as in PyTorch (``clamp_min(0.)`` at 0 gives 1)."""
    x, *bounds = promoted(*(v for v in (x, low, high) if v is not None))
    if low is not None:
        bound = bounds.pop(0)
        x = e.where(_bounded(x < bound, bound, low), bound, x)
    if high is not None:
        bound = bounds.pop(0)
        x = e.where(_bounded(x > bound, bound, high), bound, x)
    return x


def _bounded(outside: Var, bound: Var, given: Var) -> Var:
    """Where the bound is what clamp gives: outside of it, and where a tensor of bounds is NaN."""
    if given.aval.weak or not bound.dtype.is_floating_point:
        return outside
    return e.bitwise_or(outside, e.isnan(bound))


_clamp_by_tensor = Op(_clamp.function, "ClampBackward0", (0, 1, 2))
_clamp_min_number = Op(_clamp.function, "ClampMinBackward0", (0,))
_clamp_max_number = Op(_clamp.function, "ClampMaxBackward0", (0,))
_clamp_min = Op(_clamp.function, "ClampMinBackward1", (0, 1))
_clamp_max = Op(_clamp.function, "ClampMaxBackward1", (0, 2))


def _bound(value: Any, input: TensorCore) -> Any:
    """A number as a bound: NaN as a tensor, which makes everything NaN."""
    if value is None or -128 <= value <= 127:
        return value
    check_beside(value, input.dtype)
    return value if value == value else from_array(np.asarray(np.float32(value)))


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Each element limited to [min, max]; either bound may be a number, a tensor or None."""
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    by_tensor = isinstance(min, TensorCore) or isinstance(max, TensorCore)
    if not by_tensor:
        min, max = _bound(min, input), _bound(max, input)
    return give(dispatch(_clamp_by_tensor if by_tensor else _clamp, (input, min, max)), out)


clip = clamp


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Each element, but at least ``min``."""
    return dispatch(
        _clamp_min if isinstance(min, TensorCore) else _clamp_min_number, (input, min, None)
    )


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Each element, but at most ``max``."""
    return dispatch(
        _clamp_max if isinstance(max, TensorCore) else _clamp_max_number, (input, None, max)
    )


@op("LerpBackward0", (0, 1), frees=False)
def _lerp(start: Var, end: Var, weight: Var) -> Var:
    if not (start.dtype.is_differentiable and end.dtype.is_differentiable):
        raise NotImplementedError("lerp: only for floating types: convert the tensors first")
    start, end, weight = promoted(start, end, weight)
    near = start + weight * (end - start)
    far = end - (end - start) * (1 - weight)
    size = c.magnitude(weight) if weight.dtype.is_complex else e.abs_(weight)
    return e.where(size < 0.5, near, far)


_lerp_tensor = Op(_lerp.function, "LerpBackward1", frees=True)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``input + weight * (end - input)``."""
    chosen = _lerp_tensor if isinstance(weight, TensorCore) else _lerp
    return dispatch(chosen, (input, end, weight))


@op("AddcmulBackward0", (0, 1, 2))
def _addcmul(x: Var, a: Var, b: Var, value: Var) -> Var:
    x, a, b, value = promoted(x, a, b, value)
    return x + value * a * b


def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *older: Any, value: Number = 1
) -> Tensor:
    """``input + value * tensor1 * tensor2``."""
    if older:
        given = (input, tensor1, tensor2, *older)
        (input, tensor1, tensor2), (value,) = numbers_first("addcmul", given, 3, 1)
    return dispatch(_addcmul, (input, tensor1, tensor2, value))


@op("AddcdivBackward0", (0, 1, 2))
def _addcdiv(x: Var, a: Var, b: Var, value: Var) -> Var:
    x, a, b, value = promoted(x, a, b, value)
    return x + value * (a / b)


def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *older: Any, value: Number = 1
) -> Tensor:
    """``input + value * tensor1 / tensor2``."""
    if older:
        given = (input, tensor1, tensor2, *older)
        (input, tensor1, tensor2), (value,) = numbers_first("addcdiv", given, 3, 1)
    return dispatch(_addcdiv, (input, tensor1, tensor2, value))


@op("RoundBackward0")
def _round(x: Var, decimals: int) -> Var:
    if x.dtype is bool_:
        raise NotImplementedError("round: not implemented for bool: convert the tensor first")
    if not x.dtype.is_differentiable:
        return x
    if decimals == 0:
        return e.round_(x)
    scale = 10.0 ** abs(decimals)
    return e.round_(x * scale) / scale if decimals > 0 else e.round_(x / scale) * scale


_round_at = Op(_round.function, "RoundBackward1")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number (or decimal), halves to even."""
    return dispatch(_round_at if decimals else _round, (input,), (decimals,))


@op("NanToNumBackward0", (0,))
def _nan_to_num(x: Var, nan: Var, posinf: Var, neginf: Var) -> Var:
    """The replacements are operands: as a static, 0.0 would be -0.0, and no NaN another."""
    kept = e.where(e.isnan(x), nan.astype(x.dtype), x)
    kept = e.where(x.eq(float("inf")), posinf.astype(x.dtype), kept)
    return e.where(x.eq(float("-inf")), neginf.astype(x.dtype), kept)


def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """NaN and the infinities replaced; by default with 0 and the type's largest and smallest numbers."""
    if not input.dtype.is_floating_point:
        return input.clone()
    limits = input.dtype.limits
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    return dispatch(_nan_to_num, (input, 0.0 if nan is None else nan, high, low))


@by_example
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|."""
    _same_dtype("isclose", input, other)
    _not_negative(rtol, atol)
    return from_array(np.isclose(input._array(), other._array(), rtol, atol, equal_nan))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close: |input - other| <= atol + rtol * |other|."""
    _same_dtype("allclose", input, other)
    _not_negative(rtol, atol)
    return bool(np.allclose(input._array(), other._array(), rtol, atol, equal_nan))


def _not_negative(rtol: float, atol: float) -> None:
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")


def _same_dtype(name: str, a: Tensor, b: Tensor) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(f"{name}: {a.dtype} did not match {b.dtype}: convert one of them")


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return tuple(input.shape) == tuple(other.shape) and bool(
        np.array_equal(input._array(), other._array())
    )


class ArithmeticMethods(TensorCore):
    """Tensor's methods of pairs of elements."""

    add = add
    sub = sub
    rsub = rsub
    mul = mul
    div = div
    pow = pow
    floor_divide = floor_divide
    remainder = remainder
    fmod = fmod
    atan2 = atan2
    hypot = hypot
    copysign = copysign
    maximum = maximum
    minimum = minimum
    eq = eq
    ne = ne
    lt = lt
    le = le
    gt = gt
    ge = ge
    bitwise_and = bitwise_and
    bitwise_or = bitwise_or
    bitwise_xor = bitwise_xor
    bitwise_left_shift = bitwise_left_shift
    bitwise_right_shift = bitwise_right_shift
    subtract = subtract
    multiply = multiply
    divide = divide
    true_divide = true_divide
    not_equal = not_equal
    less = less
    less_equal = less_equal
    greater = greater
    greater_equal = greater_equal
    logical_and = logical_and
    logical_or = logical_or
    logical_xor = logical_xor
    clamp = clamp
    clamp_min = clamp_min
    clamp_max = clamp_max
    lerp = lerp
    addcmul = addcmul
    addcdiv = addcdiv
    round = round
    nan_to_num = nan_to_num
    isclose = isclose
    allclose = allclose
    equal = equal
    square = square
    clip = clamp

    add_ = inplace(add)
    sub_ = inplace(sub)
    mul_ = inplace(mul)
    div_ = inplace(div)
    pow_ = inplace(pow)
    floor_divide_ = inplace(floor_divide)
    remainder_ = inplace(remainder)
    fmod_ = inplace(fmod)
    atan2_ = inplace(atan2)
    hypot_ = inplace(hypot)
    copysign_ = inplace(copysign)
    eq_ = inplace(eq)
    ne_ = inplace(ne)
    lt_ = inplace(lt)
    le_ = inplace(le)
    gt_ = inplace(gt)
    ge_ = inplace(ge)
    bitwise_and_ = inplace(bitwise_and)
    bitwise_or_ = inplace(bitwise_or)
    bitwise_xor_ = inplace(bitwise_xor)
    bitwise_left_shift_ = inplace(bitwise_left_shift)
    bitwise_right_shift_ = inplace(bitwise_right_shift)
    arctan2, arctan2_ = atan2, atan2_
    greater_, greater_equal_, less_, less_equal_, not_equal_ = gt_, ge_, lt_, le_, ne_
    subtract_ = inplace(subtract)
    multiply_ = inplace(multiply)
    divide_ = inplace(divide)
    true_divide_ = inplace(true_divide)
    logical_and_ = inplace(logical_and)
    logical_or_ = inplace(logical_or)
    logical_xor_ = inplace(logical_xor)
    clamp_ = inplace(clamp)
    clamp_min_ = inplace(clamp_min)
    clamp_max_ = inplace(clamp_max)
    lerp_ = inplace(lerp)
    addcmul_ = inplace(addcmul)
    addcdiv_ = inplace(addcdiv)
    round_ = inplace(round)
    nan_to_num_ = inplace(nan_to_num)
    square_ = inplace(square)
    clip_ = clamp_
