"""Primitives of the gamma, error and Bessel families, element by element; their references are SciPy's, loaded
when one runs."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.primitive import GradRule, Primitive, primitive
from .elementwise import exp, same, sign, where
from .samples import Sample, binary, draw, unary

Array = np.ndarray[Any, Any]


def _scipy(name: str) -> Any:
    """The function of that name in scipy.special."""
    return getattr(importlib.import_module("scipy.special"), name)


def _quietly(function: Callable[..., Any], *operands: Any) -> Array:
    """What ``function`` gives, in the type of the last operand."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*operands), np.asarray(operands[-1]).dtype)


def _by_scipy(name: str) -> Callable[..., Array]:
    return lambda *operands: _quietly(_scipy(name), *operands)


def _unary(
    name: str,
    grad: GradRule | None,
    samples: Callable[[], list[Sample]] | None = None,
    source: str = "",
) -> Primitive:
    return primitive(
        name,
        infer=same,
        reference=_by_scipy(name),
        grads=None if grad is None else (grad,),
        elementwise=True,
        samples=samples or unary(0.1, 5.0),
        source=source,
    )


def _positive() -> list[Sample]:
    return binary(0.3, 5.0)()


def _no_derivative_reference(g: Array, of: str) -> Array:
    if np.size(g):
        raise NotImplementedError(f"the derivative for '{of}' is not implemented.")
    return np.array(g)


no_derivative: Primitive = primitive(
    "no_derivative",
    infer=lambda g, of: Aval(g.shape, g.dtype),
    reference=_no_derivative_reference,
    grads=None,
    statics=("of",),
    samples=lambda: [((np.zeros((0, 2)),), {"of": "zeta"})],
    errors=lambda: [
        (
            (draw(2),),
            {"of": "zeta"},
            NotImplementedError,
            "derivative for 'zeta' is not implemented",
        )
    ],
)

nextafter: Primitive = primitive(
    "nextafter",
    infer=same,
    reference=np.nextafter,
    grads=(lambda g, out, x, y: where(x.eq(y), g.zeros_like(), g), None),
    elementwise=True,
    samples=lambda: [((np.array([1.0, 0.0, 2.0, -3.0]), np.array([1.0, 5.0, -1.0, np.inf])), {})],
)

# Gamma


def _lgamma(x: Array) -> Array:
    """Infinite at both ends; SciPy's is -inf at the left one."""
    return _quietly(lambda x: np.where(np.isinf(x), np.inf, _scipy("gammaln")(x)), x)


lgamma: Primitive = primitive(
    "lgamma",
    infer=same,
    reference=_lgamma,
    grads=(lambda g, out, x: g * digamma(x),),
    elementwise=True,
    samples=unary(0.1, 5.0),
)
digamma: Primitive = _unary("digamma", lambda g, out, x: g * polygamma(x, n=1))


def _polygamma(x: Array, n: int) -> Array:
    """Source: NIST Digital Library of Mathematical Functions, 5.15: (-1)**(n+1) n! zeta(n+1, x)."""
    return _quietly(lambda x: _scipy("polygamma")(n, x), x)


polygamma: Primitive = primitive(
    "polygamma",
    infer=lambda x, n: Aval(x.shape, x.dtype),
    reference=_polygamma,
    grads=(lambda g, out, x, n: g * polygamma(x, n=n + 1),),
    statics=("n",),
    elementwise=True,
    samples=lambda: [((draw(3, 4, low=0.5, high=4.0),), {"n": n}) for n in (1, 2, 3)],
)
zeta: Primitive = primitive(
    "zeta",
    infer=same,
    reference=_by_scipy("zeta"),
    grads=(
        lambda g, out, x, q: no_derivative(g * out, of="zeta"),
        lambda g, out, x, q: g * -x * zeta(x + 1, q),
    ),
    elementwise=True,
    samples=lambda: [((np.asarray([2, 3, 5]), np.asarray([1, 2, 4])), {})],
    source="Hurwitz's: the sum of (k + q)**-x over k from 0",
)


def _integral(integrand: Callable[[Array], Array], scale: Array) -> Array:
    """The integral of ``integrand(s)`` over s from 0, where it falls within some ``scale``.

    In even steps of u, with s = scale exp(u - exp(-u)), it falls doubly exponentially at both ends. Source: Takahasi
    and Mori 1974, "Double exponential formulas for numerical integration".
    """
    step, total = 0.04, np.zeros_like(scale)
    for u in np.arange(-4.2, 5.5, step):
        s = scale * math.exp(u - math.exp(-u))
        total += integrand(s) * s * (1 + math.exp(-u))
    return total * step


