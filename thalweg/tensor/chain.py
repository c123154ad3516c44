"""Operations that are known to follow each other, recorded as one.

Note: chains. Layers in a row do the same operations at each call. Learned once (``learned``), they are a ChainOp: one
edge of the trie, whose results are the last one and those that gradients read, and one node on the tape. The node
becomes the nodes of the single operations as soon as somebody looks: at ``next_functions``, with a hook, for gradients
of gradients. Numbers are the same either way, to the bit: the same instructions in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ir.builder import Builder, Var
from ..ir.graph import Graph
from ..ir.vjp import Vjp
from ..ops.composite import Op
from ..runtime.state import state
from ..runtime.trace import Trace, trie
from ..runtime.value import Value, number
from .core import TensorCore
from .dispatch import NO_TAPE, Tape, tape_of, wrap
from .node import Edge, Handle, Node
from .watching import Watcher

if TYPE_CHECKING:
    from ..ir.aval import Aval, Shape
    from ..ir.dtype import DType

# where an operand of a link comes from: an operand of the chain; ~n: the result of link n; None: it is absent
Source = int | None


class Unforeseen(Exception):
    """Operands of other shapes or types than a chain was seen with: nobody knows what the layers do with them."""


class Link(NamedTuple):
    """One operation of a chain."""

    op: Op
    statics: tuple[Any, ...]
    sources: tuple[Source, ...]


class ChainOp(Op):
    """Operations in a row as one. Its first result is that of the last link; the others are for the tape only.

    Args:
        links: each has one result.
        avals: of the operands.
    """

    hides = True

    def __init__(self, links: tuple[Link, ...], avals: tuple[Aval, ...]) -> None:
        frees = [link.op.frees for link in links]
        freed = True if True in frees else None if None in frees else False
        super().__init__(self._write, links[-1].op.node, None, freed)
        self.__name__ = ", ".join(link.op.__name__ for link in links)
        self.links, self.kind = links, [(a.shape, a.dtype, a.weak) for a in avals]
        self.nodes = ChainNode

    @classmethod
    def of(cls, links: tuple[Link, ...], avals: tuple[Aval, ...]) -> ChainOp:
        """The one chain of these links: networks that are built alike share programs."""
        found: ChainOp | None = trie.chains.get((links, avals))
        if found is None:
            found = trie.chains[links, avals] = cls(links, avals)
        return found

    def _write(self, *operands: Var) -> tuple[Var, ...]:
        if [(x.aval.shape, x.aval.dtype, x.aval.weak) for x in operands] != self.kind:
            raise Unforeseen
        builder, made = operands[0].builder, list[Var]()
        for (_, _, sources), graph in zip(self.links, self._graphs(operands), strict=True):
            made += builder.inline(graph, _taken(sources, operands, made))
        return (made[-1], *[made[n] for n in self._kept(operands)])

    def _graphs(self, operands: Sequence[Any]) -> list[Graph]:
        """The graph of each link, for operands that have an ``aval``."""
        found: list[Graph] = []
        results: list[Any] = []
        for op, statics, sources in self.links:
            given = _taken(sources, operands, results)
            avals = tuple([None if x is None else x.aval for x in given])
            found.append(trie.graph(op, statics, avals))
            results.append(Value(found[-1].out_avals()[0]))
        return found

    def _tapes(self, graphs: list[Graph], wanted: Sequence[bool]) -> list[Tape | None]:
        """How each link is noted where the operands ``wanted`` want a gradient; None where none flows."""
        found: list[Tape | None] = []
        for (op, _, sources), graph in zip(self.links, graphs, strict=True):
            bits = 0
            for k, source in enumerate(sources):
                if source is not None and (
                    wanted[source] if source >= 0 else found[~source] is not None
                ):
                    bits |= 1 << k
            tape = tape_of(op, graph, bits) if bits else NO_TAPE
            found.append(None if tape is NO_TAPE else tape)
        return found

    def _kept(self, operands: Sequence[Any]) -> list[int]:
        """The links but the last whose results gradients read."""
        wanted = [x.aval.dtype.is_differentiable and not x.aval.weak for x in operands]
        read: set[int] = set()
        for n, tape in enumerate(self._tapes(self._graphs(operands), wanted)):
            if tape is not None:
                read.update(~s for s in _saved(tape, self.links[n].sources, n) if s < 0)
        return sorted(read - {len(self.links) - 1})

    def gradient(self, graph: Graph, wanted: tuple[bool, ...]) -> Vjp:
        """The links' gradients, one after another, as one graph."""
        n_in, outs = graph.n_inputs, graph.out_avals()
        b = Builder((*graph.avals[:n_in], *outs, outs[0]))
        operands: list[Any] = b.inputs()[:n_in]
        kept = self._kept(operands)
        place = {n: n_in + 1 + k for k, n in enumerate(kept)} | {len(self.links) - 1: n_in}
        tapes = self._tapes(self._graphs(operands), wanted)
        grads: dict[int, Var] = {}
        if tapes[-1] is not None:
            grads[~(len(self.links) - 1)] = b.var(n_in + len(outs))
        for n in reversed(range(len(self.links))):
            tape, sources = tapes[n], self.links[n].sources
            incoming = grads.get(~n)
            if tape is None or incoming is None:
                continue
            saved = [operands[s] if s >= 0 else b.var(place[~s]) for s in _saved(tape, sources, n)]
            results = b.inline(tape.vjp.graph, (*saved, *([incoming] * len(tape.vjp.grads_of))))
            for source, reach in zip(sources, tape.vjp.reaches, strict=True):
                if source is not None and reach is not None:
                    g = results[reach]
                    grads[source] = grads[source] + g if source in grads else g
        reached = [k for k in range(n_in) if wanted[k] and k in grads]
        found, read = b.finish(tuple([grads[k] for k in reached])).pruned()
        numbers = {k: n for n, k in enumerate(reached)}
        return ChainVjp(
            found,
            tuple([k for k in read if k < n_in]),
            tuple([k - n_in for k in read if n_in <= k < n_in + len(outs)]),
            (0,) if n_in + len(outs) in read else (),
            tuple([numbers.get(k) for k in range(n_in)]),
            outs,
            tuple(zip(tapes, [link.sources for link in self.links], strict=True)),
            (len(self.links) - 1, *kept),
        )


