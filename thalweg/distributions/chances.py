"""Laws told by chances or by log-odds, whichever is given; the other is computed when asked for."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.modes import no_grad
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, one_of, probs_to_logits


class OfChances(Distribution):
    """What these laws share: ``probs``, ``logits`` and the one of both that was given.

    Attributes:
        _binary: whether a chance stands for itself, rather than as one of the last axis.
    """

    _binary = True

    def _take(self, probs: Any, logits: Any) -> tuple[str, Any]:
        """The name and the value of the parameter that was given; ValueError unless it is one."""
        one_of(type(self).__name__, probs, logits)
        return ("logits", logits) if probs is None else ("probs", probs)

    @lazy_property
    def logits(self) -> Tensor:
        """Log-odds, or logarithms of chances: batch_shape, and (of a choice) the number of choices."""
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self) -> Tensor:
        """Chances: batch_shape, and (of a choice) the number of choices."""
        return logits_to_probs(self.logits, self._binary)

    @property
    def _param(self) -> Tensor:
        given = "probs" if "probs" in self.__dict__ else "logits"
        return getattr(self, given)

    @property
    def param_shape(self) -> Any:
        """The shape of what was given."""
        return self._param.shape


def drawn_without_gradient(draw: Any) -> Tensor:
    """What ``draw()`` gives, off the tape."""
    with no_grad():
        return draw()
