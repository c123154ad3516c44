"""How a slot is seen in the memory of another: shape, strides and offset, in elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..ir.aval import Shape
from ..ir.graph import Instr

VIEWS = {"permute", "reshape", "broadcast_to", "slice", "flip", "dense"}


class Access(NamedTuple):
    """``root`` is a slot whose buffer is dense and row-major."""

    root: int
    shape: Shape
    strides: Shape
    offset: int = 0

    def expanded(self, shape: Shape) -> Shape:
        """The strides after broadcasting to ``shape``."""
        lead = len(shape) - len(self.shape)
        own = (0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True))
        return (0,) * lead + tuple(own)

    def is_whole(self, shape: Shape) -> bool:
        """Whether this is the root's buffer element for element."""
        return self.offset == 0 and self.expanded(self.shape) == dense_strides(shape)


def dense_strides(shape: Shape) -> Shape:
    """Row-major strides, 0 where there is but one element."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(0 if n == 1 else step)
        step *= n
    return tuple(reversed(strides))


def whole(slot: int, shape: Shape) -> Access:
    return Access(slot, shape, dense_strides(shape))


def part(access: Access, shape: Shape, starts: Shape, steps: Shape) -> Access:
    """The elements of ``access`` at starts + steps * point, for the points of ``shape``."""
    moved = sum(a * s for a, s in zip(starts, access.strides, strict=True))
    strides = tuple(a * s for a, s in zip(steps, access.strides, strict=True))
    return Access(access.root, shape, strides, access.offset + moved)


def seen_through(instr: Instr, access: Access) -> Access | None:
    """What a view primitive makes of ``access``; None where that would need a copy.

    The primitive's own reference says so: it is given an array of this shape and these strides whose memory
    nobody reads.
    """
    primitive, statics = instr.primitive, instr.primitive.unpack(instr.statics)
    if primitive.name == "dense":
        return access
    ground = np.zeros(1, np.int8)
    array = as_strided(ground, access.shape, access.strides)
    try:
        if primitive.name == "reshape":
            seen: Any = np.reshape(array, statics["shape"], copy=False)
        else:
            seen = primitive.reference(array, **statics)
    except ValueError:
        return None
    moved = seen.__array_interface__["data"][0] - array.__array_interface__["data"][0]
    strides = tuple(0 if n == 1 else s for n, s in zip(seen.shape, seen.strides, strict=True))
    return Access(access.root, seen.shape, strides, access.offset + moved)
