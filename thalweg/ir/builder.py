"""The builder that composites and gradient rules write to, and the Var they hold in their hands."""

from __future__ import annotations

from typing import Any

from .aval import Aval, Shape, broadcast_shapes
from .dtype import DType, float32
from .graph import Graph, Instr
from .halves import emit_wide
from .primitive import Primitive

Number = bool | int | float | complex


class Var:
    """A slot of a graph under construction, with the operators to go on writing.

    Operators demand equal dtypes; a Python number becomes a constant of the other operand's dtype.
    """

    __slots__ = ("builder", "slot", "aval")

    def __init__(self, builder: Builder, slot: int, aval: Aval) -> None:
        self.builder, self.slot, self.aval = builder, slot, aval

    @property
    def shape(self) -> Shape:
        return self.aval.shape

    @property
    def dtype(self) -> DType:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    def __repr__(self) -> str:
        return f"%{self.slot}: {self.aval}"

    def _binary(self, name: str, other: Var | Number, swapped: bool = False) -> Var:
        if not isinstance(other, Var):
            other = self.builder.constant(other, self.dtype)
        left, right = (other, self) if swapped else (self, other)
        result: Var = Primitive.registry[name](left, right)
        return result

    def __add__(self, other: Var | Number) -> Var:
        return self._binary("add", other)

    def __radd__(self, other: Number) -> Var:
        return self._binary("add", other, True)

    def __sub__(self, other: Var | Number) -> Var:
        return self._binary("sub", other)

    def __rsub__(self, other: Number) -> Var:
        return self._binary("sub", other, True)

    def __mul__(self, other: Var | Number) -> Var:
        return self._binary("mul", other)

    def __rmul__(self, other: Number) -> Var:
        return self._binary("mul", other, True)

    def __truediv__(self, other: Var | Number) -> Var:
        return self._binary("div", other)

    def __rtruediv__(self, other: Number) -> Var:
        return self._binary("div", other, True)

    def __pow__(self, other: Var | Number) -> Var:
        return self._binary("pow", other)

    def __neg__(self) -> Var:
        result: Var = Primitive.registry["neg"](self)
        return result

    def __lt__(self, other: Var | Number) -> Var:
        return self._binary("lt", other)

    def __le__(self, other: Var | Number) -> Var:
        return self._binary("le", other)

    def __gt__(self, other: Var | Number) -> Var:
        return self._binary("gt", other)

    def __ge__(self, other: Var | Number) -> Var:
        return self._binary("ge", other)

    def __and__(self, other: Var | Number) -> Var:
        return self._binary("bitwise_and", other)

    def __or__(self, other: Var | Number) -> Var:
        return self._binary("bitwise_or", other)

    def eq(self, other: Var | Number) -> Var:
        return self._binary("eq", other)

    def ne(self, other: Var | Number) -> Var:
        return self._binary("ne", other)

    def __matmul__(self, other: Var) -> Var:
        return self._binary("matmul", other)

    def astype(self, dtype: DType) -> Var:
        if dtype is self.dtype and not self.aval.weak:
            return self
        result: Var = Primitive.registry["cast"](self, dtype=dtype)
        return result

    def reshape(self, shape: Shape) -> Var:
        if shape == self.shape:
            return self
        result: Var = Primitive.registry["reshape"](self, shape=shape)
        return result

    def broadcast_to(self, shape: Shape) -> Var:
        if shape == self.shape:
            return self
        result: Var = Primitive.registry["broadcast_to"](self, shape=shape)
        return result

    def permute(self, axes: tuple[int, ...]) -> Var:
        if axes == tuple(range(self.ndim)):
            return self
        result: Var = Primitive.registry["permute"](self, axes=axes)
        return result

    def swap(self, a: int = -1, b: int = -2) -> Var:
        """This with two axes exchanged; the last two unless said otherwise."""
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.permute(tuple(axes))

    def sum(self, axes: tuple[int, ...] | None = None, keepdim: bool = False) -> Var:
        """The sum over ``axes`` (all of them by default), nonnegative axis numbers."""
        axes = tuple(range(self.ndim)) if axes is None else axes
        if not axes:
            return self
        result: Var = Primitive.registry["sum"](self, axes=axes, keepdim=keepdim)
        return result

    def zeros_like(self) -> Var:
        return self.builder.full(self.shape, 0, self.dtype)

    def ones_like(self) -> Var:
        return self.builder.full(self.shape, 1, self.dtype)


