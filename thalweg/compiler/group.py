"""A group of values that one loop nest computes, and the trial whether another fits in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..ir.aval import Shape
from .access import Access, dense_strides
from .again import is_cheap
from .picking import Put

if TYPE_CHECKING:
    from .schedule import Scheduler

LATER = 1 << 30  # the index of a group that is not yet among the steps


class Watch(NamedTuple):
    """A look for values that the interpreter would refuse: slot () ``fault`` becomes true where one of ``seen``
    passes one of ``tests`` (a comparison's name, the number it is compared with)."""

    fault: int
    seen: Access
    tests: tuple[tuple[str, int], ...]


class Group:
    """Values over one shape, and over its rows.

    Attributes:
        reduced: the axes that its reductions fold, None without any.
        members: slot -> "inner" (of the whole shape), "outer" (of the kept axes) or "reduce".
        stored: the members that are written to memory.
        copy, put, watch: what a group of its own kind does instead: write one view into another; write a view's
            elements to places that values name; look for numbers out of range.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.reduced: tuple[int, ...] | None = None
        self.members: dict[int, str] = {}
        self.stored: set[int] = set()
        self.index = LATER
        self.copy: tuple[Access, Access] | None = None
        self.put: Put | None = None
        self.watch: Watch | None = None

    @property
    def is_open(self) -> bool:
        """Whether values can be written into it."""
        return self.copy is None and self.put is None and self.watch is None

    def row_shapes(self, axes: tuple[int, ...]) -> tuple[Shape, Shape]:
        """The shape of one result for each row, with the folded axes and without."""
        kept = tuple(1 if a in axes else n for a, n in enumerate(self.shape))
        return kept, tuple(n for a, n in enumerate(self.shape) if a not in axes)


class Reading:
    """A trial to write values into a group, with all they need; ``keep`` makes it so."""

    def __init__(self, scheduler: Scheduler, group: Group, axes: tuple[int, ...] | None) -> None:
        self.scheduler, self.group = scheduler, group
        self.axes = group.reduced if axes is None else axes
        self.values: dict[int, str] = {}
        self.stores: set[int] = set()
        self.loads: set[int] = set()

    def keep(self) -> None:
        self.group.members.update(self.values)
        self.group.reduced = self.axes
        for root in self.stores:
            self.scheduler.to_memory(root)
        for root in self.loads:
            readers = self.scheduler.readers.setdefault(root, [])
            if self.group not in readers:
                readers.append(self.group)

    def is_row(self, shape: Shape) -> bool:
        return self.axes is not None and shape in self.group.row_shapes(self.axes)

    def row_strides(self) -> Shape:
        """Over the group's shape, the strides of a buffer with one element for each row."""
        assert self.axes is not None
        return dense_strides(self.group.row_shapes(self.axes)[0])

    def reduction(self, slot: int) -> bool:
        """Take in a reduction of a value of the group's shape."""
        for seen in self.scheduler.operands(slot):
            if not self.operand(seen, self.group.shape, "inner"):
                return False
        self.values[slot] = "reduce"
        return True

    def value(self, slot: int, level: str) -> bool:
        """Take in an elementwise value."""
        known = self.group.members.get(slot) or self.values.get(slot)
        if known is not None:
            return known == level
        before = dict(self.values), set(self.stores)
        shape = self.scheduler.shape(slot)
        pick = self.scheduler.picks.get(slot)
        if pick is not None:
            if self.scheduler.place[pick.table.root] >= self.group.index:
                return False
            self.loads.add(pick.table.root)
        for seen in self.scheduler.operands(slot):
            if not self.operand(seen, shape, level):
                self.values, self.stores = before
                return False
        self.values[slot] = level
        return True

    def operand(self, seen: Access, shape: Shape, level: str) -> bool:
        """Whether what ``seen`` shows, spread over ``shape``, can be read at this level."""
        root, sched = seen.root, self.scheduler
        if sched.is_constant(root):
            return True
        strides = seen.expanded(shape)
        known = self.group.members.get(root) or self.values.get(root)
        place = sched.place.get(root)
        if known is not None:
            if self._aligned(known, seen.offset, strides, shape, level):
                return True
            return self.group.index == LATER and sched.set_apart(root)
        if root in sched.in_memory:
            assert place is not None
            self.loads.add(root)
            return place < self.group.index
        if sched.is_pointwise(root) and (place is None or is_cheap(sched, root)):
            own = sched.shape(root)
            for want in ("inner", "outer"):
                fits = own == self.group.shape if want == "inner" else self.is_row(own)
                if (
                    fits
                    and self._aligned(want, seen.offset, strides, shape, level)
                    and self.value(root, want)
                ):
                    return True
        if place is not None and place < self.group.index:
            self.stores.add(root)
            return True
        if place is None and self.group.index == LATER:
            sched.to_memory(root)
            return True
        return False

    def _aligned(self, known: str, offset: int, strides: Shape, shape: Shape, level: str) -> bool:
        """Whether a value of the group is read where it is computed: at the same point."""
        if offset:
            return False
        if known == "inner":
            return level == "inner" and strides == dense_strides(self.group.shape)
        if level == "inner":
            return strides == self.row_strides()
        return strides == dense_strides(shape)
