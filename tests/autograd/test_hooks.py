"""Hooks on tensors and on nodes, and gradients kept on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .outcomes import error_of, grads_of

Scenario = Callable[[Any], Any]


def _retain_grad(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    h = w * 3
    before = h.retains_grad
    h.retain_grad()
    h.retain_grad()
    (h * h).sum().backward()
    leaf = m.ones(1, requires_grad=True)
    leaf.retain_grad()
    return [before, h.retains_grad, grads_of(h, w), h.is_leaf, leaf.retains_grad,
            error_of(lambda: m.ones(1).retain_grad())]  # fmt: skip


def _tensor_hooks(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor([1.0, 2.0], requires_grad=True)
    first = w.register_hook(lambda g: log.append(["leaf", g.tolist()]))
    h = w * 2
    h.register_hook(lambda g: log.append(["seen", g.tolist()]))
    h.register_hook(lambda g: g * 10)
    h.register_hook(lambda g: log.append(["replaced", g.tolist()]))
    h.sum().backward()
    first.remove()
    first.remove()
    w.register_hook(lambda g: g + 1)
    (w * 5).sum().backward()
    return [*log, grads_of(w), error_of(lambda: m.ones(1).register_hook(print))]


def _hooks_sum_first(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor(2.0, requires_grad=True)
    h = w * 1
    h.register_hook(lambda g: log.append(g.item()))
    w.register_hook(lambda g: log.append(g.item()))
    (h * 3 + h * 4 + w).backward()
    return [*log, grads_of(w)]


def _node_hooks(m: Any) -> Any:
    log: list[Any] = []
    a, b = m.tensor([1.0, 2.0], requires_grad=True), m.tensor([3.0, 4.0], requires_grad=True)
    y = a * b
    before = y.grad_fn.register_prehook(lambda gs: log.append(["pre", [g.tolist() for g in gs]]))
    after = y.grad_fn.register_hook(
        lambda ins, outs: log.append([[g.tolist() for g in ins], [g.tolist() for g in outs]])
    )
    y.sum().backward()
    before.remove()
    after.remove()
    y = a * b
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0], ins[1] * 100))
    y.sum().backward()
    return [*log, grads_of(a, b)]


def _hook_of_accumulate_grad(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor(2.0, requires_grad=True)
    y = w * w
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda ins, outs: log.append([len(ins), [g.item() for g in outs]]))
    y.backward()
    return [log, grads_of(w)]


def _post_accumulate(m: Any) -> Any:
    w = m.tensor(2.0, requires_grad=True)
    seen: list[Any] = []

    def hook(p: Any) -> None:
        seen.append(p.grad.item())
        p.grad = None

    handle = w.register_post_accumulate_grad_hook(hook)
    for _ in range(2):
        (w * 2).backward()
    handle.remove()
    (w * 7).backward()
    return [seen, grads_of(w), error_of(lambda: (w * 2).register_post_accumulate_grad_hook(hook)),
            error_of(lambda: m.ones(1).register_post_accumulate_grad_hook(hook))]  # fmt: skip


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (
        _retain_grad,
        _tensor_hooks,
        _hooks_sum_first,
        _node_hooks,
        _hook_of_accumulate_grad,
        _post_accumulate,
    )
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)


def test_a_hook_that_fails_leaves_the_library_usable() -> None:
    w = tw.ones(2, requires_grad=True)
    y = w * 2

    def hook(g: Any) -> Any:
        raise KeyError("in a hook")

    handle = y.register_hook(hook)
    with pytest.raises(KeyError, match="in a hook"):
        y.sum().backward()
    assert tw.is_grad_enabled()
    handle.remove()
    w.grad = None
    (w * 2).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [2, 2]


def test_grad_of_a_result_warns() -> None:
    y = tw.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None
    y.retain_grad()
    y.sum().backward()
    assert y.grad is not None and y.grad.tolist() == [1, 1]
