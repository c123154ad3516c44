"""A module's state as a flat dictionary by dotted name, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..tensor import Tensor
from ..tensor.modes import no_grad
from .hooks import Hook, Hooks, RemovableHandle
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` gives back: names the model wants or the dictionary has in excess."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"_IncompatibleKeys(missing_keys={missing!r}, unexpected_keys={unexpected!r})"


class _TakesModule:
    """Marks a hook whose first argument is the module that it is called for."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


class _GivesNothing:
    """A hook that must not give back anything."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    def __call__(self, *args: Any) -> None:
        if self.hook(*args) is not None:
            raise RuntimeError("state_dict post-hook must return None")


class State:
    """The part of a module that gives out its state and takes it in."""

    _version: int = 1
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: Hooks
    _state_dict_pre_hooks: Hooks
    _load_state_dict_pre_hooks: Hooks
    _load_state_dict_post_hooks: Hooks

    def _init_state(self) -> None:
        set_ = super().__setattr__
        set_("_state_dict_hooks", OrderedDict())
        set_("_state_dict_pre_hooks", OrderedDict())
        set_("_load_state_dict_pre_hooks", OrderedDict())
        set_("_load_state_dict_post_hooks", OrderedDict())

    # What a subclass adds to its state

    def get_extra_state(self) -> Any:
        """Override to add anything to the state dictionary; ``set_extra_state`` gets it back."""
        raise RuntimeError(
            f"get_extra_state: {type(self).__name__} has none: override it to add some"
        )

    def set_extra_state(self, state: Any) -> None:
        """Override to take in what ``get_extra_state`` gave out."""
        raise RuntimeError(
            f"set_extra_state: {type(self).__name__} has none: override it to take it in"
        )

    # Hooks

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the state is collected."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after the state is collected."""
        return RemovableHandle(self._state_dict_hooks, _GivesNothing(hook))

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """As ``register_state_dict_post_hook``; a dictionary that the hook gives back replaces the state."""
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)`` before the state is taken in."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Hook, with_module: bool = False
    ) -> RemovableHandle:
        return RemovableHandle(
            self._load_state_dict_pre_hooks, _TakesModule(hook) if with_module else hook
        )

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)``, which may change the lists, after loading."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)

    # Giving out

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name; they share memory with the module's.

        Args:
            destination: a dictionary to fill; a new one when left out.
            prefix: put before every name.
            keep_vars: give out the parameters themselves, not detached from the tape.
        """
        if args:
            given: list[Any] = [*args, *(destination, prefix, keep_vars)[len(args) :]]
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, local_metadata)
            destination = destination if changed is None else changed
        found: dict[str, Any] = destination
        return found

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Put this module's own state, without its children's, into ``destination``."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._has_extra("get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        own: dict[str, Tensor] = {name: p for name, p in self._parameters.items() if p is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                own[name] = buffer
        return own

    def _has_extra(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(State, method)

    # Taking in

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the values of ``state_dict`` into the parameters and buffers of the same names.

        Args:
            state_dict: tensors by dotted name, of the shapes that the module has.
            strict: missing and unexpected names are errors.
            assign: the given tensors take the place of the module's, keeping their types.
        Raises:
            RuntimeError: names or shapes do not fit; all that is wrong is listed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        load = _Load(state_dict, assign)
        this: Any = self
        load.module(this, load.state, "")
        if strict:
            for kind, keys in (("Unexpected", load.unexpected), ("Missing", load.missing)):
                if keys:
                    names = ", ".join(f'"{k}"' for k in keys)
                    load.errors.insert(0, f"{kind} key(s) in state_dict: {names}. ")
        if load.errors:
            listed = "\n\t".join(load.errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}"
            )
        return _IncompatibleKeys(load.missing, load.unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take in this module's own state, without its children's; what does not fit goes into the lists."""
        for hook in self._load_state_dict_pre_hooks.values():
            called = partial(hook.hook, self) if isinstance(hook, _TakesModule) else hook
            called(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self._own_state()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._take(name, key, tensor, state_dict[key], assign)
                error_msgs.extend(error)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        takes_extra = self._has_extra("set_extra_state")
        if takes_extra and extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif strict and takes_extra:
            missing_keys.append(extra)
        if strict:
            known = self._modules.keys()
            unexpected_keys.extend(
                key
                for key in state_dict
                if key.startswith(prefix)
                and not (takes_extra and key == extra)
                and not _expected(key[len(prefix) :], own, known)
            )

    def _take(self, name: str, key: str, mine: Tensor, given: Any, assign: bool) -> list[str]:
        """Take in one tensor (*) of the shape of ``mine``; gives what is wrong with it."""
        if not isinstance(given, Tensor):
            return [
                f'While copying the parameter named "{key}", expected thalweg.Tensor or Tensor-like object '
                f"from checkpoint but received {type(given)}"
            ]
        if mine.ndim == 0 and tuple(given.shape) == (1,):
            given = given.reshape(())
        if given.shape != mine.shape:
            return [
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {mine.shape}."
            ]
        try:
            with no_grad():
                if assign:
                    self._assign(name, mine, given)
                else:
                    mine.copy_(given)
        except Exception as error:
            return [
                f'While copying the parameter named "{key}", whose dimensions in the model are {mine.shape} '
                f"and whose dimensions in the checkpoint are {given.shape}, "
                f"an exception occurred : {error.args}."
            ]
        return []

    def _assign(self, name: str, mine: Tensor, given: Tensor) -> None:
        """Put ``given`` (*) in the place of ``mine``."""
        if isinstance(mine, Parameter):
            if isinstance(given, Parameter):
                given.requires_grad_(mine.requires_grad)
            else:
                given = Parameter(given, requires_grad=mine.requires_grad)
        setattr(self, name, given)


class _Load:
    """One loading of a state dictionary over a tree of modules."""

    def __init__(self, state_dict: Mapping[str, Any], assign: bool) -> None:
        self.state = cast(Any, OrderedDict(state_dict))
        self._metadata: Any = getattr(state_dict, "_metadata", None)
        if self._metadata is not None:
            self.state._metadata = self._metadata
        self._assign = assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def module(self, module: Module, state: dict[str, Any], prefix: str) -> None:
        """Load ``module`` and what is below it from the part of the state under ``prefix``."""
        metadata = {} if self._metadata is None else dict(self._metadata.get(prefix[:-1], {}))
        if self._assign:
            metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(
            state, prefix, metadata, True, self.missing, self.unexpected, self.errors
        )
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                self.module(child, {k: v for k, v in state.items() if k.startswith(below)}, below)
        keys = _IncompatibleKeys(self.missing, self.unexpected)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                    "new values, if incompatible_keys need to be modified, it should be done inplace."
                )


def _expected(name: str, own: Mapping[str, Tensor], modules: Any) -> bool:
    """Whether a module has a place for ``name``: a tensor of its own, or something in a child."""
    first, dot, _ = name.partition(".")
    return first in modules if dot else first in own
