"""The LKJ law of correlations."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from ..tensor.creation import arange
from ..tensor.gamma import mvlgamma
from ..tensor.joining import cat
from ..tensor.modes import no_grad
from ..tensor.random import randn
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all, tiny_of


class LKJCholesky(Distribution):
    """(dim, dim) Cholesky factors of correlation matrices of density det**(concentration - 1).

    Source: Lewandowski, Kurowicka and Joe 2009, "Generating random correlation matrices based on vines and extended
    onion method".
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def _lengths(self) -> Beta:
        """The laws of the squared length of what is left of the diagonal, row by row; the first row has nothing."""
        rows = arange(self.dim - 1, dtype=self.concentration.dtype)
        rows = cat([rows[:1], rows])
        free = self.concentration.unsqueeze(-1) + (self.dim - 2) / 2 - rows / 2
        return Beta(rows + 0.5, free, validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Row by row a direction, by normal numbers, and a length."""
        with no_grad():
            squares = self._lengths().sample(sample_shape).unsqueeze(-1)
            shape = tuple(self._extended_shape(sample_shape))
            normals = randn(shape, dtype=squares.dtype).tril(-1)
            sizes = normals.square().sum(-1, True).sqrt()
            rows = squares.sqrt() * (normals / sizes.masked_fill(sizes == 0, 1.0))
            rest = (1 - rows.square().sum(-1)).clamp(min=tiny_of(rows))
            return rows + rest.sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        """Each row adds 2 (concentration - 1) + the number of rows below it times log of its diagonal element."""
        if self._validate_args:
            self._validate_sample(value)
        eta, more = self.concentration, self.dim - 1
        below = arange(more - 1, -1, -1, dtype=eta.dtype)
        powers = 2 * (eta - 1).unsqueeze(-1) + below
        height = (powers * value.diagonal(0, -2, -1)[..., 1:].log()).sum(-1)
        top = eta + more / 2
        normalizer = mvlgamma(top - 0.5, p=more) - more * top.lgamma()
        return height - normalizer - more / 2 * math.log(math.pi)
