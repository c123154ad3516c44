"""The walk node by node, on tensors: for hooks, custom functions and gradients of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.vjp import Vjp
from ..ops.composite import Op
from ..runtime.state import state
from ..runtime.value import Value
from ..tensor.core import TensorCore
from ..tensor.dispatch import dispatch, wrap
from ..tensor.modes import no_grad
from ..tensor.node import AccumulateGrad, Node

Place = tuple[Node, int]
FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class Anomaly:
    """Whether the walk looks for NaN and tells the line of the forward pass (anomaly.py)."""

    enabled = False
    check_nan = True


anomaly = Anomaly()
walks: list[set[Node]] = []  # the nodes of those under way
TRACEBACK = "traceback_"


class Packed:
    """What a hook gave for a saved Value (graph.py)."""

    __slots__ = ("held", "aval", "unpack")

    def __init__(
        self, value: Value, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]
    ) -> None:
        with no_grad():
            self.held = pack(wrap(value))
        self.aval, self.unpack = value.aval, unpack

    def value(self) -> Value:
        """The Value again; TypeError or RuntimeError where the hook gives something else."""
        found = self.unpack(self.held)
        if not isinstance(found, TensorCore):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found)}"
            )
        if found._aval().shape != self.aval.shape or found.dtype is not self.aval.dtype:
            raise RuntimeError(
                f"saved_tensors_hooks: unpack_hook gave {found.dtype} of shape {list(found.shape)} for {self.aval}"
            )
        return found._read()


def tape_op(tape: Vjp, name: str) -> Op:
    """A gradient graph as an operation of its own, with a tape node when it is used in grad mode."""
    key = "as op"
    found = tape.graph.vjps.get(key)
    if found is None:

        def apply(*operands: Any) -> Any:
            builder = next(x.builder for x in operands if x is not None)
            return tuple(builder.inline(tape.graph, operands))

        apply.__name__ = name
        found = tape.graph.vjps[key] = Op(apply, name)
    result: Op = found
    return result


def _saved_tensor(node: Node, value: Any, position: int, create_graph: bool) -> Any:
    """A saved Value as a tensor; with its own history where gradients of gradients are asked for."""
    if isinstance(value, Packed):
        value = value.value()
    tensor = wrap(value)
    if not create_graph or node.vjp is None:
        return tensor
    n_inputs = len(node.vjp.saved_inputs)
    if position < n_inputs:
        edge = node.next[node.vjp.saved_inputs[position]]
    else:
        edge = (node, node.vjp.saved_outputs[position - n_inputs])
    if edge is not None and value.aval.dtype.is_differentiable:
        source, nr = edge
        if isinstance(source, AccumulateGrad):
            tensor._requires_grad, tensor._accumulator = True, (lambda: source)
        else:
            tensor._node, tensor._nr = source, nr
    return tensor


def apply_node(node: Node, incoming: list[Any], create_graph: bool) -> list[Any]:
    """The gradients that ``node`` sends to each of its operands (None where nothing flows)."""
    custom = getattr(node, "apply", None)
    if custom is not None:
        return list(custom(incoming, create_graph))
    tape = node.vjp
    assert tape is not None
    if node.saved is None:
        raise RuntimeError(FREED)
    saved = [_saved_tensor(node, v, k, create_graph) for k, v in enumerate(node.saved)]
    full = [
        zeros_of(node.avals[nr]) if incoming[nr] is None else incoming[nr] for nr in tape.grads_of
    ]
    if not saved and not full:  # linear in nothing: zeros
        zeros = [zeros_of(aval) for aval in tape.graph.out_avals()]
        return [None if k is None else zeros[k] for k in tape.reaches]
    results = dispatch(
        tape_op(tape, node.name().replace("Backward0", "BackwardBackward0")), (*saved, *full)
    )
    many = results if isinstance(results, tuple) else (results,)
    return [None if k is None else many[k] for k in tape.reaches]


def zeros_of(aval: Any) -> Any:
    return wrap(Value(aval, np.zeros(aval.shape, aval.dtype.numpy)))


def walk_slowly(
    order: list[Node],
    roots: list[tuple[Node, int, Any]],
    retain_graph: bool,
    create_graph: bool,
    only: set[int] | None,
    capture: list[Place] | None,
) -> list[Any]:
    """As ``run_backward``, visiting one node after another."""
    before = state.grad
    state.grad = create_graph
    walks.append(set(order))
    try:
        return _walk(order, roots, retain_graph, create_graph, only, capture)
    finally:
        walks.pop()
        state.grad = before
        if not state.eager:
            state.trace.backward = True


def _guarded(node: Node, incoming: list[Any], create_graph: bool) -> list[Any]:
    """``apply_node``, with the line of the forward pass where it fails or gives NaN."""
    try:
        outgoing = apply_node(node, incoming, create_graph)
        if anomaly.check_nan:
            for k, g in enumerate(outgoing):
                if g is not None and np.isnan((g._inner if g._levels else g)._array()).any():
                    raise RuntimeError(
                        f"Function '{node.name()}' returned nan values in its {k}th output."
                    )
    except Exception:
        made = node.metadata.get(TRACEBACK, "")
        lines = f"Traceback of forward call that caused the error:\n{made}"
        absent = "No forward pass information available. Enable detect anomaly during forward pass for more information."
        warnings.warn(f"Error detected in {node.name()}. {lines if made else absent}", stacklevel=2)
        raise
    return outgoing


def _walk(
    order: list[Node],
    roots: list[tuple[Node, int, Any]],
    retain_graph: bool,
    create_graph: bool,
    only: set[int] | None,
    capture: list[Place] | None,
) -> list[Any]:
    grads: dict[Place, Any] = {}
    within = set(order)
    for node, nr, g in roots:
        _arrive(grads, (node, nr), _ones(node.avals[nr]) if g is None else g)
    for node in order:
        incoming = [grads.get((node, nr)) for nr in range(len(node.avals))]
        if all(g is None for g in incoming):
            continue
        incoming = _hooked(node, incoming)
        for nr, g in enumerate(incoming):
            grads[(node, nr)] = g
        if isinstance(node, AccumulateGrad):
            if capture is None and (only is None or id(node.variable) in only):
                _accumulate(node, incoming[0], create_graph)
                _after(node, [], incoming)
            continue
        if not any(e is not None and e[0] in within for e in node.next):
            continue
        outgoing = (_guarded if anomaly.enabled else apply_node)(node, incoming, create_graph)
        if node.hooks:
            outgoing = _after(node, outgoing, incoming)
        for edge, g in zip(node.next, outgoing, strict=False):
            if edge is not None and g is not None and edge[0] in within:
                _arrive(grads, edge, g)
    if not retain_graph:
        for node in order:
            node.free()
    return [] if capture is None else [grads.get(place) for place in capture]


def _ones(aval: Any) -> Any:
    return wrap(Value(aval, np.ones(aval.shape, aval.dtype.numpy)))


def _arrive(grads: dict[Place, Any], place: Place, g: Any) -> None:
    old = grads.get(place)
    grads[place] = g if old is None else old + g


def _hooked(node: Node, incoming: list[Any]) -> list[Any]:
    """Let tensor hooks and node pre-hooks see, and replace, what arrives; keep what is retained."""
    if isinstance(node, AccumulateGrad) and node.variable._leaf_hooks:
        for hook in list(node.variable._leaf_hooks.values()):
            incoming[0] = _replaced(hook(incoming[0]), incoming[0])
    for nr, hooks in (node.tensor_hooks or {}).items():
        for hook in list(hooks.values()):
            if incoming[nr] is not None:
                incoming[nr] = _replaced(hook(incoming[nr]), incoming[nr])
    for hook in list((node.pre_hooks or {}).values()):
        given = hook(tuple(incoming))
        if given is not None:
            incoming = list(given) if isinstance(given, tuple) else [given]
    for nr, ref in (node.retained or {}).items():
        tensor = ref()
        if tensor is not None and incoming[nr] is not None:
            tensor._grad = incoming[nr] if tensor._grad is None else tensor._grad + incoming[nr]
    return incoming


def _replaced(new: Any, old: Any) -> Any:
    """What a hook gave back, if anything: a gradient of the same shape."""
    if new is None:
        return old
    if not isinstance(new, TensorCore):
        raise TypeError(f"expected a tensor, but hook returned {type(new).__name__!r}")
    if new.shape != old.shape:
        raise RuntimeError(
            f"hook has changed the size of value: {list(new.shape)} for {list(old.shape)}"
        )
    return new


def _after(node: Node, outgoing: list[Any], incoming: list[Any]) -> list[Any]:
    for hook in list((node.hooks or {}).values()):
        given = hook(tuple(outgoing), tuple(incoming))
        if given is not None:
            outgoing = list(given) if isinstance(given, tuple) else [given]
    return outgoing


def _accumulate(node: AccumulateGrad, g: Any, create_graph: bool) -> None:
    leaf = node.variable
    if g is not None and g.dtype is not leaf.dtype:
        g = g.to(leaf.dtype)
    if leaf._grad is None:
        if create_graph:
            leaf._grad = g
        else:
            leaf._grad = wrap(g._read())
    elif create_graph:
        leaf._grad = leaf._grad + g
    else:
        leaf._grad._write((leaf._grad + g)._read())
