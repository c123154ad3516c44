"""Writes in place among what the tape holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .outcomes import error_of, grads_of

Scenario = Callable[[Any], Any]


def _in_place_on_leaves(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)

    def add() -> None:
        w.add_(1)

    def item() -> None:
        w[0] *= 2

    def whole() -> None:
        w.view(2).mul_(2)

    errors = [error_of(f) for f in (add, item, whole)]
    with m.no_grad():
        w.add_(1)
        w[0] = 5
    return [*errors, w.tolist(), w.requires_grad, w.is_leaf]


def _in_place_on_the_tape(m: Any) -> Any:
    w = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = w * 2
    y.add_(w)
    y[1] *= 10
    y[0] = 7
    v = y[1:]
    v.mul_(3)
    y.sum().backward()
    return [y.tolist(), v.tolist(), grads_of(w), type(y.grad_fn).__name__]


def _write_into_plain(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    out = m.zeros(3, 2)
    for t in range(3):
        out[t] = w * (t + 1)
    out.sum().backward()
    return [out.requires_grad, out.tolist(), grads_of(w)]


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (_in_place_on_leaves, _in_place_on_the_tape, _write_into_plain)
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)


def test_a_value_changed_after_use_never_spoils_a_gradient() -> None:
    def through_data(w: Any) -> None:
        w.data[...] = 10

    def assign_data(w: Any) -> None:
        w.data = tw.tensor(10.0)

    def in_place(w: Any) -> None:
        with tw.no_grad():
            w.fill_(10)

    def through_numpy(w: Any) -> None:
        w.detach().numpy()[...] = 10

    for change in (through_data, assign_data, in_place, through_numpy):
        w = tw.tensor(2.0, requires_grad=True)
        y = w * w
        change(w)
        assert w.item() == 10
        y.backward()
        assert w.grad is not None and w.grad.item() == 4, change.__name__
        y = w * w
        y.backward()
        assert w.grad.item() == 24


def test_an_input_changed_after_use_never_spoils_a_gradient() -> None:
    x = tw.tensor([1.0, 2.0])
    w = tw.ones(2, requires_grad=True)
    y = (x * w).sum()
    x.zero_()
    view = (x + 1)[:1]
    z = (view * w[:1]).sum()
    view.fill_(50)
    (y + z).backward()
    assert w.grad is not None and w.grad.tolist() == [2, 2]
