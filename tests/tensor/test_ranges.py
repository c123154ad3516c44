"""Ranges of floating numbers, to the last bit of PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw

RANGES = [
    (-3, 3.1, 0.1), (0, 1, 0.1), (0.0, 5, 0.3), (1, 0, -0.07), (0.1, 77.3, 0.37), (2, 9.1, 0.013), (0, 40, 2), (5.5, 0, -1),
]  # fmt: skip
SPACES = [(-3, 3, 100), (-1, 1, 1000), (0, 10, 7), (0.1, 77.7, 50), (5, -5, 64)]
TYPES = ["float32", "float64", "float16", "bfloat16"]


@pytest.mark.parametrize("kind", TYPES)
def test_as_pytorch(kind: str) -> None:
    torch = pytest.importorskip("torch")

    def made(m: Any) -> list[list[float]]:
        dtype = getattr(m, kind)
        ranges = [m.arange(*bounds, dtype=dtype).double().tolist() for bounds in RANGES]
        spaces = SPACES if m.finfo(dtype).bits > 16 else []
        return ranges + [m.linspace(*ends, dtype=dtype).double().tolist() for ends in spaces]

    assert made(tw) == made(torch)


def test_what_is_not_quite_zero() -> None:
    assert tw.arange(-3, 3.1, 0.1)[30].item() == float.fromhex("-0x1.99999ap-26")
    assert tw.arange(-3, 3.1, 0.1, dtype=tw.float64)[30].item() == 2.0**-53 * 1.5
    assert tw.arange(0, 1e9, 1e8)[-1].item() == 9e8 and len(tw.arange(0.0)) == 0
