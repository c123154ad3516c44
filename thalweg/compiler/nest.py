"""A group as a kernel of the loop IR with its arguments."""

from __future__ import annotations

import struct
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from ..ir.aval import Shape
from ..ir.dtype import DType, bool_, int64
from .access import Access, dense_strides
from .group import Group, Watch
from .loops import SHORT, Compute, Constant, Coordinate, Kernel, Load, Reduce, Statement, Store
from .picking import Numbers, Pick, Put
from .plan import KernelStep

if TYPE_CHECKING:
    from .schedule import Scheduler


def kernel_step(group: Group, scheduler: Scheduler) -> KernelStep | None:
    """The launch that computes what ``group`` stores; None if that is nothing."""
    if not group.stored:
        return None
    nest = _Nest(group, scheduler)
    nest.write()
    return nest.step()


class _Nest:
    def __init__(self, group: Group, scheduler: Scheduler) -> None:
        self.group, self.scheduler = group, scheduler
        self.shape = group.shape
        self.reduced = group.reduced or ()
        self.code: list[Statement] = []
        self.words: dict[
            int, tuple[int, Shape]
        ] = {}  # statement -> offset and strides over the group's shape
        self.moves: dict[
            int, tuple[int, ...]
        ] = {}  # statement -> sizes and strides of numbered axes
        self.bits: dict[int, int] = {}
        self.buffers: list[int] = []
        self.value_of: dict[int, int] = {}
        self.loads: dict[tuple[int, int, Shape], int] = {}
        self.names: list[str] = []

    # Code

    def write(self) -> None:
        if self.group.copy is not None:
            source, target = self.group.copy
            value = self._read(source, self.shape)
            k = self._add(Store(self._buffer(target.root), self._dtype(value), value, "", False))
            self.words[k] = (target.offset, target.expanded(self.shape))
            self.names.append("copy")
            return
        if self.group.watch is not None:
            self._write_watch(self.group.watch)
            return
        if self.group.put is not None:
            self._write_put(self.group.put)
            return
        needed = self._needed()
        for slot in sorted(needed):
            level = self.group.members[slot]
            self.value_of[slot] = (
                self._reduce(slot) if level == "reduce" else self._compute(slot, level)
            )
            if slot in self.group.stored:
                self._store(slot, self.value_of[slot], level == "inner")

    def _needed(self) -> set[int]:
        """The members that what is stored depends on."""
        todo, found = list(self.group.stored), set(self.group.stored)
        while todo:
            for seen in self.scheduler.operands(todo.pop()):
                if seen.root in self.group.members and seen.root not in found:
                    found.add(seen.root)
                    todo.append(seen.root)
        return found

    def _add(self, statement: Statement) -> int:
        self.code.append(statement)
        return len(self.code) - 1

    def _buffer(self, slot: int) -> int:
        if slot not in self.buffers:
            self.buffers.append(slot)
        return self.buffers.index(slot)

    def _number(self, dtype: DType, value: float | int | bool) -> int:
        if dtype.name == "float64":
            bits = struct.unpack("<q", struct.pack("<d", value))[0]
        elif dtype.name == "float32":
            bits = struct.unpack("<i", struct.pack("<f", dtype.numpy.type(value)))[0]
        elif dtype.is_half:
            bits = int(dtype.numpy.type(value).view("int16"))
        else:
            bits = int(value)
        for k, known in self.bits.items():
            statement = self.code[k]
            if known == bits and isinstance(statement, Constant) and statement.dtype is dtype:
                return k
        k = self._add(Constant(dtype))
        self.bits[k] = bits
        return k

    def _read(self, seen: Access, shape: Shape) -> int:
        """The value of an operand that is spread over ``shape``: the group's, or that of its rows."""
        root = seen.root
        dtype = self.scheduler.dtype(root)
        if self.scheduler.is_constant(root):
            return self._number(dtype, self.scheduler.numbers[root])
        strides = self._over_group(seen.expanded(shape), shape)
        if root in self.value_of and not seen.offset and strides == self._own_strides(root):
            return self.value_of[root]
        key = (root, seen.offset, strides)
        if key not in self.loads:
            inner = any(strides[a] for a in self.reduced)
            k = self.loads[key] = self._add(Load(self._buffer(root), dtype, "", inner))
            self.words[k] = (seen.offset, strides)
        return self.loads[key]

    def _own_strides(self, member: int) -> Shape:
        """How a member of the group is read at the point that computes it."""
        inner = self.group.members[member] == "inner"
        return dense_strides(self.shape if inner else self.group.row_shapes(self.reduced)[0])

    def _over_group(self, strides: Shape, shape: Shape) -> Shape:
        """Strides over a row shape as strides over the group's shape."""
        if len(strides) == len(self.shape):
            return strides
        given = iter(strides)
        return tuple(0 if a in self.reduced else next(given) for a in range(len(self.shape)))

    def _compute(self, slot: int, level: str) -> int:
        instr = self.scheduler.made_by[slot]
        name, dtype = instr.primitive.name, self.scheduler.dtype(slot)
        shape = self.scheduler.shape(slot)
        self.names.append(name)
        pick = self.scheduler.picks.get(slot)
        if pick is not None:
            return self._pick(pick, shape, dtype)
        args = [self._read(seen, shape) for seen in self.scheduler.operands(slot)]
        if name == "put_class":
            return self._where_class(args[1], args[0], dtype, 0.0, shape[-1])
        return self._add(Compute(name, dtype, tuple(args)))

    def _numbers(self, at: tuple[Numbers, ...], shape: Shape) -> tuple[int, ...]:
        """The values that move an access, as int64."""
        return tuple(self._in_int64(self._read(numbers.seen, shape)) for numbers in at)

    def _in_int64(self, k: int) -> int:
        return k if self._dtype(k) is int64 else self._add(Compute("cast", int64, (k,)))

    def _pick(self, pick: Pick, shape: Shape, dtype: DType) -> int:
        at = self._numbers(pick.at, shape)
        strides = self._over_group(pick.table.strides, shape)
        inner = any(strides[a] for a in self.reduced) or any(map(self._is_inner, at))
        k = self._add(Load(self._buffer(pick.table.root), dtype, "", inner, at))
        self.words[k] = (pick.table.offset, strides)
        self.moves[k] = _moves(pick.at)
        return k

    def _is_inner(self, k: int) -> bool:
        """Whether a value differs along the folded axes."""
        statement = self.code[k]
        if isinstance(statement, Compute):
            return any(map(self._is_inner, statement.args))
        return isinstance(statement, Load | Coordinate) and statement.inner

    def _where_class(self, label: int, x: int, dtype: DType, elsewhere: float, classes: int) -> int:
        """``x`` where the last coordinate, of so many ``classes``, is the number ``label``."""
        label = self._in_int64(label)
        axis = len(self.shape) - 1
        here = (
            self._add(Coordinate(axis, axis in self.reduced))
            if classes > 1
            else self._number(int64, 0)  # also a single one seen along a longer row
        )
        hit = self._add(Compute("eq", bool_, (here, label)))
        return self._add(Compute("where", dtype, (hit, x, self._number(dtype, elsewhere))))

    def _dtype(self, k: int) -> DType:
        statement = self.code[k]
        return int64 if isinstance(statement, Coordinate) else statement.dtype

    def _reduce(self, slot: int) -> int:
        instr = self.scheduler.made_by[slot]
        name, dtype = instr.primitive.name, self.scheduler.dtype(slot)
        args = [self._read(seen, self.shape) for seen in self.scheduler.operands(slot)]
        self.names.append(name)
        if name == "take_class":
            picked = self._where_class(args[1], args[0], dtype, -0.0, self.shape[-1])
            return self._add(Reduce("pick", dtype, picked))
        if name in ("argmax", "argmin"):
            return self._position(args[0], instr.statics[0], "amax" if name == "argmax" else "amin")
        if name in ("any", "all") and self._dtype(args[0]) is not bool_:
            args[0] = self._add(Compute("cast", bool_, (args[0],)))
        return self._add(Reduce(name, dtype, args[0]))

    def _position(self, x: int, axis: int, fold: str) -> int:
        """Where along ``axis`` the extreme lies: the least coordinate of those that equal it, or are NaN."""
        kind = self._dtype(x)
        extreme = self._add(Reduce(fold, kind, x))
        hit = self._add(Compute("eq", bool_, (x, extreme)))
        if kind.is_floating_point:
            nan = self._add(Compute("ne", bool_, (x, x)))
            hit = self._add(Compute("bitwise_or", bool_, (hit, nan)))
        size = self.shape[axis]
        here = self._add(Coordinate(axis, True)) if size > 1 else self._number(int64, 0)
        place = self._add(Compute("where", int64, (hit, here, self._number(int64, size))))
        return self._add(Reduce("amin", int64, place))

    def _store(self, slot: int, value: int, inner: bool = True) -> None:
        strides = dense_strides(self.shape)
        if not inner:
            strides = dense_strides(self.group.row_shapes(self.reduced)[0])
        k = self._add(
            Store(self._buffer(slot), self._dtype(value), value, "", inner and bool(self.reduced))
        )
        self.words[k] = (0, strides)

    def _write_watch(self, watch: Watch) -> None:
        value = self._in_int64(self._read(watch.seen, self.shape))
        passed = [
            self._add(Compute(name, bool_, (value, self._number(int64, number))))
            for name, number in watch.tests
        ]
        bad = passed[0]
        for other in passed[1:]:
            bad = self._add(Compute("bitwise_or", bool_, (bad, other)))
        self._store(watch.fault, self._add(Reduce("any", bool_, bad)), False)
        self.names.append("check numbers")

    def _write_put(self, put: Put) -> None:
        value = self._read(put.value, self.shape)
        at = self._numbers(put.at, self.shape)
        dtype = self._dtype(value)
        if put.skip is not None:
            kept = self._add(Compute("ne", bool_, (at[0], self._number(int64, put.skip))))
            value = self._add(Compute("where", dtype, (kept, value, self._number(dtype, 0))))
        target = put.target
        k = self._add(Store(self._buffer(target.root), dtype, value, "", False, at, put.op))
        self.words[k] = (target.offset, target.strides)
        self.moves[k] = _moves(put.at)
        self.names.append(self.scheduler.made_by[target.root].primitive.name)

    # Dimensions

    def step(self) -> KernelStep:
        axes = [a for a, n in enumerate(self.shape) if n != 1]
        ordered = self.group.put.ordered if self.group.put is not None else ()
        kept, folded = (
            [a for a in axes if a not in self.reduced],
            [a for a in axes if a in self.reduced],
        )
        vector_inner = bool(folded) and axes[-1] in self.reduced
        vector_inner |= bool(kept) and kept[-1] in ordered  # nothing inner: scalars, in order
        outer = [[a] for a in kept]
        self._collapse(outer, ordered)
        free = [d for d, group in enumerate(outer) if group[0] not in ordered]
        shared = (free or [-1])[0] if outer else 0
        dims = [*outer, *([a] for a in folded)]
        dim_of = {a: d for d, group in enumerate(dims) for a in group}
        strides_of = {
            k: tuple(strides[g[-1]] for g in dims) for k, (_, strides) in self.words.items()
        }
        vector = len(dims) - 1 if vector_inner else len(outer) - 1
        if vector_inner and not folded:
            vector = -1
        words = [prod(self.shape[a] for a in g) for g in dims]
        code = []
        for k, statement in enumerate(self.code):
            if isinstance(statement, Load | Store):
                along = strides_of[k][vector] if vector >= 0 else 0
                named = "still" if along == 0 else "step" if along == 1 else "jump"
                statement = replace(statement, along=named)
                words += [self.words[k][0], *strides_of[k], *self.moves.get(k, ())]
            elif isinstance(statement, Constant):
                words.append(self.bits[k])
            elif isinstance(statement, Coordinate):
                statement = replace(statement, dim=dim_of[statement.dim])
            code.append(statement)
        kernel = Kernel(len(outer), len(folded), vector_inner, tuple(code), shared)
        if vector_inner and len(folded) == 1 and kernel.again.keys() - kernel.stores.keys():
            kernel = replace(kernel, short=self.shape[folded[0]] <= SHORT)
        count = words[shared] if free else 1
        work = prod(self.shape) * len(code)
        writes = tuple([s for s in self.buffers if s in self.group.stored])
        return KernelStep(
            kernel,
            tuple(self.buffers),
            writes,
            tuple(words),
            count,
            vector == shared,
            work,
            tuple(self.names),
        )

    def _collapse(self, outer: list[list[int]], ordered: tuple[int, ...]) -> None:
        """Join neighboring kept axes that every access walks as one, and in which order matters to both or neither."""
        fixed = {s.dim for s in self.code if isinstance(s, Coordinate)}
        at = len(outer) - 2
        while at >= 0:
            left, right = outer[at][-1], outer[at + 1]
            extent = prod(self.shape[a] for a in right)
            one = all(
                strides[left] == strides[right[-1]] * extent for _, strides in self.words.values()
            )
            one = one and (left in ordered) == (right[0] in ordered)
            if one and left not in fixed and fixed.isdisjoint(right):
                outer[at : at + 2] = [[*outer[at], *right]]
            at -= 1


def _moves(at: tuple[Numbers, ...]) -> tuple[int, ...]:
    return tuple(word for numbers in at for word in (numbers.size, numbers.stride))
