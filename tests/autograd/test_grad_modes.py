"""Grad modes, and which tensors require grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

Scenario = Callable[[Any], Any]


def _error(function: Callable[[], Any]) -> str:
    """The name of the error's class, or "" where there is none."""
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return ""


def _grads(*tensors: Any) -> list[Any]:
    return [None if t.grad is None else t.grad.tolist() for t in tensors]


def _modes(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    log = []
    with m.no_grad():
        log.append([(w * 2).requires_grad, m.is_grad_enabled()])
        with m.enable_grad():
            log.append([(w * 2).requires_grad, m.is_grad_enabled()])
        log.append(m.is_grad_enabled())
    with m.inference_mode():
        z = w * 2
        log.append([z.requires_grad, m.is_inference_mode_enabled()])
    with m.set_grad_enabled(False):
        log.append((w * 2).requires_grad)
    log.append(m.is_grad_enabled())
    m.set_grad_enabled(False)
    log.append((w * 2).requires_grad)
    m.set_grad_enabled(True)

    @m.no_grad()
    def quiet() -> Any:
        return w * 2

    @m.no_grad
    def bare() -> Any:
        return w * 2

    @m.enable_grad()
    def loud() -> Any:
        return w * 2

    @m.inference_mode()
    def inferred() -> Any:
        return w * 2

    @m.set_grad_enabled(False)
    def switched() -> Any:
        return w * 2

    with m.no_grad():
        log.append(loud().requires_grad)
    log.append([f().requires_grad for f in (quiet, bare, inferred, switched)])
    try:
        with m.no_grad():
            raise KeyError
    except KeyError:
        log.append(m.is_grad_enabled())
    return log


def _requires_grad(m: Any) -> Any:
    w = m.ones(2)
    y = (w * 2).requires_grad_()
    z = y * 3
    return [y.is_leaf, z.requires_grad, z.detach().requires_grad,
            _error(lambda: m.ones(2, dtype=m.int64).requires_grad_()),
            _error(lambda: z.requires_grad_(False)), _error(lambda: setattr(z, "requires_grad", False)),
            (z > 1).requires_grad, z.argmax().requires_grad, z.long().requires_grad]  # fmt: skip


def _detached(m: Any) -> Any:
    w = m.tensor(3.0, requires_grad=True)
    y = w * w.detach()
    z = w * 1
    z.detach_()
    y.backward()
    return [_grads(w), z.requires_grad, z.is_leaf]


def _grad_attribute(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    w.grad = m.tensor([5.0, 5.0])
    w.sum().backward()
    log = [_grads(w)]
    w.grad.zero_()
    log.append(_grads(w))
    del w.grad
    return [*log, w.grad, _error(lambda: setattr(w, "grad", 3)),
            _error(lambda: setattr(w, "grad", m.ones(3))),
            _error(lambda: setattr(w, "grad", m.ones(2, dtype=m.float64)))]  # fmt: skip


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f for f in (_modes, _requires_grad, _detached, _grad_attribute)
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)
