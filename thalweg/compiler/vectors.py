"""Functions of float64 vectors, without branches; float32's are theirs, rounded, where math.py has no shorter ones.

Note: methods. Arguments are reduced by Cody and Waite's method (1980) with constants in two or three parts; what is
left goes into Taylor's series (exp, sin, cos, atanh for log) or into polynomials that interpolate at Chebyshev's
points (erf, atan; computed with 40 digits). J.-M. Muller 2016, "Elementary Functions", explains all of it. Errors
are at most 4 units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, inf, log, nan, pi

from .text import Type, Writer, constant

_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")
_HALF_PI = tuple(
    map(
        float.fromhex,
        ("0x1.921fb54442d18p+0", "0x1.1a62633145c07p-54", "-0x1.f1976b7ed8fbcp-110"),
    )
)
_EXP = tuple(1 / factorial(k) for k in range(13, 1, -1))
_SIN = tuple((-1) ** k / factorial(2 * k + 1) for k in range(8, 0, -1))
_COS = tuple((-1) ** k / factorial(2 * k) for k in range(8, 1, -1))
_ATANH = tuple(2 / (2 * k + 1) for k in range(11, 0, -1))
_ERF_NEAR = (  # erf(x) / x by x * x from 0 to 1
    5.957176147748911e-11, -1.1372848856791674e-09, 1.4659775274047436e-08, -1.6350312701054695e-07,
    1.6461000484121368e-06, -1.4925595266831182e-05, 0.0001205533111164271, -0.000854832698083379,
    0.0052239776248180145, -0.026866170645076792, 0.11283791670954879, -0.3761263890318375, 1.1283791670955126,
)  # fmt: skip
_ERF_FAR = (  # erfc(x) exp(x * x), x from 1 to 6, by t = 2 / (2 + x) where 1/4 and 2/3 are -1 and 1
    1.8620989806815163e-11, -7.290508535165398e-11, -2.634243021000669e-10, 2.622350032514279e-09,
    -5.926361315281833e-10, -7.005170205475373e-08, 1.6350102372087984e-07, 1.979561158209264e-06,
    -7.340518284999869e-06, -8.079220411804128e-05, 0.00019713917776008889, 0.0055888162818258785,
    0.038560570425181566, 0.16189356804102537, 0.2214295402299318,
)  # fmt: skip
_ATAN = (  # atan(x) / x by x * x from 0 to 1
    -0.00026660196719267425, 0.002162794422156479, -0.008241899893996813, 0.01993744283625617, -0.03526772086942244,
    0.050455577528416146, -0.06366092236096826, 0.07614250199003121, -0.09076798876650477, 0.11109428364330506,
    -0.14285592394282529, 0.19999995340385063, -0.333333332624797, 0.9999999999981967,
)  # fmt: skip
_FAR_ANGLE = float(1 << 20)  # beyond it, sin and cos ask the C library


class Vector:
    """A value of floats, integers or truths, in one lane or several, whose operators write code."""

    def __init__(self, w: Writer, t: Type, name: str) -> None:
        self.w, self.t, self.name = w, t, name

    def number(self, x: Vector | float) -> str:
        return x.name if isinstance(x, Vector) else constant(self.t, x)

    def made(self, text: str, element: str = "") -> Vector:
        """The value of an instruction; its type is this one's, or has another element."""
        return Vector(self.w, self.t.of(element or self.t.element), self.w.set(text))

    def _with(self, name: str, y: Vector | float) -> Vector:
        prefix = "f" if self.t.is_float else ""
        return self.made(f"{prefix}{name} {self.t} {self.name}, {self.number(y)}")

    def __add__(self, y: Vector | float) -> Vector:
        return self._with("add", y)

    def __sub__(self, y: Vector | float) -> Vector:
        return self._with("sub", y)

    def __rsub__(self, x: float) -> Vector:
        return self.filled(x) - self

    def __mul__(self, y: Vector | float) -> Vector:
        return self._with("mul", y)

    def __truediv__(self, y: Vector | float) -> Vector:
        return self._with("div", y)

    def __rtruediv__(self, x: float) -> Vector:
        return self.filled(x) / self

    def __and__(self, y: Vector | float) -> Vector:
        return self._with("and", y)

    def __or__(self, y: Vector | float) -> Vector:
        return self._with("or", y)

    def __rshift__(self, n: int) -> Vector:
        return self._with("ashr", n)

    def __lshift__(self, n: int) -> Vector:
        return self._with("shl", n)

    def __neg__(self) -> Vector:
        return self.made(f"fneg {self.t} {self.name}")

    def __lt__(self, y: Vector | float) -> Vector:
        return self.test("olt", y)

    def __gt__(self, y: Vector | float) -> Vector:
        return self.test("ogt", y)

    def test(self, name: str, y: Vector | float) -> Vector:
        kind = "fcmp" if self.t.is_float else "icmp"
        return self.made(f"{kind} {name} {self.t} {self.name}, {self.number(y)}", "i1")

    def equals(self, y: Vector | float) -> Vector:
        return self.test("oeq", y)

    def is_nan(self) -> Vector:
        return self.test("uno", self)

    def filled(self, x: float) -> Vector:
        """A number in every lane."""
        return Vector(self.w, self.t, constant(self.t, x))

    def fma(self, y: Vector | float, z: Vector | float) -> Vector:
        """This times y plus z, rounded once."""
        return self.apply("fma", y, z)

    def apply(self, name: str, *rest: Vector | float) -> Vector:
        """An intrinsic of this and others."""
        args = (self.name, *map(self.number, rest))
        return Vector(self.w, self.t, self.w.intrinsic(name, self.t, *args))

    def size(self) -> Vector:
        return self.apply("fabs")

    def root(self) -> Vector:
        return self.apply("sqrt")

    def cut(self) -> Vector:
        return self.apply("trunc")

    def signed(self, sign: Vector) -> Vector:
        """This size with the sign of ``sign``."""
        return self.apply("copysign", sign)

    def polynomial(self, coefficients: tuple[float, ...]) -> Vector:
        """Horner's rule, highest power first."""
        value = self.filled(coefficients[0])
        for c in coefficients[1:]:
            value = value.fma(self, c)
        return value

    def whole(self) -> Vector:
        """Integers held as float64, as int64."""
        return self.made(f"fptosi {self.t} {self.name} to {self.t.of('i64')}", "i64")

    def as_float(self) -> Vector:
        return self.made(f"sitofp {self.t} {self.name} to {self.t.of('double')}", "double")

    def bits(self, element: str) -> Vector:
        """The same bits as another type."""
        return self.made(f"bitcast {self.t} {self.name} to {self.t.of(element)}", element)

    def choose(self, x: Vector | float, y: Vector) -> Vector:
        """Where this is true x, elsewhere y."""
        x = x if isinstance(x, Vector) else y.filled(x)
        return y.made(f"select {self.t} {self.name}, {y.t} {x.name}, {y.t} {y.name}")


