"""Random numbers for tensors whose elements lie in memory in another order: each has its own, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

VIEWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda m: m.zeros(4, 5).t(),
    "few": lambda m: m.zeros(2, 3).t(),
    "permuted": lambda m: m.zeros(2, 3, 4).permute(2, 0, 1),
    "every other": lambda m: m.zeros(8, 5)[::2],
    "both": lambda m: m.zeros(8, 5).t()[::2],
    "columns": lambda m: m.zeros(6, 8)[:, 2:6],
    "plain": lambda m: m.zeros(5, 4),
}
DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "uniform_": lambda m, x: x.uniform_(),
    "normal_": lambda m, x: x.normal_(),
    "bernoulli_": lambda m, x: x.bernoulli_(0.5),
    "random_": lambda m, x: x.random_(100),
    "exponential_": lambda m, x: x.exponential_(),
    "rand_like": lambda m, x: m.rand_like(x),
    "randn_like": lambda m, x: m.randn_like(x),
    "randint_like": lambda m, x: m.randint_like(x, 100),
    "bernoulli": lambda m, x: m.bernoulli(x + 0.5),
}


def made(m: Any, view: str, draw: str) -> Any:
    m.manual_seed(0)
    values = DRAWS[draw](m, VIEWS[view](m))
    return values.flatten().tolist()


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("view", VIEWS)
def test_as_pytorch(view: str, draw: str) -> None:
    torch = pytest.importorskip("torch")
    assert made(tw, view, draw) == pytest.approx(made(torch, view, draw), rel=1e-5)


def test_a_spare_number_is_kept() -> None:
    """Normal numbers come in pairs; seven leave one over for the next tensor."""
    tw.manual_seed(0)
    first, then = tw.randn(7), tw.randn(2)
    tw.manual_seed(0)
    whole = tw.randn(9)
    assert first.tolist() + then.tolist() == whole.tolist()
    tw.manual_seed(0)
    assert tw.zeros(3, 6).t().normal_().t().flatten()[:9].tolist() == whole.tolist()


def test_numbers_of_a_transposed_tensor() -> None:
    tw.manual_seed(0)
    assert tw.zeros(2, 3).t().uniform_().flatten().tolist() == pytest.approx(
        [0.4963, 0.1320, 0.7682, 0.3074, 0.0885, 0.6341], abs=1e-4
    )
