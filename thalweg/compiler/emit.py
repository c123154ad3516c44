"""A kernel of the loop IR as one LLVM function; loops.py says what it is to do."""

from __future__ import annotations

from collections.abc import Iterator

from ..ir.dtype import DType, bool_, int64
from . import math
from .loops import (
    LANES,
    SHORT,
    Compute,
    Constant,
    Coordinate,
    Kernel,
    Load,
    Reduce,
    Statement,
    Store,
    arguments,
)
from .text import Type, Writer, constant, type_of

_LANE_NUMBERS = "<" + ", ".join(f"i64 {k}" for k in range(LANES)) + ">"
_INDICES = Type("i64", LANES)
_MASK = Type("i1", LANES)
_TOGETHER, _MUCH_CODE, _WIDE = 4, 24, 32
_ROWS_AHEAD = 8


def emit(kernel: Kernel, name: str, attributes: str = "") -> str:
    """The text of a module with ``kernel`` as function ``name``."""
    return _Emitter(kernel).module(name, attributes)


class _Point:
    """Where in the loops code is being written: the index of each dimension so far, the lanes that count, and
    the values known here."""

    def __init__(self, indices: dict[int, str], lanes: int, mask: str | None) -> None:
        self.indices, self.lanes, self.mask = indices, lanes, mask
        self.known: dict[int, str] = {}
        self.places: dict[int, str] = {}  # a Reduce's accumulator
        self.nans: dict[int, str] = {}  # where a Reduce has seen a NaN


