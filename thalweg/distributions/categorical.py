"""The law of a choice among K."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Size, Tensor
from ..tensor.creation import arange
from ..tensor.modes import no_grad
from ..tensor.random import multinomial
from ..tensor.shape import broadcast_tensors
from . import constraints
from .chances import OfChances
from .distribution import Distribution
from .utils import least_of


class Categorical(OfChances):
    """One of 0 to K - 1.

    Args:
        probs: (..., K) weights, made to sum to 1.
        logits: (..., K) logarithms of weights.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, value = self._take(probs, logits)
        if value.ndim < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if name == "probs":
            self.probs = value / value.sum(-1, keepdim=True)
        else:
            self.logits = value - value.logsumexp(-1, keepdim=True)
        self._num_events = value.shape[-1]
        super().__init__(tuple(value.shape)[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The numbers of the choices."""
        return constraints.integer_interval(0, self._num_events - 1)

    def _of_undefined(self) -> Tensor:
        return self.probs.new_full(tuple(self._batch_shape), math.nan)

    @property
    def mean(self) -> Tensor:
        return self._of_undefined()

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self._of_undefined()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        count = Size(sample_shape).numel()
        with no_grad():
            drawn = multinomial(self.probs.reshape(-1, self._num_events), count, True)
            return drawn.T.reshape(tuple(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        least = least_of(self.logits)
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).reshape(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class OfCategorical(Distribution):
    """What laws share that are told by a Categorical, ``_categorical``."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _also_expanded: tuple[str, ...] = ("_categorical",)
    _categorical: Categorical

    @property
    def probs(self) -> Tensor:
        """(..., K) chances."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """(..., K) logarithms of chances."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of what was given."""
        return self._categorical.param_shape