Rule = Callable[..., Vector]


def _power_of_two(n: Vector) -> Vector:
    """2**n for int64 n from -1022 to 1023."""
    return ((n + 1023) << 52).bits("double")


def _clamped(x: Vector, low: float, high: float) -> Vector:
    """Between two bounds; a NaN becomes the lower one."""
    x = (x > low).choose(x, x.filled(low))
    return (x < high).choose(x, x.filled(high))


def _but_nan(x: Vector, y: Vector) -> Vector:
    return x.is_nan().choose(x, y)


def _but_tiny(x: Vector, y: Vector) -> Vector:
    """``x`` itself where it is so small that the function's result is x, -0 included."""
    return (x.size() < 1e-17).choose(x, y)


def _exp_less_one(r: Vector) -> Vector:
    return r.polynomial(_EXP).fma(r * r, r)


def _exp_parts(x: Vector) -> tuple[Vector, Vector]:
    """n and exp(r) - 1 where x = n ln 2 + r."""
    n = (x * (1 / log(2))).apply("rint")
    r = n.fma(-_LN2_LOW, n.fma(-_LN2_HIGH, x))
    return n, _exp_less_one(r)


def _scaled(x: Vector, n: Vector) -> Vector:
    """x 2**n in two factors, so that subnormal results come out right."""
    n = n.whole()
    half = n >> 1
    return x * _power_of_two(half) * _power_of_two(n - half)


def exp(x: Vector) -> Vector:
    n, p = _exp_parts(_clamped(x, -746.0, 710.0))
    return _but_nan(x, _scaled(p + 1.0, n))


def exp2(x: Vector) -> Vector:
    c = _clamped(x, -1076.0, 1025.0)
    n = c.apply("rint")
    p = _exp_less_one((c - n) * log(2))
    return _but_nan(x, _scaled(p + 1.0, n))


def expm1(x: Vector) -> Vector:
    """2**n (exp(r) - 1) + (2**n - 1), with half of 2**n so that it doesn't overflow early."""
    n, p = _exp_parts(_clamped(x, -50.0, 710.0))
    half = _power_of_two(n.whole() - 1)
    y = half.fma(p, half - 0.5) * 2.0
    return _but_tiny(x, _but_nan(x, y))


