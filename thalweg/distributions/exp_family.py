"""Exponential families: laws of density h(x) exp(<natural parameters, t(x)> - A(natural parameters))."""

from __future__ import annotations

from typing import Any

from ..autograd.backward import grad
from ..tensor import Tensor
from .distribution import Distribution


class ExponentialFamily(Distribution):
    """A law that says its natural parameters and its log-normalizer A.

    Source: F. Nielsen and R. Nock 2010, "Entropies and cross-entropies of exponential families".
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise self._unknown("_natural_params")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise self._unknown("_log_normalizer")

    @property
    def _mean_carrier_measure(self) -> Any:
        raise self._unknown("_mean_carrier_measure")

    def entropy(self) -> Tensor:
        """A - <parameters, A'> - E[log h], A' by the tape."""
        found = -self._mean_carrier_measure
        naturals = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*naturals)
        slopes = grad(normalizer.sum(), naturals, create_graph=True)
        found = found + normalizer
        for natural, slope in zip(naturals, slopes, strict=True):
            found = found - (natural * slope).reshape(*self._batch_shape, -1).sum(-1)
        return found
