"""Divergences between normal laws of vectors."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .kl import register_kl
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    lowrank_distance,
    lowrank_log_det,
)
from .multivariate_normal import (
    MultivariateNormal,
    log_of_diagonal,
    solved_lower,
    squared_distance,
)


def _squares(lower: Tensor, matrix: Tensor) -> Tensor:
    """The trace of matrix.mT (L L.mT)**-1 matrix: (..., N, N) and (..., N, M) give (...)."""
    return solved_lower(lower, matrix).square().sum((-2, -1))


def _log_det(law: Any) -> Tensor:
    """log det of the covariance."""
    if isinstance(law, LowRankMultivariateNormal):
        return lowrank_log_det(law._unbroadcasted_cov_diag, law._capacitance_tril)
    return 2 * log_of_diagonal(law._unbroadcasted_scale_tril)


def _factors(law: Any) -> list[Tensor]:
    """Matrices whose squares add up to the covariance, each (..., N, K)."""
    if isinstance(law, LowRankMultivariateNormal):
        return [law._unbroadcasted_cov_factor, law._unbroadcasted_cov_diag.sqrt().diag_embed()]
    return [law._unbroadcasted_scale_tril]


def _lengths(law: Any, vector: Tensor) -> Tensor:
    """v.T covariance**-1 v: (..., N) gives (...)."""
    if isinstance(law, LowRankMultivariateNormal):
        w, d = law._unbroadcasted_cov_factor, law._unbroadcasted_cov_diag
        return lowrank_distance(w, d, vector, law._capacitance_tril)
    return squared_distance(law._unbroadcasted_scale_tril, vector)


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _normal_vectors(p: Any, q: Any) -> Tensor:
    """Half of log det q - log det p + trace(q**-1 p) + the mean's squared distance - N.

    Raises:
        ValueError: the vectors' sizes differ.
    """
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two normal laws of vectors of different sizes: {p.event_shape} and "
            f"{q.event_shape}"
        )
    found = _log_det(q) - _log_det(p) + _lengths(q, q.loc - p.loc) - p.event_shape[0]
    for factor in _factors(p):
        if isinstance(q, LowRankMultivariateNormal):
            found = found + _lengths(q, factor.mT).sum(-1)
        else:
            found = found + _squares(q._unbroadcasted_scale_tril, factor)
    return 0.5 * found
