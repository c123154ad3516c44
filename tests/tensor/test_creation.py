"""New tensors: as PyTorch makes them, and the errors where it makes none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

Case = Callable[[Any], Any]

CASES: dict[str, Case] = {
    "number": lambda m: m.tensor(3),
    "float": lambda m: m.tensor(3.5),
    "truth": lambda m: m.tensor(True),
    "list": lambda m: m.tensor([1, 2, 3]),
    "mixed numbers": lambda m: m.tensor([1, 2.5]),
    "truths and numbers": lambda m: m.tensor([True, 2]),
    "nested": lambda m: m.tensor([[1.0, 2], [3, 4]]),
    "tuples": lambda m: m.tensor(((1, 2), (3, 4))),
    "range": lambda m: m.tensor(range(4)),
    "empty list": lambda m: m.tensor([]),
    "empty lists": lambda m: m.tensor([[], []]),
    "typed": lambda m: m.tensor([1.9, -1.9], dtype=m.int32),
    "typed float": lambda m: m.tensor([1, 2], dtype=m.float64),
    "typed bool": lambda m: m.tensor([0.0, 0.5, 2], dtype=m.bool),
    "large": lambda m: m.tensor(2**40),
    "infinite": lambda m: m.tensor([float("inf"), float("nan")]),
    "of 0-d tensors": lambda m: m.tensor([m.tensor(1.5), m.tensor(2)]),
    "of an array": lambda m: m.tensor(np.arange(3, dtype=np.int16)),
    "of a float array": lambda m: m.tensor(np.array([1.5])),
    "of a NumPy number": lambda m: m.tensor(np.float64(1.5)),
    "of NumPy numbers": lambda m: m.tensor([np.float32(1.5), np.float32(2)]),
    "of a transposed array": lambda m: m.tensor(np.arange(6.0).reshape(2, 3).T),
    "of a reversed array": lambda m: m.tensor(np.arange(4)[::-1].copy()),
    "as_tensor of a list": lambda m: m.as_tensor([1, 2.0]),
    "as_tensor typed": lambda m: m.as_tensor(np.arange(3), dtype=m.float32),
    "asarray": lambda m: m.asarray([1, 2]),
    "zeros": lambda m: m.zeros(2, 3),
    "zeros of a tuple": lambda m: m.zeros((2, 3), dtype=m.int64),
    "zeros of a shape": lambda m: m.zeros(m.ones(2, 1).shape),
    "zeros 0-d": lambda m: m.zeros(()),
    "zeros of nothing": lambda m: m.zeros(0),
    "ones": lambda m: m.ones([2, 2]),
    "ones typed": lambda m: m.ones(2, dtype=m.bool),
    "full float": lambda m: m.full((2,), 1.5),
    "full int": lambda m: m.full((2,), 3),
    "full truth": lambda m: m.full((2,), True),
    "full typed": lambda m: m.full((2,), 3, dtype=m.float64),
    "zeros_like": lambda m: m.zeros_like(m.tensor([1, 2])),
    "ones_like": lambda m: m.ones_like(m.tensor([1.5]), dtype=m.int8),
    "full_like": lambda m: m.full_like(m.tensor([1.5, 2]), 7),
    "empty's shape": lambda m: m.empty(2, 3).shape,
    "empty_like's type": lambda m: m.empty_like(m.tensor([1, 2])).dtype,
    "arange": lambda m: m.arange(5),
    "arange from": lambda m: m.arange(2, 5),
    "arange step": lambda m: m.arange(0, 10, 3),
    "arange down": lambda m: m.arange(5, 0, -2),
    "arange floats": lambda m: m.arange(0, 1, 0.1),
    "arange float end": lambda m: m.arange(5.0),
    "arange typed": lambda m: m.arange(3, dtype=m.float64),
    "arange of nothing": lambda m: m.arange(0),
    "arange many": lambda m: m.arange(-3, 3, 0.37),
    "linspace": lambda m: m.linspace(0, 1, 11),
    "linspace odd": lambda m: m.linspace(-3, 7.5, 24),
    "linspace down": lambda m: m.linspace(1, -1, 5, dtype=m.float64),
    "linspace one": lambda m: m.linspace(2, 9, 1),
    "linspace none": lambda m: m.linspace(2, 9, 0),
    "linspace whole": lambda m: m.linspace(0, 10, 4, dtype=m.int64),
    "linspace whole from broken ends": lambda m: m.linspace(4.3, -3.9, 50, dtype=m.int64),
    "linspace whole many": lambda m: m.linspace(-4, 7, 100, dtype=m.int32),
    "logspace": lambda m: m.logspace(0, 2, 3, dtype=m.float64),
    "linspace complex": lambda m: m.linspace(0, 1 + 2j, 7),
    "linspace complex typed": lambda m: m.linspace(0, 3, 4, dtype=m.complex128),
    "logspace complex": lambda m: m.logspace(0, 1j, 3, dtype=m.complex128),
    "logspace whole from broken ends": lambda m: m.logspace(0, 1.2, 2, dtype=m.int64),
    "logspace whole many": lambda m: m.logspace(-4, 7, 100, dtype=m.int64),
    "logspace base 2": lambda m: m.logspace(0, 4, 5, base=2, dtype=m.float64),
    "eye": lambda m: m.eye(3),
    "eye wide": lambda m: m.eye(2, 4, dtype=m.int64),
    "scalar_tensor": lambda m: m.scalar_tensor(3),
    "new_zeros": lambda m: m.tensor([1, 2]).new_zeros(2, 2),
    "new_ones": lambda m: m.tensor([1.5]).new_ones((3,)),
    "new_full": lambda m: m.tensor([1.5]).new_full((2,), 4),
    "new_tensor": lambda m: m.tensor([1.5], dtype=m.float64).new_tensor([1, 2]),
    "requires grad": lambda m: m.zeros(2, requires_grad=True),
    "Tensor of data": lambda m: m.Tensor([[1, 1]]),
    "Tensor of sizes": lambda m: m.Tensor(2, 3).shape,
    "Tensor of nothing": lambda m: m.Tensor(),
}

ERRORS: dict[str, Case] = {
    "ragged": lambda m: m.tensor([[1, 2], [3]]),
    "a list where a number was": lambda m: m.tensor([1, [2]]),
    "text": lambda m: m.tensor("text"),
    "texts": lambda m: m.tensor(["a", "b"]),
    "None": lambda m: m.tensor(None),
    "too large": lambda m: m.tensor(2**70),
    "text array": lambda m: m.tensor(np.array(["a"])),
    "negative size": lambda m: m.zeros(-1),
    "float size": lambda m: m.zeros(2.5),
    "arange step 0": lambda m: m.arange(0, 3, 0),
    "arange wrong way": lambda m: m.arange(3, 0, 1),
    "linspace complex as real": lambda m: m.linspace(0, 1j, 3, dtype=m.float32),
    "linspace negative": lambda m: m.linspace(0, 1, -1),
    "grad of whole numbers": lambda m: m.zeros(2, dtype=m.int64, requires_grad=True),
    "grad of whole list": lambda m: m.tensor([1, 2], requires_grad=True),
    "no such device": lambda m: m.zeros(2, device="nonsense"),
    "from_numpy of a list": lambda m: m.from_numpy([1, 2]),
    "from_numpy reversed": lambda m: m.from_numpy(np.arange(3)[::-1]),
    "from_numpy of objects": lambda m: m.from_numpy(np.array([object()])),
}


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch_makes_it(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = CASES[name](tw), CASES[name](torch)
    if isinstance(mine, tw.Tensor):
        assert mine.tolist() == theirs.tolist() or np.isnan(theirs.numpy()).any()
        assert mine.requires_grad == theirs.requires_grad
        assert mine.is_contiguous()
        assert tuple(mine.stride()) == tuple(theirs.stride()) or "transposed" in name
        assert repr(mine.dtype).replace("thalweg", "torch") == repr(theirs.dtype)
    assert repr(mine).replace("thalweg", "torch") == repr(theirs)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as expected:
        ERRORS[name](torch)
    with pytest.raises(expected.type):
        ERRORS[name](tw)


def test_tensor_copies_its_data() -> None:
    array = np.zeros(3)
    values = [0.0, 0.0]
    x, y = tw.tensor(array), tw.tensor(values)
    array[0], values[0] = 1, 1
    assert x.tolist() == [0, 0, 0] and y.tolist() == [0, 0]
    z = tw.tensor(x)
    z[1] = 5
    assert x.tolist() == [0, 0, 0]


def test_new_tensors_can_be_written_to() -> None:
    for make in (tw.zeros, tw.ones, tw.empty):
        x = make(3)
        x[1] = 9
        assert x[1].item() == 9 and make(3)[1].item() != 9
    grid = tw.eye(2)
    grid += 1
    assert grid.tolist() == [[2, 1], [1, 2]] and tw.eye(2).tolist() == [[1, 0], [0, 1]]


def test_devices() -> None:
    assert repr(tw.zeros(1).device) == "device(type='cpu')"
    assert tw.zeros(1, device="cpu").tolist() == tw.zeros(1, device=tw.device("cpu")).tolist()
    with pytest.raises(Exception, match="cuda"):
        tw.zeros(1, device="cuda")


LARGE: dict[str, Callable[[Any, Any, Any], Any]] = {
    "tensor": lambda m, v, t: m.tensor([v], dtype=t),
    "tensor of both": lambda m, v, t: m.tensor([1, v], dtype=t),
    "full": lambda m, v, t: m.full((1,), v, dtype=t),
    "full_like": lambda m, v, t: m.full_like(m.ones(1, dtype=t), v),
    "new_full": lambda m, v, t: m.ones(1, dtype=t).new_full((1,), v),
    "fill_": lambda m, v, t: m.zeros(1, dtype=t).fill_(v),
    "setitem": lambda m, v, t: _written(m.zeros(2, dtype=t), v),
    "masked_fill": lambda m, v, t: m.ones(1, dtype=t).masked_fill(m.tensor([True]), v),
    "where": lambda m, v, t: m.where(m.tensor([True]), m.ones(1, dtype=t), v),
    "clamp": lambda m, v, t: m.ones(1, dtype=t).clamp(v),
}
NUMBERS = (300, -1, -300, 2**31, 2**63 - 1, -(2**63), 2**63, 2**65, 10**400, 1e10, 1e40, -1e40)
SPECIAL = (math.nan, math.inf, -math.inf)
TYPES = ("float32", "float64", "int64", "int32", "int8", "uint8", "bool")
# uint64 is no type here: what PyTorch says of numbers that only it holds beside a bool tensor.
NO_TYPE = {("where", 2**63, "bool"), ("clamp", 2**63, "bool")}


def _written(t: Any, value: Any) -> Any:
    t[0] = value
    return t


@pytest.mark.parametrize("name", LARGE)
def test_numbers_that_a_type_cannot_hold(name: str) -> None:
    torch = pytest.importorskip("torch")
    for value in (*NUMBERS, *SPECIAL):
        for kind in TYPES:
            outcomes = []
            for m in (tw, torch):
                try:
                    result = LARGE[name](m, value, getattr(m, kind))
                except (RuntimeError, ValueError, OverflowError, TypeError) as error:
                    outcomes.append(type(error).__name__)
                else:
                    outcomes.append(repr((result.tolist(), str(result.dtype).split(".")[1])))
            assert outcomes[0] == outcomes[1] or (name, value, kind) in NO_TYPE, (value, kind)
