"""Floating numbers made whole: beyond the range, infinite and NaN as PyTorch makes them on x86-64, on both tiers."""

from __future__ import annotations

import platform

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="what does not fit is the processor's"
)
VALUES = [
    0.5, -0.5, 1.9, -1.9, -0.0, 127.0, 128.0, -129.0, 255.9, 256.0, 257.0, 300.0, -1.0, -255.0, -256.0, -300.0, 65536.0,
    2147483647.0, 2147483648.0, -2147483648.0, -2147483904.0, 2799638206.5, 4294967295.0, 4294967297.0, 1e10, -1e10,
    9.2e18, 2.0**63, -(2.0**63), -(2.0**63) - 2.0**12, 1e19, -1e19, 1e30, np.inf, -np.inf, np.nan,
]  # fmt: skip


@pytest.mark.parametrize("whole", ["int64", "int32", "int16", "int8", "uint8", "bool"])
@pytest.mark.parametrize("floating", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 7, 16, 36])
def test_as_in_pytorch_on_both_tiers(floating: str, whole: str, count: int) -> None:
    torch = pytest.importorskip("torch")
    for start in range(0, len(VALUES), count):
        values = np.array(VALUES[start : start + count], floating)
        expected = torch.from_numpy(values.copy()).to(getattr(torch, whole)).tolist()
        data = tw.tensor(values)
        assert data.to(getattr(tw, whole)).tolist() == expected
        for tier in ("interpret", "native"):
            with tw.tier(tier):
                recorded = tw.nn.Parameter(data) * 1
                assert recorded.to(getattr(tw, whole)).tolist() == expected
