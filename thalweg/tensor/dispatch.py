"""Every operation on tensors passes through here: computed at once or recorded, and noted on the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..ir.aval import Aval
from ..ir.graph import Graph
from ..ir.vjp import Vjp, vjp
from ..ops.composite import Op
from ..ops.movement import strided_at
from ..runtime.recorder import execute, graph_of
from ..runtime.state import state
from ..runtime.trace import trie
from ..runtime.value import Storage, Value, number, realized
from .core import TensorCore
from .node import Node
from .view import View

if TYPE_CHECKING:
    from .tensor import Tensor

Statics = tuple[Any, ...]
_new = object.__new__
_result_class: type[Any] = TensorCore


def set_result_class(cls: type[Any]) -> None:
    """Tell which class operations give back; called once, by the module that defines Tensor."""
    global _result_class
    _result_class = cls


def wrap(value: Value) -> Tensor:
    """A new tensor of its own storage, showing ``value``."""
    t: Any = _new(_result_class)
    t._storage = Storage(value if value.aval.dense else realized(value.get().copy(order="C")))
    t._view = None
    t._node = None
    t._nr = 0
    t._requires_grad = False
    return t


def alias(source: TensorCore, view: View | None) -> Tensor:
    """A tensor on the same storage through ``view``, without tape."""
    t: Any = _new(_result_class)
    t._storage = source._storage
    t._view = view
    t._node = None
    t._nr = 0
    t._requires_grad = False
    return t


def dispatch(op: Op, args: tuple[Any, ...], statics: Statics = ()) -> Any:
    """Apply ``op`` to tensors, Python numbers and None; gives a tensor, or a tuple of them.

    Operands that are realized and not trainable are computed with at once; everything else is recorded.
    In grad mode, with an operand that requires grad, the result gets a tape node.
    """
    s = state
    trace = s.trace
    taping = s.grad
    operands: list[Value | None] = []
    edges: list[tuple[Node, int] | None] = []
    wanted, bit = 0, 1
    lazy = False
    for a in args:
        edge = None
        if isinstance(a, TensorCore):
            value = a._storage.value
            if value is None or a._view is not None:
                value = a._read()
            node = a._node
            if node is not None:
                lazy = True
                wanted |= bit
                edge = (node, a._nr)
            elif a._requires_grad:
                lazy = True
                wanted |= bit
                if taping:
                    if trace.backward:
                        trace.run()
                    edge = (a._accumulate(), 0)
            elif a._is_parameter:
                lazy = True
            if value.array is None:
                lazy = True
                if value.trace is not trace:
                    value.get()
            operands.append(value)
        else:
            operands.append(None if a is None else number(a))
        edges.append(edge)
        bit += bit
    graph = None
    if lazy and not s.eager:
        values = trace.record(op, operands, statics)
        graph = trace.position.graph
    else:
        values = execute(op, operands, statics)
    if wanted and taping:
        tape = tape_of(op, graph or graph_of(op, operands, statics), wanted)
        if tape is not None:
            return _taped(tape, edges, operands, values)
    if len(values) == 1:
        return wrap(values[0])
    return tuple([wrap(v) for v in values])


class Tape:
    """What the tape node of an operation is made from: its class, its gradient graph, its results' avals.

    ``ends`` says for each operand whether a gradient flows to it; None if to all that want one.
    """

    __slots__ = ("kind", "vjp", "ends", "saved_inputs", "saved_outputs", "avals", "floating")

    def __init__(self, name: str, vjp: Vjp, avals: tuple[Aval, ...], wanted: list[bool]) -> None:
        self.kind = Node.kind(name)
        self.vjp, self.avals = vjp, avals
        ends = [k is not None for k in vjp.reaches]
        self.ends = None if ends == wanted else ends
        self.saved_inputs, self.saved_outputs = vjp.saved_inputs, vjp.saved_outputs
        self.floating = tuple([a.dtype.is_floating_point for a in avals])


def tape_of(op: Op, graph: Graph, wanted: int) -> Tape | None:
    """How ``op`` with this graph is noted for the operands whose bits are set in ``wanted``; None where no
    gradient flows."""
    try:
        found: Tape | None = graph.vjps[wanted]
    except KeyError:
        avals = graph.out_avals()
        which = [bool(wanted >> k & 1) for k in range(graph.n_inputs)]
        gradient = vjp(graph, tuple(which), tuple(a.dtype.is_floating_point for a in avals))
        flows = any(k is not None for k in gradient.reaches)
        found = graph.vjps[wanted] = Tape(op.node, gradient, avals, which) if flows else None
    return found


def _taped(tape: Tape, edges: list[Any], operands: list[Value | None], values: list[Value]) -> Any:
    """Wrap the results with a new node of ``tape``."""
    if tape.ends is not None:
        edges = [e if flows else None for e, flows in zip(edges, tape.ends, strict=True)]
    saved = [operands[k] for k in tape.saved_inputs]
    for k in tape.saved_outputs:
        saved.append(values[k])
    node = tape.kind(tape.vjp, tuple(edges), tuple(saved), tape.avals)  # type: ignore[arg-type]
    if len(values) == 1:
        t: Any = wrap(values[0])
        t._node = node
        return t
    results = []
    for nr, value in enumerate(values):
        t = wrap(value)
        if tape.floating[nr]:
            t._node, t._nr = node, nr
        results.append(t)
    return tuple(results)


def derived(
    op: Op, source: Any, view: View, statics: Statics, numbers: tuple[int, ...] = ()
) -> Tensor:
    """A view of ``source``: nothing is recorded; on the tape it is ``op``, which computes the same.

    ``numbers`` are operands of ``op`` that may vary from call to call (an offset) without a new graph.
    """
    t: Any = alias(source, view)
    base = source if source._base is None else source._base
    if state.grad and source.requires_grad:
        t._node = view_node(op, source, statics, numbers)
        t._base, t._made_at = base, base._tape_version
        t._derive = lambda: (as_strided_node(base, view), 0)
    elif source._base is not None or source._storage.value is not None:
        t._base, t._made_at = base, base._tape_version
        t._derive = lambda: (as_strided_node(base, view), 0)
    return t


def derived_parts(
    op: Op, source: Any, views: Sequence[View], statics: Statics
) -> tuple[Tensor, ...]:
    """Several views of ``source`` that are one node on the tape, as ``op`` gives them."""
    if not (state.grad and source.requires_grad):
        return tuple([derived(op, source, v, statics) for v in views])
    node = view_node(op, source, statics)
    with_tape = []
    base = source if source._base is None else source._base
    for nr, view in enumerate(views):
        t: Any = alias(source, view)
        t._node, t._nr, t._base, t._made_at = node, nr, base, base._tape_version
        t._derive = lambda view=view: (as_strided_node(base, view), 0)
        with_tape.append(t)
    return tuple(with_tape)


def view_node(op: Op, source: Any, statics: Statics, numbers: tuple[int, ...] = ()) -> Node | None:
    """The tape node of a view operation on ``source``, whose result is not computed here."""
    if source._requires_grad and source._node is None and state.trace.backward:
        state.trace.run()  # a grad-mode read of a trainable leaf, as in dispatch
    given = [None, *[number(n) for n in numbers]]
    graph = trie.graph(op, statics, (source._aval(), *[v.aval for v in given[1:] if v is not None]))
    tape = tape_of(op, graph, 1)
    assert tape is not None and 0 not in tape.saved_inputs and not tape.saved_outputs
    saved = tuple([given[k] for k in tape.saved_inputs])
    edges = (source._edge(), *[None] * len(numbers))
    tape.kind.n_tensors = 1
    return tape.kind(tape.vjp, edges, saved, tape.avals)  # type: ignore[arg-type]


def as_strided_node(base: Any, layout: View) -> Node | None:
    """The node of a view in terms of its base, after the base was written in place."""
    if not base.requires_grad:
        return None
    start = base._layout()
    if not start.is_contiguous():
        raise RuntimeError(
            "in-place write through a view: its base is itself a strided view of other memory, which the tape "
            "cannot follow: clone() the base first"
        )
    return view_node(
        _AS_STRIDED, base, (layout.shape, layout.strides, layout.offset - start.offset)
    )


_AS_STRIDED = Op(strided_at, "AsStridedBackward0")
