"""Random numbers of laws whose parameters are tensors: gamma, Dirichlet, Poisson, binomial; and methods that fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops.composite import Op
from ..runtime.generator import Generator, default_generator
from .core import TensorCore
from .creation import drawn
from .dispatch import dispatch
from .gamma import drawn_dirichlet, drawn_gamma
from .random import RandomMethods, _drawn
from .shape import broadcast_tensors

if TYPE_CHECKING:
    from .tensor import Tensor

_POISSON = Op(_drawn, "PoissonBackward0", (0,))
_BINOMIAL = Op(_drawn, "NotImplemented", (0, 1))


def _floating(name: str, x: TensorCore) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f'"{name}" not implemented for {x.dtype}: convert to a floating type'
        )


def poisson(input: Any, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of the rates ``input``; any shape in, the same out.

    Raises:
        RuntimeError: a rate is negative.
    """
    _floating("poisson_cpu", input)
    source, kind = generator or default_generator, input.dtype.numpy
    result = drawn(lambda _, rates: source.poisson(rates).astype(kind), tuple(input.shape), input)
    return dispatch(_POISSON, (input, result)) if input.requires_grad else result


def binomial(count: Any, prob: Any, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials succeed, each with chance ``prob``: shapes broadcast."""
    _floating("binomial_cpu", count)
    if count.dtype is not prob.dtype:
        raise RuntimeError(
            f"binomial: Found dtype {prob.dtype} but expected {count.dtype}: convert one of them"
        )
    source, kind = generator or default_generator, count.dtype.numpy
    pair = broadcast_tensors(count, prob)

    def draw(_: Any, counts: Any, chances: Any) -> Any:
        return source.binomial(counts, chances).astype(kind)

    result = drawn(draw, tuple(pair[0].shape), *pair)
    wanted = count.requires_grad or prob.requires_grad
    return dispatch(_BINOMIAL, (count, prob, result)) if wanted else result


def standard_gamma(alpha: Any, generator: Generator | None = None) -> Tensor:
    """Gamma numbers of rate 1 and the shapes ``alpha``, with gradients for them; any shape in, the same out."""
    source, kind = generator or default_generator, alpha.dtype.numpy

    def draw(_: Any, alphas: Any) -> Any:
        return np.maximum(source.gamma(alphas), np.finfo(kind).tiny).astype(kind)

    result = drawn(draw, tuple(alpha.shape), alpha)
    return drawn_gamma(alpha, result) if alpha.requires_grad else result


def sample_dirichlet(alpha: Any, generator: Generator | None = None) -> Tensor:
    """(..., K) shares of 1 of the Dirichlet laws of ``alpha``, (..., K), with gradients for it."""
    source, kind = generator or default_generator, alpha.dtype.numpy
    limits = np.finfo(kind)

    def draw(_: Any, alphas: Any) -> Any:
        draws = np.maximum(source.gamma(alphas), np.finfo(np.float64).tiny)
        shares = draws / draws.sum(-1, keepdims=True)
        return np.clip(shares, limits.tiny, 1 - limits.eps / 2).astype(kind)

    result = drawn(draw, tuple(alpha.shape), alpha)
    return drawn_dirichlet(alpha, result) if alpha.requires_grad else result


class DrawMethods(RandomMethods):
    """Tensor's methods that fill it with numbers of further laws."""

    def _continuous(self, law: str) -> None:
        if not self.dtype.is_floating_point:
            raise RuntimeError(
                f"{law} distribution is a continuous probability distribution. dtype must be a floating point "
                f"but you specified {self.dtype}"
            )

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Tensor:
        """Fill with how many trials of success ``p`` it takes until the first one."""
        return self._fill(
            lambda source, shape, kind: source.geometric(shape, p, kind),
            generator,
            "GeometricBackward0",
        )

    def cauchy_(
        self, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with Cauchy numbers."""
        self._continuous("Cauchy")
        return self._fill(
            lambda source, shape, kind: source.cauchy(shape, median, sigma, kind),
            generator,
            "CauchyBackward0",
        )

    def log_normal_(
        self, mean: float = 1, std: float = 2, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with exp of normal numbers."""
        self._continuous("LogNormal")
        return self._fill(
            lambda source, shape, kind: source.log_normal(shape, mean, std, kind),
            generator,
            "LogNormalBackward0",
        )
