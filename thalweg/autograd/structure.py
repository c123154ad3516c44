"""The structure of a walk over the tape, and the graph that computes it.

Note: places. Nodes are numbered in the order of the walk, leaves after them; a place, where gradients arrive, is
a node's number times ``OUTPUTS``, plus which of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Builder, Var
from ..ir.dtype import from_numpy
from ..ir.graph import Graph
from ..ir.vjp import Vjp
from ..ops.composite import Op
from ..ops.elementwise import cast
from ..ops.movement import row_major
from ..runtime.interpreter import run_graph

OUTPUTS = 1 << 20


class Structure:
    """What keys the edge of a walk.

    Attributes:
        roots: for each place where the walk starts, (place, aval).
        flat: for each node its gradient graph, then for each of its operands the place its gradient goes to.
        captures: places whose gradients are given back.
        sinks: places whose gradients are given back, added to an old one if there is one.
    """

    __slots__ = ("roots", "flat", "captures", "sinks", "_hash")

    def __init__(
        self,
        roots: tuple[tuple[int, Aval], ...],
        flat: tuple[Any, ...],
        captures: tuple[int, ...],
        sinks: tuple[int, ...],
    ) -> None:
        self.roots, self.flat, self.captures, self.sinks = roots, flat, captures, sinks
        self._hash = hash((roots, flat, captures, sinks))

    def _parts(self) -> tuple[Any, ...]:
        return self.roots, self.flat, self.captures, self.sinks

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._parts() == other._parts()

    def tapes(self) -> Iterator[tuple[Vjp, tuple[int | None, ...]]]:
        """Each node's gradient graph and, for each of its operands, the place its gradient goes to."""
        at = 0
        while at < len(self.flat):
            tape = self.flat[at]
            end = at + 1 + len(tape.reaches)
            yield tape, self.flat[at + 1 : end]
            at = end


def _walk(structure: Structure, given: Sequence[Any], how: _How) -> list[Any]:
    """Carry gradients along a structure, in the way that ``how`` does each step.

    ``given`` are the roots' gradients (None: ones), the sinks' old gradients (None: there was none), the nodes' saved
    values in the order of the walk.
    """
    roots, sinks = structure.roots, structure.sinks
    kept = {*structure.captures, *sinks}
    grads: dict[int, Any] = {}

    def arrive(place: int, g: Any) -> None:
        grads[place] = how.add(grads[place], g) if place in grads else g

    for g, (place, aval) in zip(given, roots, strict=False):
        arrive(place, how.full(aval, 1) if g is None else g)
    old_grads, at = given[len(roots) : len(roots) + len(sinks)], len(roots) + len(sinks)
    for i, (tape, targets) in enumerate(structure.tapes()):
        n_saved = len(tape.saved_inputs) + len(tape.saved_outputs)
        saved, at = given[at : at + n_saved], at + n_saved
        places = range(i * OUTPUTS, i * OUTPUTS + len(tape.avals))
        arrived = [grads.get(p) if p in kept else grads.pop(p, None) for p in places]
        if all(g is None for g in arrived):
            continue
        incoming = [
            how.full(tape.avals[nr], 0) if arrived[nr] is None else arrived[nr]
            for nr in tape.grads_of
        ]
        results = how.apply(tape.graph, (*saved, *incoming))
        for reach, target in zip(tape.reaches, targets, strict=True):
            if reach is not None and target is not None:
                arrive(target, results[reach])
    outputs = [grads[place] for place in structure.captures]
    for place, old in zip(sinks, old_grads, strict=True):
        outputs.append(grads[place] if old is None else how.add_to(old, grads[place]))
    return outputs


class _How(Protocol):
    """A way to carry out the steps of a walk."""

    def full(self, aval: Aval, value: int) -> Any: ...
    def apply(self, graph: Graph, operands: tuple[Any, ...]) -> Sequence[Any]: ...
    def add(self, a: Any, b: Any) -> Any: ...
    def add_to(self, old: Any, g: Any) -> Any: ...


class _Writing:
    """On Vars: the walk becomes one graph."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def full(self, aval: Aval, value: int) -> Var:
        return self.builder.full(aval.shape, value, aval.dtype)

    def apply(self, graph: Graph, operands: tuple[Any, ...]) -> Sequence[Var]:
        return self.builder.inline(graph, operands)

    def add(self, a: Var, b: Var) -> Var:
        return a + b

    def add_to(self, old: Var, g: Var) -> Var:
        return old + g.astype(old.dtype)


class _Computing:
    """On arrays: each node's gradient graph is run."""

    def full(self, aval: Aval, value: int) -> Any:
        return np.full(aval.shape, value, aval.dtype.numpy)

    def apply(self, graph: Graph, operands: tuple[Any, ...]) -> Sequence[Any]:
        return run_graph(graph, operands)

    def add(self, a: Any, b: Any) -> Any:
        return np.add(a, b)

    def add_to(self, old: Any, g: Any) -> Any:
        if g.dtype != old.dtype:
            g = cast.reference(g, dtype=from_numpy(old.dtype))
        return np.add(old, g)


class _Foreseeing:
    """On avals: what will come of the walk."""

    def full(self, aval: Aval, value: int) -> Aval:
        return aval

    def apply(self, graph: Graph, operands: tuple[Any, ...]) -> Sequence[Aval]:
        return graph.out_avals()

    def add(self, a: Aval, b: Aval) -> Aval:
        return a if a is b and a.dense else Aval(broadcast_shapes(a.shape, b.shape), a.dtype)

    def add_to(self, old: Aval, g: Aval) -> Aval:
        return Aval(broadcast_shapes(old.shape, g.shape), old.dtype)


class WalkGraph(Graph):
    """The graph of a walk. It is written when somebody reads its instructions; a walk that comes but a few times goes
    from node to node, each with its own gradient graph."""

    __slots__ = ("structure", "given", "_size")

    def __init__(self, structure: Structure, given: tuple[Aval | None, ...]) -> None:
        self.structure, self.given, self.n_inputs = structure, given, len(given)
        self._size = sum([len(tape.graph.instrs) for tape, _ in structure.tapes()])
        self.vjps, self.function, self.calls = {}, None, 0
        halves = any(aval is not None and aval.dtype.is_half for aval in given)
        self.in_parts = not halves  # of those the one graph rounds less (ir/halves.py)
        found: list[Aval] = _walk(structure, given, _Foreseeing())
        self.results = tuple([Aval(aval.shape, aval.dtype) for aval in found])

    def by_parts(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([row_major(g) for g in _walk(self.structure, inputs, _Computing())])

    @property
    def size(self) -> int:
        return self._size

    def __getattr__(self, name: str) -> Any:
        if name not in ("avals", "instrs", "outputs"):
            raise AttributeError(name)
        builder = Builder(self.given, rounds=True)
        written = builder.finish(tuple(_walk(self.structure, builder.inputs(), _Writing(builder))))
        if written.results != self.results:
            raise AssertionError(f"a walk gives {written.results}, and {self.results} was foreseen")
        self.avals, self.instrs, self.outputs = written.avals, written.instrs, written.outputs
        return getattr(self, name)


BACKWARD = Op(_walk, "Backward")
BACKWARD.later = lambda statics, avals: WalkGraph(statics[0], avals)