class Builder:
    """Writes a Graph. The same primitive on the same operands is written once (value numbering).

    Attributes:
        rounds: half types are rounded after each primitive (halves.py).
        wide: of such slots, the values in float32 that were rounded.
    """

    def __init__(self, inputs: tuple[Aval | None, ...] = (), rounds: bool = False) -> None:
        self.rounds = rounds
        self.wide: dict[int, Var] = {}
        self.avals: list[Aval | None] = list(inputs)
        self.n_inputs = len(inputs)
        self.instrs: list[Instr] = []
        self._seen: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._spread: dict[int, Var] = {}

    def inputs(self) -> list[Var | None]:
        avals = self.avals[: self.n_inputs]
        return [None if aval is None else Var(self, slot, aval) for slot, aval in enumerate(avals)]

    def emit(self, primitive: Primitive, inputs: tuple[Var, ...], statics: tuple[Any, ...]) -> Any:
        """Record ``primitive`` and give its result's Var, or a tuple of them if it has several."""
        for x in inputs:
            if x.aval.dtype.is_half:
                return emit_wide(self, primitive, inputs, statics)
        if primitive.name == "cast" and statics[0].is_half:
            return emit_wide(self, primitive, inputs, statics)
        return self.write(primitive, inputs, statics)

    def write(self, primitive: Primitive, inputs: tuple[Var, ...], statics: tuple[Any, ...]) -> Any:
        """``emit`` for operands as they are."""
        if primitive.ordered:
            _check_order(primitive, inputs)
        if primitive.elementwise and len(inputs) > 1:
            inputs = self._unspread(inputs)
        slots = tuple(x.slot for x in inputs)
        key = (primitive, statics, slots)
        outs = self._seen.get(key)
        many = False
        if outs is None:
            inferred = primitive.infer(*(x.aval for x in inputs), **primitive.unpack(statics))
            many = isinstance(inferred, tuple)
            avals = inferred if isinstance(inferred, tuple) else (inferred,)
            outs = tuple(range(len(self.avals), len(self.avals) + len(avals)))
            self.avals.extend(avals)
            self.instrs.append(Instr(primitive, statics, slots, outs))
            self._seen[key] = outs
            if primitive.name == "broadcast_to":
                self._spread[outs[0]] = inputs[0]
        results = tuple(self.var(slot) for slot in outs)
        return results if many or len(results) > 1 else results[0]

    def _unspread(self, inputs: tuple[Var, ...]) -> tuple[Var, ...]:
        """Operands as they were before ``broadcast_to``, where the others give the shape anyway."""
        if not any(x.slot in self._spread for x in inputs):
            return inputs
        sources = tuple(self._spread.get(x.slot, x) for x in inputs)
        shape = broadcast_shapes(*(x.shape for x in inputs))
        return sources if broadcast_shapes(*(x.shape for x in sources)) == shape else inputs

    def maker(self, x: Var) -> Instr | None:
        """The instruction that gave ``x``; None for an input."""
        return next((i for i in reversed(self.instrs) if x.slot in i.outs), None)

    def var(self, slot: int) -> Var:
        aval = self.avals[slot]
        assert aval is not None
        return Var(self, slot, aval)

    def constant(self, value: Number, dtype: DType) -> Var:
        """A 0-d constant of ``dtype``, known when the graph is written."""
        prim = Primitive.registry["constant"]
        exact = (float32 if dtype.is_half else dtype).numpy.type(value)  # halves.py
        result: Var = self.emit(
            prim, (), prim.pack({"value": exact.item(), "dtype": dtype, "bits": exact.tobytes()})
        )
        return result

    def full(self, shape: Shape, value: Number, dtype: DType) -> Var:
        return self.constant(value, dtype).broadcast_to(shape)

    def inline(self, graph: Graph, inputs: tuple[Var | None, ...]) -> list[Var]:
        """Write all of ``graph`` here, reading ``inputs``; gives its outputs."""
        place: list[int] = [-1 if x is None else x.slot for x in inputs]
        known = all(x is None or x.aval == a for x, a in zip(inputs, graph.avals, strict=False))
        for instr in graph.instrs:
            slots = tuple([place[s] for s in instr.ins])
            if known and self._spread.keys().isdisjoint(slots):
                place += self._place(instr, slots, graph.avals)
                continue
            results = self.emit(instr.primitive, tuple(map(self.var, slots)), instr.statics)
            place.extend(r.slot for r in (results if isinstance(results, tuple) else (results,)))
        return [self.var(place[s]) for s in graph.outputs]

    def _place(
        self, instr: Instr, slots: tuple[int, ...], avals: list[Aval | None]
    ) -> tuple[int, ...]:
        """Write an instruction of another graph, whose ``avals`` tell what it gives."""
        key = (instr.primitive, instr.statics, slots)
        outs = self._seen.get(key)
        if outs is None:
            outs = tuple(range(len(self.avals), len(self.avals) + len(instr.outs)))
            self.avals.extend([avals[s] for s in instr.outs])
            self.instrs.append(Instr(instr.primitive, instr.statics, slots, outs))
            self._seen[key] = outs
            if instr.primitive.name == "broadcast_to":
                self._spread[outs[0]] = self.var(slots[0])
        return outs

    def finish(self, outputs: tuple[Var, ...], views: bool = False) -> Graph:
        """The graph of what was written. Results are dense: a view is copied at the border, unless ``views``.

        An output may be an input only through ``copy``, so a result never shares a Value by accident.
        """
        if views:
            for x in outputs:
                self.avals[x.slot] = Aval(x.shape, x.dtype, False, dense=False)
            return Graph(self.avals, self.n_inputs, self.instrs, tuple(x.slot for x in outputs))
        return Graph(
            self.avals, self.n_inputs, self.instrs, tuple(self._dense(x).slot for x in outputs)
        )

    def _dense(self, x: Var) -> Var:
        instr = self.maker(x)
        maker = None if instr is None else instr.primitive
        if maker is not None and maker.dense and not maker.elementwise:
            return x
        if maker is not None and maker.elementwise and self._inputs_dense(x):
            return x
        result: Var = Primitive.registry["dense"](x)
        return result

    def _inputs_dense(self, x: Var) -> bool:
        """Whether all operands of the elementwise instruction behind ``x`` are surely row-major."""
        makers = {slot: instr for instr in self.instrs for slot in instr.outs}
        todo, seen = [x.slot], set()
        while todo:
            slot = todo.pop()
            if slot in seen:
                continue
            seen.add(slot)
            instr, aval = makers.get(slot), self.avals[slot]
            if aval is not None and aval.size == 1:
                continue
            if instr is None:
                if aval is None or not aval.dense:
                    return False
            elif instr.primitive.elementwise:
                todo.extend(instr.ins)
            elif not instr.primitive.dense:
                return False
        return True


def _check_order(primitive: Primitive, inputs: tuple[Var, ...]) -> None:
    for x in inputs:
        if x.aval.dtype.is_complex:
            raise NotImplementedError(
                f"{primitive.name}: not implemented for {x.aval.dtype}: complex numbers have no order: take abs() or real"
            )
