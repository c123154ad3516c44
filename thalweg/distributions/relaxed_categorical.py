"""The relaxed law of a choice among K."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.random import rand
from . import constraints
from .categorical import Categorical, OfCategorical
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs


class ExpRelaxedCategorical(OfCategorical):
    """Logarithms of relaxed choices: (..., K), by Gumbel noise on ``logits``, divided by ``temperature``.

    Source: Maddison, Mnih and Teh 2017, "The concrete distribution".
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        noise = -(-clamp_probs(rand(shape, dtype=self.logits.dtype)).log()).log()
        scores = (self.logits + noise) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self._event_shape[-1]
        logits, value = broadcast_all(self.logits, value)
        (temperature,) = broadcast_all(self.temperature)
        scale = temperature.new_tensor(float(k)).lgamma() + temperature.log() * (k - 1)
        score = logits - value * temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """(..., K) shares of 1, the nearer to one-hot vectors the lower ``temperature``.

    Source: Jang, Gu and Poole 2017, "Categorical reparameterization with Gumbel-softmax".
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """How far from one-hot the vectors are."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """(..., K) logarithms of chances."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """(..., K) chances."""
        return self.base_dist.probs
