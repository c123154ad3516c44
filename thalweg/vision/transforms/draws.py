"""Single random numbers, as PyTorch draws them: from the default stream, in the default type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir.dtype import float64, get_default_dtype
from ...runtime.generator import default_generator


def kind() -> Any:
    """NumPy's type of what is drawn."""
    return np.float64 if get_default_dtype() is float64 else np.float32


def uniform(low: float, high: float) -> float:
    """In [low, high)."""
    return float(default_generator.uniform((1,), low, high, kind())[0])


def whole(low: int, high: int) -> int:
    """A whole number in [low, high)."""
    return int(default_generator.integers(low, high, (1,))[0])


def chance(p: float) -> bool:
    """True with probability ``p``."""
    return float(default_generator.random((1,), kind())[0]) < p


def at_most(p: float) -> bool:
    """Whether a number drawn in [0, 1) is not above ``p`` in its type."""
    drawn = default_generator.random((1,), kind())[0]
    return bool(drawn <= drawn.dtype.type(p))


def order(count: int) -> list[int]:
    """0, 1, ..., count - 1 in a random order."""
    found: Any = default_generator.permutation(count)
    return [int(k) for k in found]


def ratio(low: float, high: float) -> float:
    """In [low, high), so that its logarithm is uniform."""
    as_drawn = kind()
    ends = [float(as_drawn(math.log(as_drawn(end)))) for end in (low, high)]
    return float(as_drawn(math.exp(uniform(*ends))))
