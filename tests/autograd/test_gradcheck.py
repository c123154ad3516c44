"""The check of gradients: it passes what is right and catches what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import Function, gradcheck, gradgradcheck


def _input(*shape: int, seed: int = 0) -> Any:
    return tw.tensor(np.random.RandomState(seed).uniform(0.3, 2, shape), requires_grad=True)


RIGHT = {
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: x / y,
    "power": lambda x, y: x**y,
    "matmul": lambda x, y: x @ y.t(),
    "several outputs": lambda x, y: (x.exp(), (x * y).sum()),
    "broadcast": lambda x, y: x[:1] - y.mean(1, keepdim=True),
    "softmax": lambda x, y: (x * y).softmax(1),
    "logsumexp": lambda x, y: (x - y).logsumexp(0),
    "std": lambda x, y: x.std() + y.var(1),
    "norm": lambda x, y: x.norm() * y.norm(dim=1),
    "sort": lambda x, y: x.sort(1)[0] * y,
    "index": lambda x, y: x[[1, 0, 1]] * y[1],
    "views": lambda x, y: x.t().reshape(-1)[1:4] * y.flatten()[2:5],
    "one unused": lambda x, y: x * 2,
    "cumsum": lambda x, y: x.cumsum(1) * y.cumprod(0),
    "whole numbers too": lambda x, y: (x * y, x.argmax()),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name: str) -> None:
    assert gradcheck(RIGHT[name], (_input(2, 3), _input(2, 3, seed=1)))
    assert gradgradcheck(RIGHT[name], (_input(2, 3), _input(2, 3, seed=1)))
    assert gradcheck(RIGHT[name], (_input(2, 3), _input(2, 3, seed=1)), fast_mode=True)
    assert gradgradcheck(RIGHT[name], (_input(2, 3), _input(2, 3, seed=1)), fast_mode=True)


def _wrong(factor: float) -> Any:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return factor * x * g

    return Square.apply


def test_a_wrong_gradient_is_caught() -> None:
    x = _input(3)
    assert gradcheck(_wrong(2), (x,))
    with pytest.raises(
        RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"
    ):
        gradcheck(_wrong(2.01), (x,))
    assert not gradcheck(_wrong(2.01), (x,), raise_exception=False)
    assert gradcheck(_wrong(2.01), (x,), rtol=0.1)
    assert gradcheck(_wrong(2), (x,), fast_mode=True)
    assert not gradcheck(_wrong(2.01), (x,), raise_exception=False, fast_mode=True)


def test_a_wrong_second_gradient_is_caught() -> None:
    class Sine(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * x.detach().cos()

    x = _input(2)
    assert gradcheck(Sine.apply, (x,))
    assert not gradgradcheck(Sine.apply, (x,), raise_exception=False)
    assert not gradgradcheck(Sine.apply, (x,), raise_exception=False, fast_mode=True)


def test_only_what_requires_grad_is_checked() -> None:
    x, constant = _input(2), tw.ones(2, dtype=tw.float64)
    assert gradcheck(lambda a, b, n: a * b * n, (x, constant, 3))
    with pytest.raises(ValueError, match="requires_grad"):
        gradcheck(lambda a: a * 2, (constant,))
    assert gradcheck(lambda a: a * 2, x)


def test_gradients_of_modules() -> None:
    for layer in (tw.nn.Linear(3, 2), tw.nn.LayerNorm(3), tw.nn.Bilinear(3, 3, 2)):
        layer.double()
        arguments = (_input(2, 3),) * (2 if isinstance(layer, tw.nn.Bilinear) else 1)
        assert gradcheck(layer, tuple(a.detach().requires_grad_() for a in arguments))
