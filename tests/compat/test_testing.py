"""``torch.testing``: what passes, and what is said of what does not; texts of PyTorch 2.13."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compat.torch_only.testing import assert_allclose, assert_close

T = tw.tensor
NAN, INF = float("nan"), float("inf")
PASS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "near": (T([1.0, 2.0]), T([1.0, 2.000001]), {}),
    "nan": (T([NAN]), T([NAN]), {"equal_nan": True}),
    "told": (T([1.0]), T([1.05]), {"rtol": 0.1, "atol": 0}),
    "another dtype": (T([1.0]), T([1.0], dtype=tw.float64), {"check_dtype": False}),
    "half": (T([1.0]).half(), T([1.0005]).half(), {}),
    "none": (None, None, {}),
    "inf": (INF, INF, {}),
    "empty": (tw.zeros(0), tw.zeros(0), {}),
    "of a gradient": (T([1.0], requires_grad=True), T([1.0]), {}),
    "nested": ([T([1.0]), {"x": 2}], [T([1.0]), {"x": 2}], {}),
}
FAIL: dict[str, tuple[Any, Any, str]] = {
    "far": (
        T([[1.0, 2], [3, 4]]),
        T([[1.0, 2.1], [3, 5]]),
        "Tensor-likes are not close!\n\nMismatched elements: 2 / 4 (50.0%)\n"
        "Greatest absolute difference: 1.0 at index (1, 1) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.20000000298023224 at index (1, 1) (up to 1.3e-06 allowed)",
    ),
    "whole numbers": (
        T([1, 2]),
        T([1, 3]),
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "Greatest absolute difference: 1 at index (1,)\n"
        "Greatest relative difference: 0.3333333432674408 at index (1,)",
    ),
    "numbers": (
        1.0,
        1.1,
        "Scalars are not close!\n\nExpected 1.1 but got 1.0.\n"
        "Absolute difference: 0.10000000000000009 (up to 1e-07 allowed)\n"
        "Relative difference: 0.09090909090909098 (up to 1e-07 allowed)",
    ),
    "dtypes": (
        T([1.0]),
        T([1]),
        "The values for attribute 'dtype' do not match: torch.float32 != torch.int64.",
    ),
    "shapes": (
        T([1.0, 2]),
        T([1.0]),
        "The values for attribute 'shape' do not match: torch.Size([2]) != torch.Size([1]).",
    ),
    "keys": (
        {"a": 1},
        {"b": 1},
        "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']\n"
        "Additional keys in the actual mapping: ['a']",
    ),
    "lengths": ([1], [1, 2], "The length of the sequences mismatch: 1 != 2"),
    "flags": (True, False, "Booleans mismatch: True is not False"),
    "deep": (
        [1, {"x": [1, 3]}],
        [1, {"x": [1, 2]}],
        "Scalars are not equal!\n\nExpected 2 but got 3.\nAbsolute difference: 1\nRelative difference: 0.5\n\n"
        "The failure occurred for item [1]['x'][1]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PASS)
def test_passes(case: str) -> None:
    actual, expected, options = PASS[case]
    assert_close(actual, expected, **options)


@pytest.mark.parametrize("case", FAIL)
def test_says_what_differs(case: str) -> None:
    actual, expected, text = FAIL[case]
    with pytest.raises(AssertionError) as found:
        assert_close(actual, expected)
    assert str(found.value).replace("thalweg.", "torch.") == text


def test_nan_arrays_and_messages() -> None:
    with pytest.raises(AssertionError, match="difference: nan at index"):
        assert_close(T([NAN]), T([NAN]))
    with pytest.raises(AssertionError, match="^mine$"):
        assert_close(1, 2, msg="mine")
    with pytest.raises(AssertionError, match="^mine: Scalars"):
        assert_close(1, 2, msg=lambda text: f"mine: {text}")
    with pytest.raises(ValueError, match="got no atol"):
        assert_close(1, 2, rtol=0.1)
    with pytest.raises(TypeError, match="float.*Tensor"):
        assert_close(1.0, T(1.0))
    assert_close(np.ones(2), np.ones(2))
    with pytest.warns(FutureWarning):
        assert_allclose([1.0], T([1.0], dtype=tw.float64))
