"""The gamma function's family: its logarithm, the derivatives of that, incomplete integrals, zeta."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import special as s
from ..ops.composite import Op, floating, op, promoted
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .outputs import give
from .pointwise import binary, unary

if TYPE_CHECKING:
    from .tensor import Tensor


@op("PolygammaBackward0")
def _polygamma(x: Var, n: int) -> Var:
    return s.polygamma(floating(x), n=n)


@op("MvlgammaBackward0")
def _mvlgamma(x: Var, p: int) -> Var:
    x = floating(x)
    total = s.lgamma(x)
    for i in range(1, p):
        total = total + s.lgamma(x - i / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


def _incomplete(name: str, primitive: Any, node: str) -> Op:
    def function(a: Var, x: Var) -> Var:
        a, x = promoted(a, x)
        if not a.dtype.is_floating_point:
            raise NotImplementedError(
                f'"{name}_cpu" not implemented for {a.dtype}: convert to a floating type'
            )
        result: Var = primitive(a, x)
        return result

    function.__name__ = name
    return Op(function, node)


@op("StandardGammaBackward0", (0,))
def _drawn_gamma(alpha: Var, draws: Var) -> Var:
    return s.drawn_gamma(alpha, draws)


@op("DirichletBackward0", (0,))
def _drawn_dirichlet(alpha: Var, draws: Var) -> Var:
    return s.drawn_dirichlet(alpha, draws)


lgamma = unary("lgamma", s.lgamma, "LgammaBackward0", "log |gamma(x)|.", to_float=True)
digamma = unary(
    "digamma", s.digamma, "DigammaBackward0", "The derivative of lgamma.", to_float=True
)
igamma = binary(
    "igamma",
    _incomplete("igamma", s.gammainc, "IgammaBackward0"),
    "",
    "The share of the gamma law of shape ``input`` below ``other``.",
)
igammac = binary(
    "igammac",
    _incomplete("igammac", s.gammaincc, "IgammacBackward0"),
    "",
    "The share of the gamma law of shape ``input`` above ``other``.",
)
zeta = binary(
    "zeta",
    s.zeta,
    "SpecialZetaBackward0",
    "Hurwitz's zeta: the sum of (k + other)**-input over k from 0.",
    to_float=True,
)
gammaln, psi, gammainc, gammaincc = lgamma, digamma, igamma, igammac


def polygamma(n: int, input: Any, *, out: Any = None) -> Tensor:
    """The ``n``-th derivative of digamma, of each element; any shape in, the same out.

    Raises:
        RuntimeError: ``n`` is negative.
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n: got {n}")
    found = dispatch(_polygamma, (input,), (n,)) if n else digamma(input)
    return give(found, out)


def mvlgamma(input: Any, p: int, *, out: Any = None) -> Tensor:
    """The logarithm of the gamma function of dimension ``p``, of each element; any shape in, the same out.

    Source: NIST Digital Library of Mathematical Functions, 35.3.4.
    Raises:
        RuntimeError: ``p`` is below 1.
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    return give(dispatch(_mvlgamma, (input,), (p,)), out)


multigammaln = mvlgamma


def drawn_gamma(alpha: Any, draws: Any) -> Tensor:
    """``draws``, which are gamma numbers of the shapes ``alpha``, tied to them on the tape; all of one shape."""
    return dispatch(_drawn_gamma, (alpha, draws))


def drawn_dirichlet(alpha: Any, draws: Any) -> Tensor:
    """``draws``, (..., K) shares of Dirichlet laws of ``alpha``, (..., K), tied to that on the tape."""
    return dispatch(_drawn_dirichlet, (alpha, draws))


class GammaMethods(TensorCore):
    """Tensor's methods of this family."""

    lgamma, digamma, mvlgamma, igamma, igammac = lgamma, digamma, mvlgamma, igamma, igammac

    def polygamma(self, n: int) -> Tensor:
        """The ``n``-th derivative of digamma."""
        return polygamma(n, self)

    lgamma_, digamma_ = inplace(lgamma), inplace(digamma)
    igamma_, igammac_ = inplace(igamma), inplace(igammac)
    mvlgamma_, polygamma_ = inplace(mvlgamma), inplace(polygamma)
