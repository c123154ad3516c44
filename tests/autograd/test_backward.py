"""Walking the tape: what PyTorch's users rely on, told by both libraries alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .outcomes import error_of, grads_of

Scenario = Callable[[Any], Any]


def _accumulation(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    log = []
    for _ in range(3):
        (w * w).sum().backward()
        log.append(grads_of(w))
    w.grad = None
    (3 * w).sum().backward()
    held = w.grad
    (3 * w).sum().backward()
    return [*log, grads_of(w), held is w.grad, held.tolist(), w.grad.requires_grad]


def _retain_graph(m: Any) -> Any:
    w = m.tensor(3.0, requires_grad=True)
    y = w.exp() * w
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    return [grads_of(w), error_of(y.backward), error_of(lambda: m.autograd.grad(y, w))]


def _freed_but_nothing_saved(m: Any) -> Any:
    w = m.tensor([3.0, 1.0], requires_grad=True)
    y = (w + 1).sum()
    y.backward()
    return [error_of(y.backward), grads_of(w)]


def _inputs(m: Any) -> Any:
    a, b = m.tensor(2.0, requires_grad=True), m.tensor(5.0, requires_grad=True)
    h = a * b
    (h * a).backward(inputs=[a])
    log = [grads_of(a, b)]
    h = a * b
    (h * b).backward(inputs=b)
    h = a * b
    (h * b).backward(inputs=[h, b])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = grads_of(h)
    return [*log, grads_of(a, b), kept, error_of(lambda: (a * b).backward(inputs=[]))]


def _gradient_argument(m: Any) -> Any:
    w = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (w * w).backward(m.tensor([1.0, 0.0, -1.0]))
    m.autograd.backward([w.sum(), w * 2], [None, m.ones(3)])
    return [
        grads_of(w),
        error_of(lambda: (w * w).backward()),
        error_of(lambda: (w * w).backward(m.ones(2))),
        error_of(lambda: m.ones(1).backward()),
    ]


def _shape_of_one(m: Any) -> Any:
    w = m.ones(1, 1, requires_grad=True)
    (w * 4).backward()
    return grads_of(w)


def _grad(m: Any) -> Any:
    a, b, c = (m.tensor([float(k), 1.0], requires_grad=True) for k in (1, 2, 3))
    y = (a * b).sum()
    found = m.autograd.grad(y, (a, b), retain_graph=True)
    unused = m.autograd.grad(y, (a, c), retain_graph=True, allow_unused=True)
    zeros = m.autograd.grad(y, (a, c), retain_graph=True, materialize_grads=True)
    missing = error_of(lambda: m.autograd.grad(y, (a, c), retain_graph=True))
    weighed = m.autograd.grad([a * 2, b * a], [a], [m.ones(2), m.tensor([1.0, 10.0])])
    middle = a * b
    inner = m.autograd.grad((middle * middle).sum(), middle)
    plain = m.ones(2)
    return [
        [g.tolist() for g in found], unused[0].tolist(), unused[1], [g.tolist() for g in zeros], missing,
        weighed[0].tolist(), inner[0].tolist(), grads_of(a, b, c), type(found).__name__,
        error_of(lambda: m.autograd.grad((a * plain).sum(), plain)),
    ]  # fmt: skip


def _create_graph(m: Any) -> Any:
    x = m.tensor([0.5, 1.5], requires_grad=True)
    y = (x**3).sum()
    (g,) = m.autograd.grad(y, x, create_graph=True)
    (h,) = m.autograd.grad(g.sum(), x, create_graph=True)
    (k,) = m.autograd.grad(h.sum(), x)
    (g * g).sum().backward()
    return [g.tolist(), h.tolist(), k.tolist(), g.requires_grad, k.requires_grad, grads_of(x)]


def _penalty(m: Any) -> Any:
    x = m.tensor([[1.0, 2.0]], requires_grad=True)
    w = m.tensor([[0.5], [0.25]], requires_grad=True)
    out = (x @ w).tanh().sum()
    (g,) = m.autograd.grad(out, x, create_graph=True)
    ((g.norm() - 1) ** 2).backward()
    return [[round(v, 5) for row in t for v in row] for t in grads_of(w)]


def _backward_create_graph(m: Any) -> Any:
    x = m.tensor(2.0, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**3).backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.backward()
    return [g.requires_grad, g.item(), grads_of(x)]


def _walk(m: Any) -> Any:
    w, x = m.ones(2, 3, requires_grad=True), m.ones(4, 2)
    bias = m.zeros(3, requires_grad=True)
    y = (m.relu(x @ w + bias) * 2).sum()
    lines: list[str] = []

    def visit(node: Any, depth: int) -> None:
        if node is None:
            lines.append(f"{depth} None")
            return
        lines.append(f"{depth} {type(node).__name__} {node.name()}")
        for below, nr in node.next_functions:
            visit(below, depth + 1)
            lines.append(f"{nr}")

    visit(y.grad_fn, 0)
    return lines


def _variable(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    y = w * 2
    node = y.grad_fn.next_functions[0][0]
    return [node.variable is w, y.grad_fn.next_functions[1], node.next_functions, w.grad_fn,
            y.output_nr, w.is_leaf, y.is_leaf]  # fmt: skip


def _mixed_types(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    v = m.ones(2, dtype=m.float64, requires_grad=True)
    ((w * 2) * v + w.double()).sum().backward()
    return [repr(w.grad.dtype).split(".")[-1], repr(v.grad.dtype).split(".")[-1], grads_of(w, v)]


def _shared_subgraph(m: Any) -> Any:
    w = m.tensor(1.5, requires_grad=True)
    x = w
    for _ in range(30):
        x = x * 0.5 + x * 0.5
    x.backward()
    return grads_of(w)


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (
        _accumulation,
        _retain_graph,
        _freed_but_nothing_saved,
        _inputs,
        _gradient_argument,
        _shape_of_one,
        _grad,
        _create_graph,
        _penalty,
        _backward_create_graph,
        _walk,
        _variable,
        _mixed_types,
        _shared_subgraph,
    )
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)


def test_freed_graph_names_the_mend() -> None:
    w = tw.tensor(2.0, requires_grad=True)
    y = w * w
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    assert w.grad is not None and w.grad.item() == 4


def test_a_long_chain_needs_no_deep_stack() -> None:
    w = tw.ones(1, requires_grad=True)
    x = w
    for _ in range(3000):
        x = x + 0.001
    x.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1]


def test_a_gradient_that_depends_on_nothing_is_zeros_in_the_second_walk() -> None:
    x = tw.tensor([1.0, -2.0], requires_grad=True)
    first = tw.autograd.grad((x.sign() * x * x).sum(), x, create_graph=True)[0]
    second = tw.autograd.grad(first.sum(), x)[0]
    assert first.tolist() == [2.0, 4.0]
    assert second.tolist() == [2.0, -2.0]
