"""F.pad with a constant: every type, cropping, and values that arithmetic would spoil."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw

SIDES = [(1, 1), (-1, 1), (-1, -1), (1, 0, 2, 1), (-1, 2, 0, -1), (0, 0)]


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
@pytest.mark.parametrize("sides", SIDES)
def test_as_in_pytorch(sides: tuple[int, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    told: list[Any] = []
    for m in (tw, torch):
        x = m.arange(6).view(2, 3).to(getattr(m, dtype))
        y = m.nn.functional.pad(x, sides, value=2)
        told.append((y.tolist(), repr(y.dtype).split(".")[1]))
    assert told[0] == told[1]


def test_infinity_stays_outside() -> None:
    x = tw.tensor([1.0, 2.0], requires_grad=True)
    y = tw.nn.functional.pad(x, (1, 1), value=float("inf"))
    assert y.tolist() == [float("inf"), 1.0, 2.0, float("inf")]
    y[1:3].sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1.0, 1.0]
