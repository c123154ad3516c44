"""Every operation on tensors passes through here: computed at once or recorded, and noted on the tape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..ir.aval import Aval
from ..ir.graph import Graph
from ..ir.vjp import Vjp
from ..ops.composite import Op
from ..ops.movement import strided_at
from ..runtime.recorder import execute, graph_of
from ..runtime.state import state
from ..runtime.trace import Position, trie
from ..runtime.value import Storage, Value, number, realized
from .core import TensorCore
from .modes import InferenceStorage, check_saved, made_now
from .node import Node, stamps
from .view import Laid, View, memory_order

if TYPE_CHECKING:
    from .tensor import Tensor

Statics = tuple[Any, ...]
NO_TAPE: Any = "no gradient flows"
_new = object.__new__
_result_class: type[Any] = TensorCore


def set_result_class(cls: type[Any]) -> None:
    """Tell which class operations give back; called once, by the module that defines Tensor."""
    global _result_class
    _result_class = cls


def wrap(value: Value) -> Tensor:
    """A new tensor of its own storage, showing ``value``."""
    t: Any = _new(_result_class)
    storage = t._storage = _new(Storage)
    storage.value = value if value.aval.dense else realized(value.get().copy(order="C"))
    t._view = None
    t._node = None
    t._nr = 0
    t._requires_grad = False
    return t


def alias(source: TensorCore, view: View | None) -> Tensor:
    """A tensor on the same storage through ``view``, without tape."""
    if source._levels:
        return state.here.watch.alias(source, view)
    t: Any = _new(_result_class)
    t._storage = source._storage
    t._view = view
    t._node = None
    t._nr = 0
    t._requires_grad = False
    return t


def dispatch(op: Op, args: tuple[Any, ...], statics: Statics = ()) -> Any:
    """Apply ``op`` to tensors, Python numbers and None; gives a tensor, or a tuple of them.

    Operands that were never recorded and are not trainable (data) are computed with at once; everything else is
    recorded, whether a cut has realized it or not: the bits of a result don't depend on cuts.
    In grad mode, with an operand that requires grad, the result gets a tape node.
    """
    here = state.here
    if here.watch is not None:
        return here.watch(op, args, statics)
    trace, taping = here.trace, here.grad
    generation = trace.generation
    tensor_class = _result_class
    operands: list[Value | None] = []
    edges: list[tuple[Node, int] | None] = []
    key: list[Any] = [op, statics, None]
    marks: list[Any] = [0]
    wanted, bit = 0, 1
    lazy = viewed = False
    for a in args:
        edge = None
        if isinstance(a, tensor_class):
            value = a._storage.value
            if value is None or a._view is not None:
                viewed = True
                value = a._read()
            if value.slot >= 0:
                lazy = True
                if value.array is None and value.trace is not trace:
                    value.get()
            node = a._node
            if node is not None:
                lazy = True
                wanted |= bit
                nr = a._nr
                edge = (node, nr)
                if taping:
                    own = node.generation == generation and not nr
                    marks.append(node.depth if own else trace.mark(node, nr))
            elif a._requires_grad:
                lazy = True
                wanted |= bit
                if taping:
                    if trace.backward:
                        trace.run(ahead=True)
                        return dispatch(op, args, statics)
                    node = (a._accumulator if a._is_parameter else None) or a._accumulate()
                    edge = (node, 0)
                    marks.append(trace.mark(node, 0))
            elif a._is_parameter:
                lazy = True
            key.append(value.slot if value.array is None else value)
        elif a is None:
            value = None
            key.append(None)
        else:
            value = number(a)
            key.append(value)
        operands.append(value)
        edges.append(edge)
        bit += bit
    if not lazy or here.eager:
        found = _at_once(op, statics, args, operands, edges, wanted if taping else 0)
        return _laid(found, op, args, graph_of(op, operands, statics)) if viewed else found
    if not (wanted and taping):
        position, values = trace.record(op, operands, statics)
        found = _untaped(op, values)
        return _laid(found, op, args, position.graph) if viewed else found
    marks[0] = wanted
    key[2] = tuple(marks)
    found = trace.follow(generation, key, operands)
    if found is None:
        return dispatch(op, args, statics)
    position, values = found
    tape = position.tape or _tape_at(position, op, wanted)
    if tape is NO_TAPE:
        return _untaped(op, values)
    node = _node(tape, args, operands, edges, values)
    node.position, node.generation, node.depth = position, generation, position.depth
    if len(values) > 1 and not op.hides:
        return _several(tape, node, values)
    t: Any = wrap(values[0])
    t._node = node
    return _laid(t, op, args, position.graph) if viewed else t


def _laid(t: Any, op: Op, args: Sequence[Any], graph: Graph) -> Any:
    """A result of views: where PyTorch has its elements is noted, if the graph computes element by element."""
    if op.row_major or not graph.elementwise or not isinstance(t, TensorCore):
        return t
    shape = tuple(t._storage.aval.shape)
    seen = [a._layout().as_there() for a in args if isinstance(a, TensorCore)]
    order = memory_order(shape, *[view.expand(shape).strides for view in seen])
    if order is not None:
        t._view = Laid(shape, order)
    return t


def _node(tape: Tape, args: Any, operands: Any, edges: Any, values: list[Value]) -> Node:
    """A node as Node.__init__ makes one, which would cost more than all that it does."""
    if tape.ends is not None:
        edges = [e if flows else None for e, flows in zip(edges, tape.ends, strict=True)]
    if InferenceStorage.exists:
        check_saved(args[k] for k in tape.saved_inputs)
    saved: list[Any] = []
    for k in tape.saved_inputs:
        saved.append(operands[k])
    for k in tape.saved_outputs:
        saved.append(values[k])
    node = _new(tape.kind)
    node.vjp, node.avals, node.next, node.saved = tape.vjp, tape.avals, tuple(edges), tuple(saved)
    node.stamp = next(stamps)
    return node


def _at_once(op: Op, statics: Statics, args: Any, operands: Any, edges: Any, wanted: int) -> Any:
    """Compute, and note on the tape what is asked for."""
    values = execute(op, operands, statics)
    tape = tape_of(op, graph_of(op, operands, statics), wanted) if wanted else NO_TAPE
    if tape is NO_TAPE:
        return _untaped(op, values)
    node = _node(tape, args, operands, edges, values)
    node.position, node.generation, node.depth = None, 0, 0
    if len(values) > 1 and not op.hides:
        return _several(tape, node, values)
    t: Any = wrap(values[0])
    t._node = node
    return t


def _untaped(op: Op, values: list[Value]) -> Any:
    """Results without a node."""
    made = made_now if state.here.inference else _as_it_is
    if len(values) == 1 or op.hides:
        return made(wrap(values[0]))
    return tuple([made(wrap(v)) for v in values])


def _as_it_is(t: Any) -> Any:
    return t


def _several(tape: Tape, node: Node, values: list[Value]) -> tuple[Tensor, ...]:
    """The results of one node that have a gradient show it, the others don't."""
    results = []
    for nr, value in enumerate(values):
        t = wrap(value)
        if tape.floating[nr]:
            t._node, t._nr = node, nr
        results.append(t)
    return tuple(results)