def _log_parts(x: Vector) -> tuple[Vector, Vector, Vector]:
    """e, f and log(1 + f) - f, where x = (1 + f) 2**e and 1 + f lies between the square roots of 1/2 and 2."""
    tiny = x < 2.2250738585072014e-308
    c = tiny.choose(x * float(1 << 54), x)
    root_half = 0x3FE6A09E667F3BCD
    moved = c.bits("i64") - root_half
    e = (moved >> 52).as_float()
    f = ((moved & ((1 << 52) - 1)) + root_half).bits("double") - 1.0
    s = f / (f + 2.0)
    z = s * s
    series = z.polynomial(_ATANH) * z
    half = f * f * 0.5
    return tiny.choose(e - 54.0, e), f, s * (half + series) - half


def _log_ends(x: Vector, y: Vector) -> Vector:
    """A logarithm's results at 0, at infinity, below 0 and of NaN."""
    y = x.equals(inf).choose(x, y)
    y = x.equals(0.0).choose(-inf, y)
    return x.test("ult", 0.0).choose(nan, y)


def log_(x: Vector) -> Vector:
    e, f, rest = _log_parts(x)
    rest = e.fma(_LN2_LOW, rest)
    return _log_ends(x, e.fma(_LN2_HIGH, f + rest))


def log2(x: Vector) -> Vector:
    e, f, rest = _log_parts(x)
    return _log_ends(x, (f + rest).fma(1 / log(2), e))


def log10(x: Vector) -> Vector:
    return log_(x) / log(10)


def log1p(x: Vector) -> Vector:
    """log u, u = 1 + x rounded, and what the rounding lost, over u."""
    u = x + 1.0
    lost = (x < 1.0).choose(x - (u - 1.0), 1.0 - (u - x))
    y = log_(u)
    plain = u.equals(0.0) | x.equals(inf)
    return _but_tiny(x, plain.choose(y, y + lost / u))


def tanh(x: Vector) -> Vector:
    """e / (e + 2), e = exp(2|x|) - 1."""
    size = _clamped(x.size(), 0.0, 30.0)
    e = expm1(size + size)
    return _but_nan(x, (e / (e + 2.0)).signed(x))


def sinh(x: Vector) -> Vector:
    e = expm1(x.size())
    other = (e > 1e17).choose(1.0, e / (e + 1.0))
    return ((e + other) * 0.5).signed(x)


def cosh(x: Vector) -> Vector:
    e = exp(x.size())
    return (e + 1.0 / e) * 0.5


def asinh(x: Vector) -> Vector:
    size, square = x.size(), x * x
    add = square / ((square + 1.0).root() + 1.0)
    add = (size > 1e100).choose(size, add)
    return log1p(size + add).signed(x)


def acosh(x: Vector) -> Vector:
    above = x - 1.0
    y = log1p(above + (above * (x + 1.0)).root())
    return x.test("ult", 1.0).choose(nan, y)


def atanh(x: Vector) -> Vector:
    size = x.size()
    y = log1p((size + size) / (1.0 - size))
    return (y * 0.5).signed(x)


def erf(x: Vector) -> Vector:
    size = _clamped(x.size(), 0.0, 6.0)
    square = size * size
    near = square.polynomial(_ERF_NEAR) * size
    t = 4.0 / (size + 2.0)
    rest = ((t - 11 / 12) / (5 / 12)).polynomial(_ERF_FAR)
    far = 1.0 - rest * exp(-square)
    return _but_nan(x, (size < 1.0).choose(near, far).signed(x))


def atan(x: Vector) -> Vector:
    """To about 1e-11: for float32."""
    size = x.size()
    steep = size > 1.0
    r = steep.choose(1.0 / size, size)
    y = (r * r).polynomial(_ATAN) * r
    return steep.choose(pi / 2 - y, y).signed(x)


def asin(x: Vector) -> Vector:
    root = ((1.0 - x) * (x + 1.0)).root()
    return root.is_nan().choose(nan, atan(x / root))


def acos(x: Vector) -> Vector:
    root = ((1.0 - x) / (x + 1.0)).root()
    return root.is_nan().choose(nan, atan(root) * 2.0)


def hypot(x: Vector, y: Vector) -> Vector:
    """For float32, whose squares float64 holds."""
    infinite = x.size().equals(inf) | y.size().equals(inf)
    return infinite.choose(inf, x.fma(x, y * y).root())


