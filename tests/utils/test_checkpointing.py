"""Parts of a model that PyTorch computes again: the numbers are those without the mark."""

from __future__ import annotations

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.utils.checkpoint import checkpoint, checkpoint_sequential


def test_marked_parts_give_the_same_numbers() -> None:
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = tw.randn(5, 3, requires_grad=True)
    model(x).square().sum().backward()
    assert x.grad is not None
    plain = x.grad.clone()
    for marked in (
        checkpoint(model, x, use_reentrant=False, preserve_rng_state=False),
        checkpoint_sequential(model, 2, x, use_reentrant=True),
        checkpoint(lambda a, by: model(a * by), x, by=1.0, use_reentrant=False),
    ):
        x.grad = None
        marked.square().sum().backward()
        assert tw.equal(x.grad, plain)


def test_keywords_that_nothing_takes() -> None:
    with pytest.raises(ValueError, match="Unexpected keyword arguments: by"):
        checkpoint(len, [1], by=1, use_reentrant=True)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: by"):
        checkpoint_sequential([len], 1, [1], by=1)
