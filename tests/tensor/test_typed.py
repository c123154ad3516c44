"""The constructors and tensor types of PyTorch's early years."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

Case = Callable[[Any], Any]


def old(m: Any) -> Any:
    """(2, 3) floats."""
    return m.tensor([[1.0, 2, 3], [4, 5, 6]])


CASES: dict[str, Case] = {
    "sizes": lambda m: m.Tensor(2, 3).shape,
    "a size": lambda m: m.Tensor(m.Size([2, 3])).shape,
    "a NumPy size": lambda m: m.FloatTensor(np.int64(3)).shape,
    "a tuple is numbers": lambda m: m.Tensor((2, 3)),
    "a list": lambda m: m.Tensor([[1, 1]]),
    "by name": lambda m: m.Tensor(data=[1, 2]),
    "an array": lambda m: m.Tensor(np.arange(3, dtype=np.int32)),
    "nothing": lambda m: (m.Tensor(), m.LongTensor(), m.FloatTensor([])),
    "a range": lambda m: m.FloatTensor(range(3)),
    "a tensor keeps its type": lambda m: m.Tensor(old(m).long()),
    "a 0-d tensor": lambda m: m.FloatTensor(m.tensor(3.0)),
    "long cuts off": lambda m: m.LongTensor([1.7, -1.7]),
    "byte wraps": lambda m: m.ByteTensor([1, 2, -1]),
    "bool": lambda m: m.BoolTensor([1.5, 0]),
    "others": lambda m: [getattr(m, k + "Tensor")([1, 2]) for k in ("Double", "Half", "BFloat16", "Int", "Short", "Char")],
    "on the cpu": lambda m: m.FloatTensor([1, 2], device="cpu"),
    "filled": lambda m: (m.FloatTensor(2).zero_(), m.LongTensor(2, 1).fill_(3)),
    "isinstance": lambda m: [
        isinstance(x, kind)
        for x in (old(m), old(m).long(), m.nn.Parameter(old(m)), 3)
        for kind in (m.FloatTensor, m.LongTensor, m.cuda.FloatTensor, m.autograd.Variable)
    ],
    "a class's type": lambda m: (m.FloatTensor.dtype, m.LongTensor.dtype, m.LongTensor.is_cuda),
    "type()": lambda m: [x.type() for x in (old(m), m.tensor(1), m.tensor(True), old(m).double().data)],
    "type(class)": lambda m: old(m).type(m.LongTensor),
    "type(name)": lambda m: (old(m).type("torch.LongTensor"), old(m).long().type(old(m).type())),
    "type(dtype)": lambda m: old(m).type(m.uint8),
    "type(Tensor)": lambda m: old(m).long().type(m.Tensor),
    "new": lambda m: (old(m).new(2, 3).shape, old(m).long().new([1.5, 2]), old(m).new().shape),
    "Variable": lambda m: m.autograd.Variable(old(m), requires_grad=True),
    "Variable by place": lambda m: m.autograd.Variable(old(m), True).requires_grad,
    "Variable of nothing": lambda m: m.autograd.Variable(),
    "Variable leaves the tape": lambda m: m.autograd.Variable(m.nn.Parameter(old(m)).sum()).is_leaf,
    "products": lambda m: (old(m).mm(old(m).t()), m.mv(old(m), m.ones(3)), m.dot(m.ones(3), old(m)[0])),
    "functional": lambda m: (m.nn.functional.sigmoid(old(m)), m.nn.functional.tanh(old(m))),
}  # fmt: skip

ERRORS: dict[str, tuple[type[Exception], Case]] = {
    "a float": (TypeError, lambda m: m.Tensor(3.5)),
    "a truth value": (TypeError, lambda m: m.Tensor(True)),
    "None": (TypeError, lambda m: m.Tensor(None)),
    "text": (TypeError, lambda m: m.FloatTensor("a")),
    "two lists": (TypeError, lambda m: m.FloatTensor([1], [2])),
    "a float among sizes": (TypeError, lambda m: m.FloatTensor(2.5, 3)),
    "a set": (TypeError, lambda m: m.FloatTensor({1, 2})),
    "another type's tensor": (TypeError, lambda m: m.LongTensor(old(m))),
    "no such argument": (TypeError, lambda m: m.FloatTensor([1], requires_grad=True)),
    "negative": (RuntimeError, lambda m: m.FloatTensor(-1)),
    "too large": (RuntimeError, lambda m: m.ByteTensor([300])),
    "another device": (RuntimeError, lambda m: m.Tensor([1], device="cuda")),
    "another device's class": (TypeError, lambda m: m.cuda.FloatTensor([1])),
    "type of another device": (RuntimeError, lambda m: old(m).type("torch.cuda.FloatTensor")),
    "type without a framework": (ValueError, lambda m: old(m).type("LongTensor")),
    "type that is none": (ValueError, lambda m: old(m).type(int)),
    "Variable of a list": (TypeError, lambda m: m.autograd.Variable([1.0])),
    "default of integers": (TypeError, lambda m: m.set_default_tensor_type(m.LongTensor)),
    "default of a dtype": (TypeError, lambda m: m.set_default_tensor_type(m.float32)),
    "default of a device": (TypeError, lambda m: m.set_default_tensor_type(m.cuda.FloatTensor)),
}


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert repr(CASES[name](tw)).replace("thalweg.", "torch.") == repr(CASES[name](torch))


@pytest.mark.parametrize("name", ERRORS)
def test_errors_as_pytorch(name: str) -> None:
    kind, case = ERRORS[name]
    with pytest.raises(kind):
        case(tw)
    torch = pytest.importorskip("torch")
    if "device" in name and torch.version.cuda is not None:
        pytest.skip("a PyTorch that was built for that device tries it")
    with pytest.raises(kind):
        case(torch)


def test_written_down() -> None:
    assert tw.Tensor([[1, 1]]).dtype is tw.float32 and tuple(tw.Tensor(2, 3).shape) == (2, 3)
    assert tw.LongTensor([1.7]).tolist() == [1] and isinstance(tw.tensor(1), tw.LongTensor)
    assert tw.ones(2).type() == "thalweg.FloatTensor"
    assert tw.ones(2).type("torch.LongTensor").dtype is tw.int64
    assert repr(tw.FloatTensor) == "<class 'thalweg.FloatTensor'>"
    assert pickle.loads(pickle.dumps(tw.LongTensor)) is tw.LongTensor
    assert tw.FloatTensor.zero_ is tw.Tensor.zero_ and not hasattr(tw.FloatTensor, "nothing")


def test_a_tensor_is_looked_at_with_its_tape() -> None:
    x = tw.ones(2)
    seen = tw.Tensor(x)
    seen[0] = 5
    assert x.tolist() == [5, 1] and seen is not x
    w = tw.ones(2, requires_grad=True)
    tw.FloatTensor(w * 3).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [3, 3]


def test_a_class_of_ones_own_makes_its_own() -> None:
    class Named(tw.Tensor):
        pass

    made = Named([1, 2])
    assert type(made) is Named and made.tolist() == [1, 2] and type(Named(2, 3)) is Named


def test_volatile_has_no_effect() -> None:
    with pytest.warns(UserWarning, match="volatile was removed"):
        assert not tw.autograd.Variable(tw.ones(2), volatile=True).requires_grad


def test_the_default_tensor_type() -> None:
    try:
        with pytest.warns(UserWarning, match="deprecated"):
            tw.set_default_tensor_type(tw.DoubleTensor)
        assert tw.Tensor([1, 2]).dtype is tw.float64 and tw.Tensor(2).dtype is tw.float64
    finally:
        with pytest.warns(UserWarning, match="deprecated"):
            tw.set_default_tensor_type("torch.FloatTensor")
    assert tw.tensor([1.0]).dtype is tw.float32
    with pytest.raises(TypeError, match="no type 'FloatTensor'"):
        tw.set_default_tensor_type("FloatTensor")
