"""Laws without PyTorch: known numbers, shapes, errors, draws that follow their law, estimators of gradients."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

import thalweg as tw
import thalweg.distributions as d

from .laws import TABLE

KNOWN = [
    (d.Normal(0.0, 1.0), 0.0, -0.9189385332046727),
    (d.Bernoulli(0.25), 1.0, math.log(0.25)),
    (d.Categorical(probs=tw.tensor([1.0, 3.0])), 1, math.log(0.75)),
    (d.Uniform(0.0, 4.0), 1.0, -math.log(4)),
    (d.Beta(2.0, 3.0), 0.5, math.log(1.5)),
    (d.Gamma(3.0, 2.0), 1.0, math.log(4) - 2),
    (d.Exponential(2.0), 1.0, math.log(2) - 2),
    (d.Poisson(3.0), 2.0, math.log(4.5) - 3),
    (d.Binomial(4, tw.tensor(0.5)), 2.0, math.log(6 / 16)),
    (d.StudentT(1.0), 0.0, -math.log(math.pi)),
    (d.VonMises(0.0, 1.0), 0.0, 1 - math.log(2 * math.pi * 1.2660658777520084)),
    (d.MultivariateNormal(tw.zeros(2), tw.eye(2)), [0.0, 0.0], -math.log(2 * math.pi)),
    (d.Dirichlet(tw.ones(3)), [0.2, 0.3, 0.5], math.log(2)),
]


@pytest.mark.parametrize(("law", "value", "expected"), KNOWN, ids=lambda v: type(v).__name__)
def test_known_densities(law, value, expected):
    assert law.log_prob(tw.tensor(value)).item() == pytest.approx(expected, rel=1e-6)


def test_shapes():
    law = d.Normal(tw.zeros(2, 1), tw.ones(3))
    assert law.batch_shape == (2, 3) and law.event_shape == ()
    assert law.sample((4,)).shape == (4, 2, 3)
    assert law.log_prob(tw.zeros(4, 2, 3)).shape == (4, 2, 3)
    assert law.expand((5, 2, 3)).rsample().shape == (5, 2, 3)
    joint = d.Independent(law, 1)
    assert joint.batch_shape == (2,) and joint.event_shape == (3,)
    assert joint.log_prob(tw.zeros(2, 3)).shape == (2,)
    assert repr(d.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(joint) == (
        "Independent(Normal(loc: thalweg.Size([2, 3]), scale: thalweg.Size([2, 3])), 1)"
    )


WRONG = [
    (lambda: d.Normal(0.0, tw.tensor([1.0, -1.0])), ValueError, "Expected parameter scale"),
    (lambda: d.Normal("a", 1.0), ValueError, "numbers or tensors"),
    (lambda: d.Bernoulli(0.5, 0.2), ValueError, "Either `probs` or `logits`"),
    (lambda: d.Categorical(), ValueError, "Either `probs` or `logits`"),
    (lambda: d.Categorical(tw.tensor(1.0)), ValueError, "at least one-dimensional"),
    (lambda: d.Uniform(1.0, 0.0), ValueError, "Expected parameter low"),
    (lambda: d.Geometric(0.0), ValueError, "to be positive"),
    (lambda: d.Dirichlet(tw.tensor(1.0)), ValueError, "at least one-dimensional"),
    (lambda: d.Normal(0.0, 1.0).log_prob(3.0), ValueError, "must be a Tensor"),
    (lambda: d.Normal(0.0, 1.0).log_prob(tw.tensor(math.nan)), ValueError, "within the support"),
    (lambda: d.Normal(tw.zeros(2), 1.0).log_prob(tw.zeros(3)), ValueError, "not broadcastable"),
    (lambda: d.Dirichlet(tw.ones(3)).log_prob(tw.ones(2)), ValueError, "must match event_shape"),
    (lambda: d.Categorical(tw.ones(3)).log_prob(tw.tensor(5)), ValueError, "IntegerInterval"),
    (lambda: d.Bernoulli(0.5).rsample(), NotImplementedError, "Bernoulli.rsample"),
    (lambda: d.Poisson(1.0).cdf(tw.tensor(1.0)), NotImplementedError, "Poisson.cdf"),
    (lambda: d.Multinomial(tw.ones(2), tw.ones(2)), NotImplementedError, "inhomogeneous"),
    (lambda: d.MultivariateNormal(tw.zeros(2)), ValueError, "Exactly one of"),
    (lambda: d.MultivariateNormal(tw.tensor(0.0), tw.eye(1)), ValueError, "at least one-dim"),
    (lambda: d.Independent(d.Normal(0.0, 1.0), 1), ValueError, "reinterpreted_batch_ndims"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), 3), ValueError, "must be a Transform"),
    (lambda: d.MixtureSameFamily(3, d.Normal(0.0, 1.0)), ValueError, "Mixture distribution"),
    (lambda: d.Distribution.set_default_validate_args(3), ValueError, "want True or False"),
    (
        lambda: d.Binomial(tw.tensor([2.0, 3.0]), tw.tensor(0.5)).entropy(),
        NotImplementedError,
        "Inhomogeneous total count",
    ),
]


@pytest.mark.parametrize(("wrong", "kind", "text"), WRONG)
def test_errors(wrong, kind, text):
    with pytest.raises(kind, match=text):
        wrong()


def test_checks_can_be_left_out():
    law = d.Uniform(0.0, 1.0, validate_args=False)
    assert law.log_prob(tw.tensor(2.0)).item() == -math.inf
    d.Distribution.set_default_validate_args(False)
    try:
        assert d.Normal(0.0, -1.0).scale.item() == -1
    finally:
        d.Distribution.set_default_validate_args(True)


MOMENTS = [
    n
    for n in TABLE
    if TABLE[n][0] not in ("Cauchy", "HalfCauchy", "LogisticNormal", "Categorical", "VonMises")
]


@pytest.mark.parametrize("name", MOMENTS)
def test_draws_have_the_mean_and_the_variance(name):
    kind, parameters, further, _ = TABLE[name]
    law = getattr(d, kind)(**{k: tw.tensor(v) for k, v in parameters.items()}, **further)
    try:
        mean, variance = law.mean.double().numpy(), law.variance.double().numpy()
    except NotImplementedError:
        mean = variance = None
    tw.manual_seed(3)
    x = law.sample((4000,)).double().numpy()
    assert x.shape == (4000, *law.batch_shape, *law.event_shape)
    if mean is None:
        assert law.support.check(law.sample((100,))).all()
        return
    known = np.isfinite(mean) & np.isfinite(variance)
    error = np.sqrt(np.where(known, variance, 1) / 4000)
    assert (np.abs(x.mean(0) - mean)[known] < 5 * error[known] + 1e-6).all()


@pytest.mark.parametrize(
    ("law", "points"),
    [
        (d.Gamma(0.4, 2.0), [0.01, 0.1, 0.6]),
        (d.Gamma(30.0, 2.0), [12.0, 15.0, 18.0]),
        (d.Beta(0.6, 2.5), None),
        (d.Laplace(0.0, 1.0), [-1.0, 0.0, 2.0]),
        (d.Gumbel(0.0, 1.0), [-1.0, 0.0, 2.0]),
        (d.Weibull(2.0, 1.5), [0.5, 1.5, 3.0]),
        (d.Cauchy(0.0, 1.0), [-3.0, 0.0, 3.0]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_draws_follow_the_distribution_function(law, points):
    """Shares of draws below a point, within five of their standard errors."""
    tw.manual_seed(5)
    x = law.sample((4000,)).numpy()
    if points is None:  # no cdf: that of beta(0.6, 2.5) by summing the density
        points = [0.05, 0.2, 0.5]
        grid = (np.arange(200000) + 0.5) / 200000
        density = np.exp(law.log_prob(tw.tensor(grid, dtype=tw.float32)).numpy().astype(float))
        expected = [density[grid < p].sum() / 200000 for p in points]
    else:
        expected = law.cdf(tw.tensor(points)).tolist()
    for point, share in zip(points, expected, strict=True):
        assert abs((x < point).mean() - share) < 5 * math.sqrt(share * (1 - share) / 4000) + 2e-3


@pytest.mark.parametrize("shape", [0.3, 1.0, 20.0])
def test_gamma_draws_carry_the_gradient_of_the_mean(shape):
    """d E[x] / d shape is 1, d E[log x] / d shape the second derivative of log gamma."""
    a = tw.tensor(shape, dtype=tw.float64, requires_grad=True)
    tw.manual_seed(11)
    x = d.Gamma(a, tw.ones(20000, dtype=tw.float64)).rsample()
    (of_mean,) = tw.autograd.grad(x.mean(), a, retain_graph=True)
    (of_log,) = tw.autograd.grad(x.log().mean(), a)
    assert of_mean.item() == pytest.approx(1, rel=0.05)
    assert of_log.item() == pytest.approx(tw.polygamma(1, a).item(), rel=0.05)


def test_dirichlet_draws_carry_the_gradient_of_the_mean():
    a = tw.tensor([0.5, 1.0, 3.0], dtype=tw.float64, requires_grad=True)
    tw.manual_seed(11)
    x = d.Dirichlet(a).rsample((20000,))
    assert x.sum(-1).isclose(tw.ones((), dtype=tw.float64)).all()
    (slopes,) = tw.autograd.grad(x[:, 0].mean(), a)
    expected = [4.0 / 4.5**2, -0.5 / 4.5**2, -0.5 / 4.5**2]
    np.testing.assert_allclose(slopes.numpy(), expected, rtol=0.06)
    with pytest.raises(NotImplementedError, match="slope of beta draws"):
        (first,) = tw.autograd.grad(d.Dirichlet(a).rsample()[0], a, create_graph=True)
        first.sum().backward()
        _ = a.grad.tolist()


def test_a_mixture():
    parts = d.Normal(tw.tensor([-2.0, 3.0]), tw.tensor([0.5, 1.0]))
    law = d.MixtureSameFamily(d.Categorical(tw.tensor([0.25, 0.75])), parts)
    assert law.mean.item() == pytest.approx(1.75)
    assert law.variance.item() == pytest.approx(0.25 * 0.25 + 0.75 + 0.1875 * 25)
    density = 0.75 * math.exp(-0.5) / math.sqrt(2 * math.pi)
    assert law.log_prob(tw.tensor(4.0)).item() == pytest.approx(math.log(density), rel=1e-5)
    assert law.cdf(tw.tensor(100.0)).item() == pytest.approx(1)
    tw.manual_seed(0)
    assert (law.sample((4000,)) < 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    wide = d.MixtureSameFamily(d.Categorical(tw.ones(2)), d.Normal(tw.zeros(3, 2), 1.0))
    assert wide.sample((5,)).shape == (5, 3)
    vectors = d.MixtureSameFamily(
        d.Categorical(tw.ones(2, 3)), d.Independent(d.Normal(tw.zeros(2, 3, 4), 1.0), 1)
    )
    assert vectors.sample((5,)).shape == (5, 2, 4)
    assert vectors.log_prob(tw.zeros(2, 4)).shape == (2,)
    assert vectors.expand((6, 2)).sample().shape == (6, 2, 4)


def test_mixtures_beside_torch():
    torch = pytest.importorskip("torch")

    def made(room, library):
        parts = room.Gamma(library.tensor([[1.0, 2.0], [3.0, 0.5]]), library.tensor(1.5))
        return room.MixtureSameFamily(
            room.Categorical(library.tensor([[0.3, 0.7], [0.6, 0.4]])), parts
        )

    p, q = made(d, tw), made(torch.distributions, torch)
    tw.manual_seed(2)
    torch.manual_seed(2)
    x, y = p.sample((3,)), q.sample((3,))
    np.testing.assert_allclose(x.numpy(), y.numpy(), 1e-5)
    np.testing.assert_allclose(p.log_prob(x).numpy(), q.log_prob(y).numpy(), 1e-4, 1e-5)
    np.testing.assert_allclose(p.variance.numpy(), q.variance.numpy(), 1e-5)


def test_learning_a_normal_law():
    """Gradient steps on the log-likelihood find the mean and the spread of data."""
    tw.manual_seed(0)
    data = tw.randn(500) * 2 + 5
    loc, log_scale = tw.zeros((), requires_grad=True), tw.zeros((), requires_grad=True)
    optimizer = tw.optim.Adam([loc, log_scale], lr=0.2)
    for _ in range(250):
        optimizer.zero_grad()
        (-d.Normal(loc, log_scale.exp()).log_prob(data).mean()).backward()
        optimizer.step()
    assert loc.item() == pytest.approx(data.mean().item(), abs=0.1)
    assert log_scale.exp().item() == pytest.approx(data.std().item(), abs=0.1)


def test_a_law_of_ones_own():
    class Doubled(d.Distribution):
        arg_constraints = {"rate": d.constraints.positive}
        support = d.constraints.positive

        def __init__(self, rate):
            self.rate = rate
            super().__init__(rate.shape)

    law = Doubled(tw.ones(2))
    assert law.expand((3, 2)).rate.shape == (3, 2)
    with pytest.raises(NotImplementedError, match="Doubled.log_prob"):
        law.log_prob(tw.ones(2))
    with pytest.warns(UserWarning, match="sample_n"), pytest.raises(NotImplementedError):
        law.sample_n(3)


def test_thalweg_does_not_load_distributions():
    code = "import sys, thalweg as tw; a = 'thalweg.distributions' in sys.modules; tw.distributions.Normal; print(a)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
