"""A plan run slowly by NumPy, with every promise of the loop IR checked on the way.

What it computes is meant to be compared with the interpreter (is the schedule right?) and with native code (is the
emitter right?). A broken promise is an AssertionError: memory read before it is written, an index outside its
buffer, an element that one kernel writes twice (where that is not provided for), a stride that is not what ``along``
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..compiler.access import Access
from ..compiler.loops import (
    Compute,
    Constant,
    Coordinate,
    Kernel,
    Load,
    Reduce,
    Statement,
    Store,
)
from ..compiler.plan import ContractionStep, HostStep, KernelStep, Operand, Plan
from ..ir.dtype import DType
from ..ir.graph import Graph
from ..ir.primitive import Primitive

Array = np.ndarray[Any, Any]


def walk(plan: Plan, graph: Graph, inputs: Sequence[Any]) -> list[Array]:
    """The outputs of ``graph`` for ``inputs`` (arrays and numbers), computed as ``plan`` says.

    Raises:
        AssertionError: the plan breaks a promise.
        IndexError: one of the plan's faults came out true.
    """
    memory = _Memory(plan)
    for slot, given in enumerate(inputs[: graph.n_inputs]):
        aval = graph.avals[slot]
        if aval is not None:
            memory.flat[slot] = np.array(given, aval.dtype.numpy).reshape(-1)
    for step in plan.steps:
        if isinstance(step, KernelStep):
            _launch(step, memory)
        elif isinstance(step, ContractionStep):
            _contract(step, memory)
        else:
            _host(step, memory)
    if any(memory.flat[slot][0] for slot in plan.faults):
        raise IndexError("a number is out of range")
    shapes = [plan.shapes[slot][0] for slot in graph.outputs]
    return [
        memory.read(slot).reshape(shape) for slot, shape in zip(plan.outputs, shapes, strict=True)
    ]


class _Memory:
    """The buffers, by slot; only what has been written is there."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.flat: dict[int, Array] = {}
        self.missing: dict[
            int, Array
        ] = {}  # which elements of what kernels write are not yet written

    def read(self, slot: int) -> Array:
        assert slot in self.flat, f"%{slot} is read before it is written"
        assert not self.missing.get(slot, np.False_).any(), f"%{slot} is read when partly written"
        return self.flat[slot]

    def to_write(self, slot: int) -> Array:
        if slot not in self.flat:
            shape, dtype = self.plan.shapes[slot]
            self.flat[slot] = np.zeros(prod(shape), dtype.numpy)
            self.missing[slot] = np.ones(prod(shape), bool)
        return self.flat[slot]

    def seen(self, access: Access) -> Array:
        """A copy of what ``access`` shows."""
        if access.root in self.plan.numbers:
            flat = np.array([self.plan.numbers[access.root]])
        else:
            flat = self.read(access.root)
        size = flat.itemsize
        if 0 not in access.shape:
            places = _places(access.shape, access.strides, access.offset)
            assert places.min() >= 0 and places.max() < flat.size, f"{access} leaves its buffer"
        strides = tuple(s * size for s in access.strides)
        return as_strided(flat[access.offset :], access.shape, strides).copy()


_FOLD = {
    "sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum, "any": np.logical_or,
    "all": np.logical_and,
}  # fmt: skip


def _ramp(shape: Sequence[int], axis: int) -> Array:
    """The index along ``axis``, with as many axes as ``shape``."""
    return np.arange(shape[axis]).reshape([-1 if a == axis else 1 for a in range(len(shape))])


def _places(shape: Sequence[int], strides: Sequence[int], offset: int) -> Array:
    """The element numbers at the points of ``shape``, as an array of that shape."""
    places = np.full(shape, offset)
    for axis, stride in enumerate(strides):
        places += _ramp(shape, axis) * stride
    return places


# Kernels


def _launch(step: KernelStep, memory: _Memory) -> None:
    """All points of a kernel at once; outer values have extent 1 in the inner dimensions."""
    walker = _Walker(step, memory)
    for k, statement in enumerate(step.kernel.code):
        walker.visit(k, statement)
    walker.write()
    stored = {step.buffers[s.buffer] for s in step.kernel.code if isinstance(s, Store)}
    assert stored == set(step.writes), f"{step.writes} are to be written, {stored} are"


