"""NumPy's functions and scalars on tensors, told by both libraries alike."""

from __future__ import annotations

import operator
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
    "integers on the right": lambda t: t + np.array([1, 2]),
    "an array of no axes on the right": lambda t: t * np.array(2.0),
    "array on the right of a product": lambda t: t @ np.ones((2, 3)),
    "written with an array": lambda t: operator.iadd(t, np.array([1, 2])),
    "divided array": lambda t: np.array([3.0, 4.0]) / t,
    "equal to an array": lambda t: t == np.array([1, 3]),
    "float16 on the left": lambda t: np.float16(2) * t,
    "float32 on the right of integers": lambda t: t.long() * np.float32(2),
    "uint8 on the right of a bool": lambda t: (t > 1) + np.uint8(2),
    "bool on the right of integers": lambda t: t.long() + np.bool_(True),
    "int64 shifted": lambda t: np.int64(2) << t.long(),
    "number shifted": lambda t: 8 >> t.long(),
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


REFUSED: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "array on the left": (TypeError, lambda m: np.ones(2) + m.ones(2)),
    "array on the left of a product": (TypeError, lambda m: np.ones(2) * m.ones(2)),
    "array of no axes on the left": (TypeError, lambda m: np.array(2.0) - m.ones(2)),
    "array and the tape": (RuntimeError, lambda m: m.ones(2, requires_grad=True) + np.ones(2)),
    "array less than": (TypeError, lambda m: m.ones(2) < np.ones(2)),
    "array in a function": (TypeError, lambda m: m.add(m.ones(2), np.array(2.0))),
    "strings": (TypeError, lambda m: m.ones(2) + "a"),
    "strings in place": (TypeError, lambda m: operator.imul(m.ones(2), np.str_("a"))),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, refused: Any) -> None:
    refused(*REFUSED[name])


def test_a_shift_in_place_is_in_place() -> None:
    t = seen = tw.tensor([1, 2])
    t <<= 2
    assert t is seen and t.tolist() == [4, 8]
    t >>= 1
    assert t is seen and t.tolist() == [2, 4]


def test_unequal_to_an_array() -> None:
    assert (tw.tensor([1.0, 2.0]) != np.array([1, 3])).tolist() == [False, True]
