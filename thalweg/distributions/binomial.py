"""The binomial law."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.creation import arange
from ..tensor.draws import binomial
from ..tensor.modes import no_grad
from . import constraints
from .chances import OfChances
from .utils import broadcast_all


def rectified(x: Tensor) -> Tensor:
    """max(x, 0), with the gradient that passes evenly at 0."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(OfChances):
    """How many of ``total_count`` trials of chance ``probs`` succeed; shapes broadcast."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        name, value = self._take(probs, logits)
        total_count, value = broadcast_all(total_count, value)
        self.total_count = total_count.to(value.dtype)
        setattr(self, name, value)
        super().__init__(value.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """0 to the number of trials."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, x = self.total_count, self.logits
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        normalizer = n * rectified(x) + n * (-x.abs()).exp().log1p()
        return ways + value * x - normalizer

    def _same_count(self, name: str) -> int:
        most, least = int(self.total_count.max()), int(self.total_count.min())
        if most != least:
            raise NotImplementedError(
                f"Inhomogeneous total count not supported by `{name}`: {least} to {most}"
            )
        return most

    def entropy(self) -> Tensor:
        self._same_count("entropy")
        chances = self.log_prob(self.enumerate_support(False))
        return -(chances.exp() * chances).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self._same_count("enumerate_support")
        values = arange(1 + count, dtype=self._param.dtype)
        values = values.reshape(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values
