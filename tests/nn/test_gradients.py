"""Clipping gradients; parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn import utils


def model(lib: Any, scale: float = 1.0) -> Any:
    lib.manual_seed(3)
    m = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2, dtype=lib.float32))
    rng = np.random.default_rng(0)
    for p in m.parameters():
        p.grad = lib.tensor(rng.normal(size=tuple(p.shape)).astype(np.float32) * scale)
    m[0].bias.grad = None
    return m


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf, "inf"])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clip_grad_norm_is_torchs(norm_type: Any, max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        m = model(lib)
        total = lib.nn.utils.clip_grad_norm_(m.parameters(), max_norm, norm_type)
        assert not total.requires_grad
        found.append(
            [total.numpy(), *(p.grad.numpy() for p in m.parameters() if p.grad is not None)]
        )
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_clip_grad_norm() -> None:
    p = nn.Parameter(tw.zeros(2))
    p.grad = grad = tw.tensor([3.0, 4.0])
    assert utils.clip_grad_norm_(p, 1.0).item() == 5.0
    assert p.grad is grad and grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)
    assert utils.clip_grad_norm_([p], 2.0).item() == pytest.approx(1.0)
    assert grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)


def test_clip_after_backward() -> None:
    p = nn.Parameter(tw.tensor([1.0, 2.0]))
    (p * p).sum().backward()
    assert utils.clip_grad_norm_([p], 1.0).item() == pytest.approx(math.sqrt(20))
    assert p.grad.tolist() == pytest.approx([2 / math.sqrt(20), 4 / math.sqrt(20)], rel=1e-5)


def test_norm_that_is_not_finite() -> None:
    p = nn.Parameter(tw.zeros(2))
    p.grad = tw.tensor([1.0, math.inf])
    with pytest.raises(RuntimeError, match="order 2.0 .* is non-finite"):
        utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad.tolist() == [1.0, math.inf]
    assert utils.clip_grad_norm_([p], 1.0).item() == math.inf


def test_nothing_to_clip() -> None:
    assert utils.clip_grad_norm_([nn.Parameter(tw.zeros(2))], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in ()), 1.0)
    assert utils.get_total_norm([]).item() == 0.0


def test_total_norm_of_mixed_types() -> None:
    total = utils.get_total_norm([tw.tensor([3.0]), tw.tensor([4.0], dtype=tw.float64)])
    assert total.item() == 5.0 and total.dtype is tw.float64
    assert utils.get_total_norm(tw.tensor([[3.0, 4.0]])).item() == 5.0


def test_clip_grad_value() -> None:
    p = nn.Parameter(tw.zeros(3))
    p.grad = tw.tensor([-5.0, 0.5, 5.0])
    utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [-1.0, 0.5, 1.0]


def test_parameters_as_a_vector_and_back() -> None:
    m, other = model(tw), model(tw)
    for p in other.parameters():
        nn.init.zeros_(p)
    vector = utils.parameters_to_vector(m.parameters())
    assert vector.shape == (26,) and vector.requires_grad
    utils.vector_to_parameters(vector, other.parameters())
    for mine, theirs in zip(other.parameters(), m.parameters(), strict=True):
        assert mine.tolist() == theirs.tolist() and mine.requires_grad and mine.is_leaf
    with pytest.raises(TypeError, match=r"expected thalweg.Tensor, but got: list"):
        utils.vector_to_parameters([1.0], m.parameters())  # type: ignore[arg-type]
