"""The structure of a walk over the tape, and the graph that computes it.

Note: places. Nodes are numbered in the order of the walk, leaves after them; a place, where gradients arrive, is
a node's number times ``OUTPUTS``, plus which of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..ir.aval import Aval
from ..ir.vjp import Vjp
from ..ops.composite import Op
from ..runtime.parts import How, PartGraph

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


def _carry(structure: Structure, given: Sequence[Any], how: How) -> list[Any]:
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
        ways = [
            (reach, target)
            for reach, target in zip(tape.reaches, targets, strict=True)
            if reach is not None and target is not None
        ]
        graph = tape.graph.giving(tuple([reach for reach, _ in ways]))
        for (_, target), g in zip(ways, how.apply(graph, (*saved, *incoming)), strict=True):
            arrive(target, g)
    outputs = [grads[place] for place in structure.captures]
    for place, old in zip(sinks, old_grads, strict=True):
        outputs.append(grads[place] if old is None else how.add_to(old, grads[place]))
    return outputs


def _walk(statics: tuple[Any, ...], given: tuple[Aval | None, ...]) -> PartGraph:
    """The graph of a walk along a structure."""
    (structure,) = statics
    return PartGraph(lambda how, inputs: _carry(structure, inputs, how), given, rounds=True)


BACKWARD = Op(_walk, "Backward")
BACKWARD.later = True
