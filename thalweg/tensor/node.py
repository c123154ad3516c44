"""The tape: nodes that remember how a tensor was computed."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ..ir.vjp import Vjp
from ..ops.composite import Shown
from ..runtime.trace import Position
from ..runtime.value import Value

if TYPE_CHECKING:
    from .tensor import Tensor

Edge = tuple["Node", int]
stamps = itertools.count()


class Node:
    """One operation on the tape. ``stamp`` grows with time, so a node's inputs have smaller ones.

    Attributes:
        vjp: the gradient graph, or None for a leaf's node and for a custom function.
        next: for each operand the (node, output number) that its gradient goes to, or None.
        saved: the Values that the gradient graph reads; None once freed.
        avals: of the outputs.
        position, generation: the place in the trie whose edge put it on the tape, and which passage through the
            trie that was; None and 0 for what was put there otherwise.
        depth: of the position, the node's name in the marks of that passage.
        marked: it has had a hook, so the walk visits it by itself.
    """

    __slots__ = (
        "vjp", "next", "saved", "avals", "stamp", "position", "generation", "depth", "__dict__", "__weakref__",
    )  # fmt: skip

    kinds: ClassVar[dict[Any, type[Node]]] = {}
    plain: ClassVar[bool] = True
    is_leaf: ClassVar[bool] = False
    n_tensors: ClassVar[int | None] = None  # of a view's operands only the first is a tensor
    shows: ClassVar[tuple[Shown, ...] | None] = None  # what next_functions lists; see Op
    frees: ClassVar[bool | None] = None  # whether a walk frees it; None: if it saved anything

    vjp: Vjp | None
    next: tuple[Edge | None, ...]
    saved: tuple[Value, ...] | None
    marked = False
    hooks: dict[int, Callable[..., Any]] | None = None
    pre_hooks: dict[int, Callable[..., Any]] | None = None
    tensor_hooks: dict[int, dict[int, Callable[..., Any]]] | None = None
    retained: dict[int, weakref.ref[Tensor]] | None = None
    _below: tuple[tuple[Node | None, int], ...] | None = None

    def __init__(
        self,
        vjp: Vjp | None,
        next_: tuple[Edge | None, ...],
        saved: tuple[Value, ...],
        avals: Any,
        position: Position | None = None,
        generation: int = 0,
    ) -> None:
        self.vjp, self.next, self.saved, self.avals = vjp, next_, saved, avals
        self.position, self.generation = position, generation
        self.depth = 0 if position is None else position.depth
        self.stamp = next(stamps)

    @classmethod
    def kind(
        cls, name: str, shows: tuple[Shown, ...] | None = None, frees: bool | None = None
    ) -> type[Node]:
        """The class of nodes called ``name``, as ``type(y.grad_fn).__name__`` shows it."""
        key = (cls, name, shows, frees)
        found = cls.kinds.get(key)
        if found is None:
            body = {"__slots__": (), "shows": shows, "frees": frees}
            found = cls.kinds[key] = type(name, (cls,), body)
        return found

    def name(self) -> str:
        """The operation's name, for example ``AddBackward0``."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the differentiable operands, with which of their outputs it was; (None, 0) where nothing
        flows."""
        if self.shows is None:
            edges = self.next[: self.n_tensors]
            return tuple((None, 0) if edge is None else edge for edge in edges)
        if self._below is None:
            self._below = self._listed(self.shows)
        return self._below

    def _listed(self, shows: tuple[Shown, ...]) -> tuple[tuple[Node | None, int], ...]:
        below: list[tuple[Node | None, int]] = []
        for what in shows:
            if isinstance(what, tuple):
                name, operands = what
                edges = self._listed(operands)
                flows = any(node is not None for node, _ in edges)
                kind = StandIn.kind(name)
                inner = tuple(None if n is None else (n, nr) for n, nr in edges)
                below.append((kind(None, inner, (), ()) if flows else None, 0))
            elif what is None:
                below.append((None, 0))
            elif what < len(self.next):
                below.append(self.next[what] or (None, 0))
        return tuple(below)

    @property
    def metadata(self) -> dict[Any, Any]:
        if not hasattr(self, "metadata_"):
            self.metadata_: dict[Any, Any] = {}
        return self.metadata_

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's gradient is computed."""
        self.marked = True
        if self.hooks is None:
            self.hooks = {}
        return Handle(self.hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(grad_outputs)`` before this node's gradient is computed."""
        self.marked = True
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return Handle(self.pre_hooks, hook)

    def hooks_of(self, nr: int) -> dict[int, Callable[..., Any]]:
        """The hooks on output ``nr``, which a tensor's ``register_hook`` fills."""
        self.marked = True
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        return self.tensor_hooks.setdefault(nr, {})

    @property
    def is_hooked(self) -> bool:
        return bool(
            self.hooks or self.pre_hooks or (self.tensor_hooks and any(self.tensor_hooks.values()))
        )

    def expand(self) -> bool:
        """Become the nodes of single operations, if this one stands for several (chain.py); whether it did."""
        return False

    def free(self) -> None:
        """After a walk: let go of what was saved, so that a second one fails, where PyTorch's node does."""
        if self.saved if self.frees is None else self.frees:
            self.saved = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"


class AccumulateGrad(Node):
    """The end of the tape at a leaf: what arrives is added to ``variable.grad``."""

    __slots__ = ("variable",)
    is_leaf = True

    def __init__(self, variable: Tensor) -> None:
        super().__init__(None, (), (), (variable._aval(),))
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


class StandIn(Node):
    """A node that PyTorch has where Thalweg has one operation for several: for whoever looks at the tape.

    The walk does not come by here, so it takes no hooks.
    """

    __slots__ = ()

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """Refused: the hook would never be called."""
        raise NotImplementedError(
            f"{self.name()}: is a part of the operation above it on the tape, which is where a hook can be: hook that "
            "node, or the tensor"
        )

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        """Refused, as ``register_hook``."""
        return self.register_hook(hook)


class Handle:
    """What registering a hook gives back: ``remove()`` takes the hook away."""

    _ids: ClassVar[itertools.count[int]] = itertools.count()

    def __init__(
        self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any], first: bool = False
    ) -> None:
        self.id = next(self._ids)
        self._hooks = hooks
        hooks[self.id] = hook
        if first:
            others = [(k, v) for k, v in hooks.items() if k != self.id]
            hooks.clear()
            hooks[self.id] = hook
            hooks.update(others)

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
