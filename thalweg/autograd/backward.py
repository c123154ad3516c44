"""The public way to gradients: ``backward`` and ``grad``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor.core import TensorCore
from ..tensor.node import Node
from .engine import run_backward
from .fast_road import walk_again

Tensors = TensorCore | Sequence[TensorCore]


def _listed(x: Any) -> list[Any]:
    return [x] if x is None or isinstance(x, TensorCore) else list(x)


def _roots(tensors: list[Any], grads: list[Any]) -> list[tuple[Node, int, Any]]:
    """Where the walk starts, each with its gradient (None: ones)."""
    if len(grads) != len(tensors):
        raise RuntimeError(
            f"got {len(tensors)} tensors and {len(grads)} gradients: give one for each, or None"
        )
    roots = []
    for t, g in zip(tensors, grads, strict=True):
        edge = t._edge() if t.requires_grad else None
        if edge is None:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn"
            )
        if g is None:
            if t._aval().size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
        elif tuple(g.shape) != tuple(t.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {g.shape} and output[0] has a shape of {t.shape}."
            )
        roots.append((*edge, g))
    return roots


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of ``tensors`` to ``grad`` of every leaf they came from.

    Args:
        tensors: one or more; a tensor of one element needs no gradient of its own.
        grad_tensors: for each tensor the gradient that arrives at it, of its shape; ones by default.
        retain_graph: keep what was saved, so that ``backward`` can be called again.
        create_graph: note the gradient's computation on the tape too.
        inputs: accumulate only into these.
    Raises:
        RuntimeError: nothing here requires grad, or the graph was freed by an earlier ``backward``.
    """
    listed = _listed(tensors)
    grads = [None] * len(listed) if grad_tensors is None else _listed(grad_tensors)
    if inputs is not None:
        inputs = _listed(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    run_backward(
        _roots(listed, grads),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        accumulate_into=inputs,
    )


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``; no ``grad`` is touched.

    Raises:
        RuntimeError: an input does not require grad, or was not used and ``allow_unused`` is not set.
    """
    if is_grads_batched:
        raise NotImplementedError(
            "autograd.grad: is_grads_batched is not supported: call grad once for each row"
        )
    listed, wanted = _listed(outputs), _listed(inputs)
    grads = [None] * len(listed) if grad_outputs is None else _listed(grad_outputs)
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = run_backward(
        _roots(listed, grads),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        capture=[t._edge() for t in wanted],
    )
    if materialize_grads:
        return tuple(t.detach() * 0 if g is None else g for t, g in zip(wanted, found, strict=True))
    if any(g is None for g in found) and not allow_unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
            "this is the desired behavior."
        )
    return tuple(found)


def _backward_method(
    self: Any,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    if gradient is None and inputs is None and not create_graph and self._base is None:
        root, nr = self._node, self._nr  # the short way of a scalar loss in a loop
        scalar = root is not None and root.avals[nr].size == 1
        if scalar and walk_again(root, nr, None, bool(retain_graph)):
            return
    backward(self, gradient, retain_graph, create_graph, inputs)


TensorCore._backward = staticmethod(_backward_method)
