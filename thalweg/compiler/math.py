"""Elementwise primitives as LLVM IR, in one lane or in sixteen.

Note: float32 functions. exp, log, tanh, sigmoid and erf are branch-free polynomials, the first four with the
coefficients of the Cephes library (S. Moshier 1992), within 2 ulp of float64's result. The bits are the same in one lane and in sixteen. Other functions, and float64's, are in
vectors.py; what isn't there either is a call of the C library for each lane.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.dtype import DType
from . import vectors
from .link import has_feature
from .text import ELEMENT, Type, Writer, constant, type_of

Rule = Callable[[Writer, Type, tuple[str, ...]], str]

_LIBRARY = {  # functions that the C library has, by the same names
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "pow", "atan2", "hypot", "fmod",
}  # fmt: skip
_INTRINSIC = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "rint"}
_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTEGER = {"add": "add", "sub": "sub", "mul": "mul"}
_BITS = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}
_FLOAT_TEST = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_SIGNED_TEST = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_UNSIGNED_TEST = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}
_FLOAT_ONLY = {"neg", "abs", "sign", "square", "reciprocal", "rsqrt", "sigmoid", "relu", "maximum", "minimum",
               "isnan", "isinf", "floor_divide", "remainder"}  # fmt: skip
_LOWEST = -104.0  # whose exp is 0 in float32
_INTEGER_ONLY = {"neg", "abs", "square", "maximum", "minimum", "relu"}
_DIVISIONS = {"floor_divide", "remainder", "fmod"}


def can_emit(op: str, result: DType, args: tuple[DType, ...]) -> bool:
    """Whether ``compute`` knows this primitive for these types."""
    first = args[0] if args else result
    if any(d.name not in ELEMENT for d in (result, *args)):
        return False
    if result.is_half or first.is_half:
        return op == "where" or (op == "cast" and _widens(result, first))
    if op == "cast":
        to_small = result.name in ("int8", "uint8", "int16", "int32")
        return not (first.is_floating_point and to_small)
    if op == "where":
        return True
    if op in _FLOAT_TEST:
        return True
    if first.is_floating_point:
        return op in _FLOAT or op in _LIBRARY or op in _INTRINSIC or op in _FLOAT_ONLY
    if first.name == "bool":
        return op in _BITS or op == "bitwise_not"
    known = op in _INTEGER or op in _BITS or op == "bitwise_not" or op in _INTEGER_ONLY
    return known or op in _DIVISIONS


def _widens(*dtypes: DType) -> bool:
    """Whether these are float32 and a half type that the processor, or a little arithmetic, converts."""
    names = {d.name for d in dtypes}
    return names == {"float32", "bfloat16"} or (
        names == {"float32", "float16"} and has_feature("f16c")
    )


def refuses_zero(op: str, dtype: DType) -> bool:
    """Whether the interpreter raises where the second operand is 0; ``compute`` then gives any number."""
    return op in _DIVISIONS and not dtype.is_floating_point


def compute(
    w: Writer, op: str, result: DType, dtypes: tuple[DType, ...], t: Type, args: tuple[str, ...]
) -> str:
    """Primitive ``op`` on values of type ``t`` (for where: of the second operand)."""
    if op == "cast":
        return cast(w, dtypes[0], result, t, args[0])
    if op == "where":
        return w.set(f"select {t.of('i1')} {args[0]}, {t} {args[1]}, {t} {args[2]}")
    if op in _FLOAT_TEST:
        return _test(w, op, dtypes[0], t, args)
    if op in _BITS:
        return w.set(f"{_BITS[op]} {t} {args[0]}, {args[1]}")
    if op == "bitwise_not":
        return w.set(f"xor {t} {args[0]}, {constant(t, -1)}")
    if not t.is_float:
        return _integer(w, op, dtypes[0], t, args)
    if op in _FLOAT:
        return w.set(f"{_FLOAT[op]} {t} {args[0]}, {args[1]}")
    if op in _INTRINSIC:
        return w.intrinsic(_INTRINSIC[op], t, *args)
    rule = _RULES.get(op)
    if rule is not None and (t.element == "float" or op not in _LIBRARY):
        return rule(w, t, args)
    written = vectors.write(w, op, t, args)
    if written is not None:
        return written
    return vectors.in_each_lane(w, op + ("f" if t.element == "float" else ""), t, args)


def _test(w: Writer, op: str, dtype: DType, t: Type, args: tuple[str, ...]) -> str:
    if t.is_float:
        return w.set(f"fcmp {_FLOAT_TEST[op]} {t} {args[0]}, {args[1]}")
    tests = _SIGNED_TEST if dtype.is_signed else _UNSIGNED_TEST
    return w.set(f"icmp {tests[op]} {t} {args[0]}, {args[1]}")


def _integer(w: Writer, op: str, dtype: DType, t: Type, args: tuple[str, ...]) -> str:
    x, y = args[0], args[-1]
    if op in _INTEGER:
        return w.set(f"{_INTEGER[op]} {t} {x}, {y}")
    if op == "square":
        return w.set(f"mul {t} {x}, {x}")
    if op == "neg":
        return w.set(f"sub {t} {constant(t, 0)}, {x}")
    sign = "s" if dtype.is_signed else "u"
    if op in _DIVISIONS:
        return _division(w, op, sign, t, x, y)
    if op == "abs":
        if sign == "u":
            return x
        flipped = w.set(f"sub {t} {constant(t, 0)}, {x}")
        return w.intrinsic("smax", t, x, flipped)
    if op == "relu":
        return w.intrinsic("smax", t, x, constant(t, 0)) if sign == "s" else x
    return w.intrinsic(sign + {"maximum": "max", "minimum": "min"}[op], t, x, y)


def _division(w: Writer, op: str, sign: str, t: Type, x: str, y: str) -> str:
    """Integer division rounded down (``fmod``: the rest of one rounded towards 0).

    The processor traps at a divisor of 0, and at the least number by -1: there, x is divided by 1, which gives what
    the latter wraps around to.
    """
    truths, zero, one = t.of("i1"), constant(t, 0), constant(t, 1)
    trap = w.set(f"icmp eq {t} {y}, {zero}")
    if sign == "s":
        least = constant(t, -(1 << int(t.element[1:]) - 1))
        is_least = w.set(f"icmp eq {t} {x}, {least}")
        by_minus_one = w.set(f"icmp eq {t} {y}, {constant(t, -1)}")
        trap = w.set(f"or {truths} {trap}, {w.set(f'and {truths} {is_least}, {by_minus_one}')}")
    y = _select(w, t, trap, one, y)
    quotient = _truncated(w, sign, t, x, y)
    rest = w.set(f"sub {t} {x}, {w.set(f'mul {t} {quotient}, {y}')}")
    if op == "fmod" or sign == "u":
        return quotient if op == "floor_divide" else rest
    inexact = w.set(f"icmp ne {t} {rest}, {zero}")
    apart = w.set(f"icmp slt {t} {w.set(f'xor {t} {rest}, {y}')}, {zero}")
    below = w.set(f"and {truths} {inexact}, {apart}")
    if op == "remainder":
        return w.set(f"add {t} {rest}, {_select(w, t, below, y, zero)}")
    return w.set(f"sub {t} {quotient}, {w.set(f'zext {truths} {below} to {t}')}")


def _truncated(w: Writer, sign: str, t: Type, x: str, y: str) -> str:
    """x / y rounded towards 0, in float64, which is exact for |x| up to 2**52: a quotient that is no whole number is
    further from the next one than rounding reaches. Where x is larger, the processor's slow division."""
    reals = t.of("double")
    a, b = (w.set(f"{sign}itofp {t} {v} to {reals}") for v in (x, y))
    quotient = w.set(f"fpto{sign}i {reals} {w.set(f'fdiv {reals} {a}, {b}')} to {t}")
    if t.element != "i64":
        return quotient
    place, truths = w.variable(t, quotient), t.of("i1")
    moved = w.set(f"add {t} {x}, {constant(t, 1 << 52)}")
    large = w.set(f"icmp ugt {t} {moved}, {constant(t, 1 << 53)}")
    if t.lanes > 1:
        large = w.call(f"llvm.vector.reduce.or.{truths.suffix}", Type("i1", 1), (truths, large))
    with w.when(large):
        w.do(f"store {t} {w.set(f'sdiv {t} {x}, {y}')}, ptr {place}")
    return w.set(f"load {t}, ptr {place}")


