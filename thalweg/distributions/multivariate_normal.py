"""The normal law of vectors."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from ..tensor.equations import solve_triangular
from ..tensor.inspection import broadcast_shapes
from ..tensor.matrices import cholesky, inv
from ..tensor.random import randn
from . import constraints
from .distribution import Distribution
from .utils import lazy_property


def times_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    """(..., N, M) times (..., M): (..., N)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def solved_lower(lower: Tensor, right: Tensor) -> Tensor:
    """X with lower @ X = right: (..., N, N) and (..., N, K) give (..., N, K)."""
    return solve_triangular(lower, right, upper=False)


def squared_distance(lower: Tensor, vector: Tensor) -> Tensor:
    """The squared length of L**-1 v: L (..., N, N) and v (..., N), leading axes broadcast."""
    if lower.ndim > 2:
        return solved_lower(lower, vector.unsqueeze(-1)).square().sum((-2, -1))
    columns = vector.reshape(-1, vector.shape[-1]).T
    return solved_lower(lower, columns).square().sum(0).reshape(tuple(vector.shape)[:-1])


def log_of_diagonal(lower: Tensor) -> Tensor:
    """The logarithm of the determinant of triangular matrices: (..., N, N) gives (...)."""
    return lower.diagonal(0, -2, -1).log().sum(-1)


class OfCovariance(Distribution):
    """Laws told by a covariance, by its inverse or by its Cholesky factor; the others are computed when asked for."""

    _unbroadcasted_scale_tril: Tensor

    @staticmethod
    def _told(covariance_matrix: Any, precision_matrix: Any, scale_tril: Any) -> tuple[str, Tensor]:
        """The name and the value of the one that is given; ValueError unless it is one, of two axes or more."""
        told = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = [(name, matrix) for name, matrix in told.items() if matrix is not None]
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        name, matrix = given[0]
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        return name, matrix

    @staticmethod
    def _factor(name: str, matrix: Tensor) -> Tensor:
        if name == "scale_tril":
            return matrix
        return cholesky(matrix if name == "covariance_matrix" else inv(matrix))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """(..., N, N) lower Cholesky factor of the covariance."""
        n = self._event_shape[-1]
        return self._unbroadcasted_scale_tril.expand(*self._batch_shape, n, n)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """(..., N, N) covariance."""
        lower, n = self._unbroadcasted_scale_tril, self._event_shape[-1]
        return (lower @ lower.mT).expand(*self._batch_shape, n, n)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """(..., N, N) inverse of the covariance."""
        back, n = inv(self._unbroadcasted_scale_tril), self._event_shape[-1]
        return (back.mT @ back).expand(*self._batch_shape, n, n)


class MultivariateNormal(OfCovariance):
    """Normal vectors of mean ``loc``, (..., N), and a covariance, (..., N, N), told in one of three ways."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._told(covariance_matrix, precision_matrix, scale_tril)
        batch = broadcast_shapes(tuple(matrix.shape)[:-2], tuple(loc.shape)[:-1])
        setattr(self, name, matrix.expand(*batch, -1, -1))
        self.loc = loc.expand(*batch, -1)
        super().__init__(batch, tuple(loc.shape)[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(*self._batch_shape, *self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = randn(tuple(self._extended_shape(sample_shape)), dtype=self.loc.dtype)
        return self.loc + times_vector(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        lower = self._unbroadcasted_scale_tril
        squares = squared_distance(lower, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + squares) - log_of_diagonal(lower)

    def entropy(self) -> Tensor:
        half = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        found = half + log_of_diagonal(self._unbroadcasted_scale_tril)
        return found.expand(self._batch_shape) if len(self._batch_shape) else found
