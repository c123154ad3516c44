"""Questions about tensors and types, answered as PyTorch answers them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

FLOATS, INTEGERS = ("float32", "float64"), ("int64", "int32", "int16", "int8", "uint8")


def _limits(m: Any) -> list[Any]:
    fields = ("bits", "dtype", "eps", "max", "min", "tiny", "smallest_normal", "resolution")
    floats = [getattr(m.finfo(getattr(m, n)), f) for n in FLOATS for f in fields]
    wholes = [
        getattr(m.iinfo(getattr(m, n)), f)
        for n in INTEGERS
        for f in ("bits", "dtype", "max", "min")
    ]
    return [floats, wholes, m.finfo().dtype]


def _result_types(m: Any) -> list[Any]:
    made = [m.ones(2, dtype=getattr(m, n)) for n in (*FLOATS, *INTEGERS, "bool")]
    made += [m.tensor(2, dtype=getattr(m, n)) for n in (*FLOATS, *INTEGERS, "bool")]
    pairs = itertools.product([*made, 2, 2.5, True], repeat=2)
    return [repr(m.result_type(a, b)).split(".")[-1] for a, b in pairs]


def _questions(m: Any) -> list[Any]:
    return [
        [m.is_tensor(x) for x in (m.ones(1), m.nn.Parameter(m.ones(1)), [1.0], 2)],
        [m.is_floating_point(m.ones(1, dtype=getattr(m, n))) for n in ("float64", "int64", "bool")],
        m.clip(m.arange(4.0), 1, 2).tolist(), m.pi, m.e, m.inf, repr(m.nan),
    ]  # fmt: skip


@pytest.mark.parametrize("ask", [_limits, _result_types, _questions])
def test_as_in_pytorch(ask: Callable[[Any], list[Any]]) -> None:
    torch = pytest.importorskip("torch")
    assert ask(tw) == ask(torch)


def test_limits_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match="iinfo"):
        tw.finfo(tw.int64)
    for kind in (tw.float32, tw.bool):
        with pytest.raises(TypeError, match="integer"):
            tw.iinfo(kind)
