"""Losses where their formulas are steep."""

from __future__ import annotations

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
    assert bool(tw.isfinite(p.grad).all())
