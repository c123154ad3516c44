"""backward(): the walk over the tape.

Note: two roads. Where nothing needs to be seen on the way (no hooks, no custom functions, no
``create_graph``) the whole walk is one recorded edge: its key is the tape's structure, its operands are
the saved values. Otherwise each node is carried out as an operation on tensors (slow_road.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..ir.builder import Var
from ..ir.vjp import sum_to
from ..ops.composite import Op
from ..runtime.recorder import record
from ..runtime.state import state
from ..runtime.value import Value
from ..tensor.core import TensorCore
from ..tensor.dispatch import wrap
from ..tensor.node import AccumulateGrad, Node
from .slow_road import FREED, walk_slowly

_stamp = attrgetter("stamp")


def nodes_below(roots: Sequence[Node]) -> list[Node]:
    """All nodes that the roots reach, the latest first and leaves last: a topological order, since
    stamps grow."""
    seen: set[Node] = set(roots)
    todo = list(seen)
    nodes: list[Node] = []
    leaves: list[Node] = []
    while todo:
        node = todo.pop()
        edges = node.next
        (nodes if edges else leaves).append(node)
        for edge in edges:
            if edge is not None:
                below = edge[0]
                if below not in seen:
                    seen.add(below)
                    todo.append(below)
    nodes.sort(key=_stamp, reverse=True)
    return nodes + leaves


def needed_for(order: list[Node], targets: set[tuple[Node, int]]) -> set[Node]:
    """The nodes on a way to one of the targets."""
    ends = {node for node, _ in targets}
    needed: set[Node] = set()
    for node in reversed(order):
        if node in ends or any(edge is not None and edge[0] in needed for edge in node.next):
            needed.add(node)
    return needed


def _backward_graph(*operands: Any) -> list[Var]:
    """The whole walk on Vars. The last operand is the structure, the others as ``_plan`` lays them out."""
    (roots, nodes, captures, sinks), given = operands[-1], list(operands[:-1])
    grads: dict[tuple[int, int], Var] = {}
    builder = next(x.builder for x in given if x is not None)

    def arrive(place: tuple[int, int], g: Var) -> None:
        grads[place] = grads[place] + g if place in grads else g

    at = len(roots)
    for place, g, aval in [(p, given[k], a) for k, (p, a) in enumerate(roots)]:
        arrive(place, builder.full(aval.shape, 1, aval.dtype) if g is None else g)
    for i, (tape, avals, targets) in enumerate(nodes):
        if tape is None or not any((i, nr) in grads for nr in range(len(avals))):
            at += 0 if tape is None else len(tape.saved_inputs) + len(tape.saved_outputs)
            continue
        n_saved = len(tape.saved_inputs) + len(tape.saved_outputs)
        saved, at = given[at : at + n_saved], at + n_saved
        incoming = [
            grads.get((i, nr)) or builder.full(avals[nr].shape, 0, avals[nr].dtype)
            for nr in tape.grads_of
        ]
        results = builder.inline(tape.graph, (*saved, *incoming))
        for reach, target in zip(tape.reaches, targets, strict=True):
            if reach is not None and target is not None:
                arrive(target, results[reach])
    outputs = [grads[place] for place in captures]
    for place, old in zip(sinks, given[at:], strict=True):
        g = sum_to(grads[place], grads[place].shape)
        outputs.append(g if old is None else old + g.astype(old.dtype))
    return outputs


BACKWARD = Op(_backward_graph, "Backward")


_LEAF: tuple[None, tuple[Any, ...], tuple[Any, ...]] = (None, (), ())


class _Plan:
    """One walk as one edge: the structure that keys it and the values it reads."""

    def __init__(
        self, roots: list[tuple[Node, int, Value | None]], needed: set[Node] | None
    ) -> None:
        order = nodes_below([node for node, _, _ in roots])
        self.order = order if needed is None else [n for n in order if n in needed]
        self.index = {node: i for i, node in enumerate(self.order)}
        self.roots = roots

    @property
    def is_plain(self) -> bool:
        """Whether nothing needs to be seen on the way."""
        for node in self.order:
            if node.marked:
                return False
            if node.vjp is None and (
                not isinstance(node, AccumulateGrad) or node.variable._leaf_hooks
            ):
                return False
        return True

    def retained(self) -> list[tuple[tuple[int, int], Any]]:
        """Places whose gradient a tensor that called ``retain_grad`` wants."""
        found = []
        for i, node in enumerate(self.order):
            if node.retained:
                for nr, ref in node.retained.items():
                    tensor = ref()
                    if tensor is not None:
                        found.append(((i, nr), tensor))
        return found

    def record(
        self, captures: list[tuple[int, int]], sinks: list[tuple[int, Value | None]]
    ) -> list[Value]:
        """Record the walk; gives the captured gradients, then the sinks' new ``grad`` values."""
        index = self.index
        operands: list[Value | None] = [g for _, _, g in self.roots]
        nodes: list[tuple[Any, ...]] = []
        for node in self.order:
            tape = node.vjp
            if tape is None:
                nodes.append(_LEAF)
                continue
            targets = tuple(
                [None if e is None or e[0] not in index else (index[e[0]], e[1]) for e in node.next]
            )
            nodes.append((tape, node.avals, targets))
            saved = node.saved
            if saved is None:
                raise RuntimeError(FREED)
            operands += saved
        roots = tuple([((index[n], nr), n.avals[nr]) for n, nr, _ in self.roots])
        operands += [old for _, old in sinks]
        if all([v is None for v in operands]):
            operands[0] = wrap_ones(roots[0][1])
        structure = (roots, tuple(nodes), tuple(captures), tuple([(i, 0) for i, _ in sinks]))
        return record(BACKWARD, operands, (structure,))

    def free(self) -> None:
        for node in self.order:
            if node.saved:
                node.saved = None