def cast(w: Writer, have: DType, want: DType, t: Type, x: str) -> str:
    """``x``, of type ``t``, in type ``want``."""
    to = type_of(want, t.lanes)
    if have is want:
        return x
    if have.is_half:
        return _from_half(w, have, to, x)
    if want.is_half:
        return _to_half(w, want, t, x)
    if want.name == "bool":
        zero = constant(t, 0)
        return w.set(f"fcmp une {t} {x}, {zero}" if t.is_float else f"icmp ne {t} {x}, {zero}")
    if t.is_float and to.is_float:
        return w.set(f"{'fpext' if to.element == 'double' else 'fptrunc'} {t} {x} to {to}")
    if t.is_float:
        return _whole(w, t, to, x)
    if to.is_float:
        return w.set(f"{'sitofp' if have.is_signed else 'uitofp'} {t} {x} to {to}")
    if have.name != "bool" and want.itemsize == have.itemsize:
        return x
    if have.name != "bool" and want.itemsize < have.itemsize:
        return w.set(f"trunc {t} {x} to {to}")
    return w.set(f"{'sext' if have.is_signed else 'zext'} {t} {x} to {to}")


def _from_half(w: Writer, have: DType, to: Type, x: str) -> str:
    """Bits of a float16 or bfloat16, which is the upper half of a float32, as float32."""
    bits = to.of("i16")
    if have.name == "float16":
        half = w.set(f"bitcast {bits} {x} to {to.of('half')}")
        return w.set(f"fpext {to.of('half')} {half} to {to}")
    long = to.of("i32")
    wide = w.set(f"zext {bits} {x} to {long}")
    return w.set(f"bitcast {long} {w.set(f'shl {long} {wide}, {constant(long, 16)}')} to {to}")


