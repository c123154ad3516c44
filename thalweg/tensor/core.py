"""The Tensor's bones: storage, view, tape node; how it is read and written."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.builder import Var
from ..ir.dtype import DType
from ..ir.spelling import spoken
from ..ops.composite import Op
from ..ops.movement import strided, strided_write
from ..runtime.recorder import record
from ..runtime.state import state
from ..runtime.value import Array, Storage, Value, number, realized
from .node import AccumulateGrad, Handle, Node
from .view import Laid, View, row_major


class Size(tuple[int, ...]):
    """A shape: a tuple that can also count its elements."""

    __slots__ = ()

    def numel(self) -> int:
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"{spoken()}.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(tuple.__add__(self, other))


def check_differentiable(dtype: DType) -> None:
    if not dtype.is_differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


class TensorCore:
    """Storage, view and tape of a tensor. ``_view`` is None where the tensor is its whole storage."""

    _is_parameter = False
    _grad: Any = None
    _base: Any = None
    _made_at: int = 0
    _tape_version: int = 0
    _derive: Callable[[], tuple[Node | None, int]] | None = None
    _accumulator: Any = None
    _seen: tuple[Value, Value] | None = None
    _leaf_hooks: dict[int, Callable[..., Any]] | None = None
    _inference = False
    _levels: tuple[Any, ...] = ()  # of vmap, along which it differs (mapped.py)
    _backward: Any = None
    _version_seen = 0

    _storage: Storage
    _view: View | None
    _node: Node | None
    _nr: int
    _requires_grad: bool

    # Looking

    def _aval(self) -> Aval:
        value = self._storage.value
        base = self._storage.aval if value is None else value.aval
        return base if self._view is None else Aval(self._view.shape, base.dtype)

    def _layout(self) -> View:
        """The view, spelled out."""
        if self._view is not None:
            return self._view
        shape = self._storage.aval.shape
        return View(shape, row_major(shape))

    @property
    def shape(self) -> Size:
        return Size(self._storage.aval.shape if self._view is None else self._view.shape)

    @property
    def dtype(self) -> DType:
        return self._storage.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self._storage.aval.shape if self._view is None else self._view.shape)

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad or self.grad_fn is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self._set_requires_grad(bool(wanted))

    def _set_requires_grad(self, wanted: Any) -> None:
        if self._node is not None:
            if not wanted:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return
        if wanted:
            check_differentiable(self.dtype)
            if self._inference and not state.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
                )
        self._requires_grad = wanted

    @property
    def is_leaf(self) -> bool:
        """Whether no operation on the tape made this tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The tape node that made this tensor; None for a leaf."""
        if self._base is not None:
            self._refresh()
        return self._node

    # Reading

    def _read(self) -> Value:
        """The Value this tensor shows now, pending or realized."""
        if self._base is not None:
            self._refresh()
        storage, view = self._storage, self._view
        value = storage.value
        if value is None:
            shared = storage.settle()
            if shared is not None:
                seen = shared if view is None else view.over(shared)
                return realized(np.array(seen) if shared.flags.writeable else seen)
            value = storage.value
            assert value is not None
        if view is None or type(view) is Laid:
            return value
        if value.array is None:
            return record(_SEEN, (value, number(view.offset)), (view.shape, view.strides))[0]
        if self._seen is not None and self._seen[0] is value:
            return self._seen[1]
        found = value.seen_as(view.over(value.array))
        self._seen = (value, found)
        return found

    def _array(self) -> Array:
        """The elements as an array that must not be written to; runs what is pending."""
        return np.asarray(self._read().get())

    # Writing

    def _write(self, value: Value) -> None:
        """Make the storage show ``value`` (this tensor's shape and dtype) where this tensor looks."""
        storage, view = self._storage, self._view
        if storage.value is None and storage.settle() is not None:
            shared = storage.foreign
            assert shared is not None
            if not shared.flags.writeable:
                raise RuntimeError(
                    "in-place write: the tensor shares a read-only NumPy array: clone() it first"
                )
            new = value.get()
            state.trace.run()
            (shared if view is None else view.over(shared))[...] = new
            storage.version += 1
            return
        if view is not None and type(view) is not Laid:
            value = self._written_through(view, value)
        elif not value.aval.dense:
            value = realized(np.array(value.get(), order="C"))
        if value.array is None:
            state.trace.overwrite(storage, value)
        else:
            storage.value = value
            storage.version += 1

    def _written_through(self, view: View, value: Value) -> Value:
        """The storage's Value with ``value`` written where ``view`` looks."""
        storage = self._storage
        base = storage.value
        assert base is not None
        if base.array is None or value.array is None:
            operands = (base, value, number(view.offset))
            return record(_WRITTEN, operands, (view.shape, view.strides))[0]
        base.get()
        value.get()
        self._seen, storage.value = None, None
        alone = sys.getrefcount(base) == _ALONE and sys.getrefcount(base.array) == _ALONE_HELD
        mine = alone and base.array.flags.writeable and base.array.flags.owndata
        array = base.array if mine else base.array.copy()
        try:
            if 0 not in view.shape:
                view.over(array)[...] = value.array
        finally:
            storage.value = base
        return Value(base.aval, array)

    # The tape

    def _edge(self) -> tuple[Node, int] | None:
        """Where a gradient of this tensor goes: its node, its accumulator, or nowhere."""
        if self._node is not None:
            return (self._node, self._nr)
        return (self._accumulate(), 0) if self._requires_grad else None

    def _accumulate(self) -> AccumulateGrad:
        """The leaf's node; parameters keep theirs, other leaves only while a tape holds it."""
        held = self._accumulator
        if self._is_parameter:
            if held is None:
                held = self._accumulator = AccumulateGrad(self)  # type: ignore[arg-type]
            assert isinstance(held, AccumulateGrad)
            return held
        node = None if held is None else held()
        if node is None:
            node = AccumulateGrad(self)  # type: ignore[arg-type]
            self._accumulator = weakref.ref(node)
        assert isinstance(node, AccumulateGrad)
        return node

    def _refresh(self) -> None:
        """A view of a tensor that was written in place gets its tape node from the new base."""
        base = self._base
        if base is not None and self._made_at != base._tape_version and self._derive is not None:
            self._made_at = base._tape_version
            self._node, self._nr = self._derive()

    def _hooks(self) -> dict[int, Callable[..., Any]]:
        """The dictionary in which hooks on this tensor's gradient live."""
        if self._node is not None:
            return self._node.hooks_of(self._nr)
        if self._leaf_hooks is None:
            self._leaf_hooks = {}
        return self._leaf_hooks

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(grad)`` when this tensor's gradient is known; what it gives back replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return Handle(self._hooks(), hook)


def _seen(base: Var, offset: Var, shape: Shape, strides: Shape) -> Var:
    return strided(base, offset, shape=shape, strides=strides)


def _written(base: Var, value: Var, offset: Var, shape: Shape, strides: Shape) -> Var:
    return strided_write(base, value, offset, shape=shape, strides=strides)


_SEEN, _WRITTEN = Op(_seen, ""), Op(_written, "")
_SEEN.views = True


class _Probe:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = np.zeros(3)


def _references_when_alone() -> tuple[int, int]:
    """What ``sys.getrefcount`` says, on this Python, of an object that one local name holds, and of an
    array that one attribute holds."""
    probe = _Probe()
    return sys.getrefcount(probe), sys.getrefcount(probe.held)


_ALONE, _ALONE_HELD = _references_when_alone()
