"""Every law beside PyTorch's: draws of the same seed, densities, gradients, moments, shapes."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
import thalweg.distributions as ours

from .laws import TABLE

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")
theirs = torch.distributions
COARSE = {"Gamma", "Beta", "Dirichlet", "Chi2", "StudentT", "FisherSnedecor", "InverseGamma"}
IN_FLOAT32_ONLY = {"GeneralizedPareto"}  # PyTorch's compares with a float32 number
QUESTIONS = ["mean", "mode", "variance", "stddev", "entropy", "perplexity"]


def made(name, of, library, dtype):
    """The law, and its parameters that want a gradient."""
    kind, parameters, further, _ = TABLE[name]
    tensors = {k: library.tensor(v, dtype=dtype, requires_grad=True) for k, v in parameters.items()}
    return getattr(of, kind)(**tensors, **further), tensors


def both(name, dtype=None):
    dtype = dtype or ("float32" if name in IN_FLOAT32_ONLY else "float64")
    mine = made(name, ours, tw, getattr(tw, dtype))
    return *mine, *made(name, theirs, torch, getattr(torch, dtype))


def close(found, expected, rtol=1e-7, atol=1e-9):
    assert tuple(found.shape) == tuple(expected.shape)
    assert repr(found.dtype) == str(expected.dtype).replace("torch", "thalweg")
    if expected.dtype is torch.float32:
        rtol = max(rtol, 2e-5)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol, atol)


def same_gradients(found, expected, mine, others, rtol=1e-7):
    """Of the sums, weighted; what has none in PyTorch has none or 0 here."""
    assert found.requires_grad == expected.requires_grad
    if not found.requires_grad:
        return
    if expected.dtype is torch.float32:
        rtol = max(rtol, 1e-4)
    weights = np.random.RandomState(1).uniform(0.5, 1.5, tuple(expected.shape))
    a = tw.autograd.grad((found * tw.tensor(weights)).sum(), list(mine.values()), allow_unused=True)
    b = torch.autograd.grad(
        (expected * torch.tensor(weights)).sum(), list(others.values()), allow_unused=True
    )
    for x, y in zip(a, b, strict=True):
        left = 0.0 if x is None else x.numpy()
        right = 0.0 if y is None else y.numpy()
        np.testing.assert_allclose(left, right, rtol, 1e-8 if rtol < 1e-5 else 2e-3)


def answer(law, question):
    found = getattr(law, question)
    return found() if callable(found) else found


@pytest.mark.parametrize("name", TABLE)
def test_shapes_and_names(name):
    p, _, q, _ = both(name)
    assert tuple(p.batch_shape) == tuple(q.batch_shape)
    assert tuple(p.event_shape) == tuple(q.event_shape)
    assert (p.has_rsample, p.has_enumerate_support) == (q.has_rsample, q.has_enumerate_support)
    assert set(p.arg_constraints) == set(q.arg_constraints)
    for key, constraint in q.arg_constraints.items():
        if name != "Uniform":
            assert repr(p.arg_constraints[key]) == repr(constraint)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("question", QUESTIONS)
def test_moments(name, question):
    p, mine, q, others = both(name)
    try:
        expected = answer(q, question)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            answer(p, question)
        return
    found = answer(p, question)
    close(found, expected, rtol=1e-6 if name == "VonMises" else 1e-7)
    if question in ("mean", "entropy"):
        same_gradients(found, expected, mine, others, 1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_log_prob_and_its_gradients(name):
    p, mine, q, others = both(name)
    values = TABLE[name][3]
    kind = np.float64 if np.asarray(values).dtype.kind == "f" else np.int64
    kind = np.float32 if name in IN_FLOAT32_ONLY else kind
    x, y = tw.tensor(np.asarray(values, kind)), torch.tensor(np.asarray(values, kind))
    found, expected = p.log_prob(x), q.log_prob(y)
    close(found, expected, 1e-6 if name == "VonMises" else 1e-7)
    same_gradients(found, expected, mine, others, 1e-4 if name == "VonMises" else 1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_distribution_functions(name):
    p, _, q, _ = both(name)
    values = np.asarray(TABLE[name][3]) + 0.0
    if name in IN_FLOAT32_ONLY:
        values = values.astype(np.float32)
    for question, given in (("cdf", values), ("icdf", values.dtype.type([0.1, 0.5, 0.8]))):
        try:
            expected = getattr(q, question)(torch.tensor(given))
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                getattr(p, question)(tw.tensor(given))
            continue
        close(getattr(p, question)(tw.tensor(given)), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TABLE)
def test_the_same_seed_draws_the_same_numbers(name, dtype):
    if name == "Wishart":
        pytest.skip("PyTorch draws twice")
    p, mine, q, others = both(name, dtype)
    rtol = 1e-9 if dtype == "float64" else 1e-4
    for shape in ((), (5,), (4, 3)):
        tw.manual_seed(7)
        torch.manual_seed(7)
        close(p.sample(shape), q.sample(shape), rtol, 1e-6)
        assert not p.sample(shape).requires_grad
    if not p.has_rsample or dtype == "float32":
        return
    tw.manual_seed(7)
    torch.manual_seed(7)
    found, expected = p.rsample((4,)), q.rsample((4,))
    close(found, expected, rtol)
    same_gradients(found, expected, mine, others, 3e-3 if name in COARSE else 1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_expanded(name):
    p, _, q, _ = both(name)
    wide = (2, *q.batch_shape)
    p, q = p.expand(wide), q.expand(wide)
    assert tuple(p.batch_shape) == wide and tuple(p.event_shape) == tuple(q.event_shape)
    tw.manual_seed(1)
    torch.manual_seed(1)
    x = p.sample((3,))
    y = torch.tensor(x.numpy()) if name == "Wishart" else q.sample((3,))  # PyTorch draws twice
    close(x, y, 1e-6)
    close(p.log_prob(x), q.log_prob(y), 1e-5, 1e-6)


@pytest.mark.parametrize(
    "name", [n for n in TABLE if getattr(ours, TABLE[n][0]).has_enumerate_support]
)
@pytest.mark.parametrize("expand", [False, True])
def test_all_values(name, expand):
    p, _, q, _ = both(name)
    close(p.enumerate_support(expand), q.enumerate_support(expand))
