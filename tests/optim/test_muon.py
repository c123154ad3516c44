"""Muon, by hand and beside PyTorch; what Muon, Adafactor and SparseAdam refuse in a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw


def step(library: Any, gradient: Any, **settings: Any) -> Any:
    g = np.asarray(gradient, np.float32)
    p = library.nn.Parameter(library.zeros(*g.shape))
    p.grad = library.tensor(g)
    library.optim.Muon([p], lr=1.0, **settings).step()
    return -p.detach().numpy()


@pytest.mark.parametrize("settings", [{}, {"adjust_lr_fn": "match_rms_adamw"}, {"nesterov": False}])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_a_step_is_pytorchs_within_a_bit_of_bfloat16(shape, settings, torch):
    gradient = np.random.default_rng(0).normal(size=shape)
    expected = step(torch, gradient, **settings)
    np.testing.assert_allclose(step(tw, gradient, **settings), expected, 0, 2**-7)


def test_singular_values_come_near_1():
    gradient = np.random.default_rng(0).normal(size=(6, 4)) @ np.diag([1, 1e-1, 3, 10.0])
    moved = step(tw, gradient, weight_decay=0.0) / (6 / 4) ** 0.5
    sizes = np.linalg.svd(moved, compute_uv=False)
    assert sizes.min() > 0.6 and sizes.max() < 1.3


def test_what_a_step_refuses():
    p = tw.nn.Parameter(tw.ones(2, 2))
    p.grad = tw.ones(2, 2)
    with pytest.raises(ValueError, match="exactly 3"):
        tw.optim.Muon([p], ns_coefficients=(1.0, 2.0)).step()
    with pytest.raises(ValueError, match="less than 100"):
        tw.optim.Muon([p], ns_steps=100).step()
    with pytest.raises(ValueError, match="2D parameters"):
        tw.optim.Muon([tw.nn.Parameter(tw.ones(2))])
    with pytest.raises(ValueError, match="not supported"):
        tw.optim.Muon([p], adjust_lr_fn="other")
    with pytest.raises(RuntimeError, match="dense gradients"):
        tw.optim.SparseAdam([p]).step()
    p.grad = None
    tw.optim.SparseAdam([p]).step()
    for settings in ({"momentum": -1.0}, {"weight_decay": -1.0}, {"lr": -1.0}):
        with pytest.raises(ValueError, match="should be >= 0"):
            tw.optim.Muon([p], **settings)
