"""The generalized Pareto law."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from ..tensor.random import rand
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all


class GeneralizedPareto(Distribution):
    """What exceeds a high threshold: ``loc``, ``scale`` and tail index ``concentration``; shapes broadcast.

    Source: J. Pickands 1975, "Statistical inference using extreme order statistics".
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _bent(self) -> tuple[Tensor, Tensor]:
        """Where the tail index counts as 0, the exponential law, and an index that can be divided by."""
        flat = self.concentration.isclose(self.concentration.new_zeros(()))
        return flat, self.concentration.masked_fill(flat, 1.0)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From loc on; up to loc - scale / concentration below 0."""
        end = self.loc - self.scale / self.concentration
        upper = end.where(self.concentration < 0, end.new_full(tuple(end.shape), math.inf))
        return constraints.interval(self.loc, upper)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(rand(shape, dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._log_survival(value, 1.0)

    def _log_survival(self, value: Tensor, more: float) -> Tensor:
        """The logarithm of the chance of more than ``value`` (of the density with ``more`` = 1)."""
        y, (flat, k) = (value - self.loc) / self.scale, self._bent()
        bent = -(1 / k + more) * (k * y).log1p()
        found = (-y).where(flat, bent)
        return found - self.scale.log() if more else found

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the chance of more than ``value``."""
        return self._log_survival(value, 0.0)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of ``cdf``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return 1 - self.log_survival_function(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        flat, k = self._bent()
        rest = (-value).log1p()
        bent = self.loc + self.scale * (-k * rest).expm1() / k
        return (self.loc - self.scale * rest).where(flat, bent)

    def _defined(self, value: Tensor, below: float) -> Tensor:
        return value.masked_fill(self.concentration >= below, math.nan)

    @property
    def mean(self) -> Tensor:
        return self._defined(self.loc + self.scale / (1 - self.concentration), 1.0)

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return self._defined(self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k)), 0.5)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1

    @property
    def mode(self) -> Tensor:
        return self.loc
