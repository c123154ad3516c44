"""``torch.version``: which PyTorch a program may take this for."""

from __future__ import annotations

import re
from typing import Any

from ... import __version__ as _own
from ..names import TORCH


class Version(str):
    """A version as text that compares by its numbers, with texts and with tuples of integers."""

    __slots__ = ()

    def _numbers(self) -> tuple[int, ...]:
        return _numbers(self)

    def __lt__(self, other: Any) -> bool:
        return self._numbers() < _numbers(other)

    def __le__(self, other: Any) -> bool:
        return self._numbers() <= _numbers(other)

    def __gt__(self, other: Any) -> bool:
        return self._numbers() > _numbers(other)

    def __ge__(self, other: Any) -> bool:
        return self._numbers() >= _numbers(other)


def _numbers(version: Any) -> tuple[int, ...]:
    """(2, 13) of "2.13.0+cpu" and of (2, 13, 0): trailing zeros count for nothing."""
    if isinstance(version, str):
        found = re.match(r"\d+(\.\d+)*", version)
        version = [] if found is None else found.group().split(".")
    numbers = [int(n) for n in version]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


VERSIONS = {
    "torch": Version(f"{TORCH}+thalweg{_own}"),
    "torch.version": Version(f"{TORCH}+thalweg{_own}"),
    "torchvision": Version(f"0.28.0+thalweg{_own}"),
}
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "unknown"
