"""The gamma law."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.draws import standard_gamma
from ..tensor.gamma import gammainc
from ..tensor.logarithms import xlogy
from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all, tiny_of


class Gamma(ExponentialFamily):
    """Gamma of shape ``concentration`` and ``rate``; shapes broadcast."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        lifted = value.detach().clamp(min=tiny_of(value))
        return value + (lifted - value.detach())

    def log_prob(self, value: Tensor) -> Tensor:
        value = self.rate.new_tensor(value) if not isinstance(value, Tensor) else value
        if self._validate_args:
            self._validate_sample(value)
        normalizer = xlogy(self.concentration, self.rate) - self.concentration.lgamma()
        return normalizer + xlogy(self.concentration - 1, value) - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return (x + 1).lgamma() + (x + 1) * (-y.reciprocal()).log()
