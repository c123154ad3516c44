"""The Wishart law."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from ..tensor.creation import arange
from ..tensor.gamma import mvlgamma
from ..tensor.inspection import broadcast_shapes
from ..tensor.matrices import cholesky
from ..tensor.random import randn
from . import constraints
from .chi2 import Chi2
from .multivariate_normal import OfCovariance, log_of_diagonal, solved_lower
from .transforms.vectors import lower_from_vector
from .utils import broadcast_all


class Wishart(OfCovariance):
    """(..., N, N) sums of ``df`` outer products of normal vectors; their covariance is told in one of three ways.

    Args:
        df: degrees of freedom, above N - 1; a number or (...).
        covariance_matrix, precision_matrix, scale_tril: one of them, (..., N, N).
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = self._told(covariance_matrix, precision_matrix, scale_tril)
        shape = tuple(matrix.shape)
        df = df if isinstance(df, Tensor) else matrix.new_tensor(float(df))
        batch = broadcast_shapes(shape[:-2], tuple(df.shape))
        self.df = df.expand(batch) if len(batch) else df
        if bool((self.df <= shape[-1] - 1).any()):
            raise ValueError(
                f"Value of df={df} expected to be greater than ndim - 1 = {shape[-1] - 1}."
            )
        setattr(self, name, matrix.expand(*batch, -1, -1))
        self._size = shape[-1]
        super().__init__(batch, shape[-2:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def arg_constraints(self) -> Any:
        """Of the matrices, and of df by their size."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._size - 1),
        }

    def _per_matrix(self, numbers: Tensor) -> Tensor:
        return numbers.unsqueeze(-1).unsqueeze(-1)

    @property
    def mean(self) -> Tensor:
        return self._per_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._size - 1
        return self._per_matrix(factor.masked_fill(factor <= 0, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        spread = self.covariance_matrix.diagonal(0, -2, -1)
        products = spread.unsqueeze(-1) * spread.unsqueeze(-2)
        return self._per_matrix(self.df) * (self.covariance_matrix.pow(2) + products)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Source: M. S. Bartlett 1933, "On the theory of statistical regression": a triangular factor of normals
        below a diagonal of chi numbers."""
        n = self._size
        degrees = self.df.unsqueeze(-1) - arange(n, dtype=self.df.dtype)
        diagonal = Chi2(degrees, validate_args=False).rsample(sample_shape).sqrt()
        count = n * (n - 1) // 2
        below = randn((*sample_shape, *self._batch_shape, count), dtype=self.df.dtype)
        factor = self._unbroadcasted_scale_tril @ (
            lower_from_vector(below, n) + diagonal.diag_embed()
        )
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, half = self._size, self.df / 2
        lower, of_value = self._unbroadcasted_scale_tril, cholesky(value)
        wide = broadcast_shapes(tuple(lower.shape), tuple(of_value.shape))
        trace = solved_lower(lower.expand(wide), of_value.expand(wide)).square().sum((-2, -1))
        normalizer = half * n * math.log(2) + self.df * log_of_diagonal(lower)
        power = (self.df - n - 1) * log_of_diagonal(of_value)
        return power - trace / 2 - normalizer - mvlgamma(half, p=n)

    def entropy(self) -> Tensor:
        n, half = self._size, self.df / 2
        slopes = (half.unsqueeze(-1) - arange(n, dtype=half.dtype) / 2).digamma().sum(-1)
        scale = (n + 1) * (log_of_diagonal(self._unbroadcasted_scale_tril) + n * math.log(2) / 2)
        (found,) = broadcast_all(scale + mvlgamma(half, p=n) + half * n)
        return found - (self.df - n - 1) / 2 * slopes
