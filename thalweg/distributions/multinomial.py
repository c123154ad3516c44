"""The multinomial law."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.creation import ones_like
from . import constraints
from .binomial import Binomial
from .categorical import Categorical, OfCategorical
from .utils import broadcast_all


class Multinomial(OfCategorical):
    """(..., K) counts of ``total_count`` choices; ``probs`` or ``logits`` as for Categorical."""

    _also_expanded = ("_categorical", "_binomial")

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError(
                f"inhomogeneous total_count is not supported: got {type(total_count).__name__}"
            )
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        self._binomial = Binomial(total_count, self.probs, validate_args=False)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._binomial = Binomial(self.total_count, new.probs, validate_args=False)
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts of at most ``total_count`` together."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        chosen = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        counts = self.probs.detach().new_zeros(tuple(self._extended_shape(sample_shape)))
        return counts.scatter_add(-1, chosen, ones_like(chosen).to(counts.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        nothing = (value == 0) & logits.isneginf()
        return ways + (logits.masked_fill(nothing, 0) * value).sum(-1)

    def entropy(self) -> Tensor:
        n = float(self.total_count)
        of_choices = n * self._categorical.entropy() - self.probs.new_tensor(n + 1).lgamma()
        counts = self._binomial.enumerate_support(expand=False)[1:]
        chances = self._binomial.log_prob(counts).exp()
        return of_choices + (chances * (counts + 1).lgamma()).sum((0, -1))
