"""Inference mode: what is made within it, and what may be done with that outside; told by both libraries alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw


def _made(m: Any) -> Any:
    with m.inference_mode():
        return m.ones(3)


def _made_in_mode(m: Any) -> Any:
    with m.inference_mode():
        new = [m.ones(2), m.tensor([1.0]), m.arange(2), m.rand(2), m.zeros_like(m.ones(1))]
        off = m.inference_mode(False)
        with off:
            inside = [m.ones(1).is_inference(), m.is_grad_enabled(), m.is_inference_mode_enabled()]
    return [t.is_inference() for t in new], inside, m.is_inference(new[0]), m.ones(1).is_inference()


def _views(m: Any) -> Any:
    t = _made(m)
    views = (t[0], t[:2], t.view(3, 1), t.expand(2, 3), t.detach(), t.data, t.reshape(1, 3))
    return [v.is_inference() for v in views]


def _new_tensors(m: Any) -> Any:
    t = _made(m)
    made = (t.clone(), t * 2, t.exp(), t.max(0)[0], m.cat([t, t]))
    return [v.is_inference() for v in made], t.clone().requires_grad_().requires_grad


def _within(m: Any) -> Any:
    plain = m.ones(3)
    with m.inference_mode():
        t = m.ones(3)
        t.add_(1)
        t[0] = 5
        plain.mul_(2)
        leaf = m.ones(2).requires_grad_()
    return t.tolist(), plain.tolist(), plain.is_inference(), leaf.requires_grad


def _refused(m: Any) -> Any:
    def assigned() -> None:
        _made(m)[0] = 1.0

    def flagged() -> None:
        _made(m).requires_grad = True

    def quietly() -> None:
        with m.no_grad():
            _made(m).zero_()

    errors = []
    for refused in (
        lambda: _made(m).add_(1), lambda: _made(m)[:2].mul_(2), lambda: _made(m).requires_grad_(), assigned, flagged,
        quietly, lambda: m.ones(3).copy_(_made(m)), lambda: _made(m)._version,
    ):  # fmt: skip
        try:
            refused()
        except RuntimeError as error:
            errors.append(str(error)[:40])
        else:
            errors.append("")
    return errors


SCENARIOS: tuple[Callable[[Any], Any], ...] = (
    _made_in_mode, _views, _new_tensors, _within, _refused,
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__.strip("_"))
def test_as_in_pytorch(scenario: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    assert scenario(tw) == scenario(torch)
