"""Divergences of a law of one family from a law of another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..tensor.logarithms import xlogy
from ..tensor.pointwise import erf
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

# Where p has values that q cannot have

_BOUNDED = (Beta, ContinuousBernoulli, Uniform)
_NOT_WITHIN: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (*_BOUNDED, Exponential, Gamma, Pareto),
    Laplace: (*_BOUNDED, Exponential, Gamma, Pareto),
    Normal: (*_BOUNDED, Exponential, Gamma, Pareto),
    Pareto: _BOUNDED,
    Poisson: (Bernoulli, Binomial),
}


def _infinite(p: Any, q: Any) -> Tensor:
    some = next(p.__dict__[k] for k in (*p.arg_constraints,) if k in p.__dict__)
    return some.new_full(tuple(p.batch_shape), math.inf)


for _p, _others in _NOT_WITHIN.items():
    for _q in _others:
        register_kl(_p, _q)(_infinite)

# From a law of which p's mean and variance are all that counts


def _from_normal(p: Any, q: Any) -> Tensor:
    variance = q.scale.pow(2)
    spread = (p.variance + (p.mean - q.loc).pow(2)) / (2 * variance)
    return -p.entropy() + 0.5 * (2 * math.pi * variance).log() + spread


for _p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Uniform):
    register_kl(_p, Normal)(_from_normal)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Any, q: Any) -> Tensor:
    return _from_normal(p, q).masked_fill(p.alpha <= 2, math.inf)


def _from_exponential(p: Any, q: Any) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


for _p in (Beta, ContinuousBernoulli, Gamma):
    register_kl(_p, Exponential)(_from_exponential)


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Any, q: Any) -> Tensor:
    return _from_exponential(p, q).masked_fill(p.alpha <= 1, math.inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Tensor:
    return _from_exponential(p, q).masked_fill(p.low < 0, math.inf)


# From gamma laws: E[log x] counts too


def _from_gamma(p: Any, q: Any, mean_log: Tensor) -> Tensor:
    normalizer = xlogy(q.concentration, q.rate) - q.concentration.lgamma()
    return -p.entropy() - normalizer - (q.concentration - 1) * mean_log + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Any, q: Any) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _from_gamma(p, q, p.concentration1.digamma() - total.digamma())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    return _from_gamma(p, q, -np.euler_gamma - p.rate.log())


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Any, q: Any) -> Tensor:
    found = _from_gamma(p, q, p.scale.log() + p.alpha.reciprocal())
    return found.masked_fill(p.alpha <= 1, math.inf)


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log x over [low, high]."""
    return (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Tensor:
    found = _from_gamma(p, q, _mean_log(p.low, p.high))
    return found.masked_fill(p.low < 0, math.inf)


# From Gumbel laws: E[exp(-x / scale)] counts too


def _from_gumbel(p: Any, q: Any, mean_exp: Tensor) -> Tensor:
    """``mean_exp`` is E[exp(-(x - loc) / scale)]."""
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + mean_exp


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Any, q: Any) -> Tensor:
    product = p.rate * q.scale
    return _from_gumbel(p, q, (q.loc / q.scale).exp() * product / (product + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Any, q: Any) -> Tensor:
    product = p.rate * q.scale
    shrunk = -p.concentration * product.reciprocal().log1p()
    moved = q.loc / q.scale + shrunk
    return _from_gumbel(p, q, moved.exp())


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Tensor:
    half = (p.scale / q.scale).pow(2) * 0.5
    gap = (q.loc - p.loc) / q.scale
    return _from_gumbel(p, q, (gap + half).exp())


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Any, q: Any) -> Tensor:
    at_low = ((q.loc - p.low) / q.scale).exp()
    at_high = ((q.loc - p.high) / q.scale).exp()
    width = (p.high - p.low) / q.scale
    return _from_gumbel(p, q, (at_low - at_high) / width)


# One by one


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


def _from_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_norm()


register_kl(Beta, ContinuousBernoulli)(_from_continuous_bernoulli)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    outside = (p.high > 1) | (p.low < 0)
    return _from_continuous_bernoulli(p, q).masked_fill(outside, math.inf)


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _from_uniform(p: Any, q: Any) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return found.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Tensor:
    gap = p.loc - q.loc
    steps = gap / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * steps.pow(2)).exp()
    distance = distance + gap * erf(math.sqrt(0.5) * steps)
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Tensor:
    a, b = q.concentration1, q.concentration0
    normalizer = a.lgamma() + b.lgamma() - (a + b).lgamma()
    logs = (a - 1) * _mean_log(p.low, p.high)
    logs = logs + (b - 1) * _mean_log(1 - p.high, 1 - p.low)
    found = normalizer - p.entropy() - logs
    outside = (p.high > 1) | (p.low < 0)
    return found.masked_fill(outside, math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Tensor:
    normalizer = q.alpha.log() + q.alpha * q.scale.log()
    found = -p.entropy() - normalizer + (q.alpha + 1) * _mean_log(p.low, p.high)
    return found.masked_fill(p.low < q.scale, math.inf)
