"""Graphs that can be carried out part by part, before they are written.

Note: three readings. What such a graph computes is said once, as a function over a ``How``: read with avals it foretells
the results, with arrays it computes them, with Vars it writes the graph. The parts are small graphs, which recur where
the whole does not: a walk back over a tape of its own shape, a sequence of a length of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Builder, Var
from ..ir.dtype import from_numpy
from ..ir.graph import Graph
from ..ir.primitive import Primitive
from ..ops.elementwise import cast
from ..ops.movement import row_major
from .interpreter import run_graph
from .trace import Op, trie


class How(Protocol):
    """A reading: how each step is done."""

    def full(self, aval: Aval, value: int) -> Any:
        """A value of the shape and type of ``aval``, the same everywhere."""

    def apply(self, graph: Graph, operands: Sequence[Any]) -> Sequence[Any]:
        """The results of a graph."""

    def call(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...] = ()) -> Sequence[Any]:
        """The results of an operation."""

    def do(self, primitive: Primitive, *operands: Any, **statics: Any) -> Any:
        """What a primitive gives."""

    def add(self, a: Any, b: Any) -> Any:
        """a + b, of one type."""

    def add_to(self, old: Any, g: Any) -> Any:
        """old + g, in the type of ``old``."""


Body = Callable[[How, Sequence[Any]], Sequence[Any]]


class PartGraph(Graph):
    """A graph that is written when somebody reads its instructions; until then it is carried out part by part.

    Args:
        body: ``(how, inputs) -> outputs``.
        given: what is known of the inputs; None for one that is absent.
        rounds: as the Builder has it.
    """

    __slots__ = ("body", "given", "rounds", "_size")

    def __init__(self, body: Body, given: tuple[Aval | None, ...], rounds: bool = False) -> None:
        self.body, self.given, self.n_inputs, self.rounds = body, given, len(given), rounds
        self.vjps, self.function, self.calls, self._elementwise = {}, None, 0, None
        halves = any(aval is not None and aval.dtype.is_half for aval in given)
        self.in_parts = not halves  # of those a graph as one rounds less (ir/halves.py)
        foreseen = _Foreseeing()
        found = body(foreseen, given)
        self.results = tuple([Aval(aval.shape, aval.dtype) for aval in found])
        self._size = foreseen.instructions

    def by_parts(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([row_major(x) for x in self.body(_Computing(), inputs)])

    @property
    def size(self) -> int:
        return self._size

    def _giving(self, which: tuple[int, ...]) -> Graph:
        def body(how: How, inputs: Sequence[Any]) -> list[Any]:
            results = self.body(how, inputs)
            return [results[k] for k in which]

        return PartGraph(body, self.given, self.rounds)

    def __getattr__(self, name: str) -> Any:
        if name not in ("avals", "instrs", "outputs"):
            raise AttributeError(name)
        builder = Builder(self.given, self.rounds)
        written = builder.finish(tuple(self.body(_Writing(builder), builder.inputs())))
        if written.results != self.results:
            raise AssertionError(f"a graph gives {written.results}, {self.results} was foreseen")
        self.avals, self.instrs, self.outputs = written.avals, written.instrs, written.outputs
        return getattr(self, name)


class _Writing:
    """On Vars: the parts become one graph."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def full(self, aval: Aval, value: int) -> Var:
        return self.builder.full(aval.shape, value, aval.dtype)

    def apply(self, graph: Graph, operands: Sequence[Any]) -> Sequence[Var]:
        return self.builder.inline(graph, tuple(operands))

    def call(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...] = ()) -> Sequence[Var]:
        return _several(op(*operands, *statics))

    def do(self, primitive: Primitive, *operands: Any, **statics: Any) -> Any:
        return primitive(*operands, **statics)

    def add(self, a: Var, b: Var) -> Var:
        return a + b

    def add_to(self, old: Var, g: Var) -> Var:
        return old + g.astype(old.dtype)


class _Computing:
    """On arrays: the parts are run."""

    def full(self, aval: Aval, value: int) -> Any:
        return np.full(aval.shape, value, aval.dtype.numpy)

    def apply(self, graph: Graph, operands: Sequence[Any]) -> Sequence[Any]:
        return run_graph(graph, operands)

    def call(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...] = ()) -> Sequence[Any]:
        avals = [None if x is None else Aval(x.shape, from_numpy(x.dtype)) for x in operands]
        return run_graph(trie.graph(op, statics, tuple(avals)), operands)

    def do(self, primitive: Primitive, *operands: Any, **statics: Any) -> Any:
        return primitive.reference(*operands, **statics)

    def add(self, a: Any, b: Any) -> Any:
        return np.add(a, b)

    def add_to(self, old: Any, g: Any) -> Any:
        if g.dtype != old.dtype:
            g = cast.reference(g, dtype=from_numpy(old.dtype))
        return np.add(old, g)


class _Foreseeing:
    """On avals: what will come of it, in about how many instructions."""

    def __init__(self) -> None:
        self.instructions = 0

    def full(self, aval: Aval, value: int) -> Aval:
        return aval

    def apply(self, graph: Graph, operands: Sequence[Any]) -> Sequence[Aval]:
        self.instructions += graph.size
        return graph.out_avals()

    def call(
        self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...] = ()
    ) -> Sequence[Aval]:
        return self.apply(trie.graph(op, statics, tuple(operands)), operands)

    def do(self, primitive: Primitive, *operands: Any, **statics: Any) -> Any:
        self.instructions += 1
        return primitive.infer(*operands, **statics)

    def add(self, a: Aval, b: Aval) -> Aval:
        self.instructions += 1
        return a if a is b and a.dense else Aval(broadcast_shapes(a.shape, b.shape), a.dtype)

    def add_to(self, old: Aval, g: Aval) -> Aval:
        self.instructions += 1
        return Aval(broadcast_shapes(old.shape, g.shape), old.dtype)


def _several(results: Any) -> Sequence[Any]:
    return results if isinstance(results, tuple | list) else (results,)
