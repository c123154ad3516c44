"""Bessel's and Airy's functions, and orthogonal polynomials, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import elementwise as e
from ..ops import special as s
from ..ops.composite import Op, floating, op, promoted_to_float
from .core import TensorCore
from .inplace import inplace
from .pointwise import binary, unary

if TYPE_CHECKING:
    from .tensor import Tensor


@op("SinBackward0")
def _spherical(x: Var) -> Var:
    x = floating(x)
    zero = x.eq(0)
    safe = e.where(zero, x.ones_like(), x)
    ratio = e.where(zero, x.ones_like(), e.sin(safe) / safe)
    return e.where(e.isinf(x), x.zeros_like(), ratio)


def _plain(name: str, primitive: Any, doc: str) -> Callable[..., Tensor]:
    return unary(name, primitive, "", doc, to_float=True)


i0 = unary("i0", s.i0, "I0Backward0", "Modified Bessel, first kind, order 0.", to_float=True)
i0e = unary("i0e", s.i0e, "SpecialI0EBackward0", "i0(x) exp(-|x|).", to_float=True)
i1 = unary("i1", s.i1, "SpecialI1Backward0", "Modified Bessel, first kind, order 1.", to_float=True)
i1e = unary("i1e", s.i1e, "SpecialI1EBackward0", "i1(x) exp(-|x|).", to_float=True)
bessel_j0 = _plain("bessel_j0", s.j0, "Bessel, first kind, order 0; has no gradient.")
bessel_j1 = _plain("bessel_j1", s.j1, "Bessel, first kind, order 1; has no gradient.")
bessel_y0 = _plain("bessel_y0", s.y0, "Bessel, second kind, order 0; has no gradient.")
bessel_y1 = _plain("bessel_y1", s.y1, "Bessel, second kind, order 1; has no gradient.")
modified_bessel_i0 = _plain("modified_bessel_i0", s.i0, "As i0.")
modified_bessel_i1 = _plain("modified_bessel_i1", s.i1, "As i1.")
modified_bessel_k0 = _plain("modified_bessel_k0", s.k0, "Modified Bessel, second kind, order 0.")
modified_bessel_k1 = _plain("modified_bessel_k1", s.k1, "Modified Bessel, second kind, order 1.")
scaled_modified_bessel_k0 = _plain("scaled_modified_bessel_k0", s.k0e, "k0(x) exp(x).")
scaled_modified_bessel_k1 = _plain("scaled_modified_bessel_k1", s.k1e, "k1(x) exp(x).")
airy_ai = _plain("airy_ai", s.airy_ai, "Airy's Ai; has no gradient.")
spherical_bessel_j0 = unary("spherical_bessel_j0", _spherical, "", "sin(x) / x, and 1 at 0.")


def _polynomial(name: str, doc: str) -> Callable[..., Tensor]:
    """The function of a family; a family of the shifted kind takes 2x - 1 for x."""
    family = name.removeprefix("shifted_")

    def function(x: Var, n: Var) -> Var:
        x, n = promoted_to_float(x, n)
        result: Var = s.polynomial(x if family == name else x * 2 - 1, n, family=family)
        return result

    function.__name__ = name
    return binary(name, Op(function, ""), "", f"{doc} of degree ``other`` at ``input``.")


chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", "Chebyshev's polynomial T")
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", "Chebyshev's polynomial U")
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v", "Chebyshev's polynomial V")
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w", "Chebyshev's polynomial W")
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", "Chebyshev's polynomial T on [0, 1]"
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", "Chebyshev's polynomial U on [0, 1]"
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", "Chebyshev's polynomial V on [0, 1]"
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", "Chebyshev's polynomial W on [0, 1]"
)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", "The physicist's Hermite polynomial")
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", "The statistician's Hermite polynomial"
)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", "Laguerre's polynomial")
legendre_polynomial_p = _polynomial("legendre_polynomial_p", "Legendre's polynomial")


class BesselMethods(TensorCore):
    """Tensor's methods of this family."""

    i0, i0_ = i0, inplace(i0)
