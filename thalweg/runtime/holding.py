"""Who holds an object beside a list of them, told by reference counts."""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any


def held_elsewhere(objects: Sequence[Any], free: int) -> tuple[bool, ...]:
    """For each object whether something beside this list holds it: more than ``free`` references do."""
    return tuple([getrefcount(x) > free for x in objects])


def _references_of_the_free() -> int:
    """What ``sys.getrefcount`` says in ``held_elsewhere``, on this Python, of an object that only the list holds.

    Tried on one that is known to be free and on one that is known to be held; where they can't be told apart, it is
    0, and every object counts as held.
    """
    held = object()
    objects = [object(), held]
    return next((n for n in range(1, 10) if held_elsewhere(objects, n) == (False, True)), 0)


FREE = _references_of_the_free()
