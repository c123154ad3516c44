"""The public way to gradients: ``backward`` and ``grad``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..runtime.state import state
from ..tensor.core import TensorCore
from ..tensor.creation import zeros_like
from ..tensor.node import Node
from .engine import run_backward
from .fast_road import walk_again
from .slow_road import anomaly

Tensors = TensorCore | Sequence[TensorCore]


def _listed(x: Any) -> list[Any]:
    return [x] if isinstance(x, TensorCore) else list(x)


def _gradients(tensors: list[Any], grads: Any) -> list[Any]:
    """For each tensor its gradient or None; those beyond the last tensor don't count."""
    if grads is None:
        return [None] * len(tensors)
    listed = _listed(grads)
    if len(listed) < len(tensors):
        raise RuntimeError(
            f"got {len(tensors)} tensors and {len(listed)} gradients: give one for each, or None"
        )
    return listed[: len(tensors)]


def _roots(tensors: list[Any], grads: list[Any]) -> list[tuple[Node, int, Any]]:
    """Where the walk starts, each with its gradient (None: ones)."""
    roots = []
    for k, (t, g) in enumerate(zip(tensors, grads, strict=True)):
        if not isinstance(t, TensorCore):
            raise AssertionError(f"Expected output to be a tensor, got {type(t).__name__}")
        edge = t._edge() if t.requires_grad else None
        if edge is None:
            raise RuntimeError(
                f"element {k} of tensors does not require grad and does not have a grad_fn"
            )
        if g is not None and not isinstance(g, TensorCore):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        if g is None:
            if t._aval().size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if t.dtype.is_complex:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype}: take abs(), say"
                )
        elif tuple(g.shape) != tuple(t.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{k}] has a shape of {g.shape} and output[{k}] has a shape of "
                f"{t.shape}."
            )
        elif g.dtype is not t.dtype:
            g = g.to(t.dtype)  # type: ignore[attr-defined]  # every tensor has it
        if t._levels or (g is not None and g._levels):
            g = None if g is None else state.here.watch.arriving(t, g)
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
    watch = state.here.watch
    if watch is not None and watch.levels:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use func.grad or func.vjp "
            "instead or call backward() outside of functorch transforms: this is vmap"
        )
    listed = _listed(tensors)
    if not listed:
        return
    grads = _gradients(listed, grad_tensors)
    if inputs is not None:
        inputs = _listed(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        if not all(t.requires_grad for t in inputs):
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
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

    With ``is_grads_batched`` each of ``grad_outputs`` has an axis of B more in front, and so have the results.

    Raises:
        RuntimeError: an input does not require grad, or was not used and ``allow_unused`` is not set.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    listed, wanted = _listed(outputs), _listed(inputs)
    if is_grads_batched:
        return _in_batch(
            listed,
            wanted,
            grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    grads = _gradients(listed, grad_outputs)
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = run_backward(
        _roots(listed, grads),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        capture=[t._edge() for t in wanted],
    )
    if any(t._levels for t in wanted):
        watch = state.here.watch
        found = [watch.leaving(t, g) for t, g in zip(wanted, found, strict=True)]
    if materialize_grads:
        return tuple(
            zeros_like(t, requires_grad=create_graph) if g is None else g
            for t, g in zip(wanted, found, strict=True)
        )
    unused = [k for k, g in enumerate(found) if g is None]
    if unused and not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {unused[0]} appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return tuple(found)


def _in_batch(outputs: list[Any], inputs: list[Any], grads: Any, **options: Any) -> tuple[Any, ...]:
    """``grad`` for a batch of gradients of the outputs: (B, *) for an output (*)."""
    from ..tensor.mapped import Level, entered, left, mapping, under_way

    rows = [g for g in _gradients(outputs, grads) if g is not None]
    if len(rows) < len(outputs):
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    for k, (t, g) in enumerate(zip(outputs, rows, strict=True)):
        if tuple(g.shape[1:]) != tuple(t.shape) or g.shape[0] != rows[0].shape[0]:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{k}] has a shape of {list(g.shape[1:])} and "
                f"output[{k}] has a shape of {list(t.shape)}, in a batch of {rows[0].shape[0]}"
            )
    level = Level(rows[0].shape[0], "error")
    with mapping((*under_way(), level)):
        found = grad(outputs, inputs, [entered(g, 0, level) for g in rows], **options)
    return tuple(None if g is None else left(g, 0, level) for g in found)


def _backward_method(
    self: Any,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    short = gradient is None and inputs is None and not create_graph and self._base is None
    if short and not self._levels and not anomaly.enabled:
        root, nr = self._node, self._nr  # the short way of a scalar loss in a loop
        scalar = root is not None and root.avals[nr].size == 1
        if scalar and walk_again(root, nr, None, bool(retain_graph)):
            return
    backward(self, gradient, retain_graph, create_graph, inputs)


TensorCore._backward = staticmethod(_backward_method)
