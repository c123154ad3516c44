"""Where the gradient enters and leaves a module, so that its backward hooks see it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..autograd import Function
from ..tensor import Tensor
from ..tensor.modes import is_grad_enabled

Grads = tuple[Any, ...]


class BackwardHookFunction(Function):
    """Passes tensors on as they are; what comes back through it goes through ``on_grads`` first."""

    @staticmethod
    def forward(ctx: Any, on_grads: Callable[[Grads], Grads], *tensors: Tensor) -> Grads:
        """tensors: (*) each; the same values come out, in tensors on the same memory."""
        ctx.on_grads = on_grads
        ctx.set_materialize_grads(False)
        return tuple(t.detach() for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Grads:
        return (None, *ctx.on_grads(grads))


class Boundary:
    """One call of a module with backward hooks: its arguments and its results each pass a border of the tape.

    Args:
        module: the module.
        after: hooks ``(module, grad_input, grad_output)``.
        before: hooks ``(module, grad_output)``.
    """

    def __init__(
        self, module: Any, after: list[Callable[..., Any]], before: list[Callable[..., Any]]
    ) -> None:
        self._module, self._after, self._before = module, after, before
        self._grad_output: Grads | None = None
        self._n_inputs = 0
        self._enters = False

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, beyond the border at which ``after`` is called."""
        self._n_inputs = len(args)
        places = _places(args)
        self._enters = bool(places)
        return _through(lambda grads: self._left(grads, places), args, places) if places else args

    def leave(self, result: Any) -> Any:
        """The module's result, beyond the border at which ``before`` is called."""
        single = isinstance(result, Tensor)
        results = (result,) if single else result
        if not isinstance(results, tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        places = _places(results)
        if not places:
            return result
        passed = _through(lambda grads: self._entered(grads, places, len(results)), results, places)
        return passed[0] if single else passed

    def _entered(self, grads: Grads, places: list[int], size: int) -> Grads:
        """Backward reaches the module's results."""
        grad_output = _scattered(grads, places, size)
        for hook in self._before:
            changed = hook(self._module, grad_output)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                _check_length("grad_output", changed, size)
                grad_output = changed
        self._grad_output = grad_output
        if not self._enters:
            self._without_inputs(grad_output)
        return tuple(grad_output[k] for k in places)

    def _without_inputs(self, grad_output: Grads) -> None:
        for hook in self._after:
            changed = hook(self._module, (None,) * self._n_inputs, grad_output)
            if changed is not None and not (
                isinstance(changed, tuple) and all(c is None for c in changed)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or "
                    "None for all gradients."
                )
        self._grad_output = None

    def _left(self, grads: Grads, places: list[int]) -> Grads:
        """Backward has reached the module's arguments."""
        grad_input = _scattered(grads, places, self._n_inputs)
        for hook in self._after:
            changed = hook(self._module, grad_input, self._grad_output)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                _check_length("grad_input", changed, self._n_inputs)
                grad_input = changed
        self._grad_output = None
        return tuple(grad_input[k] for k in places)


def _places(values: tuple[Any, ...]) -> list[int]:
    """Which of ``values`` are floating-point tensors; none where no gradient flows."""
    places = [
        k for k, v in enumerate(values) if isinstance(v, Tensor) and v.dtype.is_differentiable
    ]
    flows = is_grad_enabled() and any(values[k].requires_grad for k in places)
    return places if flows else []


def _through(on_grads: Callable[..., Grads], values: tuple[Any, ...], places: list[int]) -> Any:
    """``values`` with those at ``places`` passed through a border of the tape."""
    passed = BackwardHookFunction.apply(on_grads, *(values[k] for k in places))
    new = list(values)
    for k, tensor in zip(places, passed, strict=True):
        new[k] = tensor
    return type(values)(*new) if hasattr(values, "_fields") else tuple(new)


def _scattered(grads: Grads, places: list[int], size: int) -> Grads:
    """``grads`` at their ``places`` among ``size``, None elsewhere."""
    found: list[Any] = [None] * size
    for k, grad in zip(places, grads, strict=True):
        found[k] = grad
    return tuple(found)


def _check_length(what: str, given: Grads, wanted: int) -> None:
    if len(given) != wanted:
        raise RuntimeError(
            f"Backward hook returned an invalid number of {what}, got {len(given)}, but expected {wanted}"
        )
