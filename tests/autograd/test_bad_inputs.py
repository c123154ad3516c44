"""What backward, grad and hooks are given wrongly: the same errors as PyTorch's, and the same leniency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw


def _leaf(m: Any) -> Any:
    return m.tensor([1.0, 2.0], requires_grad=True)


def _sum(m: Any) -> Any:
    return _leaf(m).sum()


def _with_hook(m: Any, hook: Callable[[Any], Any]) -> None:
    w = _leaf(m)
    w.register_hook(hook)
    (w * 2).sum().backward()


def _gradient_of_another_type(m: Any) -> Any:
    found = []
    for dtype in (m.int64, m.float64, m.bool):
        w = _leaf(m)
        (w * 2).backward(m.ones(2, dtype=dtype))
        found.append((w.grad.tolist(), repr(w.grad.dtype).split(".")[1]))
    return found


CALLS: dict[str, Callable[[Any], Any]] = {
    "more gradients than tensors": lambda m: m.autograd.backward([_sum(m)], [None, None]),
    "fewer gradients than tensors": lambda m: m.autograd.backward([_sum(m), _sum(m)], [None]),
    "no tensors": lambda m: m.autograd.backward([]),
    "none": lambda m: m.autograd.backward(None),
    "a number": lambda m: m.autograd.backward(5),
    "a list of numbers": lambda m: m.autograd.backward([5]),
    "a tuple": lambda m: m.autograd.backward((_sum(m),), (None,)),
    "an iterator": lambda m: m.autograd.backward(iter([_sum(m)])),
    "a number for a gradient": lambda m: _sum(m).backward(5.0),
    "a list for a gradient": lambda m: _sum(m).backward([1.0]),
    "an array for a gradient": lambda m: (_leaf(m) * 2).backward(np.ones(2, np.float32)),
    "a gradient of another shape": lambda m: (_leaf(m) * 2).backward(m.ones(3)),
    "a gradient of another type": _gradient_of_another_type,
    "plain": lambda m: m.ones(1).backward(),
    "the second is plain": lambda m: m.autograd.backward([_sum(m), m.ones(1)]),
    "a vector": lambda m: (_leaf(m) * 2).backward(),
    "an empty tensor": lambda m: _leaf(m)[:0].backward(),
    "no inputs": lambda m: _sum(m).backward(inputs=[]),
    "plain inputs": lambda m: _sum(m).backward(inputs=[m.ones(2)]),
    "unrelated inputs": lambda m: _sum(m).backward(inputs=[_leaf(m)]),
    "grad without inputs": lambda m: m.autograd.grad(_sum(m), []),
    "grad without outputs": lambda m: m.autograd.grad([], [_leaf(m)]),
    "grad of plain inputs": lambda m: m.autograd.grad(_sum(m), m.ones(2)),
    "grad of a number": lambda m: m.autograd.grad(5, _leaf(m)),
    "grad of unrelated inputs": lambda m: m.autograd.grad(_sum(m), _leaf(m)),
    "grad with a number": lambda m: m.autograd.grad([_leaf(m) * 2], [_leaf(m)], [5]),
    "zeros for the unused, refused": lambda m: m.autograd.grad(
        _sum(m), _leaf(m), allow_unused=False, materialize_grads=True
    ),
    "a hook that gives a number": lambda m: _with_hook(m, lambda g: 5),
    "a hook that gives another shape": lambda m: _with_hook(m, lambda g: m.ones(3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    told = []
    for m in (tw, torch):
        try:
            told.append((None, repr(CALLS[name](m))))
        except Exception as error:
            told.append((type(error), ""))
    assert told[0] == told[1]


def test_the_element_without_a_tape_is_named() -> None:
    with pytest.raises(RuntimeError, match="element 1 of tensors does not require grad"):
        tw.autograd.backward([_sum(tw), tw.ones(1)])