def _to_half(w: Writer, want: DType, t: Type, x: str) -> str:
    """The bits of the nearest float16 or bfloat16, of two the even one: half of its last place and carries are added."""
    bits, long = t.of("i16"), t.of("i32")
    if want.name == "float16":
        half = w.set(f"fptrunc {t} {x} to {t.of('half')}")
        return w.set(f"bitcast {t.of('half')} {half} to {bits}")
    exact = w.set(f"bitcast {t} {x} to {long}")
    upper = w.set(f"lshr {long} {exact}, {constant(long, 16)}")
    odd = w.set(f"and {long} {upper}, {constant(long, 1)}")
    moved = w.set(f"add {long} {exact}, {w.set(f'add {long} {odd}, {constant(long, 0x7FFF)}')}")
    nearest = w.set(f"lshr {long} {moved}, {constant(long, 16)}")
    quiet = w.set(f"or {long} {upper}, {constant(long, 0x40)}")
    is_nan = w.set(f"fcmp uno {t} {x}, {x}")
    return w.set(f"trunc {long} {_select(w, long, is_nan, quiet, nearest)} to {bits}")


def _whole(w: Writer, t: Type, to: Type, x: str) -> str:
    """``x`` without its fraction as int64; what does not fit gives the least number, as the processor has it.

    ``fptosi`` of such is poison, so it must not be what is chosen.
    """
    low, high = constant(t, -(2.0**63)), constant(t, 2.0**63)
    above = w.set(f"fcmp oge {t} {x}, {low}")
    below = w.set(f"fcmp olt {t} {x}, {high}")
    truths = t.of("i1")
    fits = w.set(f"and {truths} {above}, {below}")
    whole = w.set(f"fptosi {t} {x} to {to}")
    return w.set(f"select {truths} {fits}, {to} {whole}, {to} {constant(to, -(2**63))}")


# Float rules


def _polynomial(w: Writer, t: Type, x: str, coefficients: tuple[float, ...]) -> str:
    """Horner's rule, highest power first."""
    value = constant(t, coefficients[0])
    for c in coefficients[1:]:
        value = w.intrinsic("fma", t, value, x, constant(t, c))
    return value


def _select(w: Writer, t: Type, condition: str, x: str, y: str) -> str:
    return w.set(f"select {t.of('i1')} {condition}, {t} {x}, {t} {y}")


def _limited(w: Writer, t: Type, x: str, limit: float, test: str) -> str:
    """The limit where ``limit test x`` holds, x elsewhere, NaN included; one instruction where a processor has it."""
    bound = constant(t, limit)
    return _select(w, t, w.set(f"fcmp {test} {t} {bound}, {x}"), bound, x)


