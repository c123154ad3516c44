"""Losses where their formulas are steep."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
def test_cross_entropy_of_a_saturated_sigmoid_has_no_nan(dtype) -> None:
    x = tw.tensor([1e10, 60.0, -800.0, -102.0, 0.3], dtype=dtype, requires_grad=True)
    y = tw.tensor([0.0, 1.0, 1.0, 0.5, 1.0], dtype=dtype)
    losses = F.binary_cross_entropy(x.sigmoid(), y, reduction="none")
    assert losses[0].item() == 100 and losses[2].item() == 100
    losses.sum().backward()
    assert bool(tw.isfinite(x.grad).all())
    assert x.grad[0].item() == 0 and x.grad[2].item() == 0
    assert x.grad[4].item() == pytest.approx(-0.425557483188341)
    p = tw.tensor([0.0, 1.0, 0.0, 1.0], dtype=dtype, requires_grad=True)
    F.binary_cross_entropy(p, tw.tensor([0.0, 1.0, 1.0, 0.0], dtype=dtype)).backward()
    np.testing.assert_allclose(p.grad.numpy(), [0, 0, -2.5e11, 2.5e11], 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_slope_of_cross_entropy_is_bounded_as_pytorchs(dtype, target) -> None:
    torch = pytest.importorskip("torch")
    values = [0.0, 1e-30, 1e-13, 1e-12, 2e-12, 0.3, 1 - 1e-7, 1 - 1e-12, 1 - 1e-13, 1.0]
    found = []
    for m in (torch, tw):
        p = m.tensor(values, dtype=getattr(m, dtype), requires_grad=True)
        losses = m.nn.functional.binary_cross_entropy(p, m.full_like(p, target), reduction="none")
        losses.backward(m.ones_like(p))
        found.append((losses.detach().numpy(), p.grad.numpy()))
    np.testing.assert_allclose(found[1][0], found[0][0], 1e-6)
    np.testing.assert_allclose(found[1][1], found[0][1], 1e-6)


def test_a_second_slope_at_a_probability_of_zero_is_no_nan() -> None:
    p = tw.tensor([0.0, 1.0, 0.5], dtype=tw.float64, requires_grad=True)
    y = tw.tensor([0.0, 1.0, 1.0], dtype=tw.float64, requires_grad=True)
    slope = tw.autograd.grad(F.binary_cross_entropy(p, y, reduction="sum"), p, create_graph=True)[0]
    again = tw.autograd.grad(slope.sum(), (p, y))
    assert again[0].tolist() == [1e12, 1e12, 4.0] and again[1].tolist() == [-1e12, -1e12, -4.0]


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_the_mean_of_no_examples_is_not_a_number(kind) -> None:
    x = tw.zeros(0, 3, requires_grad=True)
    target = tw.zeros(0, dtype=tw.int64) if kind == "classes" else x.detach()
    loss = F.cross_entropy(x, target)
    loss.backward()
    assert loss.isnan().item() and tuple(x.grad.shape) == (0, 3)
    assert F.cross_entropy(x, target, reduction="sum").item() == 0