def _taken(sources: tuple[Source, ...], operands: Sequence[Any], made: Sequence[Any]) -> Any:
    return tuple([None if s is None else operands[s] if s >= 0 else made[~s] for s in sources])


def _saved(tape: Tape, sources: tuple[Source, ...], number: int) -> list[int]:
    """Where what the link with this number saved comes from."""
    found: list[Any] = [sources[k] for k in tape.saved_inputs]
    return found + [~number] * len(tape.saved_outputs)


@dataclass(frozen=True, eq=False)
class ChainVjp(Vjp):
    """The gradient of a chain.

    Attributes:
        links: for each its tape, or None where no gradient flows, and where its operands come from.
        outputs: which link each of the chain's results is of.
    """

    links: tuple[tuple[Tape | None, tuple[Source, ...]], ...]
    outputs: tuple[int, ...]


class ChainNode(Node):
    """The operations of a chain on the tape, as one node until somebody looks."""

    __slots__ = ()

    def expand(self) -> bool:
        """Become the last of the nodes of single operations, the others beneath."""
        chain: Any = self.vjp
        places = [*chain.saved_inputs, *[~chain.outputs[k] for k in chain.saved_outputs]]
        values = {} if self.saved is None else dict(zip(places, self.saved, strict=True))
        nodes: list[Node | None] = []
        for n, (tape, sources) in enumerate(chain.links):
            if tape is None:
                nodes.append(None)
                continue
            saved: Any = tuple([values.get(s) for s in _saved(tape, sources, n)])
            if self.saved is None or None in saved:
                saved = None  # freed, or what no gradient reaches
            edges = tuple(
                [self._edge_to(s, nodes, tape.vjp.reaches[k]) for k, s in enumerate(sources)]
            )
            last = n == len(chain.links) - 1
            node = self if last else tape.kind(None, (), (), ())
            node.vjp, node.next, node.saved, node.avals = tape.vjp, edges, saved, tape.avals
            if not last:
                node.stamp = self.stamp - 1 + (n + 1) / len(chain.links)  # sorts well
            nodes.append(node)
        self.position, self.generation, self.depth = None, 0, 0
        self.marked = True  # known ways over the chain end here
        self.__class__ = chain.links[-1][0].kind
        return True

    def _edge_to(self, source: Source, nodes: list[Node | None], reach: int | None) -> Edge | None:
        if source is None or reach is None:
            return None
        if source >= 0:
            return self.next[source]
        node = nodes[~source]
        return None if node is None else (node, 0)

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """See Node."""
        self.expand()
        return self.next_functions

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """See Node."""
        self.expand()
        return self.register_hook(hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        """See Node."""
        self.expand()
        return self.register_prehook(hook)


Call = tuple[Op, tuple[Any, ...], tuple[Any, ...], Any]  # what was dispatched, and what it gave


def _blank(zero: Var, shape: Shape, dtype: DType) -> Var:
    return zero.astype(dtype).broadcast_to(shape)


_BLANK = Op(_blank, "")


def learned(function: Callable[[Any], Any], input: Any) -> tuple[ChainOp, list[Any]] | None:
    """The chain that ``function`` records from ``input``, and its operands before ``input``, which is the last.

    It is called with a stand-in, on a trace that is thrown away. None where it does more than record a chain: it
    looks at numbers, cuts, or fails.
    """
    here, aval, calls = state.here, input._aval(), list[Call]()
    before = here.trace, here.watch
    trace = Trace(here.tier)
    try:
        here.trace = trace
        stand_in = wrap(trace.record(_BLANK, (number(0.0),), (aval.shape, aval.dtype))[1][0])
        stand_in._requires_grad = input.requires_grad
        here.watch = _Listener(calls)
        output = function(stand_in)
    except Exception:  # it comes again where the function is called in earnest
        return None
    finally:
        here.trace, here.watch = before
    whole = trace.position.depth == 1 + len(calls)
    return _chain_of(calls, stand_in, output) if whole else None


class _Listener(Watcher):
    """Lists in ``calls`` what was dispatched and what it gave."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__(None)
        self.calls = calls

    def passed(self, op: Op, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        result = super().passed(op, args, statics)
        self.calls.append((op, args, statics, result))
        return result


def _chain_of(calls: list[Call], input: Any, output: Any) -> tuple[ChainOp, list[Any]] | None:
    """The chain that makes ``output`` of ``input`` as these calls did, if there is no more to it.

    Operands of the last link come first: so gradients arrive at them in the order in which single nodes send them.
    """
    where: dict[int, int] = {id(result): ~n for n, (_, _, _, result) in enumerate(calls)}
    if len(calls) < 2 or not all(_is_result(r) for *_, r in calls) or output is not calls[-1][-1]:
        return None
    operands: list[Any] = []
    sources: dict[int, list[Any]] = {}
    for n in reversed(range(len(calls))):
        sources[n] = []
        for a in calls[n][1]:
            if a is None:
                sources[n].append(None)
            elif a is input:
                sources[n].append("input")
            elif id(a) in where:
                sources[n].append(where[id(a)])
            elif isinstance(a, TensorCore) and not a._is_parameter:
                return None
            else:
                sources[n].append(len(operands))
                operands.append(a)
    unread = set(where.values()).difference(*sources.values())
    if unread != {~(len(calls) - 1)}:
        return None
    links = tuple(
        Link(op, statics, tuple([len(operands) if s == "input" else s for s in sources[n]]))
        for n, (op, _, statics, _) in enumerate(calls)
    )
    avals = [a._aval() if isinstance(a, TensorCore) else number(a).aval for a in (*operands, input)]
    return ChainOp.of(links, tuple(avals)), operands


def _is_result(t: Any) -> bool:
    """Whether it is a tensor that nobody has written to since an operation gave it."""
    return isinstance(t, TensorCore) and t._view is None and not t._storage.version