def _gamma_slope(a: Array, z: Array) -> Array:
    """By t = z exp(-s) below z and t = z + s above, on the side that is not most of the law."""
    kind = np.result_type(z)
    a, z = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(z, np.float64))
    psi, log_z = _scipy("digamma")(a), np.log(z)

    def below(s: Array) -> Array:
        return -np.exp(-a * s - z * np.expm1(-s)) * (log_z - s - psi) * z

    def above(s: Array) -> Array:
        more = np.log1p(s / z)
        return np.exp((a - 1) * more - s) * (log_z + more - psi)

    with np.errstate(all="ignore"):
        left = _integral(below, (1 + np.sqrt(a)) / a)
        right = _integral(above, np.sqrt(a + 1))
        return np.where(z < a, left, right).astype(kind)


def _beta_slope(x: Array, a: Array, b: Array) -> Array:
    """By t = x exp(-s) below x and 1 - t = (1 - x) exp(-s) above, on the side that is not most of the law."""
    kind = np.result_type(x)
    x, a, b = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, a, b)))
    change = _scipy("digamma")(a + b) - _scipy("digamma")(a)
    log_x, log_rest, odds = np.log(x), np.log1p(-x), x / (1 - x)

    def below(s: Array) -> Array:
        height = (b - 1) * (np.log1p(-x * np.exp(-s)) - log_rest) - a * s
        return -np.exp(height) * (log_x - s + change) * odds

    def above(s: Array) -> Array:
        log_t = np.log1p(-(1 - x) * np.exp(-s))
        return np.exp((a - 1) * (log_t - log_x) - b * s) * (log_t + change)

    with np.errstate(all="ignore"):
        left = _integral(below, (1 + np.sqrt(a)) / a)
        right = _integral(above, (1 + np.sqrt(b)) / b)
        return np.where(x < a / (a + b), left, right).astype(kind)


_IMPLICIT = "Figurnov, Mohamed and Mnih 2018, Implicit reparameterization gradients"
gamma_slope: Primitive = primitive(
    "gamma_slope",
    infer=same,
    reference=_gamma_slope,
    grads=lambda index, g, out, a, z: no_derivative(g * out, of="the slope of gamma draws"),
    elementwise=True,
    samples=lambda: [((np.zeros((0, 3)), np.ones((1, 3))), {})],
    source="dz/da where P(a, z) stays the same: -(dP/da) / (dP/dz), dP/da the integral of density (log t - psi(a)) "
    f"over t up to z; {_IMPLICIT}",
)
beta_slope: Primitive = primitive(
    "beta_slope",
    infer=same,
    reference=_beta_slope,
    grads=lambda index, g, out, x, a, b: no_derivative(g * out, of="the slope of beta draws"),
    elementwise=True,
    samples=lambda: [((np.zeros((0, 3)), np.ones((1, 3)), np.ones((1, 3))), {})],
    source="dx/da / (1 - x) where the share of beta(a, b) below x stays the same; " + _IMPLICIT,
)


def _as_drawn(alpha: Array, draws: Array) -> Array:
    return np.array(draws)


def _shares_grad(g: Var, out: Var, alpha: Var, draws: Var) -> Var:
    """A share grows at the cost of all others in proportion."""
    last = (alpha.ndim - 1,)
    others = alpha.sum(last, True) - alpha
    return beta_slope(draws, alpha, others) * (g - (g * draws).sum(last, True))


drawn_gamma: Primitive = primitive(
    "drawn_gamma",
    infer=lambda alpha, draws: draws,
    reference=_as_drawn,
    grads=(lambda g, out, alpha, draws: g * gamma_slope(alpha, draws), None),
    samples=lambda: [((np.zeros((0, 3)), np.zeros((0, 3))), {})],
    source="gamma draws of shape alpha that keep their place in the law as it moves",
)
drawn_dirichlet: Primitive = primitive(
    "drawn_dirichlet",
    infer=lambda alpha, draws: draws,
    reference=_as_drawn,
    grads=(_shares_grad, None),
    samples=lambda: [((np.zeros((0, 3)), np.zeros((0, 3))), {})],
    source="Dirichlet draws of alpha of which each keeps its place in its own beta law as that moves",
)


def _gamma_density(a: Var, z: Var) -> Var:
    from_logarithms = (a - 1) * log_of(z) - z - lgamma(a)
    return exp(from_logarithms)


def log_of(z: Var) -> Var:
    result: Var = Primitive.registry["log"](z)
    return result


gammainc: Primitive = primitive(
    "gammainc",
    infer=same,
    reference=_by_scipy("gammainc"),
    grads=(
        lambda g, out, a, x: -g * (gamma_slope(a, x) * _gamma_density(a, x)),
        lambda g, out, a, x: g * _gamma_density(a, x),
    ),
    elementwise=True,
    samples=_positive,
)
gammaincc: Primitive = primitive(
    "gammaincc",
    infer=same,
    reference=_by_scipy("gammaincc"),
    grads=(
        lambda g, out, a, x: g * (gamma_slope(a, x) * _gamma_density(a, x)),
        lambda g, out, a, x: -g * _gamma_density(a, x),
    ),
    elementwise=True,
    samples=_positive,
)

