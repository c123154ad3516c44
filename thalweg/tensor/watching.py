"""Who stands where operations pass: ``ThreadState.watch``."""

from __future__ import annotations

from typing import Any

from ..runtime.state import state
from .dispatch import dispatch


class Watcher:
    """Stands where operations pass, before ``inner``, who stood there: an operation is made by a call of the watcher.

    What vmap asks of whoever stands there (mapped.py) goes on to ``inner``.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def levels(self) -> tuple[Any, ...]:
        """Those of vmap that are under way."""
        return () if self.inner is None else self.inner.levels

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, op: Any, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        here = state.here
        here.watch = self.inner
        try:
            return self.passed(op, args, statics)
        finally:
            here.watch = self

    def passed(self, op: Any, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        """Make the operation, with ``inner`` standing there alone."""
        return dispatch(op, args, statics)
