"""backward() along a way that its place in the trie knows: the same gradients as the first walk found."""

from __future__ import annotations

import pytest

import thalweg as tw
from thalweg.runtime.state import state


def grads_of(*leaves: tw.Tensor) -> list[list[float]]:
    return [leaf.grad.tolist() for leaf in leaves]


def known_ways() -> int:
    """How many ways the positions on this thread's present path know."""
    return sum(
        way is not None
        for position in state.trace.position.path()
        for way in position.ways.values()
    )


def test_the_second_round_follows_the_first() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    for scale in (1.0, 3.0):
        w.grad = None
        ((w * scale) ** 2).sum().backward()
        assert known_ways() == 1
        assert w.grad.tolist() == [2 * scale**2, 4 * scale**2]


def test_two_roots_of_equal_structure_in_one_trace() -> None:
    a = tw.tensor([1.0, 2.0], requires_grad=True)
    b = tw.tensor([5.0, 7.0], requires_grad=True)
    for _ in range(3):
        a.grad = b.grad = None
        first, second = (a * a).sum(), (b * b).sum()
        second.backward()
        first.backward()
        assert grads_of(a, b) == [[2.0, 4.0], [10.0, 14.0]]


def test_equal_values_of_two_leaves_stay_apart() -> None:
    a = tw.tensor([1.0, 2.0], requires_grad=True)
    b = a.detach().requires_grad_()  # the same storage
    for first, second in ((a, b), (b, a), (a, a), (b, b)):
        a.grad = b.grad = None
        (first * second * second).sum().backward()
        expected: dict[int, list[float]] = {}
        for leaf, share in ((first, 1), (second, 2)):
            old = expected.get(id(leaf), [0.0, 0.0])
            expected[id(leaf)] = [o + share * v * v for o, v in zip(old, (1.0, 2.0), strict=True)]
        for leaf in (a, b):
            got = None if leaf.grad is None else leaf.grad.tolist()
            assert got == expected.get(id(leaf))


def test_a_view_and_its_base_are_different_nodes() -> None:
    w = tw.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for turned in (False, True, False, True):
        w.grad = None
        h = w * 2
        other = h.t() if turned else h.view(2, 2)
        (h * other).sum().backward()
        expected = (8 * (w.t() if turned else w)).detach().tolist()
        assert w.grad.tolist() == expected


def test_accumulating_and_retaining() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        w.grad = None
        loss = (w.exp() * w).sum()
        loss.backward(retain_graph=True)
        once = w.grad.clone()
        loss.backward()
        assert w.grad.tolist() == (once + once).tolist()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()


def test_a_cut_between_loss_and_backward() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    for scale in (1.0, 2.0, 3.0):
        w.grad = None
        loss = ((w * scale).sin() * w).sum()
        assert loss.item() == loss.item()
        loss.backward()
        expected = (w * scale).sin() + w * scale * (w * scale).cos()
        assert w.grad.sub(expected).abs().max().item() < 1e-6


def test_a_hook_that_comes_later_is_heard() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    heard: list[list[float]] = []

    def step(hooked: bool) -> list[float]:
        w.grad = None
        h = w * w
        if hooked:
            h.register_hook(lambda g: heard.append(g.tolist()) or g * 10)
        h.sum().backward()
        return w.grad.tolist()

    assert step(False) == step(False) == [2.0, 4.0]
    assert step(True) == [20.0, 40.0]
    assert heard == [[1.0, 1.0]]
    handle = w.register_hook(lambda g: -g)
    assert step(False) == [-2.0, -4.0]
    handle.remove()
    assert step(False) == [2.0, 4.0]


def test_a_record_that_fails_leaves_the_marks_right() -> None:
    a = tw.tensor([1.0, 2.0], requires_grad=True)
    b = tw.tensor([3.0, 4.0], requires_grad=True)
    c = tw.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for fails, first, second in ((c, a, b), (None, b, a), (c, b, a), (None, a, b)):
        for leaf in (a, b, c):
            leaf.grad = None
        if fails is not None:
            with pytest.raises(RuntimeError):
                a * fails
        (first * first + second).sum().backward()
        assert first.grad.tolist() == [2 * v for v in first.tolist()]
        assert second.grad.tolist() == [1.0, 1.0]
        assert c.grad is None


def test_kept_gradients_accumulate() -> None:
    a = tw.tensor([2.0, 3.0], requires_grad=True)
    c = a * a
    c.retain_grad()
    total = c.sum()
    total.backward(retain_graph=True)
    total.backward(retain_graph=True)
    assert c.grad.tolist() == [2.0, 2.0] and a.grad.tolist() == [8.0, 12.0]
    total.backward(inputs=[c])
    assert c.grad.tolist() == [3.0, 3.0] and a.grad.tolist() == [8.0, 12.0]


def test_a_hook_on_a_leafs_node_is_called_on_a_known_way() -> None:
    for hooked in (False, False, True, True):
        w = tw.tensor(2.0, requires_grad=True)
        y = w * w * 5
        seen: list[float] = []
        if hooked:
            node = y.grad_fn.next_functions[0][0].next_functions[0][0]
            node.register_hook(lambda ins, outs, seen=seen: seen.append(outs[0].item()))
        y.backward()
        assert seen == ([20.0] if hooked else [])
        assert grads_of(w) == [20.0]
