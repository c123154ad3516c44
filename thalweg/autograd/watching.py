"""Seeing each node that an operation puts on the tape."""

from __future__ import annotations

from typing import Any

from ..runtime.state import state
from ..tensor.dispatch import dispatch


class Watcher:
    """Stands where operations pass (``ThreadState.watch``), before whoever stood there, and is told of their nodes."""

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
            result = dispatch(op, args, statics)
        finally:
            here.watch = self
        if here.grad:
            many = result if isinstance(result, tuple) else (result,)
            node = next((t._node for t in many if t._node is not None), None)
            if node is not None:
                self.noted(node)
        return result

    def noted(self, node: Any) -> None:
        """Look at a node just made."""
