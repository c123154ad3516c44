"""``a * b + c`` in float64 rounded once, as a processor's fused multiply-add gives it; NumPy has none."""

from __future__ import annotations

from typing import Any

import numpy as np


def fused(a: Any, b: Any, c: Any) -> np.ndarray[Any, Any]:
    """``a * b + c`` of float64 arrays or numbers that broadcast, right to the last bit but for rare ties.

    Source: T. J. Dekker, "A floating-point technique for extending the available precision", 1971.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        product = a * b
        (a_high, a_low), (b_high, b_low) = _halved(a), _halved(b)
        lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        total = product + c
        added = total - c
        lost = lost + ((c - (total - added)) + (product - added))
        exact = total + lost
    return np.where(np.isfinite(exact), exact, total)


def _halved(x: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Two floats of half the digits whose sum is ``x``."""
    high = x * 134217729.0  # 2**27 + 1
    high = high - (high - x)
    return high, x - high
