"""A second backward through the same nodes: refused where the first one freed something, as in PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw

from .test_node_table import DIFFERENT, EXPRESSIONS, _names

# No gradient here, or a function of other parts that save what PyTorch's one node does not.
ELSE = {
    "F.interpolate(image, scale_factor=2)",
    'F.interpolate(image, scale_factor=2, mode="bilinear")',
}


def _twice(m: Any, expression: str) -> str:
    """What the second of two walks from an expression's sum comes to."""
    result = eval(expression, _names(m))
    if not result.requires_grad:
        return "nothing to walk"
    total = result.sum()
    total.backward()
    try:
        total.backward()
    except RuntimeError as error:
        return str(error)[:60]
    return "walked again"


@pytest.mark.filterwarnings("ignore")
def test_every_operation_is_freed_where_pytorchs_is() -> None:
    torch = pytest.importorskip("torch")
    differing = {
        e
        for e in EXPRESSIONS.strip().splitlines() + DIFFERENT.strip().splitlines()
        if _twice(tw, e) != _twice(torch, e)
    }
    assert differing == ELSE


@pytest.mark.parametrize("reading", [False, True], ids=["reading nothing", "reading"])
def test_what_a_custom_function_saved_is_freed(reading: bool) -> None:
    class Doubled(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 + (ctx.saved_tensors[0] * 0 if reading else 0)

    x = tw.ones(3, requires_grad=True)
    total = Doubled.apply(x).sum()
    total.backward(retain_graph=True)
    total.backward()
    if not reading:
        total.backward()
        assert x.grad.tolist() == [6.0] * 3
        return
    with pytest.raises(RuntimeError, match="second time"):
        total.backward()
    assert x.grad.tolist() == [4.0] * 3


@pytest.mark.parametrize("values", [[1.0, 0.0, 2.0, 0.0], [0.0, 3.0], [2.0, 0.5, 3.0]])
def test_running_products_over_zeros_have_every_derivative(values: list[float]) -> None:
    x = tw.tensor(values, dtype=tw.float64, requires_grad=True)
    assert tw.autograd.gradcheck(lambda x: x.cumprod(0), x)
    assert tw.autograd.gradgradcheck(lambda x: x.cumprod(0), x)


def test_the_only_factor_of_zero_has_the_product_of_the_others() -> None:
    x = tw.tensor([2.0, 3.0], dtype=tw.float64, requires_grad=True)
    src = tw.tensor([0.0, 5.0, 0.0, 0.0], dtype=tw.float64, requires_grad=True)
    found = x.scatter_reduce(0, tw.tensor([0, 0, 1, 1]), src, "prod")
    found.sum().backward()
    assert src.grad.tolist() == [10.0, 0.0, 0.0, 0.0] and x.grad.tolist() == [0.0, 0.0]


def test_what_a_strided_source_overwrites_has_no_gradient() -> None:
    x = tw.arange(9.0, dtype=tw.float64).reshape(3, 3).requires_grad_()
    src = tw.ones(2, 2, dtype=tw.float64, requires_grad=True)
    assert tw.autograd.gradcheck(lambda x, s: x.as_strided_scatter(s, (2, 2), (1, 2), 1), (x, src))
