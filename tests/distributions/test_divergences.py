"""Kullback-Leibler divergences: numbers written down, and every pair that PyTorch knows beside it."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import thalweg as tw
import thalweg.distributions as d
from thalweg.distributions.kl import _RULES

PARAMETERS = {
    "Bernoulli": [{"probs": [0.2, 0.5, 0.0]}, {"probs": [0.7, 0.0, 0.4]}],
    "Beta": [{"concentration1": 2.0, "concentration0": 0.7}, {"concentration1": 1.3, "concentration0": 3.0}],
    "Binomial": [{"total_count": 5, "probs": 0.3}, {"total_count": 5, "probs": 0.6}],
    "Categorical": [{"probs": [0.2, 0.3, 0.5]}, {"probs": [0.5, 0.4, 0.1]}],
    "Cauchy": [{"loc": 0.3, "scale": 2.0}, {"loc": -1.0, "scale": 0.6}],
    "ContinuousBernoulli": [{"probs": [0.2, 0.5]}, {"probs": [0.9, 0.3]}],
    "Dirichlet": [{"concentration": [0.5, 1.0, 3.0]}, {"concentration": [2.0, 0.7, 1.0]}],
    "Exponential": [{"rate": 0.7}, {"rate": 2.0}],
    "Gamma": [{"concentration": 1.7, "rate": 2.0}, {"concentration": 0.6, "rate": 0.8}],
    "Geometric": [{"probs": 0.3}, {"probs": 0.8}],
    "Gumbel": [{"loc": 0.3, "scale": 1.2}, {"loc": -0.5, "scale": 2.0}],
    "HalfNormal": [{"scale": 0.8}, {"scale": 2.0}],
    "Laplace": [{"loc": 0.3, "scale": 1.2}, {"loc": -0.5, "scale": 2.0}],
    "LogNormal": [{"loc": 0.3, "scale": 1.2}, {"loc": -0.5, "scale": 2.0}],
    "LowRankMultivariateNormal": [
        {"loc": [0.3, 1.0], "cov_factor": [[1.0], [0.5]], "cov_diag": [0.5, 2.0]},
        {"loc": [-0.3, 0.4], "cov_factor": [[0.2], [-0.5]], "cov_diag": [1.5, 0.4]},
    ],
    "MultivariateNormal": [
        {"loc": [0.3, 1.0], "covariance_matrix": [[1.0, 0.3], [0.3, 2.0]]},
        {"loc": [0.0, 0.4], "scale_tril": [[1.2, 0.0], [0.3, 0.6]]},
    ],
    "Normal": [{"loc": 0.3, "scale": 1.2}, {"loc": -0.5, "scale": 2.0}],
    "OneHotCategorical": [{"probs": [0.2, 0.3, 0.5]}, {"probs": [0.5, 0.4, 0.1]}],
    "Pareto": [{"scale": 1.5, "alpha": 2.5}, {"scale": 0.4, "alpha": 0.8}],
    "Poisson": [{"rate": 0.7}, {"rate": 2.0}],
    "Uniform": [{"low": 0.2, "high": 0.9}, {"low": -0.5, "high": 1.5}],
}  # fmt: skip


def made(room, library, name, which):
    numbers = {
        k: v if k == "total_count" else library.tensor(v, dtype=library.float64)
        for k, v in PARAMETERS[name][which].items()
    }
    return getattr(room, name)(**numbers)


def pairs():
    known = [(a.__name__, b.__name__) for a, b in _RULES]
    return [pair for pair in known if pair[0] in PARAMETERS and pair[1] in PARAMETERS]


@pytest.mark.parametrize(("first", "second"), pairs())
def test_pairs_beside_torch(first, second):
    torch = pytest.importorskip("torch")
    theirs = torch.distributions
    found = d.kl_divergence(made(d, tw, first, 0), made(d, tw, second, 1))
    expected = theirs.kl_divergence(made(theirs, torch, first, 0), made(theirs, torch, second, 1))
    assert tuple(found.shape) == tuple(expected.shape)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-9, 1e-12)


def test_every_pair_of_torch_is_known():
    pytest.importorskip("torch")
    from torch.distributions.kl import _KL_REGISTRY

    known = {(a.__name__, b.__name__) for a, b in _RULES}
    assert {(a.__name__, b.__name__) for a, b in _KL_REGISTRY} <= known


def test_numbers_that_are_known():
    p, q = d.Normal(0.0, 1.0), d.Normal(1.0, 2.0)
    assert d.kl_divergence(p, p).item() == 0
    assert d.kl_divergence(p, q).item() == pytest.approx(math.log(2) + (1 + 1) / 8 - 0.5)
    fair, biased = d.Bernoulli(0.5), d.Bernoulli(0.25)
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert d.kl_divergence(fair, biased).item() == pytest.approx(expected)
    assert d.kl_divergence(d.Uniform(0.0, 2.0), d.Uniform(0.0, 1.0)).item() == math.inf


def test_the_mean_of_the_log_ratio_is_the_divergence():
    tw.manual_seed(0)
    p, q = made(d, tw, "Gamma", 0), made(d, tw, "Gumbel", 1)
    x = p.sample((40000,))
    ratios = p.log_prob(x) - q.log_prob(x)
    spread = ratios.std().item() / 200
    assert ratios.mean().item() == pytest.approx(d.kl_divergence(p, q).item(), abs=4 * spread)


def test_laws_of_laws():
    p = d.Independent(d.Normal(tw.zeros(2, 3), 1.0), 1)
    q = d.Independent(d.Normal(tw.ones(2, 3), 1.0), 1)
    assert d.kl_divergence(p, q).tolist() == [1.5, 1.5]
    with pytest.raises(NotImplementedError, match="reinterpreted"):
        d.kl_divergence(p, d.Independent(d.Normal(tw.ones(2, 3), 1.0), 2))
    steps = [d.ExpTransform()]
    u = d.TransformedDistribution(d.Normal(0.0, 1.0), steps)
    v = d.TransformedDistribution(d.Normal(1.0, 1.0), steps)
    assert d.kl_divergence(u, v).item() == 0.5
    with pytest.raises(NotImplementedError, match="No KL"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0))


def test_registering_and_choosing():
    class Mine(d.Normal):
        pass

    class Ours(Mine):
        pass

    @d.register_kl(Mine, d.Normal)
    def of_mine(p, q):
        return tw.tensor(7.0)

    try:
        assert d.kl_divergence(Ours(0.0, 1.0), d.Normal(0.0, 1.0)).item() == 7
        assert d.kl_divergence(d.Normal(0.0, 1.0), Mine(0.0, 1.0)).item() == 0

        @d.register_kl(d.Normal, Mine)
        def to_mine(p, q):
            return tw.tensor(8.0)

        with pytest.warns(RuntimeWarning, match="Ambiguous"):
            d.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))
    finally:
        for pair in ((Mine, d.Normal), (d.Normal, Mine)):
            _RULES.pop(pair, None)
    with pytest.raises(TypeError, match="Expected a Distribution subclass"):
        d.register_kl(int, d.Normal)


def test_gradients_of_a_divergence():
    loc = tw.tensor(2.0, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        d.kl_divergence(d.Normal(loc, 1.0), d.Normal(0.0, 1.0)).backward()
    assert loc.grad.item() == 2
