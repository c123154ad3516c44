"""Where the intermediate results of a program lie: one block of memory, shared by those that don't meet."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

from ..compiler.order import last_touched, touched
from ..compiler.plan import Step

_ALIGN = 64


class Tenant(Protocol):
    """Who has its intermediate results in the arena."""

    arena_size: int

    def leave(self) -> None:
        """Forget the block: there is another."""


class Arena:
    """The block that native programs work in, one program at a time; it grows with the largest.

    All who lie in the old block leave it before there is a larger one, so that there are never two.
    """

    def __init__(self) -> None:
        self.block: Any = np.empty(0, np.uint8)
        self._tenants: WeakSet[Tenant] = WeakSet()

    def settle(self, tenant: Tenant) -> Any:
        """The block, large enough for ``tenant``, beginning at a multiple of 64."""
        if self.block.size < tenant.arena_size:
            for other in list(self._tenants):
                other.leave()
            self._tenants.clear()
            size = max(tenant.arena_size, self.block.size * 5 // 4)  # a page counts once it is used
            self.block = np.empty(0, np.uint8)
            _give_back()
            ground = np.empty(size + _ALIGN, np.uint8)
            start = -ground.ctypes.data % _ALIGN
            self.block = ground[start : start + size]
        self._tenants.add(tenant)
        return self.block


def _give_back() -> None:
    """Let the system have the memory that is free: the interpreter's rounds before this one left some."""
    if sys.platform.startswith("linux"):
        with suppress(AttributeError):  # it is the GNU C library's
            ctypes.CDLL(None).malloc_trim(0)


arena = Arena()


def lay_out(
    steps: Sequence[Step], sizes: dict[int, int], kept: Sequence[int]
) -> tuple[dict[int, int], int]:
    """An offset for each slot in ``sizes`` (bytes), and the size of the whole.

    Slots whose lifetimes, from the first step that touches them to the last, overlap lie apart; those of
    ``kept`` live to the end. Large ones are placed first, each in the lowest gap that holds it.
    """
    first: dict[int, int] = {}
    for n, step in enumerate(steps):
        for slot in touched(step):
            first.setdefault(slot, n)
    last = last_touched(steps) | dict.fromkeys(kept, len(steps))
    offsets: dict[int, int] = {}
    for slot in sorted(sizes, key=lambda s: (-sizes[s], s)):
        size = -(-sizes[slot] // _ALIGN) * _ALIGN
        taken = sorted(
            (offsets[o], offsets[o] + -(-sizes[o] // _ALIGN) * _ALIGN)
            for o in offsets
            if first[o] <= last[slot] and first[slot] <= last[o]
        )
        at = 0
        for begin, end in taken:
            if at + size <= begin:
                break
            at = max(at, end)
        offsets[slot] = at
    total = max((offsets[s] + sizes[s] for s in sizes), default=0)
    return offsets, total
