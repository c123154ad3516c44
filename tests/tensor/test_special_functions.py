"""Special functions: numbers written down, and PyTorch's where it is installed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.ops.special import _gamma_slope

EDGES = [
    -3.5,
    -2.0,
    -1.0,
    -0.5,
    -0.0,
    0.0,
    0.25,
    0.5,
    1.0,
    3.0,
    30.0,
    math.inf,
    -math.inf,
    math.nan,
]
SMOOTH = [0.25, 0.5, 3.0]
ONE = [
    "lgamma", "digamma", "erfc", "erfinv", "special.erfcx", "special.ndtri", "special.log_ndtr", "i0",
    "special.i0e", "special.i1", "special.i1e", "special.modified_bessel_k0", "special.modified_bessel_k1",
    "special.scaled_modified_bessel_k0", "special.scaled_modified_bessel_k1", "special.spherical_bessel_j0",
    "special.bessel_y0", "special.bessel_y1",
]  # fmt: skip
KNOWN = [
    ("lgamma", 0.5, 0.5723649429247001),
    ("digamma", 1.0, -0.5772156649015329),
    ("erfc", 1.0, 0.15729920705028513),
    ("erfinv", 0.5, 0.4769362762044699),
    ("special.erfcx", 10.0, 0.05614099274382259),
    ("special.ndtri", 0.975, 1.959963984540054),
    ("special.log_ndtr", -10.0, -53.23128515051247),
    ("i0", 1.0, 1.2660658777520084),
    ("special.i1", 1.0, 0.5651591039924851),
    ("special.bessel_j0", 1.0, 0.7651976865579666),
    ("special.bessel_y1", 1.0, -0.7812128213002887),
    ("special.modified_bessel_k0", 1.0, 0.42102443824070834),
    ("special.airy_ai", 0.0, 0.3550280538878172),
    ("special.spherical_bessel_j0", 0.0, 1.0),
]


def named(room, name):
    for part in name.split("."):
        room = getattr(room, part)
    return room


@pytest.mark.parametrize(("name", "x", "value"), KNOWN)
def test_numbers_from_the_tables(name, x, value):
    for dtype, tolerance in ((tw.float64, 1e-14), (tw.float32, 1e-6)):
        found = named(tw, name)(tw.tensor(x, dtype=dtype)).item()
        assert found == pytest.approx(value, rel=tolerance)


@pytest.mark.parametrize("name", ONE)
def test_values_and_gradients_beside_torch(name):
    torch = pytest.importorskip("torch")
    for ours, theirs, tolerance in (
        (tw.float64, torch.float64, 1e-9),
        (tw.float32, torch.float32, 2e-5),
    ):
        x = tw.tensor(EDGES, dtype=ours, requires_grad=True)
        y = torch.tensor(EDGES, dtype=theirs, requires_grad=True)
        found, expected = named(tw, name)(x), named(torch, name)(y)
        np.testing.assert_allclose(
            found.detach().numpy(), expected.detach().numpy(), tolerance, 1e-30
        )
        if not expected.requires_grad:
            assert not found.requires_grad or name == "special.spherical_bessel_j0"
            continue
        assert repr(found.grad_fn).split()[0] == repr(expected.grad_fn).split()[0]
        weights = [float(v in SMOOTH) for v in EDGES]
        found.backward(tw.tensor(weights, dtype=ours))
        expected.backward(torch.tensor(weights, dtype=theirs))
        places = [EDGES.index(v) for v in SMOOTH]
        np.testing.assert_allclose(
            x.grad.numpy()[places], y.grad.numpy()[places], max(tolerance, 1e-8), 1e-12
        )


def test_polygamma_and_the_gamma_function_of_a_matrix():
    x = tw.tensor([1.0, 2.5], dtype=tw.float64, requires_grad=True)
    trigamma = tw.polygamma(1, x)
    np.testing.assert_allclose(trigamma.detach().numpy(), [math.pi**2 / 6, 0.49035775610023486])
    (slope,) = tw.autograd.grad(trigamma.sum(), x)
    np.testing.assert_allclose(slope.numpy(), x.detach().polygamma(2).numpy())
    expected = math.lgamma(2.5) + math.lgamma(2.0) + math.log(math.pi) / 2
    assert tw.mvlgamma(x, 2)[1].item() == pytest.approx(expected)
    with pytest.raises(RuntimeError, match="negative n: got -1"):
        tw.polygamma(-1, x)
    with pytest.raises(RuntimeError, match="p has to be greater"):
        tw.mvlgamma(x, 0)


def test_zeta_has_a_gradient_for_its_second_operand_only():
    x, q = tw.tensor(2.0, requires_grad=True), tw.tensor(1.0, requires_grad=True)
    z = tw.special.zeta(x, q)
    assert z.item() == pytest.approx(math.pi**2 / 6)
    (slope,) = tw.autograd.grad(z, q, retain_graph=True)
    assert slope.item() == pytest.approx(-2 * 1.2020569031595942)
    with pytest.raises(NotImplementedError, match="derivative for 'zeta'"):
        tw.autograd.grad(z, x)[0].item()


@pytest.mark.parametrize("shape", [0.05, 0.7, 3.0, 40.0, 1e4])
def test_gamma_integrals_have_both_gradients(shape):
    a = tw.tensor([shape] * 3, dtype=tw.float64, requires_grad=True)
    spread = math.sqrt(shape)
    x = tw.tensor(
        [shape * 0.5, shape + spread, shape + 3 * spread], dtype=tw.float64, requires_grad=True
    )
    assert tw.autograd.gradcheck(
        tw.special.gammainc, (a, x), eps=1e-6 * shape, rtol=1e-4, atol=1e-7
    )
    assert tw.autograd.gradcheck(
        tw.special.gammaincc, (a, x), eps=1e-6 * shape, rtol=1e-4, atol=1e-7
    )
    both = tw.special.gammainc(a, x) + tw.special.gammaincc(a, x)
    np.testing.assert_allclose(both.detach().numpy(), 1)


def test_the_slope_of_an_exponential_draw():
    """Of shape 1 the law is 1 - exp(-z); the slope by differences of the law in its shape."""
    z, eps = np.array([1e-3, 0.1, 1.0, 4.0]), 1e-5
    shifted = [
        tw.igamma(tw.tensor(1 + s, dtype=tw.float64), tw.tensor(z)).numpy() for s in (eps, -eps)
    ]
    by_differences = -(shifted[0] - shifted[1]) / (2 * eps) / np.exp(-z)
    np.testing.assert_allclose(_gamma_slope(np.ones(4), z), by_differences, rtol=1e-7)


POLYNOMIALS = {
    "chebyshev_polynomial_t": -0.352, "chebyshev_polynomial_u": 0.896, "hermite_polynomial_h": -5.504,
    "hermite_polynomial_he": -1.888, "laguerre_polynomial_l": -3.152 / 6, "legendre_polynomial_p": 0.08,
    "shifted_chebyshev_polynomial_t": -0.936,
}  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_degree_three(name):
    x, degrees = tw.tensor([0.8], dtype=tw.float64), tw.tensor([-1.0, 0.0, 3.9])
    found = getattr(tw.special, name)(x, degrees.double()).tolist()
    assert found == [0, 1, pytest.approx(POLYNOMIALS[name])]
    assert getattr(tw.special, name)(x, 3).item() == found[2]


def test_in_place():
    x = tw.tensor([0.5, 2.0])
    assert x.erfc_() is x
    np.testing.assert_allclose(x.numpy(), [math.erfc(0.5), math.erfc(2)], rtol=1e-6)
    np.testing.assert_allclose(tw.tensor([3.0]).lgamma_().numpy(), [math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(tw.tensor([1.0]).digamma_().numpy(), [-0.57721566], rtol=1e-6)
    np.testing.assert_allclose(tw.tensor([0.0]).i0_().numpy(), [1])
