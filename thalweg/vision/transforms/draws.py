"""Single random numbers, as PyTorch draws them: from the default stream, in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...runtime.generator import default_generator


def uniform(low: float, high: float) -> float:
    """In [low, high)."""
    return float(default_generator.uniform((1,), low, high)[0])


def whole(low: int, high: int) -> int:
    """A whole number in [low, high)."""
    return int(default_generator.integers(low, high, (1,))[0])


def chance(p: float) -> bool:
    """True with probability ``p``."""
    return float(default_generator.random((1,))[0]) < p


def at_most(p: float) -> bool:
    """Whether a number drawn in [0, 1) is not above ``p`` in float32."""
    drawn = default_generator.random((1,))[0]
    return bool(drawn <= drawn.dtype.type(p))


def order(count: int) -> list[int]:
    """0, 1, ..., count - 1 in a random order."""
    found: Any = default_generator.permutation(count)
    return [int(k) for k in found]


def ratio(low: float, high: float) -> float:
    """In [low, high), so that its logarithm is uniform."""
    ends = [float(np.float32(math.log(np.float32(end)))) for end in (low, high)]
    return float(np.float32(math.exp(uniform(*ends))))