class _Emitter:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.code, self.w = kernel, kernel.code, Writer()
        self.dims = kernel.outer + kernel.inner
        self.vector_dim = self.dims - 1 if kernel.vector_inner else kernel.outer - 1
        if kernel.vector_inner and not kernel.inner:
            self.vector_dim = -1  # a kernel of scalars
        self.inner = kernel.inside
        self.walk = 0  # the number of the walk that is being written
        self.varies: list[bool] = []
        for s in self.code:
            self.varies.append(self._differs(s))

    def _differs(self, s: Statement) -> bool:
        """Whether a value is another in each lane."""
        if isinstance(s, Reduce):
            return not self.kernel.vector_inner
        own = isinstance(s, Load | Store) and s.along != "still"
        own |= isinstance(s, Coordinate) and s.dim == self.vector_dim
        return own or any(self.varies[a] for a in arguments(s))

    def module(self, name: str, attributes: str) -> str:
        self._read_arguments()
        self._outer(0, _Point({}, 1, None))
        return self.w.function(name, attributes)

    # Arguments

    def _word(self, at: int) -> str:
        place = self.w.set(f"getelementptr i64, ptr %meta, i64 {at}")
        return self.w.set(f"load i64, ptr {place}")

    def _read_arguments(self) -> None:
        w, kernel = self.w, self.kernel
        self.buffers = []
        for n in range(kernel.n_buffers):
            place = w.set(f"getelementptr i64, ptr %table, i64 {self._word(n)}")
            self.buffers.append(w.set(f"load ptr, ptr {place}"))
        at = kernel.n_buffers
        self.extents = [self._word(at + d) for d in range(self.dims)]
        at += self.dims
        self.words: list[list[str]] = []
        for n in kernel.word_counts:
            self.words.append([self._word(at + i) for i in range(n)])
            at += n

    # Loops

    def _outer(self, dim: int, point: _Point) -> None:
        """Write the loops over outer dimensions from ``dim`` on, and what they contain."""
        if dim == self.kernel.outer:
            self._at_points([point])
            return
        mine = dim == self.kernel.shared
        start, stop = ("%begin", "%end") if mine else ("0", self.extents[dim])
        if dim != self.vector_dim:
            with self.w.loop(start, stop) as index:
                self._outer(dim + 1, _Point({**point.indices, dim: index}, 1, None))
            return
        if self._is_wide():
            self._wide(start, stop, point)
            return
        # columns that are reduced side by side: their loads hide each other's latency
        together = _TOGETHER if self.kernel.inner and len(self.code) <= _MUCH_CODE else 1
        for indices, mask in self._vectors(start, stop, together):
            self._at_points([_Point({**point.indices, dim: i}, LANES, mask) for i in indices])

    # Columns in wide pieces

    def _is_wide(self) -> bool:
        """Whether columns are summed in pieces of ``_WIDE`` vectors: where there is too much code to write several."""
        kernel = self.kernel
        folds = [s for s in self.code if isinstance(s, Reduce)]
        many = kernel.inner and len(self.code) > _MUCH_CODE and len(kernel.walks) == 1
        moved = any(isinstance(s, Load | Store) and s.at for s in self.code)
        return bool(many) and not moved and all(s.op == "sum" for s in folds)

    def _wide(self, start: str, stop: str, point: _Point) -> None:
        """The sums of columns, the rows of a piece being read one after another; accumulators lie on the stack."""
        w, (sinks,) = self.w, self.kernel.walks
        sums = [(k, s) for k in sinks if isinstance(s := self.code[k], Reduce)]
        for k, s in sums:
            t = _accumulator(s, 1)
            w.slots.append(f"  %sums{k} = alloca [{_WIDE * LANES} x {t}], align 64")
        with w.loop(start, stop, _WIDE * LANES) as first:
            reach = w.set(f"add i64 {first}, {_WIDE * LANES}")
            piece = (first, w.intrinsic("smin", Type("i64", 1), reach, stop))
            for outer in self._columns(piece, point, sums):
                for k, s in sums:
                    t = _accumulator(s, LANES)
                    w.do(f"store {t} {constant(t, 0)}, ptr {outer.places[k]}, align 64")
            self._rows(self.kernel.outer, {}, piece, point, sums)
            for outer in self._columns(piece, point, sums):
                self._take_totals(sums, outer)
                self._write_outer(outer)

    def _columns(
        self, piece: tuple[str, str], point: _Point, sums: list[tuple[int, Reduce]]
    ) -> Iterator[_Point]:
        """The vectors of a piece, with the places of their sums."""
        for (index,), mask in self._vectors(*piece):
            inside = _Point({**point.indices, self.vector_dim: index}, LANES, mask)
            at = self.w.set(f"sub i64 {index}, {piece[0]}")
            for k, s in sums:
                t = _accumulator(s, 1)
                inside.places[k] = self.w.set(f"getelementptr {t}, ptr %sums{k}, i64 {at}")
            yield inside

    def _rows(
        self, dim: int, indices: dict[int, str], piece: tuple[str, str], point: _Point,
        sums: list[tuple[int, Reduce]],
    ) -> None:  # fmt: skip
        """The loops over inner dimensions from ``dim`` on, and within them over a piece's columns."""
        if dim < self.dims:
            with self.w.loop("0", self.extents[dim]) as index:
                self._rows(dim + 1, {**indices, dim: index}, piece, point, sums)
            return
        (sinks,) = self.kernel.walks
        for outer in self._columns(piece, point, sums):
            for k in self._outer_needs(sinks):
                self._value(k, outer)
            inside = _Point({**outer.indices, **indices}, LANES, outer.mask)
            self._fetch_rows(inside)
            self._at_inner_point(outer, inside, sinks)

    def _fetch_rows(self, point: _Point) -> None:
        """Ask for what a point some rows further on reads: a piece is too short for the processor to see it coming."""
        w, last = self.w, self.dims - 1
        later = w.set(f"add i64 {point.indices[last]}, {_ROWS_AHEAD}")
        there = _Point({**point.indices, last: later}, LANES, point.mask)
        for k, s in enumerate(self.code):
            if isinstance(s, Load) and s.inner and s.along == "step" and s.dtype is not bool_:
                place, _ = self._spot(k, s, type_of(s.dtype, 1).element, [], there)
                w.declared["llvm.prefetch.p0"] = (
                    "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
                )
                w.do(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 2, i32 1)")

    def _vectors(
        self, start: str, stop: str, together: int = 1
    ) -> Iterator[tuple[list[str], str | None]]:
        """A loop over whole vectors, several together as long as there are so many, then what is left: yields the
        indices of their first lanes, and the mask."""
        w = self.w
        if together > 1:
            length = w.set(f"sub i64 {stop}, {start}")
            whole = w.set(f"and i64 {length}, {-LANES * together}")
            end = w.set(f"add i64 {start}, {whole}")
            with w.loop(start, end, LANES * together) as index:
                yield [w.set(f"add i64 {index}, {n * LANES}") for n in range(together)], None
            start = end
        length = w.set(f"sub i64 {stop}, {start}")
        whole = w.set(f"and i64 {length}, {-LANES}")
        end = w.set(f"add i64 {start}, {whole}")
        with w.loop(start, end, LANES) as index:
            yield [index], None
        rest = w.set(f"sub i64 {stop}, {end}")
        some = w.set(f"icmp sgt i64 {rest}, 0")
        with w.when(some):
            limit = w.splat(_INDICES, rest)
            yield [end], w.set(f"icmp slt {_INDICES} {_LANE_NUMBERS}, {limit}")

    def _at_points(self, points: list[_Point]) -> None:
        """Everything that happens at one outer point, or at sixteen of them, or at several times sixteen."""
        for walk, sinks in enumerate(self.kernel.walks):
            self.walk = walk
            self._walk_inner(sinks, points)
        for point in points:
            self._write_outer(point)

    def _write_outer(self, point: _Point) -> None:
        """The Stores at an outer point."""
        for k, s in enumerate(self.code):
            if isinstance(s, Store) and not self.inner[k]:
                self._store(k, s, [self._value(a, point) for a in arguments(s)], point)

    def _walk_inner(self, sinks: list[int], points: list[_Point]) -> None:
        """One walk over the inner dimensions, for these Reduces and Stores."""
        reduces = [(k, s) for k in sinks if isinstance(s := self.code[k], Reduce)]
        for point in points:
            for k in self._outer_needs(sinks):
                self._value(k, point)
            lanes = LANES if self.kernel.vector_inner else point.lanes
            for k, s in reduces:
                t = _accumulator(s, lanes)
                point.places[k] = self.w.variable(t, constant(t, _identity(s)))
                if _watches_nan(s):
                    point.nans[k] = self.w.variable(t.of("i1"), constant(t.of("i1"), 0))
        self._inner(self.kernel.outer, points, points, sinks)
        for point in points:
            self._take_totals(reduces, point)

    def _take_totals(self, reduces: list[tuple[int, Reduce]], point: _Point) -> None:
        """After the walk: what the accumulators hold."""
        w, vector = self.w, self.kernel.vector_inner
        for k, s in reduces:
            t = _accumulator(s, LANES if vector else point.lanes)
            total = w.set(f"load {t}, ptr {point.places[k]}")
            if _watches_nan(s):
                seen = w.set(f"load {t.of('i1')}, ptr {point.nans[k]}")
                nan = constant(t, float("nan"))
                total = w.set(f"select {t.of('i1')} {seen}, {t} {nan}, {t} {total}")
            if vector:
                total, t = self._together(s, t, total)
            narrow = type_of(s.dtype, t.lanes)
            if t.element != narrow.element:
                total = w.set(f"{'fptrunc' if t.is_float else 'trunc'} {t} {total} to {narrow}")
            point.known[k] = total

    def _outer_needs(self, sinks: list[int]) -> list[int]:
        """The outer values that inner code reads."""
        found: set[int] = set()
        todo = [a for k in sinks for a in arguments(self.code[k])]
        while todo:
            k = todo.pop()
            if not self.inner[k]:
                found.add(k)
            else:
                todo += arguments(self.code[k])
        return sorted(found)

    def _inner(
        self, dim: int, outers: list[_Point], points: list[_Point], sinks: list[int]
    ) -> None:
        """Write the loops over inner dimensions from ``dim`` on."""
        if dim == self.dims:
            for outer, point in zip(outers, points, strict=True):
                self._at_inner_point(outer, point, sinks)
        elif dim != self.vector_dim:
            with self.w.loop("0", self.extents[dim]) as index:
                inside = [_Point({**p.indices, dim: index}, p.lanes, p.mask) for p in points]
                self._inner(dim + 1, outers, inside, sinks)
        else:
            for (index,), mask in self._vectors("0", self.extents[dim]):
                inside = [_Point({**p.indices, dim: index}, LANES, mask) for p in points]
                self._inner(dim + 1, outers, inside, sinks)

    def _at_inner_point(self, outer: _Point, point: _Point, sinks: list[int]) -> None:
        for k in sinks:
            s = self.code[k]
            args = [self._seen(a, outer, point) for a in arguments(s)]
            if isinstance(s, Store):
                self._store(k, s, args, point)
            elif isinstance(s, Reduce):
                self._accumulate(k, s, args[0], outer, point)

    # Values

    def _seen(self, k: int, outer: _Point, point: _Point) -> str:
        """Value ``k`` at an inner point: outer values were written before the loops."""
        if not self.inner[k]:
            value = outer.known[k]
            t = type_of(self._dtype(k), point.lanes)
            return self.w.splat(t, value) if point.lanes > outer.lanes else value
        if k not in point.known:
            point.known[k] = self._evaluated(k, outer, point)
        return point.known[k]

    def _evaluated(self, k: int, outer: _Point, point: _Point) -> str:
        """Value ``k`` at an inner point: computed, or read where an earlier walk has left it."""
        first = self.kernel.again.get(k, self.walk)
        store = self.kernel.stores.get(k)
        if first < self.walk and store is not None:
            s = self.code[store]
            assert isinstance(s, Store)
            return self._load(store, Load(s.buffer, s.dtype, s.along, True), [], point)
        kept = self._kept(k, point) if k in self.kernel.again and store is None else None
        t = type_of(self._dtype(k), point.lanes)
        if first < self.walk and kept is not None:
            return self.w.set(f"load {t}, ptr {kept}, align 64")
        args = [self._seen(a, outer, point) for a in arguments(self.code[k])]
        value = self._write(k, args, point)
        if kept is not None:
            self.w.do(f"store {t} {value}, ptr {kept}, align 64")
        return value

    def _kept(self, k: int, point: _Point) -> str | None:
        """Where on the stack a value of this point is kept; None if a row may be too long."""
        if not self.kernel.short:
            return None
        element = type_of(self._dtype(k), 1)
        row, place = f"%row{k}", f"  %row{k} = alloca [{SHORT} x {element}], align 64"
        if place not in self.w.slots:
            self.w.slots.append(place)
        return self.w.set(
            f"getelementptr {element}, ptr {row}, i64 {point.indices[self.vector_dim]}"
        )

    def _value(self, k: int, point: _Point) -> str:
        """Value ``k`` at an outer point."""
        if k not in point.known:
            args = [self._value(a, point) for a in arguments(self.code[k])]
            point.known[k] = self._write(k, args, point)
        return point.known[k]

    def _write(self, k: int, args: list[str], point: _Point) -> str:
        s = self.code[k]
        if isinstance(s, Load):
            return self._load(k, s, args, point)
        t = type_of(self._dtype(k), point.lanes)
        if isinstance(s, Constant):
            return self.w.splat(t, self._number(s, self.words[k][0]))
        if isinstance(s, Coordinate):
            if s.dim == self.vector_dim:
                return self.w.set(
                    f"add {t} {self.w.splat(t, point.indices[s.dim])}, {_LANE_NUMBERS}"
                )
            return self.w.splat(t, point.indices[s.dim])
        assert isinstance(s, Compute)
        dtypes = tuple(self._dtype(a) for a in s.args)
        kind = type_of(dtypes[1] if s.op == "where" else dtypes[0], point.lanes)
        return math.compute(self.w, s.op, s.dtype, dtypes, kind, tuple(args))

    def _dtype(self, k: int) -> DType:
        s = self.code[k]
        return int64 if isinstance(s, Coordinate) else s.dtype

    def _number(self, s: Constant, word: str) -> str:
        t = type_of(s.dtype, 1)
        if t.element == "i64":
            return word
        if t.element == "double":
            return self.w.set(f"bitcast i64 {word} to double")
        if t.element == "float":
            return self.w.set(f"bitcast i32 {self.w.set(f'trunc i64 {word} to i32')} to float")
        return self.w.set(f"trunc i64 {word} to {t}")

    # Memory

    def _spot(
        self, k: int, s: Load | Store, element: str, at: list[str], point: _Point
    ) -> tuple[str, str | None]:
        """The address at this point, of the first lane, and those of all lanes unless they are one element or
        neighbors. ``at``: the values that move it."""
        w, words = self.w, self.words[k]
        moves = words[1 + self.dims :]
        apart = point.lanes > 1 and any(self.varies[a] for a in s.at)
        vector = "jump" if apart else s.along
        offset = words[0]
        for dim, index in point.indices.items():
            stride = words[1 + dim]
            if dim == self.vector_dim and vector != "jump":
                if vector == "step":
                    offset = w.set(f"add i64 {offset}, {index}")
                continue
            offset = w.set(f"add i64 {offset}, {w.set(f'mul i64 {index}, {stride}')}")
        if not apart:
            for n, value in enumerate(at):
                if point.lanes > 1:
                    value = w.set(f"extractelement {_INDICES} {value}, i32 0")
                moved = self._moved(Type("i64", 1), value, *moves[2 * n : 2 * n + 2])
                offset = w.set(f"add i64 {offset}, {moved}")
        first = w.set(f"getelementptr {element}, ptr {self.buffers[s.buffer]}, i64 {offset}")
        if point.lanes == 1 or vector != "jump":
            return first, None
        stride = w.splat(_INDICES, words[1 + self.vector_dim])
        away = w.set(f"mul {_INDICES} {stride}, {_LANE_NUMBERS}")
        for n, value in enumerate(at if apart else ()):
            moved = self._moved(_INDICES, value, *moves[2 * n : 2 * n + 2])
            away = w.set(f"add {_INDICES} {away}, {moved}")
        return first, w.set(f"getelementptr {element}, ptr {first}, {_INDICES} {away}")

    def _moved(self, t: Type, number: str, size: str, stride: str) -> str:
        """How far element ``number`` of an axis lies from its first; one out of range counts as the last."""
        w = self.w
        end = w.set(f"add {t} {number}, {w.splat(t, size)}")
        negative = w.set(f"icmp slt {t} {number}, {constant(t, 0)}")
        place = w.set(f"select {t.of('i1')} {negative}, {t} {end}, {t} {number}")
        last = w.splat(t, w.set(f"sub i64 {size}, 1"))
        return w.set(f"mul {t} {w.intrinsic('umin', t, place, last)}, {w.splat(t, stride)}")

    def _load(self, k: int, s: Load, at: list[str], point: _Point) -> str:
        t = type_of(s.dtype, point.lanes)
        memory = t.of("i8") if s.dtype is bool_ else t
        return self._read(s, memory, *self._spot(k, s, memory.element, at, point), point)

    def _read(
        self, s: Load | Store, memory: Type, first: str, places: str | None, point: _Point
    ) -> str:
        """What lies at these addresses (``_spot``)."""
        w = self.w
        size = s.dtype.itemsize
        mask = point.mask or constant(_MASK, 1)
        if places is not None:
            pointers = f"<{LANES} x ptr>"
            name = f"llvm.masked.gather.{memory.suffix}.v{LANES}p0"
            w.declared[name] = f"declare {memory} @{name}({pointers}, i32, {_MASK}, {memory})"
            value = w.set(
                f"call {memory} @{name}({pointers} {places}, i32 {size}, {_MASK} {mask}, {memory} zeroinitializer)"
            )
        elif point.lanes == 1 or s.along == "still":
            value = w.splat(memory, w.load(Type(memory.element, 1), first, size))
        else:
            value = w.load(memory, first, size, point.mask)
        if s.dtype is bool_:
            return w.set(f"icmp ne {memory} {value}, {constant(memory, 0)}")
        return value

    def _store(self, k: int, s: Store, args: list[str], point: _Point) -> None:
        w = self.w
        value, *at = args
        t = type_of(s.dtype, point.lanes)
        memory = t.of("i8") if s.dtype is bool_ else t
        first, places = self._spot(k, s, memory.element, at, point)
        if s.op != "set":
            before = self._read(s, memory, first, places, point)
            value = _joined(w, s.op, s.dtype, t, before, value)
        if s.dtype is bool_:
            value = w.set(f"zext {t} {value} to {memory}")
        size = s.dtype.itemsize
        mask = point.mask or constant(_MASK, 1)
        if places is not None:
            pointers = f"<{LANES} x ptr>"
            name = f"llvm.masked.scatter.{memory.suffix}.v{LANES}p0"
            w.declared[name] = f"declare void @{name}({memory}, {pointers}, i32, {_MASK})"
            w.do(
                f"call void @{name}({memory} {value}, {pointers} {places}, i32 {size}, {_MASK} {mask})"
            )
        else:
            w.store(memory, value, first, size, point.mask if point.lanes > 1 else None)

    # Reductions

    def _accumulate(self, k: int, s: Reduce, value: str, outer: _Point, point: _Point) -> None:
        w = self.w
        have, t = type_of(s.dtype, point.lanes), _accumulator(s, point.lanes)
        if have.element != t.element:
            value = w.set(
                f"{'fpext' if t.is_float else 'sext' if s.dtype.is_signed else 'zext'} {have} {value} to {t}"
            )
        if point.mask is not None and self.kernel.vector_inner:
            value = w.set(
                f"select {_MASK} {point.mask}, {t} {value}, {t} {constant(t, _identity(s))}"
            )
        place = outer.places[k]
        before = w.set(f"load {t}, ptr {place}")
        if _watches_nan(s):  # apart from the comparison, which is then one instruction
            truths, test = t.of("i1"), "ogt" if s.op == "amax" else "olt"
            chosen = w.set(f"fcmp {test} {t} {value}, {before}")
            after = w.set(f"select {truths} {chosen}, {t} {value}, {t} {before}")
            is_nan = w.set(f"fcmp uno {t} {value}, {value}")
            seen = w.set(f"load {truths}, ptr {outer.nans[k]}")
            w.do(f"store {truths} {w.set(f'or {truths} {seen}, {is_nan}')}, ptr {outer.nans[k]}")
        else:
            after = _joined(w, s.op, s.dtype, t, before, value)
        w.do(f"store {t} {after}, ptr {place}")

    def _together(self, s: Reduce, t: Type, value: str) -> tuple[str, Type]:
        """The lanes of an accumulator joined, in halves."""
        w, lanes = self.w, t.lanes
        while lanes > 1:
            half = Type(t.element, lanes // 2)
            whole = Type(t.element, lanes)
            parts = []
            for start in (0, lanes // 2):
                picked = ", ".join(f"i32 {start + i}" for i in range(lanes // 2))
                parts.append(
                    w.set(
                        f"shufflevector {whole} {value}, {whole} poison, <{lanes // 2} x i32> <{picked}>"
                    )
                )
            if lanes == 2:
                ones = [w.set(f"extractelement <1 x {t.element}> {p}, i32 0") for p in parts]
                value = _joined(w, s.op, s.dtype, half, *ones)
            else:
                value = _joined(w, s.op, s.dtype, half, *parts)
            lanes //= 2
        return value, Type(t.element, 1)


def _accumulator(s: Reduce, lanes: int) -> Type:
    """What a reduction is added up in: float64 for floats' sums and products, int64 for integers'."""
    t = type_of(s.dtype, lanes)
    if s.op not in ("sum", "pick", "prod") or t.element == "i1":
        return t
    return t.of("double" if t.is_float else "i64")


def _watches_nan(s: Reduce) -> bool:
    """Whether NaNs are noted beside the accumulator, which would lose them."""
    return s.op in ("amax", "amin") and s.dtype.is_floating_point


def _identity(s: Reduce) -> float | int:
    if s.op in ("amax", "amin"):
        sign = -1 if s.op == "amax" else 1
        if s.dtype.is_floating_point:
            return sign * float("inf")
        bits = s.dtype.itemsize * 8
        if not s.dtype.is_signed:
            return 0 if s.op == "amax" else (1 << bits) - 1
        return -(1 << bits - 1) if s.op == "amax" else (1 << bits - 1) - 1
    return {"sum": 0, "pick": -0.0, "prod": 1, "any": 0, "all": 1}[s.op]


def _joined(w: Writer, op: str, dtype: DType, t: Type, x: str, y: str) -> str:
    """Two partial results of a reduction as one."""
    if op == "any":
        return w.set(f"or {t} {x}, {y}")
    if op == "all":
        return w.set(f"and {t} {x}, {y}")
    if op in ("sum", "pick", "prod"):
        name = "mul" if op == "prod" else "add"
        return w.set(f"{'f' if t.is_float else ''}{name} {t} {x}, {y}")
    if t.is_float:
        return math.extreme(w, t, y, x, "ogt" if op == "amax" else "olt")
    sign = "s" if dtype.is_signed else "u"
    return w.intrinsic(f"{sign}{op[1:]}", t, x, y)
