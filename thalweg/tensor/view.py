"""How a tensor looks at its storage: shape, strides and offset, counted in elements."""

from __future__ import annotations

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


class View:
    """Shape, strides and offset over a dense storage; never changed once made."""

    __slots__ = ("shape", "strides", "offset")

    def __init__(self, shape: Shape, strides: Shape, offset: int = 0) -> None:
        self.shape, self.strides, self.offset = shape, strides, offset

    def is_contiguous(self) -> bool:
        if 0 in self.shape:
            return True
        expected = row_major(self.shape)
        pairs = zip(self.shape, self.strides, expected, strict=True)
        return all(n == 1 or s == e for n, s, e in pairs)

    def memory_order(self) -> tuple[int, ...]:
        """The axes, those whose neighbors lie far apart first: the order in which PyTorch fills a tensor like this."""
        order = list(range(len(self.shape)))
        for last in range(len(order) - 1, -1, -1):
            for k in range(last + 1, len(order)):
                a, b = order[k - 1], order[k]
                if not self.strides[a] or not self.strides[b]:
                    continue  # an expanded axis stays where it is
                if self.strides[a] > self.strides[b]:
                    break
                if self.strides[a] < self.strides[b] or self.shape[b] > self.shape[a]:
                    order[k - 1], order[k] = b, a
        return tuple(order)

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

    def permute(self, axes: tuple[int, ...]) -> View:
        return View(
            tuple(self.shape[a] for a in axes), tuple(self.strides[a] for a in axes), self.offset
        )

    def expand(self, shape: Shape) -> View:
        """Broadcast to ``shape``, which is known to fit."""
        lead = len(shape) - len(self.shape)
        strides = (0,) * lead + tuple(
            0 if have == 1 and want != 1 else stride
            for have, want, stride in zip(self.shape, shape[lead:], self.strides, strict=True)
        )
        return View(shape, strides, self.offset)

    def slice(self, axis: int, start: int, stop: int, step: int) -> View:
        """Elements ``range(start, stop, step)`` of an axis; bounds are already clipped."""
        size = max(0, -(-(stop - start) // step))
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        strides = (*self.strides[:axis], self.strides[axis] * step, *self.strides[axis + 1 :])
        return View(shape, strides, self.offset + start * self.strides[axis])

    def select(self, axis: int, index: int) -> View:
        return View(
            self.shape[:axis] + self.shape[axis + 1 :],
            self.strides[:axis] + self.strides[axis + 1 :],
            self.offset + index * self.strides[axis],
        )

    def insert(self, axis: int) -> View:
        """A new axis of size 1."""
        stride = self.strides[axis] * self.shape[axis] if axis < len(self.shape) else 1
        shape = (*self.shape[:axis], 1, *self.shape[axis:])
        return View(shape, (*self.strides[:axis], stride, *self.strides[axis:]), self.offset)

    def drop(self, axes: tuple[int, ...]) -> View:
        """Without the given axes of size 1."""
        kept = [a for a in range(len(self.shape)) if a not in axes]
        return View(
            tuple(self.shape[a] for a in kept), tuple(self.strides[a] for a in kept), self.offset
        )

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
