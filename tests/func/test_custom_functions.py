"""Custom Functions under vmap and in func's transformations."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw
from thalweg.func import grad, hessian, jacrev, vmap

X = tw.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
W = tw.tensor([1.0, 2.0, 3.0])


class Weighted(tw.autograd.Function):
    """x * x * w"""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, w: Any) -> Any:
        assert x.ndim == w.ndim == 1
        return x * x * w

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        assert g.ndim == 1
        x, w = ctx.saved_tensors
        return g * 2 * x * w, g * x * x


class Total(tw.autograd.Function):
    """The sum, with its own rule for a batch."""

    calls: list[Any] = []

    @staticmethod
    def forward(x: Any) -> Any:
        return x.sum()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.shape = tuple(inputs[0].shape)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g.expand(ctx.shape)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        Total.calls.append((info.batch_size, info.randomness, in_dims, tuple(x.shape)))
        return x.sum(tuple(range(1, x.ndim))), 0


def test_a_function_sees_one_example() -> None:
    assert vmap(Weighted.apply, (0, None))(X, W).tolist() == [[1, 8, 27], [16, 50, 108]]
    assert (
        vmap(vmap(lambda x: Weighted.apply(x[None], x[None])))(X).tolist()
        == (X**3)[..., None].tolist()
    )


def test_gradients_inside_and_outside() -> None:
    inside = vmap(grad(lambda x, w: Weighted.apply(x, w).sum(), (0, 1)), (0, None))(X, W)
    assert inside[0].tolist() == (2 * X * W).tolist() and inside[1].tolist() == (X * X).tolist()
    outside = grad(lambda w: vmap(Weighted.apply, (0, None))(X, w).sum())(W)
    assert outside.tolist() == [17, 29, 45]
    assert jacrev(lambda x: Weighted.apply(x, W))(W).tolist() == [[2, 0, 0], [0, 8, 0], [0, 0, 18]]
    assert hessian(lambda x: Weighted.apply(x, W).sum())(W).tolist() == [
        [2, 0, 0],
        [0, 4, 0],
        [0, 0, 6],
    ]


def test_a_constant_gradient_counts_for_each_example() -> None:
    class Shifted(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            return x + w

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, tw.ones(3)

    found = grad(lambda w: vmap(Shifted.apply, (0, None))(X, w).sum())(W)
    assert found.tolist() == [2, 2, 2]


def test_its_own_rule() -> None:
    Total.calls.clear()
    assert vmap(Total.apply)(X).tolist() == [6, 15]
    assert vmap(Total.apply, in_dims=1)(X).tolist() == [5, 7, 9]
    assert vmap(vmap(Total.apply))(X[None]).tolist() == [[6, 15]]
    assert Total.calls[0] == (2, "error", (0,), (2, 3)) and Total.calls[2][3] == (2, 3)
    assert vmap(grad(Total.apply))(X).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_rule_that_gives_one_thing() -> None:
    class Wrong(Total):
        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any) -> Any:
            return x.sum(1)

    with pytest.raises(RuntimeError, match="has to give two things"):
        vmap(Wrong.apply)(X)


def test_backward_is_refused_under_vmap() -> None:
    with pytest.raises(RuntimeError, match="backward\\(\\) called inside"):
        vmap(lambda x: x.sum().backward())(X.clone().requires_grad_())


def test_autograd_grad_under_vmap() -> None:
    x = X.clone().requires_grad_()
    found = vmap(lambda row: tw.autograd.grad((row**3).sum(), row)[0])(x)
    assert found.tolist() == (3 * X**2).tolist()
