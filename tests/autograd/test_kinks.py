"""Gradients at ties, kinks and singular points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

KINKS: dict[str, tuple[list[float], Callable[[Any, Any], Any]]] = {
    "max with a tensor": ([0.0], lambda m, x: x.max(m.tensor(0.0))),
    "maximum": ([0.0, 1.0], lambda m, x: m.maximum(x, m.zeros(2))),
    "minimum": ([0.0, 1.0], lambda m, x: m.minimum(x, m.zeros(2))),
    "relu": ([0.0, -1.0, 2.0], lambda m, x: m.nn.functional.relu(x)),
    "clamp_min": ([0.0, -1.0], lambda m, x: x.clamp_min(0.0)),
    "clamp_max": ([0.0, -1.0], lambda m, x: x.clamp_max(0.0)),
    "clamp": ([0.0, 1.0, 2.0, -1.0, 0.5], lambda m, x: x.clamp(0, 1)),
    "max of ties": ([3.0, 3.0, 3.0, 1.0], lambda m, x: x.max()),
    "min of ties": ([1.0, 3.0, 1.0], lambda m, x: x.min()),
    "max over ties": ([3.0, 3.0, 3.0], lambda m, x: x.max(0)[0]),
    "min over ties": ([3.0, 3.0, 3.0], lambda m, x: x.min(0)[0]),
    "amax of ties": ([3.0, 3.0, 1.0], lambda m, x: x.amax()),
    "abs": ([0.0, -0.0, 1.0], lambda m, x: x.abs()),
    "sign": ([0.0, -2.0], lambda m, x: x.sign()),
    "leaky relu": ([0.0, -1.0], lambda m, x: m.nn.functional.leaky_relu(x, 0.1)),
    "elu": ([0.0, -1.0], lambda m, x: m.nn.functional.elu(x)),
    "selu": ([0.0, -1.0], lambda m, x: m.nn.functional.selu(x)),
    "celu": ([0.0, -1.0], lambda m, x: m.nn.functional.celu(x, 0.5)),
    "softplus": ([0.0, 25.0], lambda m, x: m.nn.functional.softplus(x)),
    "softplus at its threshold": ([20.0, 10.0], lambda m, x: m.nn.functional.softplus(x)),
    "softplus with a threshold of 0": ([0.0, 1.0], lambda m, x: m.nn.functional.softplus(x, 1, 0)),
    "elu of nan": ([float("nan"), 0.0], lambda m, x: m.nn.functional.elu(x, 2.0)),
    "celu of nan": ([float("nan"), 0.0], lambda m, x: m.nn.functional.celu(x, 2.0)),
    "threshold of nan": ([float("nan"), 0.0], lambda m, x: m.nn.functional.threshold(x, 1.0, 5.0)),
    "softshrink of nan": ([float("nan"), 0.0], lambda m, x: m.nn.functional.softshrink(x)),
    "leaky relu, infinitely steep": ([1.0, -1.0], lambda m, x: m.nn.functional.leaky_relu(x, float("inf"))),
    "logsigmoid": ([0.0, -200.0], lambda m, x: m.nn.functional.logsigmoid(x)),
    "hardswish": ([-3.0, 3.0, 0.0], lambda m, x: m.nn.functional.hardswish(x)),
    "hardsigmoid": ([-3.0, 3.0, 0.0], lambda m, x: m.nn.functional.hardsigmoid(x)),
    "softshrink": ([-0.5, 0.5, 0.0], lambda m, x: m.nn.functional.softshrink(x)),
    "hardshrink": ([-0.5, 0.5, 0.0], lambda m, x: m.nn.functional.hardshrink(x)),
    "threshold": ([1.0, 2.0], lambda m, x: m.nn.functional.threshold(x, 1.0, 5.0)),
    "huber": ([1.0, -1.0, 0.0], lambda m, x: m.nn.functional.huber_loss(x, m.zeros(3))),
    "cubic norm at zero": ([0.0, 0.0], lambda m, x: x.norm(3)),
    "norm over rows with a zero": ([0.0, 0.0, 3.0, 4.0], lambda m, x: x.view(2, 2).norm(dim=1)),
    "var of one value": ([2.0, 2.0], lambda m, x: x.var()),
    "hardtanh": ([-1.0, 1.0, 0.0], lambda m, x: m.nn.functional.hardtanh(x)),
    "relu6": ([0.0, 6.0, 3.0], lambda m, x: m.nn.functional.relu6(x)),
    "smooth_l1": ([1.0, -1.0, 0.0], lambda m, x: m.nn.functional.smooth_l1_loss(x, m.zeros(3))),
    "l1": ([1.0, 0.0], lambda m, x: m.nn.functional.l1_loss(x, m.zeros(2))),
    "norm at zero": ([0.0, 0.0], lambda m, x: x.norm()),
    "sqrt at zero": ([0.0, 4.0], lambda m, x: x.sqrt()),
    "power at zero": ([0.0, 2.0], lambda m, x: x**2.0),
    "power zero": ([0.0, 2.0], lambda m, x: x**0),
    "prod with a zero": ([0.0, 2.0, 3.0], lambda m, x: x.prod()),
    "prod with zeros": ([0.0, 0.0, 3.0], lambda m, x: x.prod()),
    "running product over a zero": ([1.0, 2.0, 0.0, 3.0, 4.0], lambda m, x: x.cumprod(0) * m.arange(1.0, 6)),
    "running product over zeros": ([2.0, 0.0, 3.0, 0.0, 4.0], lambda m, x: x.cumprod(0) * m.arange(1.0, 6)),
    "running product from a zero": ([0.0, 2.0, 3.0], lambda m, x: x.cumprod(0)),
    "running product of zeros": ([0.0, 0.0], lambda m, x: x.cumprod(0)),
    "scattered factors, a zero": (
        [2.0, 0.0, 3.0, 0.0, 0.0, 5.0],
        lambda m, x: x[:2].scatter_reduce(0, m.tensor([0, 0, 1, 1]), x[2:], "prod"),
    ),
    "scattered factors, new products": (
        [2.0, 7.0, 3.0, 0.0, 0.0, 0.0],
        lambda m, x: x[:2].scatter_reduce(0, m.tensor([0, 0, 1, 1]), x[2:], "prod", include_self=False),
    ),
    "slices as factors, a zero": (
        [2.0, 3.0, 0.0, 4.0, 5.0, 0.0],
        lambda m, x: x[:2].view(2, 1).index_reduce(0, m.tensor([0, 0, 1, 1]), x[2:].view(4, 1), "prod"),
    ),
    "median of ties": ([2.0, 2.0, 1.0], lambda m, x: x.median()),
    "sort of ties": ([2.0, 2.0, 1.0], lambda m, x: x.sort(stable=True)[0] * m.tensor([1.0, 2.0, 3.0])),
    "max pool of ties": ([1.0, 1.0, 1.0, 1.0], lambda m, x: m.nn.functional.max_pool1d(x.view(1, 1, 4), 2)),
    "where with nan": ([0.0, 2.0], lambda m, x: m.where(x > 0, x.log(), m.zeros(2))),
    "logsumexp of infinities": ([float("-inf"), 0.0], lambda m, x: x.logsumexp(0)),
    "std of one value": ([2.0, 2.0], lambda m, x: x.std()),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:index_reduce")  # PyTorch says that it is in beta
@pytest.mark.parametrize("name", KINKS)
def test_ties_and_kinks(name: str) -> None:
    torch = pytest.importorskip("torch")
    values, case = KINKS[name]
    gradients = []
    for m in (tw, torch):
        x = m.tensor(values, requires_grad=True)
        case(m, x).sum().backward()
        gradients.append([repr(round(g, 6)) for g in x.grad.tolist()])
    assert gradients[0] == gradients[1]
