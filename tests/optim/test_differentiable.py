"""With ``differentiable=True`` gradients flow through steps, to the gradients they took and to where they began."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw

CASES: list[tuple[str, dict[str, Any], int]] = [
    ("SGD", {"weight_decay": 0.1}, 3),
    ("Adam", {}, 3),
    ("AdamW", {}, 3),
    ("RMSprop", {"momentum": 0.3}, 1),
    ("Adagrad", {}, 3),
    ("Adadelta", {}, 3),
    ("NAdam", {}, 3),
    ("RAdam", {}, 3),
    ("Adamax", {}, 1),
    ("ASGD", {}, 3),
]


def through(library: Any, name: str, settings: dict[str, Any], steps: int) -> list[Any]:
    """What flows back to the gradients of ``steps`` steps, and to the start."""
    draw = np.random.default_rng(0)
    given = [library.tensor(draw.normal(size=(3, 2)), requires_grad=True) for _ in range(steps + 1)]
    p = given[0].clone()
    optimizer = getattr(library.optim, name)([p], lr=0.1, differentiable=True, **settings)
    for g in given[1:]:
        p.grad = g
        optimizer.step()
    grads = library.autograd.grad((p**3).sum(), given, allow_unused=True)
    return [np.zeros((3, 2)) if g is None else g.numpy() for g in grads]


@pytest.mark.parametrize(("name", "settings", "steps"), CASES)
def test_what_flows_back_is_pytorchs(name, settings, steps, torch):
    found, expected = through(tw, name, settings, steps), through(torch, name, settings, steps)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, 5e-5, 1e-9)


def test_a_rate_that_learns():
    rate = tw.tensor(0.25, dtype=tw.float64, requires_grad=True)
    p = tw.tensor([1.0, 2.0], dtype=tw.float64, requires_grad=True).clone()
    optimizer = tw.optim.SGD([p], lr=rate, momentum=0.5, differentiable=True)
    for _ in range(2):
        p.grad = tw.tensor([1.0, -1.0], dtype=tw.float64)
        optimizer.step()
    (p * tw.tensor([1.0, 3.0], dtype=tw.float64)).sum().backward()
    assert rate.grad.item() == 5.0
    assert p.tolist() == [1 - 2.5 * 0.25, 2 + 2.5 * 0.25]


def test_a_leaf_is_not_overwritten():
    p = tw.nn.Parameter(tw.ones(2))
    p.grad = tw.ones(2)
    with pytest.raises(RuntimeError, match="leaf"):
        tw.optim.SGD([p], differentiable=True).step()
    assert p.tolist() == [1.0, 1.0]
