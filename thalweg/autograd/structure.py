"""The structure of a walk over the tape, and the graph that computes it.

Note: places. Nodes are numbered in the order of the walk, leaves after them; a place, where gradients arrive, is
a node's number times ``OUTPUTS``, plus which of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.vjp import Vjp
from ..ops.composite import Op

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

    def saves(self) -> bool:
        """Whether any node saved something."""
        return any(tape.saved_inputs or tape.saved_outputs for tape, _ in self.tapes())


def _backward_graph(*operands: Any) -> list[Var]:
    """The whole walk on Vars. Operands: the roots' gradients (None: ones), the sinks' old gradients (None:
    there was none), the nodes' saved values in the order of the walk; then the structure."""
    structure, given = operands[-1], list(operands[:-1])
    roots, sinks = structure.roots, structure.sinks
    grads: dict[int, Var] = {}
    builder = next(x.builder for x in given if x is not None)

    def arrive(place: int, g: Var) -> None:
        grads[place] = grads[place] + g if place in grads else g

    for g, (place, aval) in zip(given, roots, strict=False):
        arrive(place, builder.full(aval.shape, 1, aval.dtype) if g is None else g)
    old_grads, at = given[len(roots) : len(roots) + len(sinks)], len(roots) + len(sinks)
    for i, (tape, targets) in enumerate(structure.tapes()):
        n_saved = len(tape.saved_inputs) + len(tape.saved_outputs)
        saved, at = given[at : at + n_saved], at + n_saved
        arrived = [grads.get(i * OUTPUTS + nr) for nr in range(len(tape.avals))]
        if all(g is None for g in arrived):
            continue
        incoming = [
            builder.full(tape.avals[nr].shape, 0, tape.avals[nr].dtype) if g is None else g
            for nr, g in ((nr, arrived[nr]) for nr in tape.grads_of)
        ]
        results = builder.inline(tape.graph, (*saved, *incoming))
        for reach, target in zip(tape.reaches, targets, strict=True):
            if reach is not None and target is not None:
                arrive(target, results[reach])
    outputs = [grads[place] for place in structure.captures]
    for place, old in zip(sinks, old_grads, strict=True):
        g = grads[place]
        outputs.append(g if old is None else old + g.astype(old.dtype))
    return outputs


BACKWARD = Op(_backward_graph, "Backward")
BACKWARD.rounds = True
