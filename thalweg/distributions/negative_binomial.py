"""The negative binomial law."""

from __future__ import annotations

from typing import Any

from ..nn.functional import logsigmoid
from ..tensor import Tensor
from ..tensor.draws import poisson
from ..tensor.modes import no_grad
from . import constraints
from .chances import OfChances
from .gamma import Gamma
from .utils import broadcast_all


class NegativeBinomial(OfChances):
    """How many trials of chance ``probs`` succeed before ``total_count`` have failed; shapes broadcast."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        name, value = self._take(probs, logits)
        total_count, value = broadcast_all(total_count, value)
        self.total_count = total_count.to(value.dtype)
        setattr(self, name, value)
        super().__init__(value.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            rates = Gamma(self.total_count, (-self.logits).exp(), validate_args=False)
            return poisson(rates.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, x = self.total_count, self.logits
        unnormalized = n * logsigmoid(-x) + value * logsigmoid(x)
        ways = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return unnormalized + ways.masked_fill(n + value == 0.0, 0.0)
