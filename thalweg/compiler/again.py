"""Which elementwise values are computed again rather than stored.

What a later kernel needs of an earlier one's values lies in memory from the one to the other; for what backward
needs that is most of a step. To compute it again from what is in memory anyway costs operations.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from .loops import COSTLY

if TYPE_CHECKING:
    from .schedule import Scheduler

_CHEAP = 3  # operations that are done again rather than their result stored
_BEARABLE = 8  # so many, where that saves a large buffer
_LARGE = 1 << 18  # bytes: less is still in the processor's cache, and little memory
_ROW = 16  # how many times smaller a value is that takes no room beside another


def operations(primitive: str) -> int:
    """What an element of an elementwise primitive costs; an addition is 1."""
    return 4 if primitive in COSTLY else 1


def is_cheap(scheduler: Scheduler, slot: int) -> bool:
    """Whether a value is to be computed again: it takes few operations, or not many and it is large and keeps,
    instead of its own memory, no more than one buffer of its size."""
    if scheduler.cost[slot] <= _CHEAP:
        return True
    size = _bytes(scheduler, slot)
    if size < _LARGE:
        return False
    kept: set[int] = set()
    cost = _cost(scheduler, slot, _BEARABLE, kept)
    return cost <= _BEARABLE and sum(_bytes(scheduler, root) for root in kept) <= size


def _cost(scheduler: Scheduler, slot: int, most: int, kept: set[int]) -> int:
    """Operations, up to ``most``, that compute a value from ``kept``, which lies in memory, from values of rows,
    which can lie there, and from inputs and outputs, which lie there anyway."""
    cost = operations(scheduler.made_by[slot].primitive.name)
    for root in {seen.root for seen in scheduler.operands(slot)}:
        if scheduler.is_constant(root):
            continue
        if _bytes(scheduler, root) * _ROW <= _bytes(scheduler, slot):
            continue
        if root in scheduler.in_memory:
            if not scheduler.is_given(root):
                kept.add(root)
        elif cost < most and scheduler.is_pointwise(root):
            cost += _cost(scheduler, root, most - cost, kept)
        else:
            return most + 1
    return cost


def _bytes(scheduler: Scheduler, slot: int) -> int:
    return prod(scheduler.shape(slot)) * scheduler.dtype(slot).itemsize