def wrap_ones(aval: Any) -> Value:
    """A realized array of ones."""
    return Value(aval, np.ones(aval.shape, aval.dtype.numpy))


def run_backward(
    roots: list[tuple[Node, int, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    accumulate_into: list[TensorCore] | None = None,
    capture: list[tuple[Node, int]] | None = None,
) -> list[Any]:
    """Walk the tape from ``roots`` (node, output number, gradient tensor or None for ones).

    With ``capture`` the gradients at these places are given back (None where unreached) and no ``grad`` is
    touched; otherwise they are accumulated into the leaves, or only into ``accumulate_into``.
    """
    targets = capture
    if accumulate_into is not None:
        targets = [edge for t in accumulate_into if (edge := t._edge()) is not None]
    values = [(n, nr, None if g is None else g._read()) for n, nr, g in roots]
    needed = None
    if targets is not None:
        order = nodes_below([n for n, _, _ in roots])
        needed = needed_for(order, set(targets)) | {n for n, _, _ in roots}
    plan = _Plan(values, needed)
    only = None if accumulate_into is None else {id(t) for t in accumulate_into}
    if create_graph or not plan.is_plain:
        return walk_slowly(plan.order, roots, retain_graph, create_graph, only, capture)
    if capture is not None:
        return _capture(plan, capture, retain_graph)
    retained = plan.retained()
    if accumulate_into is not None:
        retained += [
            ((plan.index[t._node], t._nr), t) for t in accumulate_into if t._node in plan.index
        ]
    leaves = [
        (i, node.variable)
        for i, node in enumerate(plan.order)
        if isinstance(node, AccumulateGrad) and (only is None or id(node.variable) in only)
    ]
    sinks = [(i, None if leaf._grad is None else leaf._grad._read()) for i, leaf in leaves]
    results = plan.record([place for place, _ in retained], sinks)
    if not state.eager:
        state.trace.backward = True
    for (_, tensor), value in zip(retained, results, strict=False):
        set_grad(tensor, value)
    for (_, leaf), value in zip(leaves, results[len(retained) :], strict=True):
        set_grad(leaf, value)
    if not retain_graph:
        plan.free()
    return []


def _capture(plan: _Plan, capture: list[tuple[Node, int]], retain_graph: bool) -> list[Any]:
    reached = _reached(plan)
    places = [
        (plan.index[n], nr) if (n in plan.index and (plan.index[n], nr) in reached) else None
        for n, nr in capture
    ]
    wanted = list(dict.fromkeys(p for p in places if p is not None))
    found: dict[tuple[int, int], Any] = {}
    if wanted:
        results = plan.record(wanted, [])
        if not state.eager:
            state.trace.backward = True
        found = {place: wrap(value) for place, value in zip(wanted, results, strict=True)}
    if not retain_graph:
        plan.free()
    return [None if place is None else found[place] for place in places]


def _reached(plan: _Plan) -> set[tuple[int, int]]:
    """The places at which a gradient arrives."""
    reached = {(plan.index[n], nr) for n, nr, _ in plan.roots}
    for i, node in enumerate(plan.order):
        if any((i, nr) in reached for nr in range(len(node.avals))):
            reached.update(
                (plan.index[e[0]], e[1]) for e in node.next if e is not None and e[0] in plan.index
            )
    return reached


def set_grad(tensor: Any, value: Value) -> None:
    """Give ``tensor`` its new gradient: into the ``grad`` it has, or as a new one."""
    if tensor._grad is None:
        tensor._grad = wrap(value)
    else:
        tensor._grad._write(value)
