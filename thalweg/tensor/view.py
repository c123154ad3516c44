"""How a tensor looks at its storage: shape, strides and offset, counted in elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from math import prod
from typing import Any

import numpy as np

from ..ir.aval import Shape


def row_major(shape: Shape) -> Shape:
    """The strides of a dense row-major array of ``shape``."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    return tuple(strides)


@lru_cache
def memory_order(shape: Shape, *operands: Shape) -> tuple[int, ...] | None:
    """The axes, those whose neighbors lie far apart first: the order in which PyTorch fills what it computes of
    operands with these strides, 0 where one is broadcast. None if that is the order of the axes."""
    order = list(range(len(shape)))
    for last in range(len(order) - 1, -1, -1):
        at = last
        for k in range(last + 1, len(order)):
            a, b = order[at], order[k]
            inward = _lies_within(shape, operands, a, b)
            if inward is False:
                break
            if inward:
                order[at], order[k], at = b, a, k
    return None if order == sorted(order) else tuple(order)


def _lies_within(shape: Shape, operands: Sequence[Shape], a: int, b: int) -> bool | None:
    """Whether neighbors along axis ``a`` lie nearer to each other than along ``b``; None if no operand tells."""
    for strides in operands:
        if strides[a] and strides[b]:  # an expanded axis stays where it is
            if strides[a] != strides[b]:
                return strides[a] < strides[b]
            if shape[a] < shape[b]:
                return True
    return None


def _there_too(change: Callable[..., Any]) -> Any:
    """A change of a view that is made to the one that PyTorch would have as well."""

    @wraps(change)
    def changed(view: View, *how: Any) -> View | None:
        new: View | None = change(view, *how)
        if view.there is not None and new is not None:
            new.there = change(view.there, *how)
        return new

    return changed


class View:
    """Shape, strides and offset over a dense storage; never changed once made.

    ``there`` is where PyTorch would have the elements, where that is another place: what it computes element by element
    of a permuted tensor lies like that tensor, here it is dense. Random numbers are drawn in that order.
    """

    __slots__ = ("shape", "strides", "offset", "there")

    def __init__(
        self, shape: Shape, strides: Shape, offset: int = 0, there: View | None = None
    ) -> None:
        self.shape, self.strides, self.offset, self.there = shape, strides, offset, there

    def is_contiguous(self) -> bool:
        if 0 in self.shape:
            return True
        expected = row_major(self.shape)
        pairs = zip(self.shape, self.strides, expected, strict=True)
        return all(n == 1 or s == e for n, s, e in pairs)

    def as_there(self) -> View:
        """The view that PyTorch would have."""
        return self.there or self

    def memory_order(self) -> tuple[int, ...] | None:
        """The order in which PyTorch fills a tensor like this; None if that is the order of the axes."""
        there = self.as_there()
        return None if there.is_contiguous() else memory_order(there.shape, there.strides)

    def over(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """This view of a dense ``array``, as a NumPy view."""
        size = array.itemsize
        if 0 in self.shape:
            return np.empty(self.shape, array.dtype)
        return np.ndarray(
            self.shape,
            array.dtype,
            array,
            self.offset * size,
            tuple([s * size for s in self.strides]),
        )

    @_there_too
    def permute(self, axes: tuple[int, ...]) -> View:
        return View(
            tuple(self.shape[a] for a in axes), tuple(self.strides[a] for a in axes), self.offset
        )

    @_there_too
    def expand(self, shape: Shape) -> View:
        """Broadcast to ``shape``, which is known to fit."""
        lead = len(shape) - len(self.shape)
        strides = (0,) * lead + tuple(
            0 if have == 1 and want != 1 else stride
            for have, want, stride in zip(self.shape, shape[lead:], self.strides, strict=True)
        )
        return View(shape, strides, self.offset)

    @_there_too
    def slice(self, axis: int, start: int, stop: int, step: int) -> View:
        """Elements ``range(start, stop, step)`` of an axis; bounds are already clipped."""
        size = max(0, -(-(stop - start) // step))
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        strides = (*self.strides[:axis], self.strides[axis] * step, *self.strides[axis + 1 :])
        return View(shape, strides, self.offset + start * self.strides[axis])

    @_there_too
    def select(self, axis: int, index: int) -> View:
        return View(
            self.shape[:axis] + self.shape[axis + 1 :],
            self.strides[:axis] + self.strides[axis + 1 :],
            self.offset + index * self.strides[axis],
        )

    @_there_too
    def insert(self, axis: int) -> View:
        """A new axis of size 1."""
        stride = self.strides[axis] * self.shape[axis] if axis < len(self.shape) else 1
        shape = (*self.shape[:axis], 1, *self.shape[axis:])
        return View(shape, (*self.strides[:axis], stride, *self.strides[axis:]), self.offset)

    @_there_too
    def drop(self, axes: tuple[int, ...]) -> View:
        """Without the given axes of size 1."""
        kept = [a for a in range(len(self.shape)) if a not in axes]
        return View(
            tuple(self.shape[a] for a in kept), tuple(self.strides[a] for a in kept), self.offset
        )

    @_there_too
    def reshape(self, shape: Shape) -> View | None:
        """The same elements as ``shape`` without copying, or None where strides do not allow it."""
        if self.is_contiguous() or prod(shape) == 0:
            return View(shape, row_major(shape), self.offset)
        old = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        strides: list[int] = []
        position = 0
        want = list(shape)
        i = 0
        while i < len(want):
            if want[i] == 1:
                strides.append(1)
                i += 1
                continue
            grouped, first, size = 1, position, want[i]
            last = i
            while grouped != size:
                if grouped < size:
                    if position >= len(old):
                        return None
                    grouped *= old[position][0]
                    position += 1
                else:
                    last += 1
                    size *= want[last]
            group = old[first:position]
            for (_, outer), (n, inner) in zip(group, group[1:], strict=False):
                if outer != n * inner:
                    return None
            stride = group[-1][1]
            block: list[int] = []
            for n in reversed(want[i : last + 1]):
                block.append(stride)
                stride *= n
            strides.extend(reversed(block))
            i = last + 1
        return View(shape, tuple(strides), self.offset)


class Laid(View):
    """All of a dense storage, whose elements PyTorch would have in another order."""

    __slots__ = ()

    def __init__(self, shape: Shape, order: Sequence[int]) -> None:
        sizes = [shape[axis] for axis in order]
        strides = dict(zip(order, row_major(tuple(sizes)), strict=True))
        there = View(shape, tuple([strides[axis] for axis in range(len(shape))]))
        super().__init__(shape, row_major(shape), 0, there)
