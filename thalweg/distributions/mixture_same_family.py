"""Mixtures of laws of one family."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.modes import no_grad
from ..tensor.softmax import log_softmax
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """A choice among the laws along the last batch axis.

    Args:
        mixture_distribution: Categorical of K, which law.
        component_distribution: laws of batch shape (..., K).
    """

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Any,
        component_distribution: Any,
        validate_args: bool | None = None,
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an instance of distributions.Categorical, got "
                f"{type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of distributions.Distribution, got "
                f"{type(component_distribution).__name__}"
            )
        batch, mixture = component_distribution.batch_shape, mixture_distribution.batch_shape
        for a, b in zip(reversed(mixture), reversed(batch[:-1]), strict=False):
            if a not in (1, b) and b != 1:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixture}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        count = mixture_distribution.param_shape[-1]
        if not batch or batch[-1] != count:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({batch[-1] if batch else None})"
            )
        self._num_component = count
        event = component_distribution.event_shape
        super().__init__(batch[:-1], event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        wide = (*batch_shape, self._num_component)
        new._component_distribution = self._component_distribution.expand(wide)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        """What lies in the region of every component."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The law of which component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The laws that are mixed."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *(1 for _ in self._event_shape))

    @property
    def _axis(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(self._axis)

    @property
    def variance(self) -> Tensor:
        """By the law of total variance."""
        weights, parts = self._weights(), self._component_distribution
        inner = (weights * parts.variance).sum(self._axis)
        apart = (parts.mean - self.mean.unsqueeze(self._axis)).pow(2)
        return inner + (weights * apart).sum(self._axis)

    def cdf(self, x: Tensor) -> Tensor:
        chances = self._component_distribution.cdf(x.unsqueeze(self._axis))
        return (chances * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        of_parts = self._component_distribution.log_prob(x.unsqueeze(self._axis))
        of_choice = log_softmax(self._mixture_distribution.logits, -1)
        return (of_parts + of_choice).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            axis = len(sample_shape) + len(self._batch_shape)
            mixture = self._mixture_distribution
            if mixture.batch_shape != self._batch_shape:
                mixture = mixture.expand(self._batch_shape)
            chosen = mixture.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            places = chosen.reshape(*chosen.shape, *(1 for _ in range(len(self._event_shape) + 1)))
            wide = (*tuple(chosen.shape), 1, *self._event_shape)
            return drawn.gather(axis, places.expand(wide)).squeeze(axis)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution!r},\n  {self._component_distribution!r})"
