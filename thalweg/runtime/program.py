"""A Program: what a trace runs as."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..compiler.show import asked, show
from ..ir.aval import Aval
from ..ir.graph import Graph, Instr
from .holding import FREE, held_elsewhere
from .interpreter import (
    Function,
    compile_graph,
    is_worth_it,
    mean_size,
    overwritable,
    run_graph,
    source,
)

if TYPE_CHECKING:
    from .flight import Job
    from .trace import Position

_log = logging.getLogger("thalweg")


class Program:
    """A trace ready to run. Calling it, on the interpreter, maps a list of arrays to a tuple of arrays.

    Attributes:
        graph: what it computes.
        where: for each instruction, the user's line that recorded it ("" if unknown).
        native: its native form, once there is one.
        came_soon: how often in a row it came again soon, among the programs with a backward pass.

    Note: the first runs. They go edge by edge, each by its own graph, which other programs have as well. Only what comes
    again (``is_worth_it``) is joined into one graph. The instructions are the same, and so are the bits.

    Note: the switch to native. On tier "auto" a program that holds a backward pass is compiled when it would be joined,
    any other at its twentieth run: at a fixed occurrence, so that a seeded run gives the same bits each time. What
    cannot be compiled, or fails, stays on the interpreter, which says what is wrong.
    """

    joined: ClassVar[int] = 0  # instructions in all graphs that were joined

    __slots__ = (
        "native",
        "_path",
        "_n_leaves",
        "_alive",
        "_graph",
        "_where",
        "_run",
        "_size",
        "_elements",
        "_rounds",
        "came_soon",
        "_refused",
    )

    def __init__(self, path: list[Position], n_leaves: int, alive: tuple[bool, ...]) -> None:
        self._path, self._n_leaves, self._alive = path, n_leaves, alive
        self.native: Any = None
        self._graph: Graph | None = None
        self._where: Sequence[str] = ()
        self._run: Function | None = None
        self._size = sum([p.graph.size for p in path])
        self._elements = mean_size([aval for p in path for aval in p.out_avals])
        self._rounds = self.came_soon = 0
        self._refused = False
        if asked("trace") or asked("graph") or asked("program"):
            _show(path, self.graph)

    @property
    def graph(self) -> Graph:
        return self._join()[0]

    @property
    def where(self) -> Sequence[str]:
        return self._join()[1]

    def _join(self) -> tuple[Graph, Sequence[str]]:
        if self._graph is None:
            self._graph, self._where = joined(self._path, self._n_leaves, self._alive)
            Program.joined += len(self._graph.instrs)
        return self._graph, self._where

    def run(
        self,
        inputs: Sequence[Any],
        tier: str,
        training: bool,
        ahead: bool = False,
        asked: int | None = None,
        free: Callable[[Collection[int]], Collection[int]] | None = None,
    ) -> tuple[tuple[Any, ...], Job | None]:
        """Run on the tier that ``tier`` asks for; ``asked`` is the number of the result that is waited for; ``free``
        says which of some inputs nobody needs any more.

        Returns:
            The results; and the job that fills them, yet to begin, where a native program runs ahead.
        """
        if tier == "interpret" or self._refused:
            return self(inputs), None
        if self.native is None:
            if tier == "auto" and not ((training or self._rounds >= 19) and self._is_due()):
                return self(inputs), None
            self._compile(inputs, asked)
            if self._refused:
                return self(inputs), None
        try:
            givers = self.native.givers
            given = free(givers) if givers and free is not None else ()
            found: tuple[tuple[Any, ...], Job | None]
            found = self.native.begin(inputs, ahead, asked, given)
            return found
        except struct.error:  # a whole number beyond int64, which no kernel reads
            return self(inputs), None
        except Exception as error:
            return self.run_again(inputs, error), None

    def _is_due(self) -> bool:
        return is_worth_it(self._size, self._elements, self._rounds, self.came_soon)

    def run_again(self, inputs: Sequence[Any], error: Exception) -> tuple[Any, ...]:
        """On the interpreter, after the native program failed: it raises, as a rule, and says more."""
        found = self(inputs)
        self._refuse("running", error)
        return found

    def _compile(self, inputs: Sequence[Any], asked: int | None) -> None:
        from .native import NativeProgram

        try:
            native = NativeProgram(self.graph, inputs, asked=asked)
        except Exception as error:
            self._refuse("compiling", error)
            return
        if native.is_worth_it():
            self.native = native
        else:
            self._refused = True

    def _refuse(self, doing: str, error: Exception) -> None:
        """Stay on the interpreter, and say so once."""
        self._refused, self.native = True, None
        recorded = next((line for line in self.where if line), "an unknown line")
        _log.warning(
            "%s the program recorded from %s on failed; it stays on the interpreter: %s: %s",
            doing, recorded, type(error).__name__, error,
        )  # fmt: skip

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            if self._run is None and not self._is_due():
                results = _by_edges(self._path, inputs, self._alive)
            else:
                if self._run is None:
                    self._run = compile_graph(self.graph)
                try:
                    results = self._run(inputs)
                except Exception as error:
                    self._explain(error)
                    raise
        self._rounds += 1
        return results

    def _explain(self, error: Exception) -> None:
        """Add the user's line to an error that comes after the record."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<thalweg program>":
                index = self._run.instr_of_line.get(trace.tb_lineno)  # type: ignore[union-attr]
                if index is not None and index < len(self.where) and self.where[index]:
                    error.add_note(f"recorded at {self.where[index]}")
                return
            trace = trace.tb_next


