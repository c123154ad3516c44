"""backward(): the walk over the tape.

Note: three roads. Where nothing needs to be seen on the way (no hooks, no custom functions, no
``create_graph``) the whole walk is one recorded edge: its key is the tape's structure, its operands are
the saved values. Where that way was gone before, it is known (fast_road.py). Otherwise each node is carried out
as an operation on tensors (slow_road.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ..runtime.recorder import record
from ..runtime.state import state
from ..runtime.value import Value
from ..tensor.core import TensorCore
from ..tensor.dispatch import wrap
from ..tensor.node import AccumulateGrad, Node
from .fast_road import remember, walk_again
from .slow_road import FREED, anomaly, walk_slowly
from .structure import BACKWARD, OUTPUTS, Structure

_stamp = attrgetter("stamp")


class Walk:
    """The nodes that some roots reach.

    Attributes:
        nodes: those of operations, the latest first: a topological order, since stamps grow.
        leaves: the leaves' nodes, in the order in which they were met.
        plain: nothing needs to be seen on the way.
        retaining: a tensor on the way wants its gradient kept.
    """

    __slots__ = ("nodes", "leaves", "plain", "retaining")

    def __init__(self, roots: Sequence[Node]) -> None:
        seen: set[Node] = set(roots)
        todo = list(seen)
        nodes: list[Node] = []
        leaves: list[Node] = []
        plain, retaining = True, False
        while todo:
            node = todo.pop()
            if node.vjp is not None:
                nodes.append(node)
            elif isinstance(node, AccumulateGrad):
                leaves.append(node)
                if node.variable._leaf_hooks:
                    plain = False
            else:
                nodes.append(node)
                plain = False
            if node.marked:
                plain = False
            if node.retained:
                retaining = True
            for edge in node.next:
                if edge is not None:
                    below = edge[0]
                    if below not in seen:
                        seen.add(below)
                        todo.append(below)
        nodes.sort(key=_stamp, reverse=True)
        self.nodes, self.leaves, self.plain, self.retaining = nodes, leaves, plain, retaining


def needed_for(order: list[Node], targets: set[tuple[Node, int]]) -> set[Node]:
    """The nodes on a way to one of the targets."""
    ends = {node for node, _ in targets}
    needed: set[Node] = set()
    for node in reversed(order):
        if node in ends or any(edge is not None and edge[0] in needed for edge in node.next):
            needed.add(node)
    return needed


class _Plan:
    """One walk as one edge: the structure that keys it and the values it reads.

    Nodes are numbered in the order of the walk, leaves after them.
    """

    def __init__(
        self, roots: list[tuple[Node, int, Value | None]], needed: set[Node] | None
    ) -> None:
        walk = self.walk = Walk([node for node, _, _ in roots])
        if needed is not None:
            walk.nodes = [n for n in walk.nodes if n in needed]
            walk.leaves = [n for n in walk.leaves if n in needed]
        self.order = walk.nodes + walk.leaves
        self.index = {node: i for i, node in enumerate(self.order)}
        self.roots = roots

    def place(self, edge: tuple[Node, int]) -> int | None:
        """The number of a node's output; None for a node that is not on the way."""
        number = self.index.get(edge[0])
        return None if number is None else number * OUTPUTS + edge[1]

    def retained(self) -> list[tuple[int, Any]]:
        """Places whose gradient a tensor that called ``retain_grad`` wants."""
        found = []
        for i, node in enumerate(self.order):
            if node.retained:
                for nr, ref in node.retained.items():
                    tensor = ref()
                    if tensor is not None:
                        found.append((i * OUTPUTS + nr, tensor))
        return found

    def record(self, captures: list[int], sinks: list[tuple[int, Value | None]]) -> list[Value]:
        """Record the walk; gives the captured gradients, then the sinks' new ``grad`` values."""
        get = self.index.get
        saved_values: list[Value] = []
        flat: list[Any] = []
        for node in self.walk.nodes:
            flat.append(node.vjp)
            for edge in node.next:
                if edge is None:
                    flat.append(None)
                else:
                    number = get(edge[0])
                    flat.append(None if number is None else number * OUTPUTS + edge[1])
            saved = node.saved
            if saved is None:
                raise RuntimeError(FREED)
            saved_values += saved
        roots = tuple([(get(n) * OUTPUTS + nr, n.avals[nr]) for n, nr, _ in self.roots])  # type: ignore[operator]  # a root is in the walk
        old = [value for _, value in sinks]
        operands = [*(g for _, _, g in self.roots), *old, *saved_values]
        places = tuple([place for place, _ in sinks])
        self.structure = Structure(roots, tuple(flat), tuple(captures), places)
        return record(BACKWARD, operands, (self.structure,))

    def free(self) -> None:
        for node in self.walk.nodes:
            node.free()


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
    mapped = any([g is not None and g._levels for *_, g in roots])
    values = [(n, nr, None if g is None or mapped else g._read()) for n, nr, g in roots]
    whole = not create_graph and capture is None and accumulate_into is None
    whole = whole and not anomaly.enabled
    if whole and len(values) == 1 and walk_again(*values[0], retain_graph):
        return []
    plan = _planned(values, targets)
    only = None if accumulate_into is None else {id(t) for t in accumulate_into}
    if create_graph or mapped or anomaly.enabled or not plan.walk.plain:
        if any([node.expand() for node in plan.walk.nodes]):
            plan = _planned(values, targets)
        return walk_slowly(plan.order, roots, retain_graph, create_graph, only, capture)
    if capture is not None:
        return _capture(plan, capture, retain_graph)
    targets_at: list[tuple[int, Any]] = plan.retained() if plan.walk.retaining else []
    if accumulate_into is not None:
        targets_at += [
            (plan.index[t._node] * OUTPUTS + t._nr, t)
            for t in accumulate_into
            if t._node in plan.index
        ]
    n_inside = len(targets_at)
    for i, end in enumerate(plan.walk.leaves, len(plan.walk.nodes)):
        leaf: Any = end.variable  # type: ignore[attr-defined]  # a leaf's node
        if only is None or id(leaf) in only:
            targets_at.append((i * OUTPUTS, leaf))
    sinks = [(place, None if t._grad is None else t._grad._read()) for place, t in targets_at]
    results = plan.record([], sinks)
    if whole and len(roots) == 1 and not n_inside:
        remember(values[0][0], values[0][1], plan.walk.nodes, plan.walk.leaves, plan.structure)
    if not state.eager:
        state.trace.backward = True
    for (_, tensor), value in zip(targets_at, results, strict=True):
        set_grad(tensor, value)
    if not retain_graph:
        plan.free()
    return []