def _power_of_two(w: Writer, t: Type, n: str) -> str:
    """2**n in float32 for integers -126 <= n <= 127."""
    ints = t.of("i32")
    biased = w.set(f"add {ints} {n}, {constant(ints, 127)}")
    bits = w.set(f"shl {ints} {biased}, {constant(ints, 23)}")
    return w.set(f"bitcast {ints} {bits} to {t}")


def _scaled(w: Writer, t: Type, x: str, n: str) -> str:
    """x 2**n in float32 for whole n from -250 to 250, rounded once; a NaN n goes with a NaN x."""
    if t.lanes == 16 and has_feature("avx512f"):
        name = "llvm.x86.avx512.mask.scalef.ps.512"
        w.declared[name] = f"declare {t} @{name}({t}, {t}, {t}, i16, i32)"
        return w.set(f"call {t} @{name}({t} {x}, {t} {n}, {t} {x}, i16 -1, i32 4)")
    ints = t.of("i32")
    known = _select(w, t, w.set(f"fcmp ord {t} {n}, {n}"), n, constant(t, 0))
    whole = w.set(f"fptosi {t} {known} to {ints}")
    half = w.set(f"ashr {ints} {whole}, {constant(ints, 1)}")
    rest = w.set(f"sub {ints} {whole}, {half}")
    # in two factors, of which the first is exact, so that subnormals come out right
    x = w.set(f"fmul {t} {x}, {_power_of_two(w, t, half)}")
    return w.set(f"fmul {t} {x}, {_power_of_two(w, t, rest)}")