# Error functions

_SLOPE = 2 / math.sqrt(math.pi)
erfc: Primitive = _unary("erfc", lambda g, out, x: g * (exp(-(x * x)) * -_SLOPE), unary())
erfinv: Primitive = _unary(
    "erfinv", lambda g, out, x: g * (exp(out * out) / _SLOPE), unary(-0.9, 0.9)
)
erfcx: Primitive = _unary(
    "erfcx", lambda g, out, x: g * (x * out * 2 - _SLOPE), unary(-2.0, 3.0), "exp(x**2) erfc(x)"
)
ndtri: Primitive = _unary(
    "ndtri",
    lambda g, out, x: g * (exp(out * out * 0.5) * math.sqrt(2 * math.pi)),
    unary(0.05, 0.95),
)
log_ndtr: Primitive = _unary(
    "log_ndtr",
    lambda g, out, x: g * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))),
    unary(),
)

# Bessel


def _near_zero(x: Var, value: Callable[[Var], Var]) -> Var:
    """``value(x)``, and 1/2 at 0, the limit of what the rules below divide by x."""
    zero = x.eq(0)
    return where(zero, x.ones_like() * 0.5, value(where(zero, x.ones_like(), x)))


i0: Primitive = _unary("i0", lambda g, out, x: g * i1(x), unary())
i0e: Primitive = _unary("i0e", lambda g, out, x: g * (i1e(x) - sign(x) * out), unary())
i1: Primitive = _unary(
    "i1", lambda g, out, x: g * _near_zero(x, lambda x: i0(x) - i1(x) / x), unary()
)
i1e: Primitive = _unary(
    "i1e",
    lambda g, out, x: g * _near_zero(x, lambda x: i0e(x) - i1e(x) * (sign(x) + 1 / x)),
    unary(),
)
j0: Primitive = _unary("j0", None)
j1: Primitive = _unary("j1", None)
y0: Primitive = _unary("y0", None)
y1: Primitive = _unary("y1", None)
k0: Primitive = _unary("k0", None)
k1: Primitive = _unary("k1", None)
k0e: Primitive = _unary("k0e", None)
k1e: Primitive = _unary("k1e", None)
airy_ai: Primitive = primitive(
    "airy_ai",
    infer=same,
    reference=lambda x: _quietly(lambda x: _scipy("airy")(x)[0], x),
    grads=None,
    elementwise=True,
    samples=unary(),
)

# Orthogonal polynomials: what P1 is, and P(k+1) from x, k, P(k) and P(k-1); P0 is 1

Recurrence = tuple[Callable[[Array], Array], Callable[[Array, int, Array, Array], Array]]


def _chebyshev(first: Callable[[Array], Array]) -> Recurrence:
    return first, lambda x, k, p, before: 2 * x * p - before


_RECURRENCES: dict[str, Recurrence] = {
    "chebyshev_polynomial_t": _chebyshev(lambda x: x),
    "chebyshev_polynomial_u": _chebyshev(lambda x: 2 * x),
    "chebyshev_polynomial_v": _chebyshev(lambda x: 2 * x - 1),
    "chebyshev_polynomial_w": _chebyshev(lambda x: 2 * x + 1),
    "hermite_polynomial_h": (
        lambda x: 2 * x,
        lambda x, k, p, before: 2 * x * p - 2 * k * before,
    ),
    "hermite_polynomial_he": (lambda x: x, lambda x, k, p, before: x * p - k * before),
    "laguerre_polynomial_l": (
        lambda x: 1 - x,
        lambda x, k, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1),
    ),
    "legendre_polynomial_p": (
        lambda x: x,
        lambda x, k, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1),
    ),
}


def _polynomial(x: Array, n: Array, family: str) -> Array:
    """Each element of the degree that ``n`` gives, its fraction cut off; 0 for degrees below 0."""
    x, n = np.broadcast_arrays(x, n)
    degree = np.trunc(n).astype(np.int64)
    first, following = _RECURRENCES[family]
    with np.errstate(all="ignore"):
        before, p = np.ones_like(x), first(x)
        found = np.where(degree == 0, before, np.where(degree == 1, p, np.zeros_like(x)))
        for k in range(1, int(degree.max(initial=0))):
            before, p = p, following(x, k, p, before)
            found = np.where(degree == k + 1, p, found)
    return found.astype(x.dtype)


polynomial: Primitive = primitive(
    "polynomial",
    infer=lambda x, n, family: same(x, n),
    reference=_polynomial,
    grads=None,
    statics=("family",),
    elementwise=True,
    samples=lambda: [
        ((draw(3, 4), np.array([-1.0, 0.0, 1.0, 4.5])), {"family": family})
        for family in _RECURRENCES
    ],
    source="NIST Digital Library of Mathematical Functions, 18.9",
)
