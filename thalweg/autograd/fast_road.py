"""backward() over a tape whose structure its place in the trie already knows.

Note: ways. A node that was made while recording knows its position, and the marks on the path to it fix the
tape beneath it: which nodes ``backward()`` reaches, along which operands, and what they saved. The first walk from
there is found by looking (engine.py) and remembered at the position as a Way; the next one follows it. In the same
passage through the trie it needs no more than the leaves' old gradients as operands: what was saved was recorded
on the way.
"""

from __future__ import annotations

from typing import Any

from ..runtime.recorder import record
from ..runtime.state import state
from ..runtime.value import Value
from ..tensor.dispatch import wrap
from ..tensor.node import Node
from .slow_road import FREED
from .structure import BACKWARD, Structure


class Way:
    """Where a walk goes: for each node but the first, and for each leaf, (index of a node that leads to it,
    which of its operands); and the structure that keys its edge."""

    __slots__ = ("nodes", "leaves", "statics")

    def __init__(self, nodes: list[Node], leaves: list[Node], structure: Structure) -> None:
        found: dict[Node, tuple[int, int]] = {}
        for number, node in enumerate(nodes):
            for at, edge in enumerate(node.next):
                if edge is not None:
                    found.setdefault(edge[0], (number, at))
        self.nodes = tuple([found[node] for node in nodes[1:]])
        self.leaves = tuple([found[node] for node in leaves])
        self.statics = (structure,)


def remember(
    root: Node, nr: int, nodes: list[Node], leaves: list[Node], structure: Structure
) -> None:
    """Keep the way of a whole plain walk from one output, if its place in the trie fixes it."""
    if root.position is not None and nr not in root.position.ways:
        fixed = all(n.generation == root.generation for n in nodes)
        root.position.ways[nr] = Way(nodes, leaves, structure) if fixed else None


def walk_again(root: Node, nr: int, grad: Value | None, retain_graph: bool) -> bool:
    """Walk a known way, accumulating into every leaf; False (and nothing is done) where there is none."""
    position = root.position
    way: Way | None = None if position is None else position.ways.get(nr)
    if way is None or state.here.eager:
        return False
    if root.marked or root.retained:
        return False
    nodes, freed = [root], root.saved is None
    for number, at in way.nodes:
        node: Node = nodes[number].next[at][0]  # type: ignore[index]  # the way has no absent edge
        if node.marked or node.retained:
            return False
        freed = freed or node.saved is None
        nodes.append(node)
    if freed:
        raise RuntimeError(FREED)
    operands = [grad]
    leaves: list[Any] = []
    for number, at in way.leaves:
        end: Any = nodes[number].next[at]
        leaf = end[0].variable
        if leaf._leaf_hooks or end[0].marked:
            return False
        leaves.append(leaf)
        old = leaf._grad
        operands.append(None if old is None else old._read())

    def saved() -> list[Value]:
        return [v for node in nodes for v in node.saved]  # type: ignore[union-attr]  # looked at above

    trace = state.here.trace
    if root.generation == trace.generation:
        assert position is not None
        marks = (position.depth, nr)
        _, results = trace.record(BACKWARD, operands, way.statics, marks, saved)
    else:
        results = record(BACKWARD, [*operands, *saved()], way.statics)
    trace.backward = True
    for leaf, value in zip(leaves, results, strict=True):
        if leaf._grad is None:
            leaf._grad = wrap(value)
        else:
            leaf._grad._write(value)
    if not retain_graph:
        for node in nodes:
            if node.saved if node.frees is None else node.frees:  # free(), without the call
                node.saved = None
    return True
