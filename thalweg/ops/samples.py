"""Sample inputs for the table tests: kinks, ties, infinities, NaN, empty and 0-d arrays beside plain draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Sample = tuple[tuple[Any, ...], dict[str, Any]]


def draw(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray[Any, Any]:
    """float64 values of ``shape``, uniform in [low, high)."""
    return np.random.RandomState(seed).uniform(low, high, shape)


def unary(low: float = -3.0, high: float = 3.0, special: bool = True) -> Callable[[], list[Sample]]:
    """Samples of a function of one array that is defined on [low, high)."""

    def samples() -> list[Sample]:
        found: list[Sample] = [
            ((draw(3, 4, low=low, high=high),), {}),
            ((draw(2, 1, 5, low=low, high=high, seed=1),), {}),
            ((np.asarray(draw(1, low=low, high=high, seed=2)[0]),), {}),
            ((np.zeros((0, 3)),), {}),
        ]
        if special:
            found.append(((np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]),), {}))
        return found

    return samples


def binary(low: float = -2.0, high: float = 2.0) -> Callable[[], list[Sample]]:
    """Samples of a broadcasting function of two arrays, ties included."""

    def samples() -> list[Sample]:
        a, b = draw(3, 4, low=low, high=high), draw(3, 4, low=low, high=high, seed=1)
        return [
            ((a, b), {}),
            ((a, b[:1]), {}),
            ((a[:, :1], b[0]), {}),
            ((a, np.asarray(b[0, 0])), {}),
            ((a, a.copy()), {}),
            ((np.zeros((0, 3)), np.ones((1, 3))), {}),
        ]

    return samples


def integers(*arrays: Any) -> Callable[[], list[Sample]]:
    """One sample of the given integer or bool arrays."""
    return lambda: [(tuple(np.asarray(a) for a in arrays), {})]
