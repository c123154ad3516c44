"""Seeing each node that an operation puts on the tape."""

from __future__ import annotations

from typing import Any

from ..runtime.state import state
from ..tensor import watching


class Watcher(watching.Watcher):
    """Is told of the nodes of the operations that pass."""

    def passed(self, op: Any, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        result = super().passed(op, args, statics)
        if state.grad:
            many = result if isinstance(result, tuple) else (result,)
            node = next((t._node for t in many if t._node is not None), None)
            if node is not None:
                self.noted(node)
        return result

    def noted(self, node: Any) -> None:
        """Look at a node just made."""
