"""The base class of all layers and models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from ..ir.dtype import DType, bfloat16, float16, float32, float64
from ..runtime.state import state
from ..runtime.trace import Trace
from ..tensor import Tensor
from ..tensor.modes import no_grad
from .hooks import Hooked, everywhere
from .parameter import Buffer, Parameter
from .registry import Registry, structure
from .state import State
from .tree import Tree

_set = object.__setattr__
_REGISTRIES = ("_parameters", "_buffers", "_modules")
_EXPECTED = {"_parameters": ("parameter", "Parameter"), "_modules": ("child module", "Module")}


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """What a module without a forward of its own does when it is called."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(Tree, State, Hooked):
    """Base class of layers and models: keeps parameters, buffers and submodules, and calls ``forward``.

    A subclass calls ``super().__init__()`` first, then assigns its parts as attributes, and defines
    ``forward``. Calling the module calls ``forward``, between the hooks if there are any.
    """

    dump_patches = False
    call_super_init = False
    _repeats = False  # does the same operations at each call, and nothing else (stretch.py)
    training: bool
    _is_full_backward_hook: bool | None
    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            self._refuse_arguments(args, kwargs)
        _set(self, "training", True)
        for store in _REGISTRIES:
            _set(self, store, Registry(self))
        _set(self, "_non_persistent_buffers_set", set())
        _set(self, "_is_full_backward_hook", None)
        self._init_hooks()
        self._init_state()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def _refuse_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = type(self).__name__
        if kwargs:
            raise TypeError(
                f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        raise TypeError(
            f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
        )

    # Calling. This is the one way into ``forward``. A long trace is cut where an outermost call begins, and any
    # where an exception leaves one: at the same places of the loop each time.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if Trace.grown and state.here.trace.is_long() and _is_outermost():
            state.here.trace.run(ahead=True)
        try:
            if self._hooked or everywhere.any:
                return self._call_hooked(args, kwargs)
            if kwargs or len(args) != 1:
                return self.forward(*args, **kwargs)
            return self.forward(args[0])
        except Exception:
            if _is_outermost():
                with suppress(Exception):  # what failed in the run raises again where it is read
                    state.here.trace.run()
            raise

    # Registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add ``param`` (*), or a place for one, under ``name``."""
        self._check_name("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(thalweg.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                    "the forward() method."
                )
            param = everywhere.registered(everywhere.parameter, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add ``tensor`` (*) under ``name``: untrained state, saved if ``persistent``."""
        self._check_name("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (thalweg.Tensor or None required)"
            )
        self._buffers[name] = everywhere.registered(everywhere.buffer, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add ``module`` as a child under ``name``."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add ``module`` as a child under ``name``."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name)
        self._modules[name] = everywhere.registered(everywhere.module, self, name, module)

    def _check_name(self, kind: str, store: str, name: str) -> None:
        """Raise where ``name`` can't be a new name of a parameter, buffer or module."""
        if store not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[store] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # Attributes

    def __getattr__(self, name: str) -> Any:
        # Registered things are found in ``__dict__`` before Python comes here (Note: registered things are
        # attributes twice), except where a class attribute of that name raised AttributeError.
        for store in _REGISTRIES:
            entries = self.__dict__.get(store)
            if entries is not None and name in entries:
                return entries[name]
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if type(self)._repeats and name != "training":
            structure.changes += 1
        if isinstance(value, Parameter):
            self._make_room("parameters", "_parameters", name)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if name in own.get("_parameters", ()):
                self._replace("_parameters", name, value)
            self._make_room("module", "_modules", name)
            self._modules[name] = everywhere.registered(everywhere.module, self, name, value)
        elif isinstance(value, Buffer):
            self._assign_buffer(name, value)
        elif name not in own or "_modules" not in own:
            _set(self, name, value)
        elif name in own["_parameters"]:
            self._replace("_parameters", name, value)
        elif name in own["_buffers"]:
            self._replace("_buffers", name, value)
        elif name in own["_modules"]:
            self._replace("_modules", name, value)
        else:
            _set(self, name, self._rebound(name, value) if name in _REGISTRIES else value)

    def _rebound(self, store: str, entries: Any) -> Registry[Any]:
        """A registry with ``entries``, after what is in ``store`` is no attribute any more."""
        for name in self.__dict__[store]:
            self.__dict__.pop(name, None)
        return Registry(self, entries)

    def _replace(self, store: str, name: str, value: Any) -> None:
        """Put ``value`` in the place of a registered thing, if it may stand there."""
        if store == "_buffers":
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(thalweg.nn.Buffer, thalweg.Tensor or None expected)"
                )
            value = everywhere.registered(everywhere.buffer, self, name, value)
        elif value is not None:
            kind, wanted = _EXPECTED[store]
            raise TypeError(
                f"cannot assign '{typename(value)}' as {kind} '{name}' (thalweg.nn.{wanted} or None expected)"
            )
        self.__dict__[store][name] = value

    def _assign_buffer(self, name: str, value: Buffer) -> None:
        own = self.__dict__
        for store in ("_parameters", "_modules"):
            if name in own.get(store, ()):
                self._replace(store, name, value)
        if name not in own.get("_buffers", ()):
            own.pop(name, None)
        self.register_buffer(name, value, value.persistent)

    def _make_room(self, kind: str, store: str, name: str) -> None:
        """Take ``name`` out of everything but ``store``, where a registered thing is to stand."""
        own = self.__dict__
        if store not in own:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if name not in own or name in own[store]:
            return
        for other in _REGISTRIES:
            own[other].pop(name, None)
        own.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for store in _REGISTRIES:
            entries = self.__dict__.get(store, {})
            if name in entries:
                del entries[name]
                self._non_persistent_buffers_set.discard(name)
                return
        structure.changes += 1
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name[0].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for store in _REGISTRIES:
            self.__dict__[store] = Registry(self, state.get(store, {}))

    # Types and devices

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Put ``fn`` of each in the place of parameters' data, their gradients, and buffers, all (*)."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for param in self._parameters.values():
                if param is None:
                    continue
                grad = param.grad
                param.data = fn(param.data)
                if grad is not None:
                    param.grad = fn(grad.detach()).requires_grad_(grad.requires_grad)
            for name, buffer in list(self._buffers.items()):
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters and buffers to a type, a device, or those of a tensor (*)."""
        typed = [a for a in (*args, *kwargs.values()) if isinstance(a, DType | Tensor)]
        dtype = (
            typed[0].dtype if typed and isinstance(typed[0], Tensor) else next(iter(typed), None)
        )
        if isinstance(dtype, DType) and not dtype.is_differentiable:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        others = tuple(a for a in args if not isinstance(a, DType | Tensor))
        named = {k: v for k, v in kwargs.items() if not isinstance(v, DType | Tensor)}

        def convert(t: Tensor) -> Tensor:
            if others or named:
                t = t.to(*others, **named)
            return t.to(dtype) if dtype is not None and t.dtype.is_differentiable else t

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to ``dst_type``."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.to(float32) if t.dtype.is_floating_point else t)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.to(float64) if t.dtype.is_floating_point else t)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.to(float16) if t.dtype.is_floating_point else t)

    def bfloat16(self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.to(bfloat16) if t.dtype.is_floating_point else t)

    def cpu(self) -> Self:
        """Gives this module: everything is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Not available: there is no such device."""
        raise RuntimeError("cuda: Thalweg computes on the CPU only: leave the module where it is")

    def share_memory(self) -> Self:
        """Put parameters and buffers where processes forked from now on share them."""
        return self._apply(lambda t: t.share_memory_())

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: what a loop repeats is compiled anyway."""

    # Printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands in the parentheses when the module is printed; layers override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        parts = extra.split("\n") if extra else []
        children = [
            f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()
        ]
        return _block(self._get_name(), parts, children)


def _is_outermost() -> bool:
    """Whether the call that asks was not made from within another module's."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code is Module.__call__.__code__:
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return True


def _block(name: str, parts: list[str], children: list[str]) -> str:
    """``name(...)``: one line for a single part without children, otherwise a line for each."""
    lines = parts + children
    if not lines:
        return f"{name}()"
    if len(parts) == 1 and not children:
        return f"{name}({parts[0]})"
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)"


def _indented(text: str) -> str:
    """``text`` with every line but the first moved right by two."""
    return text.replace("\n", "\n  ")


def typename(value: Any) -> str:
    """The name of a tensor's type, or of a value's class with its module unless that is built in."""
    if isinstance(value, Tensor):
        return str(value.type())
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
