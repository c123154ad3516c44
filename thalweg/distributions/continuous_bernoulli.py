"""The continuous Bernoulli law."""

from __future__ import annotations

import math
from typing import Any

from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor
from ..tensor.modes import no_grad
from ..tensor.random import rand
from . import constraints
from .chances import OfChances
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs


class ContinuousBernoulli(OfChances, ExponentialFamily):
    """Numbers in [0, 1] of density in proportion to probs**x (1 - probs)**(1 - x).

    Within ``lims``, around 1/2, where the normalizer is 0 / 0, its Taylor series is taken.
    Source: Loaiza-Ganem and Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error".
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        name, value = self._take(probs, logits)
        (value,) = broadcast_all(value)
        if name == "probs":
            checked = self._validate_args if validate_args is None else validate_args
            inside = self.arg_constraints["probs"].check(value) if checked else None
            if inside is not None and not bool(inside.all()):
                raise ValueError("The parameter probs has invalid values: they lie in [0, 1]")
            value = clamp_probs(value)
        setattr(self, name, value)
        self._lims = lims
        super().__init__(value.shape, validate_args=validate_args)

    def _apart(self) -> Tensor:
        """Where the formulas hold as they stand."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> Tensor:
        """The chances, or where they are near 1/2 one that is not."""
        return self.probs.masked_fill(~self._apart(), self._lims[0])

    def _log_norm(self) -> Tensor:
        cut = self._cut()
        low, high = cut.masked_fill(cut > 0.5, 0.0), cut.masked_fill(cut < 0.5, 1.0)
        gap = ((-cut).log1p() - cut.log()).abs().log()
        width = (-2.0 * low).log1p().where(cut <= 0.5, (2.0 * high - 1.0).log())
        x = (self.probs - 0.5).pow(2)
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return (gap - width).where(self._apart(), series)

    @property
    def mean(self) -> Tensor:
        cut = self._cut()
        mean = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return mean.where(self._apart(), series)

    @property
    def variance(self) -> Tensor:
        cut = self._cut()
        spread = 1.0 / ((-cut).log1p() - cut.log()).pow(2)
        variance = cut * (cut - 1.0) / (1.0 - 2.0 * cut).pow(2) + spread
        x = (self.probs - 0.5).pow(2)
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return variance.where(self._apart(), series)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(rand(shape, dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        cross = binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -cross + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut()
        power = cut.pow(value) * (1.0 - cut).pow(1.0 - value)
        inner = ((power + cut - 1.0) / (2.0 * cut - 1.0)).where(self._apart(), value)
        above = inner.masked_fill(value >= 1.0, 1.0)
        return above.masked_fill(value <= 0.0, 0.0)

    def icdf(self, value: Tensor) -> Tensor:
        cut = self._cut()
        rest = (-cut).log1p()
        moved = (-cut + value * (2.0 * cut - 1.0)).log1p() - rest
        return (moved / (cut.log() - rest)).where(self._apart(), value)

    def entropy(self) -> Tensor:
        none, one = (-self.probs).log1p(), self.probs.log()
        return self.mean * (none - one) - self._log_norm() - none

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """log of the integral of exp(x t) over t in [0, 1], and its series near 0."""
        apart = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = x.masked_fill(~apart, self._lims[0] - 0.5)
        log_norm = cut.expm1().abs().log() - cut.abs().log()
        return log_norm.where(apart, 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0)
