"""Whether operations are noted on the tape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from typing import Any, ClassVar, TypeVar

from ..runtime.state import state
from ..runtime.value import Storage

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """A grad mode as context manager and as decorator."""

    def __init__(self, enabled: bool, inference: bool | None = None) -> None:
        self._enabled, self._inference = enabled, inference
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((state.grad, state.inference))
        state.grad = self._enabled
        if self._inference is not None:
            state.inference = self._inference

    def __exit__(self, *exc: object) -> None:
        state.grad, state.inference = self._before.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with type(self)._like(self):
                return function(*args, **kwargs)

        return within  # type: ignore[return-value]  # same signature as ``function``

    def _like(self) -> _Mode:
        return _Mode(self._enabled, self._inference)


class _BareMode(_Mode):
    """A mode without arguments, which decorates a function with or without parentheses."""

    _grad: ClassVar[bool]

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]  # used as a bare decorator
        return made(function)

    def __init__(self) -> None:
        super().__init__(self._grad)


class no_grad(_BareMode):
    """Within it nothing is noted on the tape. Also a decorator, with or without parentheses."""

    _grad = False


class enable_grad(_BareMode):
    """Within it operations are noted on the tape, even inside ``no_grad``."""

    _grad = True


class InferenceStorage(Storage):
    """The storage of a tensor made in inference mode, and so of all its views. ``exists``: there ever was one."""

    exists: ClassVar[bool] = False


def made_now(t: Any) -> Any:
    """``t``, just made: an inference tensor if inference mode is on."""
    if state.here.inference:
        t._storage.__class__ = InferenceStorage
        InferenceStorage.exists = True
    return t


def made_of(t: Any, source: Any) -> Any:
    """``t``, an index that ``source``, a mask, was turned into: an inference tensor if that is one."""
    if type(source._storage) is InferenceStorage:
        t._storage.__class__ = InferenceStorage
    return t


def check_saved(tensors: Iterable[Any]) -> None:
    """RuntimeError where one of what the tape is to keep is an inference tensor."""
    for t in tensors:
        if type(getattr(t, "_storage", None)) is InferenceStorage:
            raise RuntimeError(
                "Inference tensors cannot be saved for backward: clone() it outside of inference mode first, or make "
                f"it under no_grad() instead: a tensor of shape {list(t.shape)}"
            )


class inference_mode(_Mode):
    """Like ``no_grad``; what is made within it cannot be written in place outside, nor require grad there."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__(True)  # type: ignore[misc]  # used as a bare decorator
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode, mode)


class set_grad_enabled(_Mode):
    """Set the grad mode at once; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._at_call = (state.grad, state.inference)
        state.grad = mode

    def __enter__(self) -> None:
        self._before.append(self._at_call)
        state.grad = self._enabled

    def __call__(self, function: F) -> F:
        state.grad = self._at_call[0]
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations are noted on the tape now."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return state.inference


class set_multithreading_enabled:
    """Accepted at once, or as a context manager until its end: the walk backward is one thread's, kernels share out
    their own work."""

    enabled: ClassVar[bool] = True

    def __init__(self, mode: bool) -> None:
        self._before = type(self).enabled
        type(self).enabled = bool(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        type(self).enabled = self._before


def is_multithreading_enabled() -> bool:
    """What ``set_multithreading_enabled`` was told last."""
    return set_multithreading_enabled.enabled


class enforce_grad_layout_policy(ContextDecorator):
    """Accepted: gradients lie row by row, whatever is asked for. A context manager, a decorator, or called alone."""

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass
