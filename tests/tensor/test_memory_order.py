"""Where PyTorch has the elements of what is computed of permuted tensors: random masks are drawn in that order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

X = np.linspace(0.1, 1, 960, dtype=np.float32).reshape(40, 24)


def volume(x: Any) -> Any:
    return x.view(2, 20, 4, 6)


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "itself": lambda m, x: x.t(),
    "times a number": lambda m, x: x.t() * 2,
    "plus rows": lambda m, x: x.t() + m.ones(40),
    "plus a dense tensor": lambda m, x: x.t() + m.ones(24, 40),
    "a dense tensor plus it": lambda m, x: m.ones(24, 40) + x.t(),
    "several operations": lambda m, x: m.nn.functional.gelu(m.exp(x.t()) - 1) * x.t(),
    "there and back": lambda m, x: (x.t() + 1).t() * 2,
    "three axes": lambda m, x: x.view(5, 8, 24).permute(1, 0, 2) + m.ones(8, 1, 24),
    "four axes": lambda m, x: volume(x).permute(0, 2, 3, 1).relu(),
    "a part of it": lambda m, x: (x.t() * 2)[2:, 3:],
    "one of it": lambda m, x: (volume(x).permute(3, 2, 1, 0) * 2)[1],
    "with an axis more": lambda m, x: (x.t() * 2).unsqueeze(1),
    "an axis of one": lambda m, x: volume(x)[:, :1].permute(0, 2, 3, 1) * 2,
    "cast": lambda m, x: x.t().double(),
    "cloned": lambda m, x: x.t().clone(),
    "zeros_like": lambda m, x: m.zeros_like(x.t()),
    "zeros_like, dense": lambda m, x: m.zeros_like(x.t(), memory_format=m.contiguous_format),
    "ones_like": lambda m, x: m.ones_like(volume(x).permute(3, 2, 1, 0)),
    "contiguous": lambda m, x: (x.t() * 2).contiguous(),
    "softmax": lambda m, x: volume(x).permute(0, 2, 1, 3).softmax(-1),
    "linear": lambda m, x: m.nn.functional.linear(x.t() * 2, m.ones(5, 40)),
    "expanded": lambda m, x: x[:, :1].expand(40, 24) * 2,
    "a convolution's, permuted": lambda m, x: (
        m.nn.functional.conv1d(x.view(2, 20, 24), m.ones(3, 20, 3)).permute(0, 2, 1).relu()
    ),
    "dropped already": lambda m, x: m.nn.functional.dropout(x.t(), 0.3),
}

DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "dropout": lambda m, x: m.nn.functional.dropout(x, 0.5),
    "alpha_dropout": lambda m, x: m.nn.functional.alpha_dropout(x, 0.5, True),
    "rand_like": lambda m, x: m.rand_like(x),
    "randn_like": lambda m, x: m.randn_like(x),
    "uniform_": lambda m, x: x.clone().uniform_(),
    "normal_": lambda m, x: m.empty_like(x).normal_(),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_strides_are_pytorchs(case):
    torch = pytest.importorskip("torch")
    ours, theirs = case(tw, tw.tensor(X)), case(torch, torch.tensor(X))
    assert ours.stride() == theirs.stride()
    assert ours.is_contiguous() == theirs.is_contiguous()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_draws_are_pytorchs(case, draw):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tw, torch):
        m.manual_seed(1)
        found.append(draw(m, case(m, m.tensor(X))).numpy())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)


def test_what_is_written_into_and_read_from_such_a_result():
    """It is dense here, whatever its strides say."""
    base = tw.arange(6.0).view(2, 3)
    x = base.t() + 0
    assert x.stride() == (1, 3) and not x.is_contiguous() and x.contiguous().stride() == (2, 1)
    x += 1
    x[0] = 9
    assert x.tolist() == [[9, 9], [2, 5], [3, 6]] and base.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.numpy().tolist() == x.tolist() and x.t().tolist() == [[9, 2, 3], [9, 5, 6]]
    assert x.view(-1).tolist() == [9, 9, 2, 5, 3, 6]  # PyTorch refuses to view it so


def test_gradients_of_such_results():
    x = tw.arange(6.0).view(2, 3).requires_grad_()
    y = (x.t() * 2).relu()
    (y * y.detach().t().contiguous().t()).sum().backward()
    assert x.grad.tolist() == [[0, 4, 8], [12, 16, 20]]
