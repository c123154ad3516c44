"""Functions that are called around a module's forward and backward."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..tensor.node import Handle
from .boundary import Boundary

Hook = Callable[..., Any]
Hooks = dict[int, Hook]


class RemovableHandle(Handle):
    """What registering a hook gives back: ``remove()``, or leaving its ``with`` block, takes the hook away.

    Args:
        hooks: where the hook is kept.
        hook: the hook.
        first: before the hooks that are there.
        flags: further dictionaries in which the hook's number is marked.
    """

    def __init__(
        self, hooks: Hooks, hook: Hook, first: bool = False, flags: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(hooks, hook, first)
        self._flags = flags
        for flag in flags:
            flag[self.id] = True

    def remove(self) -> None:
        super().remove()
        for flag in self._flags:
            flag.pop(self.id, None)


class GlobalHooks:
    """Hooks on every module of the process."""

    def __init__(self) -> None:
        self.pre: Hooks = OrderedDict()
        self.forward: Hooks = OrderedDict()
        self.with_kwargs: dict[int, bool] = {}
        self.always: dict[int, bool] = {}
        self.backward_pre: Hooks = OrderedDict()
        self.backward: Hooks = OrderedDict()
        self.parameter: Hooks = OrderedDict()
        self.buffer: Hooks = OrderedDict()
        self.module: Hooks = OrderedDict()
        self.any: Hooks = {}

    def on_call(self, hooks: Hooks, hook: Hook, *flags: dict[int, bool]) -> RemovableHandle:
        """Register a hook of calls; while ``any`` holds one, each call takes the long road."""
        return RemovableHandle(hooks, hook, flags=(self.any, *flags))

    def registered(self, hooks: Hooks, module: Any, name: str, value: Any) -> Any:
        """``value`` as the registration ``hooks`` let it stand."""
        for hook in hooks.values():
            replaced = hook(module, name, value)
            value = value if replaced is None else replaced
        return value


everywhere = GlobalHooks()


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before every module's forward."""
    return everywhere.on_call(everywhere.pre, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every module's forward."""
    flags = [
        d
        for d, wanted in ((everywhere.with_kwargs, with_kwargs), (everywhere.always, always_call))
        if wanted
    ]
    return everywhere.on_call(everywhere.forward, hook, *flags)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before every module's gradient is computed."""
    return everywhere.on_call(everywhere.backward_pre, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after every module's gradient is computed."""
    return everywhere.on_call(everywhere.backward, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` whenever a parameter is registered."""
    return RemovableHandle(everywhere.parameter, hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` whenever a buffer is registered."""
    return RemovableHandle(everywhere.buffer, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` whenever a module is registered on another."""
    return RemovableHandle(everywhere.module, hook)


class Hooked:
    """The part of a module that keeps its hooks and calls forward between them."""

    forward: Callable[..., Any]
    _hooked: bool

    def _init_hooks(self) -> None:
        set_ = super().__setattr__
        set_("_backward_pre_hooks", OrderedDict())
        set_("_backward_hooks", OrderedDict())
        set_("_forward_hooks", OrderedDict())
        set_("_forward_hooks_with_kwargs", OrderedDict())
        set_("_forward_hooks_always_called", OrderedDict())
        set_("_forward_pre_hooks", OrderedDict())
        set_("_forward_pre_hooks_with_kwargs", OrderedDict())
        set_("_hooked", False)

    _backward_pre_hooks: Hooks
    _backward_hooks: Hooks
    _forward_hooks: Hooks
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks: Hooks
    _forward_pre_hooks_with_kwargs: dict[int, bool]

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; what it gives back replaces the arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, which gives back None or both.
        """
        self._hooked = True
        flags = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return RemovableHandle(self._forward_pre_hooks, hook, prepend, flags)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; what it gives back replaces the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``; with ``always_call`` it is called
        even where forward raises, with None for the output.
        """
        self._hooked = True
        wanted = (with_kwargs, always_call)
        marks = (self._forward_hooks_with_kwargs, self._forward_hooks_always_called)
        flags = tuple(mark for mark, on in zip(marks, wanted, strict=True) if on)
        return RemovableHandle(self._forward_hooks, hook, prepend, flags)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before this module's gradient is computed."""
        self._hooked = True
        return RemovableHandle(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after this module's gradient is computed.

        A tuple that it gives back replaces ``grad_input``.
        """
        self._hooked = True
        return RemovableHandle(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The deprecated name of ``register_full_backward_hook``, which it is here."""
        return self.register_full_backward_hook(hook)

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Forward, between the hooks of this module and of all modules."""
        if self._hooked and not self._has_hooks():
            self._hooked = False
        called: set[int] = set()
        result = None
        try:
            args, kwargs = self._run_pre_hooks(args, kwargs)
            boundary = self._boundary()
            if boundary is not None:
                args = boundary.enter(args)
            result = self.forward(*args, **kwargs)
            for key, hook, keyed, _ in self._all_forward_hooks():
                called.add(key)
                changed = hook(self, args, kwargs, result) if keyed else hook(self, args, result)
                result = result if changed is None else changed
            return result if boundary is None else boundary.leave(result)
        except Exception:
            self._run_always_called(called, args, kwargs, result)
            raise

    def _has_hooks(self) -> bool:
        inward = self._forward_pre_hooks or self._backward_pre_hooks
        return bool(inward or self._forward_hooks or self._backward_hooks)

    def _run_pre_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for key, hook in [*everywhere.pre.items(), *self._forward_pre_hooks.items()]:
            if key in self._forward_pre_hooks_with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
            else:
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs

    def _all_forward_hooks(self) -> list[tuple[int, Hook, bool, bool]]:
        """(number, hook, wants keyword arguments, is called after an error too), in order."""
        sides = (
            (everywhere.forward, everywhere.with_kwargs, everywhere.always),
            (
                self._forward_hooks,
                self._forward_hooks_with_kwargs,
                self._forward_hooks_always_called,
            ),
        )
        return [
            (key, hook, key in keyed, key in always)
            for hooks, keyed, always in sides
            for key, hook in hooks.items()
        ]

    def _boundary(self) -> Boundary | None:
        after = [*everywhere.backward.values(), *self._backward_hooks.values()]
        before = [*everywhere.backward_pre.values(), *self._backward_pre_hooks.values()]
        return Boundary(self, after, before) if after or before else None

    def _run_always_called(
        self, called: set[int], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """After an error: the hooks that are always called and were not yet."""
        for key, hook, keyed, always in self._all_forward_hooks():
            if not always or key in called:
                continue
            try:
                changed = hook(self, args, kwargs, result) if keyed else hook(self, args, result)
                result = result if changed is None else changed
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced "
                    f"as another error was raised in forward: {error}",
                    stacklevel=4,
                )