class Tape:
    """What the tape node of an operation is made from: its class, its gradient graph, its results' avals.

    ``ends`` says for each operand whether a gradient flows to it; None if to all that want one.
    """

    __slots__ = ("kind", "vjp", "ends", "saved_inputs", "saved_outputs", "avals", "floating")

    def __init__(self, op: Op, vjp: Vjp, avals: tuple[Aval, ...], wanted: list[bool]) -> None:
        self.kind = (op.nodes or Node).kind(op.node, op.shows, op.frees)
        self.vjp, self.avals = vjp, avals
        ends = [k is not None for k in vjp.reaches]
        self.ends = None if ends == wanted else ends
        self.saved_inputs, self.saved_outputs = vjp.saved_inputs, vjp.saved_outputs
        self.floating = tuple([a.dtype.is_differentiable for a in avals])


def tape_of(op: Op, graph: Graph, wanted: int) -> Tape:
    """How ``op`` with this graph is noted for the operands whose bits are set in ``wanted``; ``NO_TAPE``
    where no gradient flows."""
    try:
        found: Tape = graph.vjps[wanted]
    except KeyError:
        avals = graph.out_avals()
        which = [bool(wanted >> k & 1) for k in range(graph.n_inputs)]
        gradient = op.gradient(graph, tuple(which))
        flows = any(k is not None for k in gradient.reaches)
        found = graph.vjps[wanted] = Tape(op, gradient, avals, which) if flows else NO_TAPE
    return found


def _tape_at(position: Position, op: Op, wanted: int) -> Tape:
    position.tape = tape_of(op, position.graph, wanted)
    return position.tape


def owned(new: Tensor, like: TensorCore) -> Tensor:
    """``new``, made after the pattern of ``like``: with memory of its own for each example where that is mapped
    (mapped.py)."""
    return state.here.watch.owned(new, like) if like._levels else new


def by_example(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that looks at the numbers of its operands, without gradients: called for each example where one of
    them is mapped (mapped.py)."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        watch = state.here.watch
        if watch is None or not watch.levels:
            return function(*args, **kwargs)
        return watch.by_example(function, args, kwargs)

    return call


def derived(
    op: Op, source: Any, view: View, statics: Statics, numbers: tuple[int, ...] = ()
) -> Tensor:
    """A view of ``source``: nothing is recorded; on the tape it is ``op``, which computes the same.

    ``numbers`` are operands of ``op`` that may vary from call to call (an offset) without a new graph.
    """
    if source._levels:
        return state.here.watch.derived(op, source, view, statics, numbers)
    t: Any = alias(source, view)
    base = source if source._base is None else source._base
    if state.grad and source.requires_grad:
        t._node = view_node(op, source, statics, numbers)
        t._base, t._made_at = base, base._tape_version
        t._derive = lambda: (as_strided_node(base, view), 0)
    else:
        t._base, t._made_at = base, base._tape_version
        t._derive = lambda: (as_strided_node(base, view), 0)
    return t


def derived_parts(
    op: Op, source: Any, views: Sequence[View], statics: Statics
) -> tuple[Tensor, ...]:
    """Several views of ``source`` that are one node on the tape, as ``op`` gives them."""
    if source._levels:
        return state.here.watch.derived_parts(op, source, views, statics)
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
        state.trace.run(ahead=True)  # a grad-mode read of a trainable leaf, as in dispatch
    given = [number(n) for n in numbers]
    aval = source._aval()
    tape = tape_of(op, trie.graph(op, statics, (aval, *[v.aval for v in given])), 1)
    assert tape is not NO_TAPE and 0 not in tape.saved_inputs and not tape.saved_outputs
    saved = tuple([given[k - 1] for k in tape.saved_inputs])
    edge = source._edge()
    position, generation = None, 0
    if not state.eager and edge is not None:
        trace = state.trace
        generation = trace.generation
        position, _ = trace.record(_NOTED, saved, (op, statics, aval), (1, trace.mark(*edge)))
    tape.kind.n_tensors = 1
    edges = (edge, *[None] * len(numbers))
    return tape.kind(tape.vjp, edges, saved, tape.avals, position, generation)


def _noted(*operands: Any) -> tuple[()]:
    return ()


_NOTED = Op(_noted, "")  # computes nothing: its edge tells the trie of a view that is on the tape


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
