"""The Fisher-Snedecor law."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .utils import broadcast_all, tiny_of


class FisherSnedecor(Distribution):
    """The ratio of two mean chi-squared numbers of ``df1`` and ``df2`` degrees; shapes broadcast."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        known = self.df2.masked_fill(self.df2 <= 2, math.nan)
        return known / (known - 2)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        n, m = self.df1, self.df2.masked_fill(self.df2 <= 4, math.nan)
        return 2 * m.pow(2) * (n + m - 2) / (n * (m - 2).pow(2) * (m - 4))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        first, second = (
            Gamma(df * 0.5, df * 0.5, validate_args=False).rsample(sample_shape)
            for df in (self.df1, self.df2)
        )
        tiny = tiny_of(first)
        return (first / second.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, m, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        normalizer = (n + m).lgamma() - n.lgamma() - m.lgamma()
        power = n * ratio.log() + (n - 1) * value.log()
        return normalizer + power - (n + m) * (ratio * value).log1p()
