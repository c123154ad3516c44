"""Sizes that are given once for all spatial axes, or once for each."""

from __future__ import annotations

from collections.abc import Sequence

Sizes = int | Sequence[int]


def per_axis(value: Sizes, n: int, name: str) -> tuple[int, ...]:
    """One size for each of ``n`` spatial axes; any sizes that are given are kept."""
    if isinstance(value, int):
        return (value,) * n
    sizes = tuple(int(v) for v in value)
    if len(sizes) == 1:
        return sizes * n
    if len(sizes) != n:
        raise RuntimeError(f"{name}: expected one number or {n} of them, got {sizes}")
    return sizes