def _planned(
    roots: list[tuple[Node, int, Value | None]], targets: list[tuple[Node, int]] | None
) -> _Plan:
    """A walk from ``roots``, as far as to ``targets`` where these are given."""
    if targets is None:
        return _Plan(roots, None)
    nodes = [node for node, _, _ in roots]
    below = Walk(nodes)
    return _Plan(roots, needed_for(below.nodes + below.leaves, set(targets)).union(nodes))


def _capture(plan: _Plan, capture: list[tuple[Node, int]], retain_graph: bool) -> list[Any]:
    reached = _reached(plan)
    places = [place if place in reached else None for place in map(plan.place, capture)]
    wanted = list(dict.fromkeys(p for p in places if p is not None))
    found: dict[int, Any] = {}
    if wanted:
        results = plan.record(wanted, [])
        if not state.eager:
            state.trace.backward = True
        found = {place: wrap(value) for place, value in zip(wanted, results, strict=True)}
    if not retain_graph:
        plan.free()
    return [None if place is None else found[place] for place in places]


def _reached(plan: _Plan) -> set[int | None]:
    """The places at which a gradient arrives."""
    reached: set[int | None] = {plan.place((n, nr)) for n, nr, _ in plan.roots}
    for i, node in enumerate(plan.order):
        if any(i * OUTPUTS + nr in reached for nr in range(len(node.avals))):
            reached.update(plan.place(e) for e in node.next if e is not None)
    reached.discard(None)
    return reached


def set_grad(tensor: Any, value: Value) -> None:
    """Give ``tensor`` its new gradient: into the ``grad`` it has, or as a new one."""
    if tensor._grad is None:
        tensor._grad = wrap(value)
    else:
        tensor._grad._write(value)