def _exp_parts(w: Writer, t: Type, x: str) -> tuple[str, str, str]:
    """n, r and exp(r) - 1 - r, where x = n ln 2 + r."""
    n = w.intrinsic("rint", t, w.set(f"fmul {t} {x}, {constant(t, 1.44269504088896341)}"))
    r = w.intrinsic("fma", t, n, constant(t, -0.693359375), x)
    r = w.intrinsic("fma", t, n, constant(t, 2.12194440e-4), r)
    p = _polynomial(
        w, t, r,
        (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
    )  # fmt: skip
    return n, r, w.set(f"fmul {t} {p}, {w.set(f'fmul {t} {r}, {r}')}")


def _exp(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    return _exp_from(w, t, _limited(w, t, _limited(w, t, args[0], _LOWEST, "ogt"), 89.0, "olt"))


def _exp_from(w: Writer, t: Type, x: str) -> str:
    """x = n ln 2 + r, exp r by a polynomial, times 2**n; for x from -104 to 89."""
    n, r, rest = _exp_parts(w, t, x)
    y = w.set(f"fadd {t} {w.set(f'fadd {t} {r}, {rest}')}, {constant(t, 1.0)}")
    return _scaled(w, t, y, n)


def _log(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    """x = m 2**e with m around 1, log m by a polynomial, plus e ln 2."""
    (x,) = args
    ints = t.of("i32")
    tiny = w.set(f"fcmp olt {t} {x}, {constant(t, 1.17549435e-38)}")
    raised = w.set(f"fmul {t} {x}, {constant(t, 8388608.0)}")
    c = _select(w, t, tiny, raised, x)
    bits = w.set(f"bitcast {t} {c} to {ints}")
    # subtracting the bits of sqrt(1/2) makes the exponent round so that m lies in [sqrt(1/2), sqrt(2))
    moved = w.set(f"sub {ints} {bits}, {constant(ints, 0x3F3504F3)}")
    e = w.set(f"ashr {ints} {moved}, {constant(ints, 23)}")
    kept = w.set(f"and {ints} {moved}, {constant(ints, 0x007FFFFF)}")
    m_bits = w.set(f"add {ints} {kept}, {constant(ints, 0x3F3504F3)}")
    m = w.set(f"bitcast {ints} {m_bits} to {t}")
    shift = _select(w, ints, tiny, constant(ints, 23), constant(ints, 0))
    e = w.set(f"sub {ints} {e}, {shift}")
    exponent = w.set(f"sitofp {ints} {e} to {t}")
    r = w.set(f"fsub {t} {m}, {constant(t, 1.0)}")
    z = w.set(f"fmul {t} {r}, {r}")
    p = _polynomial(
        w, t, r,
        (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
         2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    )  # fmt: skip
    cube = w.set(f"fmul {t} {r}, {z}")
    y = w.set(f"fmul {t} {p}, {cube}")
    y = w.intrinsic("fma", t, exponent, constant(t, -2.12194440e-4), y)
    y = w.intrinsic("fma", t, z, constant(t, -0.5), y)
    y = w.set(f"fadd {t} {r}, {y}")
    y = w.intrinsic("fma", t, exponent, constant(t, 0.693359375), y)
    infinite = w.set(f"fcmp oeq {t} {x}, {constant(t, float('inf'))}")
    y = _select(w, t, infinite, x, y)
    zero = w.set(f"fcmp oeq {t} {x}, {constant(t, 0.0)}")
    y = _select(w, t, zero, constant(t, float("-inf")), y)
    refused = w.set(f"fcmp ult {t} {x}, {constant(t, 0.0)}")
    return _select(w, t, refused, constant(t, float("nan")), y)


def _sigmoid(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    """With e = exp -|x|, which never overflows: q = e / (1 + e) below 0, 1 - q from there on.

    q is taken as e - e q, which makes less of what rounding lost of 1 + e, and of q.
    """
    (x,) = args
    minus = w.set(f"fneg {t} {w.intrinsic('fabs', t, x)}")
    if t.element == "float":
        e = _exp_from(w, t, _limited(w, t, minus, _LOWEST, "ogt"))
    else:
        e = str(vectors.write(w, "exp", t, (minus,)))
    one = constant(t, 1.0)
    q = w.set(f"fdiv {t} {e}, {w.set(f'fadd {t} {e}, {one}')}")
    q = w.intrinsic("fma", t, w.set(f"fneg {t} {e}"), q, e)
    below_zero = w.set(f"fcmp olt {t} {x}, {constant(t, 0.0)}")
    return _select(w, t, below_zero, q, w.set(f"fsub {t} {one}, {q}"))


def _tanh(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    """(1 - e) / (1 + e) with e = exp(-2|x|) = 2**n (1 + q), of which neither sum sees a rounded e."""
    (x,) = args
    minus = w.set(f"fmul {t} {w.intrinsic('fabs', t, x)}, {constant(t, -2.0)}")
    n, r, rest = _exp_parts(w, t, _limited(w, t, minus, -40.0, "ogt"))
    q, one = w.set(f"fadd {t} {r}, {rest}"), constant(t, 1.0)
    scale = _scaled(w, t, one, n)
    minus_scale = w.set(f"fneg {t} {scale}")
    less = w.intrinsic("fma", t, minus_scale, q, w.set(f"fsub {t} {one}, {scale}"))
    more = w.intrinsic("fma", t, scale, q, w.set(f"fadd {t} {one}, {scale}"))
    return w.intrinsic("copysign", t, w.set(f"fdiv {t} {less}, {more}"), x)


def _erf(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    """x + x p(x**2) up to 1; beyond, 1 - exp(q(|x|)), where q is log erfc; 1 from 4 on.

    Both polynomials are weighted least squares over Chebyshev points, reweighted towards the least largest error.
    """
    (x,) = args
    size = w.intrinsic("fabs", t, x)
    square = w.set(f"fmul {t} {x}, {x}")
    p = _polynomial(
        w, t, square,
        (7.853857708e-05, -8.010192521e-04, 5.188327560e-03, -2.6853811869e-02, 1.12835851470e-01, -3.76126258241e-01,
         1.28379165727e-01),
    )  # fmt: skip
    near = w.intrinsic("fma", t, p, x, x)
    four = constant(t, 4.0)
    bounded = _select(w, t, w.set(f"fcmp olt {t} {size}, {four}"), size, four)
    q = _polynomial(
        w, t, bounded,
        (-2.149611370e-05, 4.39106374208e-04, -4.193611092294e-03, 2.5178967813602e-02, -1.083724786003553e-01,
         -6.332626121873602e-01, -1.12955683039, 1.83444147541e-04),
    )  # fmt: skip
    far = w.set(f"fsub {t} {constant(t, 1.0)}, {_exp_from(w, t, q)}")
    far = w.intrinsic("copysign", t, far, x)
    small = w.set(f"fcmp olt {t} {size}, {constant(t, 1.0)}")
    result = _select(w, t, small, near, far)
    return _select(w, t, w.set(f"fcmp uno {t} {x}, {x}"), x, result)


def _sign(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    (x,) = args
    zero = constant(t, 0.0)
    other = _select(w, t, w.set(f"fcmp oeq {t} {x}, {zero}"), zero, x)
    other = _select(w, t, w.set(f"fcmp olt {t} {x}, {zero}"), constant(t, -1.0), other)
    return _select(w, t, w.set(f"fcmp ogt {t} {x}, {zero}"), constant(t, 1.0), other)


def extreme(w: Writer, t: Type, x: str, y: str, test: str) -> str:
    """The greater (test oge) or lesser (ole) of two; NaN if either is."""
    chosen = w.set(f"fcmp {test} {t} {x}, {y}")
    is_nan = w.set(f"fcmp uno {t} {x}, {x}")
    chosen = w.set(f"or {t.of('i1')} {chosen}, {is_nan}")
    return _select(w, t, chosen, x, y)


def _inverse(w: Writer, t: Type, x: str) -> str:
    return w.set(f"fdiv {t} {constant(t, 1.0)}, {x}")


def _float_division(w: Writer, t: Type, x: str, y: str) -> tuple[str, str]:
    """The quotient rounded down and what is left, which has the divisor's sign; of 0: x / y and NaN.

    With the exact remainder m of the division rounded towards 0, x - m is nearly a multiple of y.
    """
    zero, one = constant(t, 0.0), constant(t, 1.0)
    m = vectors.in_each_lane(w, "fmodf" if t.element == "float" else "fmod", t, (x, y))
    q = w.set(f"fdiv {t} {w.set(f'fsub {t} {x}, {m}')}, {y}")
    some = w.set(f"fcmp une {t} {m}, {zero}")
    left_below, divisor_below = (w.set(f"fcmp olt {t} {v}, {zero}") for v in (m, y))
    apart = w.set(f"xor {t.of('i1')} {left_below}, {divisor_below}")
    apart = w.set(f"and {t.of('i1')} {some}, {apart}")
    signed_zero = w.intrinsic("copysign", t, zero, y)
    rest = _select(w, t, apart, w.set(f"fadd {t} {m}, {y}"), _select(w, t, some, m, signed_zero))
    q = _select(w, t, apart, w.set(f"fsub {t} {q}, {one}"), q)
    down = w.intrinsic("floor", t, q)
    far = w.set(f"fcmp ogt {t} {w.set(f'fsub {t} {q}, {down}')}, {constant(t, 0.5)}")
    down = _select(w, t, far, w.set(f"fadd {t} {down}, {one}"), down)
    plain = w.set(f"fdiv {t} {x}, {y}")
    nothing = w.set(f"fcmp oeq {t} {q}, {zero}")
    down = _select(w, t, nothing, w.intrinsic("copysign", t, zero, plain), down)
    by_zero = w.set(f"fcmp oeq {t} {y}, {zero}")
    return _select(w, t, by_zero, plain, down), _select(w, t, by_zero, m, rest)


def _isinf(w: Writer, t: Type, args: tuple[str, ...]) -> str:
    size = w.intrinsic("fabs", t, args[0])
    return w.set(f"fcmp oeq {t} {size}, {constant(t, float('inf'))}")


_RULES: dict[str, Rule] = {
    "exp": _exp,
    "log": _log,
    "tanh": _tanh,
    "erf": _erf,
    "sigmoid": _sigmoid,
    "sign": _sign,
    "neg": lambda w, t, a: w.set(f"fneg {t} {a[0]}"),
    "abs": lambda w, t, a: w.intrinsic("fabs", t, a[0]),
    "square": lambda w, t, a: w.set(f"fmul {t} {a[0]}, {a[0]}"),
    "reciprocal": lambda w, t, a: _inverse(w, t, a[0]),
    "rsqrt": lambda w, t, a: _inverse(w, t, w.intrinsic("sqrt", t, a[0])),
    "relu": lambda w, t, a: extreme(w, t, a[0], constant(t, 0.0), "oge"),
    "maximum": lambda w, t, a: extreme(w, t, a[0], a[1], "oge"),
    "minimum": lambda w, t, a: extreme(w, t, a[0], a[1], "ole"),
    "isnan": lambda w, t, a: w.set(f"fcmp uno {t} {a[0]}, {a[0]}"),
    "isinf": _isinf,
    "floor_divide": lambda w, t, a: _float_division(w, t, *a)[0],
    "remainder": lambda w, t, a: _float_division(w, t, *a)[1],
}