class _Walker:
    def __init__(self, step: KernelStep, memory: _Memory) -> None:
        self.kernel, self.buffers, self.memory = step.kernel, step.buffers, memory
        dims = self.kernel.outer + self.kernel.inner
        words = iter(step.words)
        self.extents = [next(words) for _ in range(dims)]
        self.words = [[next(words) for _ in range(_n_words(s, dims))] for s in self.kernel.code]
        assert next(words, None) is None, "words are left over"
        shared = self.kernel.shared
        alone = shared < 0 or not self.kernel.outer
        assert step.count == (1 if alone else self.extents[shared])
        self.values: list[Array | None] = []
        self.writes: list[tuple[int, Array, Array]] = []

    def shape(self, inner: bool) -> list[int]:
        """The points of a level."""
        outer = self.kernel.outer
        return self.extents if inner else self.extents[:outer] + [1] * self.kernel.inner

    def visit(self, k: int, s: Statement) -> None:
        value: Array | None = None
        if isinstance(s, Load):
            flat = self.memory.read(self.buffers[s.buffer])
            assert flat.dtype == s.dtype.numpy, f"{flat.dtype} is loaded as {s.dtype}"
            value = flat[self._points(k, s, flat.size)]
        elif isinstance(s, Constant):
            value = _number(self.words[k][0], s.dtype)
        elif isinstance(s, Coordinate):
            shape = [1] * len(self.extents)
            shape[s.dim] = self.extents[s.dim]
            value = np.arange(self.extents[s.dim]).reshape(shape)
        elif isinstance(s, Compute):
            value = _computed(s, [self._value(a) for a in s.args])
        elif isinstance(s, Reduce):
            inner = np.broadcast_to(self._value(s.arg), self.extents)
            value = _folded(s, inner, tuple(range(self.kernel.outer, len(self.extents))))
        else:
            assert isinstance(s, Store), f"{s} is not known here"
            self._store(k, s)
        self.values.append(value)

    def _value(self, k: int) -> Array:
        value = self.values[k]
        assert value is not None, "a store has no value"
        return value

    def _points(self, k: int, s: Load | Store, size: int) -> Array:
        """The elements that a Load or Store touches at the points of its level."""
        dims = len(self.extents)
        offset, strides, moves = (
            self.words[k][0],
            self.words[k][1 : 1 + dims],
            self.words[k][1 + dims :],
        )
        if not s.inner:
            assert not any(strides[self.kernel.outer :]), "an outer access moves within"
        vector = _vector_dimension(self.kernel)
        if vector is not None:
            along = {0: "still", 1: "step"}.get(strides[vector], "jump")
            assert s.along == along, f"stride {strides[vector]} is called {s.along}"
        places = _places(self.shape(s.inner), strides, offset)
        for n, at in enumerate(s.at):
            size_of_axis, stride = moves[2 * n : 2 * n + 2]
            numbers = self._value(at)
            assert numbers.dtype == np.int64, f"a place is named by {numbers.dtype}"
            numbers = np.where(numbers < 0, numbers + size_of_axis, numbers)
            places = places + np.clip(numbers, 0, size_of_axis - 1) * stride
        assert list(places.shape) == self.shape(s.inner), "moved by a value of another level"
        if places.size:
            assert places.min() >= 0 and places.max() < size, f"{s} leaves its buffer"
        return places

    def _store(self, k: int, s: Store) -> None:
        slot = self.buffers[s.buffer]
        size = prod(self.memory.plan.shapes[slot][0])
        places = self._points(k, s, size)
        value = self._value(s.arg)
        assert value.dtype == s.dtype.numpy, f"{value.dtype} is stored as {s.dtype}"
        values = np.broadcast_to(value, places.shape)
        if s.at or s.op != "set":
            self._put(slot, s, places, values)
            return
        assert np.unique(places).size == places.size, f"%{slot} is written twice"
        self.writes.append((slot, places, values))

    def _put(self, slot: int, s: Store, places: Array, values: Array) -> None:
        """Write where points may meet, in their order: into memory that is written already."""
        flat = self.memory.read(slot)
        dims = {self.kernel.shared, _vector_dimension(self.kernel)}
        for dim in range(len(self.extents)):
            if dim not in dims:
                continue
            owners = np.broadcast_to(_ramp(places.shape, dim), places.shape)
            pairs = np.unique(np.stack([places.ravel(), owners.ravel()]), axis=1)
            met = np.unique(places).size != pairs.shape[1]
            assert not met, f"points apart in dimension {dim} meet in %{slot}"
        given = self.kernel.code[s.arg]
        if (
            isinstance(given, Load) and self.buffers[given.buffer] == slot
        ):  # what was written on the way
            values, sources = flat, self._points(s.arg, given, flat.size)
        else:
            sources = np.arange(values.size)
        for place, source in zip(places.ravel(), sources.ravel(), strict=True):
            value = values.flat[source]
            flat[place] = value if s.op == "set" else _FOLD[s.op](flat[place], value)

    def write(self) -> None:
        for slot, places, values in self.writes:
            flat = self.memory.to_write(slot)
            assert flat.dtype == values.dtype, f"%{slot} is {flat.dtype}, gets {values.dtype}"
            flat[places] = values
            self.memory.missing[slot][places] = False


