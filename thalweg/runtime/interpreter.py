"""Tier 0: a Graph as one straight-line Python function of NumPy calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.aval import Aval
from ..ir.graph import Graph, Instr

Function = Callable[..., tuple[Any, ...]]
_LARGE = 1 << 14  # elements from which reusing memory is worth its bookkeeping
_LITERAL = (int, bool, type(None), str)

at_once = False  # join at the first run: for tests of what is joined


def is_worth_it(instructions: int, elements: float, runs: int, came_soon: int) -> bool:
    """Whether to join, or to make a function of, so many instructions with results of so many elements on average,
    which ran so often, and came again soon so often in a row.

    What comes again and again is, after its second run; a long one, which takes longer, after a few more, unless its
    runs take long themselves. What comes now and then only after it has taken as much time as that would: many a long
    one has a length of its own, as sequences and episodes have, and never comes again.
    """
    length = instructions / (1 + elements / 1000)
    return at_once or came_soon >= 2 + length // 500 or runs >= 2 + length // 10


def mean_size(avals: Sequence[Aval]) -> float:
    """How many elements results have on average."""
    return sum([a.size for a in avals]) / max(len(avals), 1)


def run_graph(graph: Graph, inputs: Sequence[Any], given: Collection[int] = ()) -> tuple[Any, ...]:
    """What a graph gives; its function is made once it was called several times.

    ``given`` are inputs that nobody else holds: a primitive that has a ``donating`` form may overwrite them.
    """
    if given:
        return carry_out(graph, inputs, given)
    if graph.function is None:
        if not is_worth_it(graph.size, mean_size(graph.out_avals()), graph.calls, 0):
            graph.calls += 1
            return graph.by_parts(inputs) if graph.in_parts else carry_out(graph, inputs)
        graph.function = compile_graph(graph)
    results: tuple[Any, ...] = graph.function(inputs)
    return results


def overwritable(graph: Graph) -> tuple[int, ...]:
    """The inputs that a primitive of this graph would overwrite if it might."""
    if graph.in_parts:
        return ()
    return tuple(
        [i.ins[0] for i in graph.instrs if i.primitive.donating and i.ins[0] < graph.n_inputs]
    )


def compile_graph(graph: Graph) -> Function:
    """The function ``(inputs) -> outputs`` of a graph; every primitive is one call of its reference.

    An array is dropped after its last use. One that this function made and nobody reads again is overwritten
    by the result of a large elementwise call, or by a primitive that has a ``donating`` form.
    """
    return _Writer(graph).function()


def source(graph: Graph) -> str:
    """The text of the function, as ``THALWEG_SHOW=program`` prints it."""
    return _Writer(graph).text()


def carry_out(graph: Graph, inputs: Sequence[Any], given: Collection[int] = ()) -> tuple[Any, ...]:
    """What that function gives, without making it: for a graph that may never come again."""
    values: dict[int, Any] = dict(enumerate(inputs))
    for _, instr, call, reused, dead in _Steps(graph, given):
        operands = [values[s] for s in instr.ins]
        named = instr.primitive.unpack(instr.statics)
        if reused is not None:
            named["out"] = values[reused]
        results = call(*operands, **named)
        del operands, named
        if len(instr.outs) > 1:
            values.update(zip(instr.outs, results, strict=True))
        else:
            values[instr.outs[0]] = results
        del results
        for slot in dead:
            del values[slot]
    avals = graph.avals
    return tuple(
        [
            np.asarray(values[s])
            if (aval := avals[s]) is not None and not aval.shape
            else values[s]
            for s in graph.outputs
        ]
    )


class _Step(NamedTuple):
    """An instruction in its place: its number, what is called, the operand whose memory its result takes over, and
    what nobody reads after it."""

    number: int
    instr: Instr
    call: Callable[..., Any]
    reused: int | None
    dead: list[int]


class _Steps:
    """The instructions of one graph, in order, with what becomes of the arrays."""

    def __init__(self, graph: Graph, given: Collection[int] = ()) -> None:
        self.graph = graph
        self.instrs = graph.live(graph.outputs)
        self.uses = Counter(slot for instr in self.instrs for slot in set(instr.ins))
        self.uses.update(set(graph.outputs))
        self.owned = set(given)
        self.constants: set[int] = set()
        inputs = enumerate(graph.avals[: graph.n_inputs])
        self.dense = {slot for slot, aval in inputs if aval is not None and aval.dense}
        self.roots: dict[int, int] = {}

    def __iter__(self) -> Iterator[_Step]:
        for index, instr in enumerate(self.instrs):
            primitive = instr.primitive
            if primitive.name == "constant":
                self.constants.add(instr.outs[0])
                yield _Step(index, instr, primitive.reference, None, [])
                continue
            donates = primitive.donating is not None and self._dying(instr.ins[0])
            call = primitive.donating if donates else primitive.reference
            assert call is not None
            reused = self._reused(instr)
            yield _Step(index, instr, call, reused, self._forget(instr))

    def _reused(self, instr: Instr) -> int | None:
        """The operand whose memory a large elementwise result takes over.

        All operands are row-major, so the result has the layout that new memory would have.
        """
        if not isinstance(instr.primitive.reference, np.ufunc):
            return None
        avals = self.graph.avals
        aval = avals[instr.outs[0]]
        if aval is None or aval.size < _LARGE or not all(self._is_dense(s) for s in instr.ins):
            return None
        return next((s for s in instr.ins if avals[s] is aval and self._dying(s)), None)

    def _is_dense(self, slot: int) -> bool:
        aval = self.graph.avals[slot]
        return slot in self.dense or (aval is not None and aval.size == 1)

    def _dying(self, slot: int) -> bool:
        root = self.roots.get(slot, slot)
        alias_in_use = any(
            self.uses[s] > 0 for s, r in self.roots.items() if r == root and s != slot
        )
        return slot in self.owned and self.uses[slot] == 1 and not alias_in_use

    def _forget(self, instr: Instr) -> list[int]:
        """Note who owns the new arrays; what is not read again."""
        for slot in instr.outs:
            if instr.primitive.fresh:
                self.owned.add(slot)
            if instr.primitive.dense and (
                not instr.primitive.elementwise or all(self._is_dense(s) for s in instr.ins)
            ):
                self.dense.add(slot)
        if not instr.primitive.fresh and instr.ins:  # it may be its operand's memory
            base = instr.ins[0]
            for slot in instr.outs:
                self.roots[slot] = self.roots.get(base, base)
        dead = []
        for slot in set(instr.ins):
            self.uses[slot] -= 1
            if self.uses[slot] == 0 and slot not in self.constants:
                dead.append(slot)
        return dead + [s for s in instr.outs if self.uses[s] == 0]


class _Writer:
    """Writes the Python text of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names: dict[str, Any] = {"asarray": np.asarray}
        self.constants: dict[int, str] = {}
        self.lines: list[str] = []
        self.instr_of_line: dict[int, int] = {}

    def text(self) -> str:
        n = self.graph.n_inputs
        head = "def run(inputs):"
        self.lines = [
            head,
            f"    {', '.join(f'v{i}' for i in range(n))}{',' if n else ''} = inputs",
        ]
        if not n:
            self.lines.pop()
        for step in _Steps(self.graph):
            self._write(step)
        results = [self._result(slot) for slot in self.graph.outputs]
        self.lines.append(f"    return ({', '.join(results)}{',' if results else ''})")
        return "\n".join(self.lines)

    def function(self) -> Function:
        text = self.text()
        exec(compile(text, "<thalweg program>", "exec"), self.names)
        function: Function = self.names["run"]
        function.instr_of_line = self.instr_of_line  # type: ignore[attr-defined]  # for error reports
        return function

    def _result(self, slot: int) -> str:
        aval = self.graph.avals[slot]
        name = self.constants.get(slot, f"v{slot}")
        return f"asarray({name})" if aval is not None and not aval.shape else name

    def _write(self, step: _Step) -> None:
        primitive, statics, ins, outs = step.instr
        if primitive.name == "constant":
            self.constants[outs[0]] = name = f"c{outs[0]}"
            self.names[name] = primitive.reference(**primitive.unpack(statics))
            return
        name = primitive.name if step.call is primitive.reference else f"{primitive.name}_donated"
        self.names[name] = step.call
        given = [self.constants.get(s, f"v{s}") for s in ins]
        given += [f"{k}={self._static(v)}" for k, v in zip(primitive.statics, statics, strict=True)]
        if step.reused is not None:
            given.append(f"out=v{step.reused}")
        left = ", ".join(f"v{s}" for s in outs)
        self.lines.append(f"    {left} = {name}({', '.join(given)})")
        self.instr_of_line[len(self.lines)] = step.number
        if step.dead:
            self.lines.append(f"    del {', '.join(sorted(f'v{s}' for s in step.dead))}")

    def _static(self, value: Any) -> str:
        if type(value) in _LITERAL or (
            type(value) is tuple and all(type(v) in _LITERAL for v in value)
        ):
            return repr(value)
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name
