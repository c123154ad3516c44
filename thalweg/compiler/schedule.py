"""From a graph to kernels.

Note: how values are grouped. Elementwise values wait until something needs them in memory: an output, a
contraction, a host call, a reduction. Then they are written into a group together with what they need, by
preference into one that has part of it already; what another group computed is read from memory if it was
costly and computed again if it was cheap (again.py). A group is one loop nest over a shape; it may reduce over one
set of axes, and what follows from these reductions along the kept axes (a row's maximum, its logarithm) is part of it
too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.dtype import DType, bool_
from ..ir.graph import Graph, Instr
from . import picking
from .access import VIEWS, Access, dense_strides, part, seen_through, whole
from .again import operations
from .epilogue import with_epilogues
from .group import LATER, Group, Reading, Watch
from .math import can_emit, refuses_zero
from .nest import kernel_step
from .plan import ContractionStep, HostStep, Operand, Plan
from .text import ELEMENT

REDUCTIONS = {"sum", "prod", "amax", "amin", "any", "all", "take_class"}
POSITIONS = {"argmax", "argmin"}
_EXACT = {
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "sqrt",
    "square",
}  # the same bits whoever computes them
_NEIGHBORS = 8  # how many readers of the same memory are asked to take in another value
_DEEPEST = 100  # a longer chain of elementwise values is written to memory on the way
_FULL = 200  # members of a group that takes in no more: LLVM's time grows faster than a kernel


def schedule(graph: Graph, known: Mapping[int, int] | None = None) -> Plan:
    """The steps that compute ``graph``'s outputs, each of whose buffers is row-major.

    ``known``: values that inputs will have, by slot. Where views begin is an input of a graph; a plan that may assume
    it (``Plan.assumed`` says which of them it did) looks through such views, another has them copied by host calls.
    """
    return Scheduler(graph, known or {}).plan()


class Scheduler:
    def __init__(self, graph: Graph, known: Mapping[int, int]) -> None:
        self.graph, self.known = graph, known
        self.assumed: dict[int, int] = {}
        self.avals: list[Aval | None] = list(graph.avals)
        self.made_by = {slot: instr for instr in graph.instrs for slot in instr.outs}
        self.access: dict[int, Access] = {}
        self.steps: list[Group | ContractionStep | HostStep] = [Group(())]  # scalars begin
        self.place: dict[int, int] = {}  # slot -> the step in whose memory or code it is first
        self.in_memory: set[int] = set(range(graph.n_inputs))
        self.cost: Counter[int] = Counter()
        self.depth: Counter[int] = Counter()  # of the chain that ends there, since memory
        self.faults: list[int] = []
        self.copies: dict[int, int] = {}
        self.picks: dict[int, picking.Pick] = {}
        self.watched: set[tuple[Access, tuple[tuple[str, int], ...]]] = set()
        self.numbers: dict[int, Any] = {}
        self.readers: dict[int, list[Group]] = {}  # of a slot in memory, the groups that read it
        self._operands: dict[int, list[Access]] = {}

    def plan(self) -> Plan:
        graph = self.graph
        for slot in range(graph.n_inputs):
            aval = graph.avals[slot]
            if aval is not None:
                self.access[slot] = whole(slot, aval.shape)
                self.place[slot] = -1
        self._needed = self._slots_needed()
        self._turned = self._turned_products()
        for instr in graph.instrs:
            self._visit(instr)
        outputs = [self._as_buffer(slot) for slot in graph.outputs]
        steps = [kernel_step(s, self) if isinstance(s, Group) else s for s in self.steps]
        shapes = {s: (a.shape, a.dtype) for s, a in enumerate(self.avals) if a is not None}
        kept = with_epilogues([s for s in steps if s is not None], shapes, outputs)
        return Plan(kept, outputs, self.faults, shapes, self.access, self.numbers, self.assumed)

    def shape(self, slot: int) -> Shape:
        aval = self.avals[slot]
        assert aval is not None
        return aval.shape

    # What there is

    def _slots_needed(self) -> set[int]:
        """Slots that must be in memory as they are."""
        return set(self.graph.outputs)

    def _turned_products(self) -> dict[int, int]:
        """Products that are only ever seen transposed: their slot -> that of the transposed."""
        uses: dict[int, list[Instr]] = {}
        for instr in self.graph.instrs:
            for s in set(instr.ins):
                uses.setdefault(s, []).append(instr)
        found = {}
        for instr in self.graph.instrs:
            slot = instr.outs[0]
            if instr.primitive.name != "matmul" or slot in self._needed:
                continue
            ndim = len(self.shape(slot))
            swap = (*range(ndim - 2), ndim - 1, ndim - 2)
            seen = uses.get(slot, [])
            if (
                len(seen) == 1
                and seen[0].primitive.name == "permute"
                and seen[0].statics == (swap,)
            ):
                found[slot] = seen[0].outs[0]
        return found

    def _visit(self, instr: Instr) -> None:
        name, out = instr.primitive.name, instr.outs[0]
        if self._is_foreign(instr):
            self._host(instr)
            return
        number = self._number(instr)
        if number is not None:
            self.numbers[out] = number
            self.access[out] = whole(out, ())
            self.place[out] = -1
            return
        if name in VIEWS and out not in self.access:
            source = self.access.get(instr.ins[0])
            assert source is not None
            seen = seen_through(instr, source) if 0 not in source.shape else None
            if seen is None:
                copied = self._in_order(instr.ins[0])
                seen = seen_through(instr, copied) if 0 not in source.shape else None
            if seen is None:
                self._host(instr)
            else:
                self.access[out] = seen
            return
        if out in self.access:
            return  # a transposed product's view
        if any(
            a is None or 0 in a.shape
            for a in map(self.avals.__getitem__, (*instr.ins, *instr.outs))
        ):
            self._host(instr)
        elif name == "matmul" and self.avals[out].dtype.is_floating_point:  # type: ignore[union-attr]
            self._contract(instr)
        elif picking.picks(instr, self.avals):
            self._pick(instr)
            self._compute_later(instr)
        elif picking.puts(instr, self.avals):
            self._put_at_places(instr)
        elif self.is_elementwise(instr):
            if name == "put_class":
                self._watch(instr.ins[1], (("lt", 0), ("ge", self.shape(out)[1])))
            if refuses_zero(name, self.dtype(out)):
                self._watch(instr.ins[1], (("eq", 0),))
            self._compute_later(instr)
        elif name == "split":
            self._cut(instr)
        elif name in ("cat", "pad", "unslice"):
            self._put_together(instr)
        elif name == "strided" and self._offset(instr) is not None:
            self._stride(instr)
        elif name in REDUCTIONS or (name in POSITIONS and self.dtype(instr.ins[0]) is not bool_):
            self.access[out] = whole(out, self.shape(out))
            if name == "take_class":
                self._watch(instr.ins[1], (("lt", 0), ("ge", self.shape(instr.ins[0])[1])))
            self._put(out)
        else:
            self._host(instr)

    def _is_foreign(self, instr: Instr) -> bool:
        """Whether it reads or gives elements of a type that kernels don't know: complex numbers, say."""
        avals = [self.avals[s] for s in (*instr.ins, *instr.outs)]
        return any(a is not None and a.dtype.name not in ELEMENT for a in avals)

    def _compute_later(self, instr: Instr) -> None:
        """An elementwise value: it is computed where it is needed."""
        name, out = instr.primitive.name, instr.outs[0]
        self.access[out] = whole(out, self.shape(out))
        waiting = {self.access[s].root for s in instr.ins} - self.in_memory
        self.cost[out] = operations(name) + sum(self.cost[r] for r in waiting)
        self.depth[out] = 1 + max((self.depth[r] for r in waiting), default=0)
        if not self.shape(out):
            self._put(out)  # a scalar waits for nothing: all that comes later can use it
        if out in self._needed or self.depth[out] > _DEEPEST:
            self.to_memory(out)

    # Elements at places that values name

    def _pick(self, instr: Instr) -> None:
        """Note what is picked; the picking is elementwise over the numbers, from a table in memory."""
        self._watch_bounds(instr)
        operands = [self._ground(instr.ins[0]), *(self.access[s] for s in instr.ins[1:])]
        self.picks[instr.outs[0]] = picking.pick(instr, operands)

    def _put_at_places(self, instr: Instr) -> None:
        """Write what a value begins with, then elements into it."""
        self._watch_bounds(instr)
        out, base = instr.outs[0], picking.base(instr)
        self.access[out] = whole(out, self.shape(out))
        aval = self.avals[out]
        assert aval is not None
        put = picking.put(instr, [self.access[s] for s in instr.ins], aval)
        for slot in instr.ins:
            self.to_memory(self.access[slot].root)
        self._write(self._zero(aval.dtype) if base is None else self.access[base], self.access[out])
        if 0 in put.target.shape:
            return
        group = Group(put.target.shape)
        group.put = put
        self._append(group, out)

    def _watch_bounds(self, instr: Instr) -> None:
        for slot, low, high in picking.bounds(instr, self.avals):
            self._watch(slot, (("lt", low), ("ge", high)))

    def _ground(self, slot: int) -> Access:
        """``slot`` in memory, as it is seen there."""
        seen = self.access[slot]
        if self.is_constant(seen.root):
            return self._in_order(slot)
        self.to_memory(seen.root)
        return seen

    # Views that need more than their operand

    def _cut(self, instr: Instr) -> None:
        """The parts of ``split``."""
        axis, sizes = instr.statics
        source = self.access[instr.ins[0]]
        starts = [0] * len(source.shape)
        for slot, n in zip(instr.outs, sizes, strict=True):
            shape = self.shape(slot)
            self.access[slot] = part(source, shape, tuple(starts), (1,) * len(shape))
            starts[axis] += n

    def _offset(self, instr: Instr) -> int | None:
        """Where a strided view begins, if that is known: a constant, assumed, or the only place where it fits."""
        base, offset = instr.ins
        root = self.access[offset].root
        if root in self.numbers:
            return int(self.numbers[root])
        if root in self.known:
            self.assumed[root] = self.known[root]
            return self.known[root]
        shape, strides = instr.statics
        reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        return 0 if reach + 1 == prod(self.shape(base)) else None

    def _stride(self, instr: Instr) -> None:
        base, out = instr.ins[0], instr.outs[0]
        source = self.access[base]
        if source.expanded(source.shape) != dense_strides(source.shape):
            source = self._in_order(base)
        shape, strides = instr.statics
        offset = self._offset(instr)
        assert offset is not None
        steps = tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))
        self.access[out] = Access(source.root, shape, steps, source.offset + offset)

    def is_elementwise(self, instr: Instr) -> bool:
        name = instr.primitive.name
        if name == "put_class" or instr.outs[0] in self.picks:
            return True
        if not instr.primitive.elementwise:
            return False
        dtypes = [self.avals[s].dtype for s in instr.ins]  # type: ignore[union-attr]
        return can_emit(name, self.avals[instr.outs[0]].dtype, tuple(dtypes))  # type: ignore[union-attr]

    # Steps that are no groups

    def _host(self, instr: Instr) -> None:
        reads = []
        for slot in instr.ins:
            if self.avals[slot] is not None and not self.is_constant(slot):
                reads.append(self.access[slot].root)
                self.to_memory(self.access[slot].root)
        for slot in instr.outs:
            self.access[slot] = whole(slot, self.shape(slot))
            self.place[slot] = len(self.steps)
            self.in_memory.add(slot)
        self.steps.append(HostStep(instr, tuple(reads)))

    def _contract(self, instr: Instr) -> None:
        slot = instr.outs[0]
        a, b = (self._for_blas(s) for s in instr.ins)
        turned = self._turned.get(slot)
        batch = self.shape(slot)[:-2]
        for seen in (a, b):
            self.to_memory(seen.root)
        left, right = self._operand(a, batch), self._operand(b, batch)
        m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
        out = slot
        if turned is not None:
            left, right = _transposed(right), _transposed(left)
            m, n, out = n, m, turned
            self.access[turned] = whole(turned, self.shape(turned))
        if turned is not None:
            shape = self.shape(slot)
            strides = list(dense_strides(self.shape(turned)))
            strides[-1], strides[-2] = strides[-2], strides[-1]
            self.access[slot] = Access(turned, shape, tuple(strides))
        else:
            self.access[slot] = whole(slot, self.shape(slot))
        self.place[out] = len(self.steps)
        self.in_memory.add(out)
        dtype = self.avals[slot].dtype  # type: ignore[union-attr]
        self.steps.append(ContractionStep(left, right, out, batch, m, n, k, dtype))

    def _operand(self, a: Access, batch: Shape) -> Operand:
        strides = a.expanded((*batch, *a.shape[-2:]))
        return Operand(a.root, a.offset, strides[:-2], strides[-2], strides[-1])

    def _number(self, instr: Instr) -> Any:
        """A constant, or what arithmetic makes of constants; None for anything else."""
        name = instr.primitive.name
        given = [self.access[s].root for s in instr.ins if s in self.access]
        if name != "constant" and not (
            name in _EXACT and self.shape(instr.outs[0]) == () and all(map(self.is_constant, given))
        ):
            return None
        numbers = [self.numbers[root] for root in given]
        with np.errstate(all="ignore"):
            return instr.primitive.reference(*numbers, **instr.primitive.unpack(instr.statics))

    def is_constant(self, slot: int) -> bool:
        return slot in self.numbers

    def _watch(self, slot: int, tests: tuple[tuple[str, int], ...]) -> None:
        """Note a fault where an element of ``slot`` passes one of ``tests``, each a comparison with a number."""
        seen = self.access[slot]
        shape = tuple(1 if s == 0 else n for n, s in zip(seen.shape, seen.strides, strict=True))
        seen = Access(seen.root, shape, seen.strides, seen.offset)
        if (seen, tests) in self.watched:
            return
        self.watched.add((seen, tests))
        self.to_memory(seen.root)
        fault = self._extra((), bool_)
        group = Group(shape)
        group.reduced = tuple(range(len(shape)))
        group.watch = Watch(fault, seen, tests)
        self._append(group, fault)
        self.faults.append(fault)

    # Into memory

    def to_memory(self, root: int) -> None:
        """See that the buffer of ``root`` is written."""
        if root in self.in_memory or self.is_constant(root):
            return
        if root not in self.place:
            self._put(root)
        group = self.steps[self.place[root]]
        assert isinstance(group, Group)
        group.stored.add(root)
        self.in_memory.add(root)

    def _as_buffer(self, slot: int) -> int:
        """See that ``slot`` lies row-major in some buffer; gives the buffer's slot."""
        seen = self.access[slot]
        if self.is_constant(seen.root):
            return self._copy(slot)
        self.to_memory(seen.root)
        same_size = prod(self.shape(seen.root)) == prod(seen.shape)
        if same_size and seen.is_whole(self.shape(slot)):
            return seen.root
        return self._copy(slot)

    def _in_order(self, slot: int) -> Access:
        """``slot`` as it lies row-major in some buffer."""
        return whole(self._as_buffer(slot), self.shape(slot))

    def _for_blas(self, slot: int) -> Access:
        """An operand of a contraction in memory, by a copy if its strides ask for that."""
        seen = self.access[slot]
        if self.is_constant(seen.root):
            return whole(self._copy(slot), self.shape(slot))
        self.to_memory(seen.root)
        return seen if _suits_blas(seen) else whole(self._copy(slot), self.shape(slot))

    def _copy(self, slot: int) -> int:
        """The slot, beyond the graph's, of a row-major copy of what ``slot`` shows."""
        if slot not in self.copies:
            made = self.copies[slot] = self._extra(self.shape(slot), self.dtype(slot))
            self._write(self.access[slot], self.access[made])
        return self.copies[slot]

    def _write(self, source: Access, target: Access) -> None:
        """Copy what one view shows into the memory that another shows."""
        if not self.is_constant(source.root):
            self.to_memory(source.root)
        group = Group(target.shape)
        group.copy = (source, target)
        self._append(group, target.root)
        self.in_memory.add(target.root)

    def _put_together(self, instr: Instr) -> None:
        """Write a value part by part: cat, pad, unslice."""
        name, out = instr.primitive.name, instr.outs[0]
        statics = instr.primitive.unpack(instr.statics)
        whole_ = self.access[out] = whole(out, self.shape(out))
        ndim = len(whole_.shape)
        if name == "cat":
            starts = [0] * ndim
            for slot in instr.ins:
                shape = self.shape(slot)
                self._write(self.access[slot], part(whole_, shape, tuple(starts), (1,) * ndim))
                starts[statics["axis"]] += shape[statics["axis"]]
            return
        ground = self.access[instr.ins[1]] if name == "pad" else self._zero(self.dtype(out))
        self._write(ground, whole_)
        inside = self.access[instr.ins[0]]
        starts = statics["low"] if name == "pad" else statics["starts"]
        steps = (1,) * ndim if name == "pad" else statics["steps"]
        self._write(inside, part(whole_, inside.shape, starts, steps))

    def _zero(self, dtype: DType) -> Access:
        slot = self._extra((), dtype)
        self.numbers[slot] = dtype.numpy.type(0)
        return self.access[slot]

    def _extra(self, shape: Shape, dtype: DType) -> int:
        """A slot beyond the graph's."""
        slot = len(self.avals)
        self.avals.append(Aval(shape, dtype))
        self.access[slot] = whole(slot, shape)
        return slot

    def _append(self, group: Group, slot: int) -> None:
        """A group that is there for one slot."""
        group.stored.add(slot)
        self.place[slot] = len(self.steps)
        self.steps.append(group)

    # Into groups

    def _put(self, slot: int) -> None:
        """Write the code of a value into a group."""
        instr = self.made_by[slot]
        reduces = not self.is_elementwise(instr)
        shape = self.shape(instr.ins[0]) if reduces else self.shape(slot)
        axes = _axes(instr) if reduces else None
        for group in self._candidates(instr, shape, axes):
            if self._fits(group, slot, axes):
                return
        group = Group(shape)
        while True:
            try:
                if not self._fits(group, slot, axes):
                    raise AssertionError(f"{instr.primitive.name} fits nowhere")
                break
            except _SetApart as apart:
                self.to_memory(apart.slot)
        for member in group.members:
            self.place.setdefault(member, len(self.steps))
        group.index = len(self.steps)
        self.steps.append(group)

    def _candidates(self, instr: Instr, shape: Shape, axes: tuple[int, ...] | None) -> list[Group]:
        """Groups that have part of what ``instr`` needs, or read it from memory, the latest first; for a scalar,
        any of scalars, the earliest first."""
        found: set[int] = set()
        todo, seen = list(instr.ins), set()
        while todo:
            root = self.access[todo.pop()].root
            if root in seen:
                continue
            seen.add(root)
            if self.shape(root):
                readers = self.readers.get(root, [])[-_NEIGHBORS:]
                found |= {g.index for g in readers if g.shape == shape}
            if root in self.place:
                found.add(self.place[root])
            elif root in self.made_by:
                todo += self.made_by[root].ins
        if not shape:
            found |= {n for n, s in enumerate(self.steps) if isinstance(s, Group) and not s.shape}
        groups = []
        for n in sorted(found, reverse=bool(shape)):
            step = self.steps[n] if n >= 0 else None
            if isinstance(step, Group) and step.is_open and len(step.members) < _FULL:
                step.index = n
                groups.append(step)
        return groups

    def _fits(self, group: Group, slot: int, axes: tuple[int, ...] | None) -> bool:
        """Put value ``slot`` into ``group`` with all it needs, or change nothing."""
        reading = Reading(self, group, axes)
        if axes is not None:
            same = (
                group.reduced in (None, axes)
                and self.shape(self.made_by[slot].ins[0]) == group.shape
            )
            done = same and reading.reduction(slot)
        elif self.shape(slot) == group.shape:
            done = reading.value(slot, "inner")
        else:
            done = reading.is_row(self.shape(slot)) and reading.value(slot, "outer")
        if done:
            reading.keep()
            if group.index != LATER:
                for member in group.members:
                    self.place.setdefault(member, group.index)
        return done

    def operands(self, slot: int) -> list[Access]:
        """What a value is computed from; numbers of classes and what goes with them lie along rows."""
        if slot in self._operands:
            return self._operands[slot]
        instr = self.made_by[slot]
        if slot in self.picks:
            seen = [numbers.seen for numbers in self.picks[slot].at]
        else:
            seen = [self.access[s] for s in instr.ins]
        if instr.primitive.name == "put_class":
            seen = [_along_rows(a) for a in seen]
        elif instr.primitive.name == "take_class":
            seen = [seen[0], _along_rows(seen[1])]
        self._operands[slot] = seen
        return seen

    def is_given(self, slot: int) -> bool:
        """Whether a value is there as long as the program runs: an input or an output."""
        return slot < self.graph.n_inputs or slot in self._needed

    def is_pointwise(self, slot: int) -> bool:
        return slot in self.made_by and self.is_elementwise(self.made_by[slot])

    def dtype(self, slot: int) -> DType:
        aval = self.avals[slot]
        assert aval is not None
        return aval.dtype

    def set_apart(self, slot: int) -> bool:
        """Have a value computed by a group of its own, since one nest needs it at several places at once."""
        raise _SetApart(slot)


class _SetApart(Exception):
    def __init__(self, slot: int) -> None:
        self.slot = slot


def _suits_blas(x: Access) -> bool:
    """Whether a matrix's rows or columns are contiguous, and a row (column) apart."""
    rows, columns = x.shape[-2:]
    row, column = x.strides[-2:]
    plain = (column == 1 or columns == 1) and (row >= columns or rows == 1)
    turned = (row == 1 or rows == 1) and (column >= rows or columns == 1)
    return plain or turned


def _along_rows(a: Access) -> Access:
    return Access(a.root, (*a.shape, 1), (*a.strides, 0), a.offset)


def _transposed(x: Operand) -> Operand:
    return Operand(x.slot, x.offset, x.batch, x.column, x.row)


def _axes(instr: Instr) -> tuple[int, ...]:
    """The axes that a reduction folds."""
    if instr.primitive.name == "take_class":
        return (1,)
    first = instr.statics[0]
    return (first,) if instr.primitive.name in POSITIONS else tuple(sorted(first))
