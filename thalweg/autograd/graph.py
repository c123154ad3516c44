"""The tape as something to look at, and what is done with what it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..runtime.state import state
from ..tensor.core import TensorCore
from ..tensor.node import Node
from .slow_road import Packed, walks
from .watching import Watcher

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """Where a gradient goes: to an output of a node."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: TensorCore) -> GradientEdge:
    """Where a gradient of ``tensor`` goes; RuntimeError if it has none."""
    edge = tensor._edge() if tensor.requires_grad else None
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(*edge)


def increment_version(tensor: TensorCore | Iterable[TensorCore]) -> None:
    """Count a write to ``tensor``, or to several, that was not one of Thalweg's."""
    for t in [tensor] if isinstance(tensor, TensorCore) else tensor:
        t._storage.version += 1


# Hooks


class _Handles:
    def __init__(self, handles: Sequence[Any]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class _Together:
    """Gradients of several tensors, collected during a walk."""

    def __init__(
        self, tensors: Sequence[TensorCore], function: Callable[..., Any], mode: str
    ) -> None:
        self.function, self.mode = function, mode
        self.nodes = [get_gradient_edge(t).node for t in tensors]
        self.walk: Any = None

    def arrived(self, k: int, g: Any) -> None:
        within = walks[-1]
        if self.walk is not within:
            self.walk, self.missing = within, sum(node in within for node in self.nodes)
            self.found: list[Any] = [None] * len(self.nodes)
            if self.mode == "any":
                self.function(g)
        self.found[k] = g
        self.missing -= 1
        if self.mode == "all" and not self.missing:
            self.function(self.found)


def register_multi_grad_hook(
    tensors: Sequence[TensorCore], fn: Callable[..., Any], *, mode: str = "all"
) -> _Handles:
    """Call ``fn`` in each walk that reaches some of ``tensors``.

    Args:
        mode: "all": with the list of their gradients (None where it does not come by), when all are known; "any": with
            the first of them.
    Raises:
        ValueError: another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    together = _Together(tensors, fn, mode)
    return _Handles(
        [t.register_hook(lambda g, k=k: together.arrived(k, g)) for k, t in enumerate(tensors)]
    )


# What is kept


_refusal: list[str] = []


class saved_tensors_hooks:
    """Within it the tape keeps what ``pack_hook(tensor)`` gives in place of a tensor, and gets that back from
    ``unpack_hook`` when it is needed."""

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _refusal:
            raise RuntimeError(_refusal[-1])
        self._before = state.here.watch
        state.here.watch = _Packer(self._before, self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc: object) -> None:
        state.here.watch = self._before


class _Packer(Watcher):
    def __init__(
        self, inner: Any, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]
    ) -> None:
        super().__init__(inner)
        self.pack, self.unpack = pack, unpack

    def noted(self, node: Any) -> None:
        if node.saved and not any(isinstance(v, Packed) for v in node.saved):
            node.marked = True
            node.position, node.generation = None, 0
            node.saved = tuple([Packed(v, self.pack, self.unpack) for v in node.saved])


class save_on_cpu(saved_tensors_hooks):
    """Accepted: all is on the CPU."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t, lambda t: t)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it ``saved_tensors_hooks`` is a RuntimeError of this text."""
    _refusal.append(error_message)
    try:
        yield
    finally:
        _refusal.pop()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Accepted: a write puts a new value in place, what was saved stays."""
    yield
