"""The normal law of vectors of which few directions vary together."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from ..tensor.creation import eye
from ..tensor.inspection import broadcast_shapes
from ..tensor.matrices import cholesky
from ..tensor.random import randn
from . import constraints
from .distribution import Distribution
from .multivariate_normal import (
    log_of_diagonal,
    solved_lower,
    squared_distance,
    times_vector,
)
from .utils import lazy_property


def capacitance_factor(w: Tensor, d: Tensor) -> Tensor:
    """The Cholesky factor of I + W.mT D**-1 W: (..., N, M) and (..., N) give (..., M, M)."""
    inside = (w.mT / d.unsqueeze(-2)) @ w
    return cholesky(inside + eye(w.shape[-1], dtype=w.dtype))


def lowrank_log_det(d: Tensor, factor: Tensor) -> Tensor:
    """log det(W W.mT + D) by the matrix determinant lemma."""
    return 2 * log_of_diagonal(factor) + d.log().sum(-1)


def lowrank_distance(w: Tensor, d: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    """x.T (W W.mT + D)**-1 x by Woodbury's identity: x is (..., N)."""
    inner = times_vector(w.mT / d.unsqueeze(-2), x)
    return (x.square() / d).sum(-1) - squared_distance(factor, inner)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance cov_factor @ cov_factor.mT + diag(cov_diag).

    Args:
        loc: (..., N).
        cov_factor: (..., N, M).
        cov_diag: (..., N), positive.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.ndim < 2:
            raise ValueError("cov_factor must be at least two-dimensional")
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1] != n:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {(n,)}")
        leading = [tuple(loc.shape)[:-1], tuple(cov_factor.shape)[:-2], tuple(cov_diag.shape)[:-1]]
        batch = broadcast_shapes(*leading)
        self.loc = loc.expand(*batch, -1)
        self.cov_diag = cov_diag.expand(*batch, -1)
        self.cov_factor = cov_factor.expand(*batch, -1, -1)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = capacitance_factor(cov_factor, cov_diag)
        super().__init__(batch, (n,), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """(..., N) variances."""
        squares = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return squares.expand(*self._batch_shape, *self._event_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """(..., N, N) covariance."""
        w = self._unbroadcasted_cov_factor
        whole = w @ w.mT + self._unbroadcasted_cov_diag.diag_embed()
        return whole.expand(*self._batch_shape, *self._event_shape, *self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """(..., N, N) lower Cholesky factor of the covariance."""
        return cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """(..., N, N) inverse of the covariance, by Woodbury's identity."""
        d = self._unbroadcasted_cov_diag
        inner = solved_lower(
            self._capacitance_tril, self._unbroadcasted_cov_factor.mT / d.unsqueeze(-2)
        )
        whole = d.reciprocal().diag_embed() - inner.mT @ inner
        return whole.expand(*self._batch_shape, *self._event_shape, *self._event_shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        for name in ("variance", "covariance_matrix", "scale_tril", "precision_matrix"):
            new.__dict__.pop(name, None)
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        w = self._unbroadcasted_cov_factor
        of_factor = randn((*shape[:-1], w.shape[-1]), dtype=self.loc.dtype)
        of_diagonal = randn(shape, dtype=self.loc.dtype)
        spread = self._unbroadcasted_cov_diag.sqrt() * of_diagonal
        return self.loc + times_vector(w, of_factor) + spread

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        squares = lowrank_distance(w, d, value - self.loc, self._capacitance_tril)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + lowrank_log_det(d, self._capacitance_tril) + squares)

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        found = 0.5 * (
            constant + lowrank_log_det(self._unbroadcasted_cov_diag, self._capacitance_tril)
        )
        return found.expand(self._batch_shape) if len(self._batch_shape) else found