def pow_(x: Vector, y: Vector) -> Vector:
    """exp(y log |x|) with C's special cases; for float32."""
    size = x.size()
    z = exp(y * log_(size))
    half = y * 0.5
    is_whole = y.equals(y.cut())
    is_odd = is_whole & half.test("une", half.cut())
    below = x.bits("i64").test("slt", 0)
    z = (is_odd & below).choose(-z, z)
    impossible = (x < 0.0) & size.test("one", inf) & y.test("one", y.cut())
    z = (impossible | x.test("uno", y)).choose(nan, z)
    at_end = size.equals(1.0) & y.size().equals(inf)
    return (x.equals(1.0) | y.equals(0.0) | at_end).choose(1.0, z)


def _quadrant(x: Vector) -> tuple[Vector, Vector, Vector]:
    """n, sin(r) and cos(r) where x = n pi/2 + r."""
    r = (x.size() < _FAR_ANGLE).choose(x, x.filled(0.0))
    n = (r * (2 / pi)).apply("rint")
    for part in _HALF_PI:
        r = n.fma(-part, r)
    z = r * r
    sine = (z.polynomial(_SIN) * z).fma(r, r)
    half = z * 0.5
    near = 1.0 - half
    lost = (1.0 - near) - half
    return n.whole(), sine, near + z.polynomial(_COS).fma(z * z, lost)


def _has_bit(n: Vector, bit: int) -> Vector:
    return (n & bit).test("ne", 0)


def _sine_from(x: Vector, quarter: int) -> Vector:
    """sin(x + quarter pi/2)."""
    n, sine, cosine = _quadrant(x)
    n = n + quarter
    y = _has_bit(n, 1).choose(cosine, sine)
    return _has_bit(n, 2).choose(-y, y)


def sin(x: Vector) -> Vector:
    return _or_library("sin", x, _but_tiny(x, _sine_from(x, 0)))


def cos(x: Vector) -> Vector:
    return _or_library("cos", x, _sine_from(x, 1))


def tan(x: Vector) -> Vector:
    n, sine, cosine = _quadrant(x)
    odd = _has_bit(n, 1)
    y = odd.choose(-cosine, sine) / odd.choose(sine, cosine)
    return _or_library("tan", x, _but_tiny(x, y))


def _or_library(name: str, x: Vector, y: Vector) -> Vector:
    """``y``; what the C library gives if an angle is too big (or infinite, or NaN)."""
    w, t = x.w, x.t
    beyond = x.size().test("uge", _FAR_ANGLE)
    far = beyond.name
    if t.lanes > 1:
        far = w.call(f"llvm.vector.reduce.or.v{t.lanes}i1", "i1", (beyond.t, far))
    place = w.variable(t, y.name)
    with w.when(far):
        w.do(f"store {t} {in_each_lane(w, name, t, (x.name,))}, ptr {place}")
    return x.made(f"load {t}, ptr {place}")


def in_each_lane(w: Writer, name: str, t: Type, args: tuple[str, ...]) -> str:
    """A function of the C library, called lane by lane."""
    one = Type(t.element, 1)
    if t.lanes == 1:
        return w.call(name, one, *((one, a) for a in args))
    places = [w.variable(t, a) for a in args]
    with w.loop("0", str(t.lanes)) as lane:
        here = [w.set(f"getelementptr {one}, ptr {p}, i64 {lane}") for p in places]
        given = [(one, w.set(f"load {one}, ptr {p}")) for p in here]
        w.do(f"store {one} {w.call(name, one, *given)}, ptr {here[0]}")
    return w.set(f"load {t}, ptr {places[0]}")


DOUBLE: dict[str, Rule] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log_, "log2": log2, "log1p": log1p, "tanh": tanh, "erf": erf,
    "sin": sin, "cos": cos, "tan": tan,
}  # fmt: skip
SINGLE: dict[str, Rule] = {
    **DOUBLE, "log10": log10, "sinh": sinh, "cosh": cosh, "asinh": asinh, "acosh": acosh, "atanh": atanh,
    "atan": atan, "asin": asin, "acos": acos, "hypot": hypot, "pow": pow_,
}  # fmt: skip


def write(w: Writer, op: str, t: Type, args: tuple[str, ...]) -> str | None:
    """Function ``op`` of float32 or float64; None if it isn't here."""
    rule = (SINGLE if t.element == "float" else DOUBLE).get(op)
    if rule is None:
        return None
    wide = t.of("double")
    if t.element == "double":
        return rule(*(Vector(w, t, a) for a in args)).name
    given = [Vector(w, wide, w.set(f"fpext {t} {a} to {wide}")) for a in args]
    return w.set(f"fptrunc {wide} {rule(*given).name} to {t}")
