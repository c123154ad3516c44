"""LBFGS finds PyTorch's points by PyTorch's number of calls, with and without a line search."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import thalweg as tw

START = [-1.2, 1.0]


def valley(library: Any, optimizer: Any, calls: list[float]) -> Any:
    """A closure on Rosenbrock's function, whose least is at (1, 1); notes each loss."""
    (p,) = optimizer.param_groups[0]["params"]

    def closure() -> Any:
        optimizer.zero_grad()
        x, y = p[0], p[1]
        loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        loss.backward()
        calls.append(float(loss.detach()))
        return loss.detach()

    return closure


def run(library: Any, steps: int, **settings: Any) -> tuple[Any, Any, list[float]]:
    p = library.nn.Parameter(library.tensor(START, dtype=library.float64))
    optimizer = library.optim.LBFGS([p], **settings)
    calls: list[float] = []
    for _ in range(steps):
        optimizer.step(valley(library, optimizer, calls))
    return p, optimizer, calls


SETTINGS: list[dict[str, Any]] = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 0.1, "history_size": 3, "max_iter": 7},
    {"line_search_fn": "strong_wolfe", "lr": 40.0, "max_eval": 9},
    {"lr": 1e-3, "max_iter": 9},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-2},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1.0},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_call_of_the_closure_is_pytorchs(settings, torch):
    p, optimizer, calls = run(tw, 3, **settings)
    q, other, expected = run(torch, 3, **settings)
    assert len(calls) == len(expected)
    np.testing.assert_allclose(calls, expected, 1e-5, 1e-12)
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-6)
    state, theirs = optimizer.state[p], other.state[q]
    assert state.keys() == theirs.keys() and state["n_iter"] == theirs["n_iter"]
    assert state["func_evals"] == theirs["func_evals"] == len(calls)


def test_the_valley_s_end_is_found():
    p, optimizer, calls = run(tw, 4, line_search_fn="strong_wolfe")
    np.testing.assert_allclose(p.detach().numpy(), [1, 1], 1e-4)
    assert len(calls) < 80
    twin = copy.deepcopy(optimizer)
    before = p.detach().numpy().copy()
    twin.step(valley(tw, twin, calls))
    np.testing.assert_array_equal(p.detach().numpy(), before)


def test_a_loaded_state_goes_on():
    whole, _, _ = run(tw, 2, line_search_fn="strong_wolfe", max_iter=5)
    p, first, calls = run(tw, 1, line_search_fn="strong_wolfe", max_iter=5)
    second = tw.optim.LBFGS([p], lr=7)
    second.load_state_dict(first.state_dict())
    second.step(valley(tw, second, calls))
    np.testing.assert_array_equal(p.detach().numpy(), whole.detach().numpy())


def test_what_is_refused():
    p = tw.nn.Parameter(tw.ones(2))
    with pytest.raises(ValueError, match="parameter groups"):
        tw.optim.LBFGS([{"params": [p]}, {"params": [tw.nn.Parameter(tw.ones(1))]}])
    with pytest.raises(TypeError, match="closure"):
        tw.optim.LBFGS([p]).step()
    with pytest.raises(RuntimeError, match="only 'strong_wolfe'"):
        run(tw, 1, line_search_fn="armijo")
    with pytest.raises(ValueError, match="1-element"):
        tw.optim.LBFGS([p], lr=tw.ones(2))


def test_parameters_without_a_gradient_stay():
    p, q = tw.nn.Parameter(tw.ones(2)), tw.nn.Parameter(tw.ones(1))
    optimizer = tw.optim.LBFGS([p, q], lr=0.1, max_iter=3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert q.item() == 1.0 and float(p.detach().max()) < 1.0
