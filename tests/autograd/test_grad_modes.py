"""Grad modes, and which tensors require grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .outcomes import error_of, grads_of

Scenario = Callable[[Any], Any]


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
            error_of(lambda: m.ones(2, dtype=m.int64).requires_grad_()),
            error_of(lambda: z.requires_grad_(False)), error_of(lambda: setattr(z, "requires_grad", False)),
            (z > 1).requires_grad, z.argmax().requires_grad, z.long().requires_grad]  # fmt: skip


def _detached(m: Any) -> Any:
    w = m.tensor(3.0, requires_grad=True)
    y = w * w.detach()
    z = w * 1
    z.detach_()
    y.backward()
    return [grads_of(w), z.requires_grad, z.is_leaf]


def _grad_attribute(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    w.grad = m.tensor([5.0, 5.0])
    w.sum().backward()
    log = [grads_of(w)]
    w.grad.zero_()
    log.append(grads_of(w))
    del w.grad
    return [*log, w.grad, error_of(lambda: setattr(w, "grad", 3)),
            error_of(lambda: setattr(w, "grad", m.ones(3))),
            error_of(lambda: setattr(w, "grad", m.ones(2, dtype=m.float64)))]  # fmt: skip


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f for f in (_modes, _requires_grad, _detached, _grad_attribute)
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)
