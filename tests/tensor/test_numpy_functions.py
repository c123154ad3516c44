"""NumPy's functions and scalars on tensors, told by both libraries alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

CASES: dict[str, Callable[[Any], Any]] = {
    "sqrt": lambda t: np.sqrt(t),
    "add": lambda t: np.add(t, 1),
    "maximum": lambda t: np.maximum(t, 1.5),
    "isnan": lambda t: np.isnan(t),
    "round": lambda t: np.round(t),
    "matmul": lambda t: np.matmul(t, t),
    "reshape": lambda t: np.reshape(t, (2, 1)),
    "cumsum": lambda t: np.cumsum(t),
    "array": lambda t: np.array(t),
    "array of a type": lambda t: np.asarray(t, dtype=np.float64),
    "where": lambda t: np.where(t > 1, 1, 0),
    "stack": lambda t: np.stack([t, t]),
    "float32 on the right": lambda t: t * np.float32(2),
    "float64 on the left": lambda t: np.float64(2) * t,
    "float64 on the left of a difference": lambda t: np.float64(2) - t,
    "int64 on the right": lambda t: t + np.int64(2),
    "comparison with a scalar": lambda t: t < np.float64(2),
    "array on the right": lambda t: t + np.ones(2),
    "index by an array": lambda t: t[np.array([1, 0])],
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = (CASES[name](m.tensor([1.0, 2.0])) for m in (tw, torch))
    assert isinstance(mine, tw.Tensor) == isinstance(theirs, torch.Tensor)
    assert str(mine.dtype).replace("thalweg.", "") == str(theirs.dtype).replace("torch.", "")
    assert mine.tolist() == theirs.tolist()


def test_a_function_of_a_tensor_on_the_tape_is_refused() -> None:
    with pytest.raises(RuntimeError, match="detach"):
        np.sqrt(tw.ones(2, requires_grad=True))


@pytest.mark.filterwarnings("error")
def test_an_array_on_the_left_gives_a_tensor() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    y = np.ones(2, np.float32) + w
    assert isinstance(y, tw.Tensor)
    y.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1, 1]
