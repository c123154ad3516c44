"""Numbers before their tensors, as programs of PyTorch's early years have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

Case = Callable[[Any, Any, Any, Any], Any]

CASES: dict[str, tuple[Case, list[Any]]] = {
    "add": (lambda m, x, a, v: m.add(x, 2, a), [[2, 3], [4, 5]]),
    "x.add": (lambda m, x, a, v: x.add(2.5, a), [[2.5, 3.5], [4.5, 5.5]]),
    "x.add_": (lambda m, x, a, v: x.clone().add_(-2, a), [[-2, -1], [0, 1]]),
    "sub": (lambda m, x, a, v: m.sub(x, 2, a), [[-2, -1], [0, 1]]),
    "x.sub_": (lambda m, x, a, v: x.clone().sub_(2, a), [[-2, -1], [0, 1]]),
    "addcmul": (lambda m, x, a, v: m.addcmul(x, 2, a, a), [[2, 3], [4, 5]]),
    "x.addcmul_": (lambda m, x, a, v: x.clone().addcmul_(2, a, a), [[2, 3], [4, 5]]),
    "addcdiv": (lambda m, x, a, v: m.addcdiv(x, 2, a, a), [[2, 3], [4, 5]]),
    "x.addcdiv_": (lambda m, x, a, v: x.clone().addcdiv_(-2, a, a), [[-2, -1], [0, 1]]),
    "addmm": (lambda m, x, a, v: m.addmm(2, x, 3, a, a), [[6, 8], [10, 12]]),
    "addmm of one number": (lambda m, x, a, v: m.addmm(2, x, a, a), [[2, 4], [6, 8]]),
    "x.addmm": (lambda m, x, a, v: x.addmm(2, 3, a, a), [[6, 8], [10, 12]]),
    "x.addmm of one number": (lambda m, x, a, v: x.addmm(2, a, a), [[2, 4], [6, 8]]),
    "addmv": (lambda m, x, a, v: m.addmv(2, v, 3, a, v), [8, 8]),
    "baddbmm": (lambda m, x, a, v: m.baddbmm(2, x[None], 3, a[None], a[None])[0], [[6, 8], [10, 12]]),
}  # fmt: skip


def operands(m: Any) -> tuple[Any, Any, Any, Any]:
    """The module, and (2, 2), (2, 2) and (2,) floats."""
    return m, m.arange(4.0).view(2, 2), m.ones(2, 2), m.ones(2)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:This overload of")
def test_numbers_before_tensors(name: str) -> None:
    case, expected = CASES[name]
    with pytest.warns(UserWarning, match="This overload of .* is deprecated"):
        assert case(*operands(tw)).tolist() == expected
    torch = pytest.importorskip("torch")
    assert case(*operands(torch)).tolist() == expected


ERRORS: dict[str, Case] = {
    "the number last": lambda m, x, a, v: x.add(a, 2),
    "three tensors": lambda m, x, a, v: m.add(x, a, a),
    "text": lambda m, x, a, v: m.add(x, "2", a),
    "too many numbers": lambda m, x, a, v: m.addcmul(x, 2, 3, a, a),
    "too few tensors": lambda m, x, a, v: m.addmm(2, x, 3, a),
}


@pytest.mark.parametrize("name", ERRORS)
def test_neither_order(name: str) -> None:
    with pytest.raises(TypeError, match="numbers as keywords after them|positional argument"):
        ERRORS[name](*operands(tw))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError):
        ERRORS[name](*operands(torch))
