"""Operations with a gradient of one's own: ``class Exp(Function)`` with ``forward`` and ``backward``."""

from __future__ import annotations

from typing import Any

from ..runtime.state import state
from ..tensor.core import TensorCore
from ..tensor.dispatch import alias
from ..tensor.modes import check_saved
from ..tensor.node import Node
from .slow_road import FREED, zeros_of


class FunctionCtx:
    """What ``forward`` leaves for ``backward``."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] | None = ()
        self._constant: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``, which finds them in ``saved_tensors``."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``forward`` kept; RuntimeError after a walk that freed it."""
        if self._saved is None:
            raise RuntimeError(FREED)
        return self._saved

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self._constant = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Accepted: an in-place write puts a new value, so nothing saved can be spoiled."""

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing incoming gradient arrives as zeros (the default) or as None."""
        self.materialize_grads = value


class _FunctionNode(Node):
    """The tape node of a custom Function."""

    __slots__ = ("ctx", "function", "levelled")

    plain = False
    ctx: FunctionCtx
    function: type[Function]
    levelled: Any  # under vmap (mapped_function.py)

    def free(self) -> None:
        self.ctx._saved = None

    def apply(self, incoming: list[Any], create_graph: bool) -> list[Any]:
        """The gradients that the user's ``backward`` gives, one for each operand."""
        if self.ctx.materialize_grads:
            incoming = [
                zeros_of(a) if g is None else g for g, a in zip(incoming, self.avals, strict=True)
            ]
        if self.levelled is None:
            grads = self._backward(incoming)
        else:
            grads = self.levelled.backward(self._backward, incoming)
        while len(grads) > len(self.next) and grads[-1] is None:
            grads.pop()
        if len(grads) != len(self.next):
            raise RuntimeError(
                f"function {self.function.__name__}Backward returned an incorrect number of gradients "
                f"(expected {len(self.next)}, got {len(grads)})"
            )
        return grads

    def _backward(self, incoming: list[Any]) -> list[Any]:
        given = self.function.backward(self.ctx, *incoming)
        return list(given) if isinstance(given, tuple | list) else [given]


class Function:
    """Base class: ``forward(ctx, *args)`` and ``backward(ctx, *grads)`` as static methods; call ``apply``.

    With a static method ``setup_context(ctx, inputs, output)`` it is ``forward(*args)``. Under ``vmap`` these see one
    example; or a static method ``vmap(info, in_dims, *args)`` gives (output, where its batch is) for the whole batch.
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and note this function on the tape."""
        mapped = any(isinstance(a, TensorCore) and a._levels for a in args)
        if mapped and hasattr(cls, "vmap"):
            from .mapped_function import by_own_rule

            return by_own_rule(cls, args)
        ctx = FunctionCtx()
        tensors = [a for a in args if isinstance(a, TensorCore)]
        taped = state.grad and any(t.requires_grad for t in tensors)
        ctx.needs_input_grad = tuple(isinstance(a, TensorCore) and a.requires_grad for a in args)
        before, state.grad = state.grad, False
        try:
            setup = getattr(cls, "setup_context", None)
            if setup is None:
                results = cls.forward(ctx, *args, **kwargs)
            else:
                results = cls.forward(*args, **kwargs)
                setup(ctx, args, results)
        finally:
            state.grad = before
        if not taped:
            return results
        return cls._taped(ctx, args, results)

    @classmethod
    def _taped(cls, ctx: FunctionCtx, args: tuple[Any, ...], results: Any) -> Any:
        check_saved(ctx._saved or ())
        many = results if isinstance(results, tuple) else (results,)
        edges = tuple(a._edge() if isinstance(a, TensorCore) else None for a in args)
        outputs = [r for r in many if isinstance(r, TensorCore)]
        avals = tuple((t._inner if t._levels else t)._aval() for t in outputs)  # type: ignore[attr-defined]
        node: Any = _FunctionNode.kind(f"{cls.__name__}Backward")(None, edges, (), avals)
        node.ctx, node.function, node.levelled = ctx, cls, None
        if any(t._levels for t in (*outputs, *args) if isinstance(t, TensorCore)):
            from .mapped_function import Levelled

            operands = [a._levels if isinstance(a, TensorCore) else () for a in args]
            node.levelled = Levelled(operands, [t._levels for t in outputs])
        wrapped = []
        nr = 0
        for r in many:
            if isinstance(r, TensorCore):
                shown: Any = alias(r, r._view) if any(r is a for a in args) else r
                if shown.dtype.is_differentiable and not any(r is c for c in ctx._constant):
                    shown._node, shown._nr = node, nr
                nr += 1
                wrapped.append(shown)
            else:
                wrapped.append(r)
        return tuple(wrapped) if isinstance(results, tuple) else wrapped[0]


def once_differentiable(function: Any) -> Any:
    """A ``backward`` that is not itself differentiable."""
    return function
