"""Every operation on tensors passes through here: computed at once or recorded, and noted on the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    operands: list[Value | None] = []
    lazy = taped = False
    for a in args:
        if isinstance(a, TensorCore):
            value = a._storage.value
            if value is None or a._view is not None or a._base is not None:
                value = a._read()
            if a._node is not None:
                lazy = taped = True
            elif a._requires_grad:
                lazy = taped = True
                if s.grad and s.trace.backward:
                    s.trace.run()
            elif value.array is None or a._is_parameter:
                lazy = True
            operands.append(value)
        else:
            operands.append(None if a is None else number(a))
    if lazy and not s.eager:
        values = s.trace.record(op, operands, statics)
        if taped and s.grad:
            graph = s.trace.position.graph or graph_of(op, operands, statics)
            return _taped(op, graph, args, operands, values)
    else:
        values = execute(op, operands, statics)
        if taped and s.grad:
            return _taped(op, graph_of(op, operands, statics), args, operands, values)
    if len(values) == 1:
        return wrap(values[0])
    return tuple([wrap(v) for v in values])


def tape_of(graph: Graph, wanted: tuple[bool, ...]) -> Vjp | None:
    """The gradient graph for the operands ``wanted``; None where no gradient flows."""
    try:
        found: Vjp | None = graph.vjps[wanted]
    except KeyError:
        given = tuple(aval.dtype.is_floating_point for aval in graph.out_avals())
        found = vjp(graph, wanted, given)
        if all(k is None for k in found.reaches):
            found = None
        graph.vjps[wanted] = found
    return found


def _taped(
    op: Op, graph: Graph, args: tuple[Any, ...], operands: list[Value | None], values: list[Value]
) -> Any:
    """Wrap the results with the tape node of ``op``."""
    wanted = tuple(
        [isinstance(a, TensorCore) and (a._node is not None or a._requires_grad) for a in args]
    )
    tape = tape_of(graph, wanted)
    if tape is None:
        return wrap(values[0]) if len(values) == 1 else tuple([wrap(v) for v in values])
    edges = tuple(
        [None if k is None else a._edge() for a, k in zip(args, tape.reaches, strict=True)]
    )
    saved = [operands[k] for k in tape.saved_inputs]
    if tape.saved_outputs:
        saved += [values[k] for k in tape.saved_outputs]
    node = Node.kind(op.node)(tape, edges, tuple(saved), graph.out_avals())  # type: ignore[arg-type]
    results = []
    for nr, value in enumerate(values):
        t: Any = wrap(value)
        if value.aval.dtype.is_floating_point:
            t._node, t._nr = node, nr
        results.append(t)
    return results[0] if len(results) == 1 else tuple(results)


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
    given = [None, *[number(n) for n in numbers]]
    graph = trie.graph(op, statics, (source._aval(), *[v.aval for v in given[1:] if v is not None]))
    tape = tape_of(graph, (True, *[False] * len(numbers)))
    assert tape is not None and 0 not in tape.saved_inputs and not tape.saved_outputs
    saved = tuple([given[k] for k in tape.saved_inputs])
    edges = (source._edge(), *[None] * len(numbers))
    return Node.kind(op.node)(tape, edges, saved, graph.out_avals())  # type: ignore[arg-type]


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
