"""Draws that take as many raw numbers as it happens: gamma, Poisson and binomial, one element after the other.

Each element takes from the stream what PyTorch's takes, in its order. Learned by trial against torch 2.13.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_THIRD, _SQUEEZE = float(np.float32(1 / 3)), float(np.float32(0.0331))  # PyTorch's are float32
_RATHER_MANY = 10.0  # expected successes from which on Hormann's method is the quicker one
_AT_ONCE = 64


class Ahead:
    """Numbers in [0, 1) one by one, drawn many at a time; ``used`` says how many were taken.

    Attributes:
        spare: a normal that was made and not yet given, as normals come in pairs.
    """

    def __init__(self, draw: Callable[[int], Array], spare: float | None) -> None:
        self._draw, self.spare, self.used = draw, spare, 0
        self._numbers: list[float] = []
        self._size = _AT_ONCE

    def unit(self) -> float:
        """The next number in [0, 1), with 53 random bits."""
        if not self._numbers:
            self._numbers = self._draw(self._size)[::-1].tolist()
            self._size *= 2
        self.used += 1
        return self._numbers.pop()

    def normal(self) -> float:
        """The next standard normal. Source: Box and Muller 1958."""
        if self.spare is not None:
            spare, self.spare = self.spare, None
            return spare
        u, v = self.unit(), self.unit()
        radius, angle = math.sqrt(-2 * math.log1p(-v)), 2 * math.pi * u
        self.spare = radius * math.sin(angle)
        return radius * math.cos(angle)


def gamma(ahead: Ahead, shape: float) -> float:
    """A gamma number of rate 1.

    Source: Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; below shape 1 by their note
    that gamma(a) is gamma(a + 1) times u**(1/a).
    """
    if shape == 0:
        return 0.0
    if shape != shape:
        return math.nan
    scale = 1.0
    if shape < 1:
        scale = (1 - ahead.unit()) ** (1 / shape)
        shape += 1
    d = shape - _THIRD
    c = 1 / math.sqrt(9 * d)
    while True:
        x = ahead.normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v, u, square = y * y * y, 1 - ahead.unit(), x * x
        inside = u < 1 - _SQUEEZE * square * square
        if inside or math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


def poisson(ahead: Ahead, rate: float) -> float:
    """A Poisson number.

    Source: from rate 10 on W. Hormann 1993, "The transformed rejection method for generating Poisson random
    variables" (PTRS); below, Knuth's product of uniforms until exp(-rate).
    """
    if rate == 0:
        return 0.0
    if rate < _RATHER_MANY:
        least, product, count = math.exp(-rate), ahead.unit(), 0
        while product > least:
            product *= ahead.unit()
            count += 1
        return float(count)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse, sure = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = ahead.unit() - 0.5, ahead.unit()
        edge = 0.5 - abs(u)
        k = math.floor((2 * a / edge + b) * u + rate + 0.43)
        if edge >= 0.07 and v <= sure:
            return float(k)
        if k < 0 or (edge < 0.013 and v > edge):
            continue
        height = math.log(v * inverse / (a / (edge * edge) + b))
        if height <= k * math.log(rate) - rate - math.lgamma(k + 1):
            return float(k)


def binomial(ahead: Ahead, count: float, p: float) -> float:
    """How many of ``count`` trials succeed; ``p`` each."""
    if math.isnan(count) or math.isnan(p):
        return math.nan
    if count <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return count
    rarer = min(p, 1 - p)
    found = (_many if count * rarer >= _RATHER_MANY else _few)(ahead, count, rarer)
    return found if p <= 0.5 else count - found


def _few(ahead: Ahead, count: float, p: float) -> float:
    """Binomial by the gaps between successes, which are geometric. Source: L. Devroye 1986, chapter X.4."""
    successes, passed = 0, 0.0
    while True:
        passed += math.ceil(math.log(ahead.unit()) / math.log1p(-p))
        if passed > count:
            return float(successes)
        successes += 1


def _tail(k: float) -> float:
    """log k! less Stirling's formula for it."""
    if k < 10:
        return math.lgamma(k + 1) - (
            (k + 0.5) * math.log(k + 1) - k - 1 + 0.5 * math.log(2 * math.pi)
        )
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _many(ahead: Ahead, n: float, p: float) -> float:
    """Source: W. Hormann 1993, "The generation of binomial random variates" (BTRS)."""
    spread = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, sure = n * p + 0.5, 0.92 - 4.2 / b
    odds, alpha, m = p / (1 - p), (2.83 + 5.1 / b) * spread, math.floor((n + 1) * p)
    while True:
        u, v = ahead.unit() - 0.5, ahead.unit()
        edge = 0.5 - abs(u)
        k = math.floor((2 * a / edge + b) * u + center)
        if edge >= 0.07 and v <= sure:
            return float(k)
        if k < 0 or k > n:
            continue
        height = math.log(v * alpha / (a / (edge * edge) + b))
        bound = (m + 0.5) * math.log((m + 1) / (odds * (n - m + 1)))
        bound += (n + 1) * math.log((n - m + 1) / (n - k + 1))
        bound += (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
        if height <= bound + _tail(m) + _tail(n - m) - _tail(k) - _tail(n - k):
            return float(k)