def _by_edges(
    path: list[Position], inputs: Sequence[Any], alive: tuple[bool, ...]
) -> tuple[Any, ...]:
    """What the edges of a trace give, one after another: the results that are alive.

    Nothing is computed that no living result needs, and nothing kept that nobody reads any more.
    """
    needed = list(alive)
    steps = []
    for position in reversed(path):
        if True in needed[position.base : position.base + len(position.out_avals)]:
            last = {r for r in position.refs if r is not None and r >= 0 and not needed[r]}
            for ref in last:
                needed[ref] = True
            steps.append((position, last))
    values: list[Any] = [None] * len(alive)
    for position, last in reversed(steps):
        given: list[Any] = [
            None if r is None else values[r] if r >= 0 else inputs[-1 - r] for r in position.refs
        ]
        for ref in last:
            values[ref] = None
        free = [k for k in overwritable(position.graph) if position.refs[k] in last]
        if free:
            held = held_elsewhere(given, FREE)
            free = [k for k in free if not held[k] and given[k].flags.owndata]
        try:
            made = run_graph(position.graph, given, free)
        except Exception as error:
            error.add_note(f"recorded at {position.where}")
            raise
        values[position.base : position.base + len(made)] = made
        del made
    return tuple([v for v, lives in zip(values, alive, strict=True) if lives])


def joined(path: list[Position], n_leaves: int, alive: tuple[bool, ...]) -> tuple[Graph, list[str]]:
    """The graph of a trace: its edges' graphs one after another, each value computed once, nothing computed that no
    living result needs; and the lines that recorded its instructions."""
    leaf_avals: list[Aval | None] = [None] * n_leaves
    for position in path:
        for ref, aval in zip(position.refs, position.graph.avals, strict=False):
            if ref is not None and ref < 0:
                leaf_avals[-1 - ref] = aval
    whole = _Joined(leaf_avals)
    results: list[int] = []
    for position in path:
        operands = [-1 if r is None else (results[r] if r >= 0 else -1 - r) for r in position.refs]
        results.extend(whole.append(position.graph, operands, position.where))
    outputs = tuple(slot for slot, lives in zip(results, alive, strict=True) if lives)
    graph = Graph(whole.avals, n_leaves, whole.instrs, outputs)
    kept = graph.live(outputs)
    return Graph(whole.avals, n_leaves, kept, outputs), [whole.where[i.outs[0]] for i in kept]


class _Joined:
    """Graphs in a row, with value numbering across them."""

    def __init__(self, leaf_avals: list[Aval | None]) -> None:
        self.avals = list(leaf_avals)
        self.instrs: list[Instr] = []
        self.where: dict[int, str] = {}
        self._seen: dict[Any, tuple[int, ...]] = {}
        self._dense = {slot for slot, aval in enumerate(leaf_avals) if aval is None or aval.dense}

    def append(self, graph: Graph, operands: list[int], where: str) -> list[int]:
        place = list(operands)
        for primitive, statics, ins, outs in graph.instrs:
            given = tuple([place[s] for s in ins])
            if primitive.name == "detached" or (
                primitive.name == "dense" and given[0] in self._dense
            ):
                place.append(given[0])
                continue
            key = (primitive, statics, given)
            made = self._seen.get(key)
            if made is None:
                made = tuple(range(len(self.avals), len(self.avals) + len(outs)))
                self._seen[key] = made
                self.avals += [graph.avals[s] for s in outs]
                self.instrs.append(Instr(primitive, statics, given, made))
                self.where[made[0]] = where
                if primitive.dense and (not primitive.elementwise or self._dense.issuperset(given)):
                    self._dense.update(made)
            place.extend(made)
        return [place[s] for s in graph.outputs]


def _show(path: list[Position], graph: Graph) -> None:
    """Print the stages of a new program that ``THALWEG_SHOW`` names."""
    if asked("trace"):
        lines = [f"{getattr(p.op, '__name__', p.op)}{p.refs}  {p.where}" for p in path]
        show("trace", "\n".join(lines))
    show("graph", graph)
    if asked("program"):
        show("program", source(graph))
