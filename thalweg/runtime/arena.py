"""Where the intermediate results of a program lie: one block of memory, shared by those that don't meet."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiler.plan import HostStep, KernelStep, Step

_ALIGN = 64


class Arena:
    """The block that native programs work in, one program at a time; it grows with the largest."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.block: Any = np.empty(0, np.uint8)

    def begin_anew(self) -> None:
        """In a forked child."""
        self.lock = threading.RLock()

    def memory(self, size: int) -> Any:
        """The block, of at least ``size`` bytes, beginning at a multiple of 64."""
        if self.block.size < size:
            ground = np.empty(size + _ALIGN, np.uint8)
            start = -ground.ctypes.data % _ALIGN
            self.block = ground[start : start + size]
        return self.block


arena = Arena()
if hasattr(os, "register_at_fork"):  # another thread may have held the lock
    os.register_at_fork(after_in_child=arena.begin_anew)


def touched(step: Step) -> tuple[int, ...]:
    """The slots whose memory a step reads or writes."""
    if isinstance(step, KernelStep):
        return step.buffers
    if isinstance(step, HostStep):
        return (*step.reads, *step.instr.outs)
    return step.a.slot, step.b.slot, step.out


def lay_out(
    steps: Sequence[Step], sizes: dict[int, int], kept: Sequence[int]
) -> tuple[dict[int, int], int]:
    """An offset for each slot in ``sizes`` (bytes), and the size of the whole.

    Slots whose lifetimes, from the first step that touches them to the last, overlap lie apart; those of
    ``kept`` live to the end. Large ones are placed first, each in the lowest gap that holds it.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for n, step in enumerate(steps):
        for slot in touched(step):
            first.setdefault(slot, n)
            last[slot] = n
    for slot in kept:
        last[slot] = len(steps)
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
