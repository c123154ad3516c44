"""Where the intermediate results of a program lie: one block of memory, shared by those that don't meet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiler.plan import HostStep, KernelStep, Step
from ..ir.aval import Shape

_ALIGN = 64
LARGE = 1 << 16  # bytes from which a result's memory is kept
_MOST_SPARE = 1 << 30


class Spare:
    """Memory for large results, used again when nobody holds the array any more.

    A step's new parameters need as much memory as the old ones, which are let go of in the same step: without this
    the system would take it back and hand it out again, page by page. What is kept is bounded; who holds an array is
    told by its reference count, against that of one that is known to be free.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[Shape, Any], list[Any]] = {}
        self.bytes = 0
        self._free = 0
        probe = [np.empty(1)]
        self._free = next(sys.getrefcount(array) for array in probe)

    def empty(self, shape: Shape, dtype: Any) -> Any:
        """An array of any content."""
        arrays = self.kept.setdefault((shape, dtype), [])
        for array in arrays:
            if sys.getrefcount(array) == self._free:
                return array
        array = np.empty(shape, dtype)
        if self.bytes + array.nbytes > _MOST_SPARE:
            self.kept.clear()
            self.bytes = 0
        else:
            arrays.append(array)
            self.bytes += array.nbytes
        return array


class Arena:
    """The block that native programs work in, one program at a time; it grows with the largest."""

    def __init__(self) -> None:
        self.block: Any = np.empty(0, np.uint8)

    def memory(self, size: int) -> Any:
        """The block, of at least ``size`` bytes, beginning at a multiple of 64."""
        if self.block.size < size:
            ground = np.empty(size + _ALIGN, np.uint8)
            start = -ground.ctypes.data % _ALIGN
            self.block = ground[start : start + size]
        return self.block


arena = Arena()
spare = Spare()


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
