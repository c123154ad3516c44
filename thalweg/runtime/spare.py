"""Memory for large results, used again when nobody holds the array any more.

A step's new parameters need as much memory as the old ones, which are let go of in the same step: without this the
system would take it back and hand it out again, page by page. Who holds an array is told by its reference count,
against that of one that is known to be free.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import numpy as np

from ..ir.aval import Shape

LARGE = 1 << 16  # bytes from which a result's memory is kept
_SLACK = 1 << 24  # bytes
_LOOKS = 8  # arrays that a request may look at, and what requests before it have left
_MOST_LOOKS = 4096
_SEASON = 64  # requests, and four more for each array, between two looks through what is kept


class _Alike:
    """Arrays of one shape and type, each with the number of the request that it was given to; about oldest first."""

    __slots__ = ("entries", "looks")

    def __init__(self) -> None:
        self.entries: deque[list[Any]] = deque()
        self.looks = 0

    def references(self) -> int:
        """How many references there are to the first array."""
        array = self.entries[0][0]
        return sys.getrefcount(array)

    def take(self, free: int, number: int) -> Any:
        """An array with ``free`` references, for request ``number``; None if none was found."""
        entries = self.entries
        looks = min(self.looks + _LOOKS, _MOST_LOOKS)
        for n in range(min(looks, len(entries))):
            is_free = self.references() == free
            entries.rotate(-1)
            if is_free:
                self.looks = looks - n - 1
                entries[-1][1] = number
                return entries[-1][0]
        self.looks = max(looks - len(entries), 0)
        return None


class Spare:
    """What is kept of large results.

    Note: how much is kept. Of arrays that nobody holds at most as many bytes as somebody holds, and 16 MiB more: a
    step needs a second set of what it renews. Those given out longest ago go first. What is kept is looked through
    every few steps, and before it grows by a quarter.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[Shape, Any], _Alike] = {}
        self.requests = self.bytes = 0
        self.ids: set[int] = set()  # of the arrays that are kept
        self._next_look, self._most = _SEASON, _SLACK
        known = _Alike()
        known.entries.append([np.empty(1), 0])
        self._free = known.references()

    def empty(self, shape: Shape, dtype: Any) -> Any:
        """An array of any content."""
        self.requests += 1
        if self.requests >= self._next_look:
            self.look_through()
        alike = self.kept.get((shape, dtype))
        if alike is not None:
            found = alike.take(self._free, self.requests)
            if found is not None:
                return found
        array = np.empty(shape, dtype)
        if self.bytes + array.nbytes > self._most:
            self.look_through()
        self.kept.setdefault((shape, dtype), _Alike()).entries.append([array, self.requests])
        self.ids.add(id(array))
        self.bytes += array.nbytes
        return array

    def look_through(self) -> None:
        """Let go of what nobody needs."""
        free: list[tuple[int, int]] = []  # number of the last request, bytes
        held = 0
        for alike in self.kept.values():
            for _ in range(len(alike.entries)):
                array_bytes = alike.entries[0][0].nbytes
                if alike.references() == self._free:
                    free.append((alike.entries[0][1], array_bytes))
                else:
                    held += array_bytes
                alike.entries.rotate(-1)
        oldest, room = self.requests + 1, held + _SLACK
        for number, size in sorted(free, reverse=True):
            room -= size
            if room < 0:
                break
            oldest = number
        for key in list(self.kept):
            self._drop(key, oldest)
        self.bytes = sum(e[0].nbytes for a in self.kept.values() for e in a.entries)
        self._most = self.bytes + max(self.bytes // 4, _SLACK)
        count = sum(len(a.entries) for a in self.kept.values())
        self._next_look = self.requests + _SEASON + 4 * count

    def _drop(self, key: tuple[Shape, Any], oldest: int) -> None:
        """Let go of a shape's arrays that nobody holds and that were given out before request ``oldest``."""
        alike = self.kept[key]
        for _ in range(len(alike.entries)):
            if alike.entries[0][1] < oldest and alike.references() == self._free:
                self.ids.discard(id(alike.entries.popleft()[0]))
            else:
                alike.entries.rotate(-1)
        if not alike.entries:
            del self.kept[key]


spare = Spare()
