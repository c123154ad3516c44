"""Python numbers as arguments: equal ones of which one is not the other, and such as vary from call to call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.runtime.recorder import clear_caches
from thalweg.runtime.trace import trie

F = tw.nn.functional
ROWS = [[-2.0, -1.0, 0.0], [-0.0, 0.5, 3.0]]
LINE = [-2.0, -1.0, -0.0, 0.0, 0.5, 3.0, math.nan, math.inf, -math.inf]

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "leaky_relu": lambda x, v: F.leaky_relu(x, v),
    "elu": lambda x, v: F.elu(x, v),
    "celu": lambda x, v: F.celu(x, v if v else 1),
    "softplus": lambda x, v: F.softplus(x, v),
    "threshold of softplus": lambda x, v: F.softplus(x, 1, v),
    "least of hardtanh": lambda x, v: F.hardtanh(x, v, 5),
    "most of hardtanh": lambda x, v: F.hardtanh(x, -5, v),
    "threshold": lambda x, v: F.threshold(x, v, v),
    "hardshrink": lambda x, v: F.hardshrink(x, v),
    "softshrink": lambda x, v: F.softshrink(x, v),
    "nan_to_num": lambda x, v: tw.nan_to_num(x, v, v, v),
    "clamp": lambda x, v: x.clamp(v, v),
    "pow": lambda x, v: x**v,
    "power of integers": lambda x, v: tw.tensor([1, 2, -3]) ** v,
    "power of bools": lambda x, v: tw.tensor([True, False]) ** v,
    "threshold of integers": lambda x, v: F.threshold(tw.tensor([1, 2, -3]), v, v),
    "add": lambda x, v: tw.tensor([1, 2, -3]) + v,
    "smooth_l1_loss": lambda x, v: F.smooth_l1_loss(x, x.detach() * 2, beta=v, reduction="none"),
    "layer_norm": lambda x, v: F.layer_norm(tw.tensor(ROWS), (3,), eps=v),
    "attention": lambda x, v: F.scaled_dot_product_attention(*[tw.tensor([ROWS])] * 3, scale=v),
    "norm": lambda x, v: x[:6].norm(v),
    "var": lambda x, v: x[:6].var(correction=v),
}
EQUAL = [(0, 0.0, -0.0, False), (1, 1.0, True), (2, 2.0, np.float64(2))]


def _bits(function: Callable[[Any, Any], Any], number: Any) -> Any:
    """Type, elements and gradient of a function of LINE and a number."""
    x = tw.tensor(LINE, requires_grad=True)
    y = function(x, number)
    if y.requires_grad:
        y.sum().backward()
    grad = None if x.grad is None else x.grad.numpy().tobytes()
    return repr(y.dtype), y.detach().numpy().tobytes(), grad


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_is_not_mistaken_for_one_that_is_equal(name: str) -> None:
    function = FUNCTIONS[name]
    with tw.tier("interpret"):
        for numbers in EQUAL:
            fresh = []
            for number in numbers:
                clear_caches()
                fresh.append(_bits(function, number))
            clear_caches()
            assert [_bits(function, n) for n in numbers] == fresh
            clear_caches()
            assert [_bits(function, n) for n in reversed(numbers)] == fresh[::-1]


VARYING: dict[str, Callable[[Any, Any, float], Any]] = {
    "addmm": lambda m, x, v: m.addmm(x, x, x, beta=v, alpha=v + 1),
    "addmv": lambda m, x, v: m.addmv(x[0], x, x[1], beta=v, alpha=v + 1),
    "baddbmm": lambda m, x, v: m.baddbmm(x[None], x[None], x[None], beta=v, alpha=v + 1),
    "leaky_relu": lambda m, x, v: m.nn.functional.leaky_relu(x, v),
    "elu": lambda m, x, v: m.nn.functional.elu(x, v),
    "celu": lambda m, x, v: m.nn.functional.celu(x, v),
    "softplus": lambda m, x, v: m.nn.functional.softplus(x, v, v + 10),
    "hardtanh": lambda m, x, v: m.nn.functional.hardtanh(x, -v, v),
    "threshold": lambda m, x, v: m.nn.functional.threshold(x, v, -v),
    "hardshrink": lambda m, x, v: m.nn.functional.hardshrink(x, v),
    "softshrink": lambda m, x, v: m.nn.functional.softshrink(x, v),
    "nan_to_num": lambda m, x, v: m.nan_to_num(x / 0, v, v + 1, v + 2),
}


@pytest.mark.parametrize("name", VARYING)
def test_a_number_that_varies_builds_no_new_graph(name: str) -> None:
    torch = pytest.importorskip("torch")
    values = [[-2.0, 0.5, 1.0], [0.0, 3.0, -0.75], [1.5, -1.0, 0.25]]
    known = 0
    for k, number in enumerate((0.5, 0.625, 2.0, 3.5)):
        results = []
        for m in (tw, torch):
            x = m.tensor(values, requires_grad=True)
            y = VARYING[name](m, x, number)
            y.sum().backward()
            results.append((y.detach().numpy(), x.grad.numpy()))
        for mine, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
        if k:
            assert len(trie.graphs) == known
        known = len(trie.graphs)


def test_a_beta_of_zero_takes_everything_away() -> None:
    x = tw.tensor([[1.0, 2.0], [3.0, 4.0]])
    lost = tw.full((2, 2), math.nan).requires_grad_()
    for beta in (0, 0.0, False, tw.tensor(0.0)):
        y = tw.addmm(lost, x, x, beta=beta)
        assert y.tolist() == [[7.0, 10.0], [15.0, 22.0]]
    y.sum().backward()
    assert lost.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert tw.addmv(lost[0], x, x[0], beta=0).tolist() == [5.0, 11.0]


REFUSED: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "addmm of vectors": (RuntimeError, lambda m: m.addmm(m.ones(2), m.ones(2), m.ones(2, 2))),
    "addmv of matrices": (RuntimeError, lambda m: m.addmv(m.ones(2), m.ones(2, 2), m.ones(2, 2))),
    "a wide input": (RuntimeError, lambda m: m.addmm(m.ones(3, 2, 2), m.ones(2, 2), m.ones(2, 2))),
    "another type": (RuntimeError, lambda m: m.addmm(m.tensor(1), m.ones(2, 2), m.ones(2, 2))),
    "bools": (NotImplementedError, lambda m: m.addmm(*[m.ones(2, 2) > 0] * 3)),
    "a string": (TypeError, lambda m: m.ones(2).add("2")),
    "a string as a bound": (TypeError, lambda m: m.ones(2).clamp("2")),
    "celu of 0": (RuntimeError, lambda m: m.nn.functional.celu(m.ones(2), 0.0)),
    "a negative lambda": (RuntimeError, lambda m: m.nn.functional.softshrink(m.ones(2), -1.0)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, refused: Any) -> None:
    refused(*REFUSED[name])