def _n_words(s: Statement, dims: int) -> int:
    if isinstance(s, Load | Store):
        return 1 + dims + 2 * len(s.at)
    return int(isinstance(s, Constant))


def _vector_dimension(kernel: Kernel) -> int | None:
    if kernel.vector_inner:
        return kernel.outer + kernel.inner - 1 if kernel.inner else None
    return kernel.outer - 1 if kernel.outer else None


def _number(bits: int, dtype: DType) -> Array:
    raw = (bits & (1 << 64) - 1).to_bytes(8, "little")
    return np.frombuffer(raw[: dtype.itemsize], dtype.numpy).reshape(())


def _computed(s: Compute, args: list[Array]) -> Array:
    statics = {"dtype": s.dtype} if s.op == "cast" else {}
    with np.errstate(all="ignore"):
        value = np.asarray(Primitive.registry[s.op].reference(*args, **statics))
    assert value.dtype == s.dtype.numpy, f"{s.op} gives {value.dtype}, not {s.dtype}"
    return value


def _folded(s: Reduce, inner: Array, axes: tuple[int, ...]) -> Array:
    """As the loop IR says: floats are summed in float64."""
    summed = s.op in ("sum", "pick", "prod")
    wide = inner.astype(np.float64) if inner.dtype.kind == "f" and summed else inner
    with np.errstate(all="ignore"):
        if s.op == "pick":
            value: Any = np.add.reduce(wide, axis=axes, keepdims=True, initial=-0.0)
        else:
            value = Primitive.registry[s.op].reference(wide, axes=axes, keepdim=True)
        return np.asarray(value).astype(s.dtype.numpy)


# The other steps


def _contract(step: ContractionStep, memory: _Memory) -> None:
    a = memory.seen(_matrix(step.a, step, step.m, step.k))
    b = memory.seen(_matrix(step.b, step, step.k, step.n))
    memory.to_write(step.out)[:] = np.matmul(a, b).reshape(-1)
    memory.missing[step.out][:] = False
    if step.epilogue is not None:
        _launch(step.epilogue, memory)


def _matrix(x: Operand, step: ContractionStep, rows: int, columns: int) -> Access:
    shape = (*step.batch, rows, columns)
    return Access(x.slot, shape, (*x.batch, x.row, x.column), x.offset)


def _host(step: HostStep, memory: _Memory) -> None:
    instr, plan = step.instr, memory.plan
    given = [memory.seen(plan.access[s]) if s in plan.access else None for s in instr.ins]
    with np.errstate(all="ignore"):
        results = instr.primitive.reference(*given, **instr.primitive.unpack(instr.statics))
    many = results if len(instr.outs) > 1 else (results,)
    for slot, result in zip(instr.outs, many, strict=True):
        memory.flat[slot] = np.array(result, plan.shapes[slot][1].numpy).reshape(-1)
