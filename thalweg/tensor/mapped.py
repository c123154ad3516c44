"""Tensors that differ from example to example: what a function sees under ``vmap``.

Note: levels. Each ``vmap`` under way is a Level; the outer ones come first. A MappedTensor has the shape of one
example and an inner tensor, an ordinary one, with an axis for each of its levels in front. While a Mapping is under
way every operation passes through it: on inner tensors it becomes an operation of its own, a MappedOp, which writes
the same graph for the whole batch (ops/mapping.py). So the tape, the recorder and the compiler see ordinary
operations on ordinary tensors, gradients may be taken inside and outside, and views and writes in place are views of
and writes to the inner tensor. What Python would have to look at (``if``, ``item()``, indices of a mask) differs from
example to example: it is an error.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.builder import Var
from ..ops.composite import Op
from ..ops.mapping import map_graph
from ..runtime.state import state
from ..runtime.trace import trie
from ..runtime.value import Storage, Value
from .core import TensorCore
from .creation import from_array
from .dispatch import alias, derived, derived_parts, dispatch, wrap
from .inplace import put
from .joining import stack
from .node import Node
from .shape import expand, movedim
from .tensor import Tensor
from .view import View

RANDOMNESS = ("error", "different", "same")


class Level:
    """One ``vmap`` under way. ``depth`` is larger the further inside it is."""

    __slots__ = ("size", "randomness", "depth")
    _depths = itertools.count(1)

    def __init__(self, size: int, randomness: str) -> None:
        self.size, self.randomness, self.depth = size, randomness, next(self._depths)


Levels = tuple[Level, ...]


def _depth(level: Level) -> int:
    return level.depth


class _Looked:
    """What the value of a mapped tensor waits for: in vain, since there is one for each example."""

    def realize(self, value: Value) -> None:
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow: its numbers "
            "differ from example to example, so Python cannot look at them: choose with thalweg.where() instead"
        )


_LOOKED = _Looked()


def _of_inner(name: str) -> property:
    """An attribute of the tape, which is that of the inner tensor."""

    def read(self: Any) -> Any:
        return getattr(self._inner, name)

    def write(self: Any, value: Any) -> None:
        setattr(self._inner, name, value)

    return property(read, write)


class MappedTensor(Tensor):
    """A tensor under ``vmap``, as one example sees it.

    Attributes:
        _inner: (*sizes of the levels, *shape) an ordinary tensor.
        _levels: those that it differs along, the outer ones first.
    """

    _inner: Any

    @property
    def _node(self) -> Node | None:
        found: Node | None = self._inner.grad_fn
        return found

    @_node.setter
    def _node(self, node: Node | None) -> None:
        self._inner._node = node

    _nr = _of_inner("_nr")
    _requires_grad = _of_inner("_requires_grad")
    _base = _of_inner("_base")
    _grad = _of_inner("_grad")

    @property
    def _view(self) -> View | None:  # type: ignore[override]
        return None if self._inner._view is None else self._layout()

    def _layout(self) -> View:
        n, whole = len(self._levels), self._inner._layout()
        return View(whole.shape[n:], whole.strides[n:], whole.offset)

    def _whole(self, view: View | None) -> View | None:
        """How the inner tensor is looked at where this one is looked at through ``view``."""
        if view is None:
            return None
        n, whole = len(self._levels), self._inner._layout()
        return View(
            (*whole.shape[:n], *view.shape), (*whole.strides[:n], *view.strides), view.offset
        )

    def _refresh(self) -> None:
        self._inner._refresh()

    def _edge(self) -> tuple[Node, int] | None:
        found: tuple[Node, int] | None = self._inner._edge()
        return found

    def _read(self) -> Value:
        value = self._storage.value
        assert value is not None
        return value

    def _write(self, value: Value) -> None:
        n = value.aval.ndim
        sizes = self._inner.shape[: len(self._levels)]
        self._inner._write(expand(wrap(value), *sizes, *(-1,) * n)._read() if n else value)

    def item(self) -> Any:
        """An error: there is one for each example."""
        raise RuntimeError(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a "
            "Tensor: it is another number for each example: go on with tensors"
        )

    @property
    def _version(self) -> Any:
        return self._inner._version

    def __repr__(self, **kwargs: Any) -> str:  # type: ignore[override]  # as in nn/parameter.py
        return f"MappedTensor(lvl={self._levels[-1].depth}, value={self._inner!r})"


def mapped(inner: TensorCore, levels: Levels) -> Any:
    """``inner`` with an axis for each of ``levels`` in front, as one example sees it."""
    if not levels:
        return inner
    t: Any = object.__new__(MappedTensor)
    t._inner, t._levels = inner, levels
    aval = Aval(tuple(inner.shape)[len(levels) :], inner.dtype)
    t._storage = Storage(
        Value(aval, None, _LOOKED, 0)
    )  # pending, for whoever meets it outside of vmap
    return t


def inner_of(t: Any, levels: Levels) -> Any:
    """The ordinary tensor behind ``t`` with an axis for each of ``levels``, of which ``t`` has some."""
    own = t._levels
    if own == levels:
        return t._inner if own else t
    inner = t._inner if own else t
    shape = iter(inner.shape)
    lead = [next(shape) if level in own else 1 for level in levels]
    laid = inner.reshape((*lead, *shape))
    return expand(laid, tuple(level.size for level in levels) + (-1,) * t.ndim)


def levels_of(*tensors: Any) -> Levels:
    """All levels of ``tensors`` (what is no tensor has none), the outer ones first."""
    return sorted_levels(level for t in tensors if isinstance(t, TensorCore) for level in t._levels)


def sorted_levels(levels: Iterable[Level]) -> Levels:
    """Each once, the outer ones first."""
    return tuple(sorted(dict.fromkeys(levels), key=_depth))


class MappedOp(Op):
    """``op`` on a whole batch: the operands that ``mask`` names have an axis for it in front, and so have all results.

    Its statics are its own, not operands.
    """

    def __init__(self, op: Op, statics: tuple[Any, ...], mask: tuple[bool, ...]) -> None:
        super().__init__(self._write, op.node, op.shows, op.frees)
        self.__name__ = f"mapped {op.__name__}"
        self.op, self.statics, self.mask, self.hides = op, statics, mask, op.hides

    @classmethod
    def of(cls, op: Op, statics: tuple[Any, ...], masks: Sequence[tuple[bool, ...]]) -> Op:
        """``op`` under several levels; ``masks`` of the outer ones come first."""
        for mask in reversed(masks):
            key = cls, op, statics, mask
            found = trie.chains.get(key)
            if found is None:
                found = trie.chains[key] = cls(op, statics, mask)
            op, statics = found, ()
        return op

    def _write(self, *operands: Var | None) -> tuple[Var, ...]:
        avals: list[Aval | None] = []
        size = 0
        for x, m in zip(operands, self.mask, strict=True):
            if x is not None and m:
                size = x.shape[0]
            avals.append(None if x is None else Aval(x.shape[1:], x.dtype) if m else x.aval)
        graph = trie.graph(self.op, self.statics, tuple(avals))
        return tuple(map_graph(graph, operands, self.mask, size))


class Mapping:
    """All levels under way in this thread: through it pass operations, views and writes."""

    __slots__ = ("levels", "inner")

    def __init__(self, levels: Levels, inner: Any = None) -> None:
        self.levels, self.inner = levels, inner

    def _op(self, op: Op, args: tuple[Any, ...], statics: Any) -> tuple[Op, list[Any], Levels]:
        """``op`` on inner operands, those operands, and the levels of its results."""
        levels = levels_of(*args)
        own = [a._levels if isinstance(a, TensorCore) else () for a in args]
        masks = [tuple([level in have for have in own]) for level in levels]
        inner = [a._inner if have else a for a, have in zip(args, own, strict=True)]
        return MappedOp.of(op, statics, masks), inner, levels

    def __call__(self, op: Op, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        """``dispatch`` under these levels."""
        here = state.here
        here.watch = self.inner
        try:
            if not any([isinstance(a, TensorCore) and a._levels for a in args]):
                return dispatch(op, args, statics)
            found, inner, levels = self._op(op, args, statics)
            results = dispatch(found, tuple(inner), ())
            if isinstance(results, tuple):
                return tuple([mapped(r, levels) for r in results])
            return mapped(results, levels)
        finally:
            here.watch = self

    def derived(
        self, op: Op, source: Any, view: View, statics: tuple[Any, ...], numbers: tuple[int, ...]
    ) -> Any:
        """See dispatch.py; ``source`` is mapped."""
        found, inner, levels = self._op(op, (source, *numbers), statics)
        return mapped(derived(found, inner[0], source._whole(view), (), numbers), levels)

    def derived_parts(
        self, op: Op, source: Any, views: Sequence[View], statics: tuple[Any, ...]
    ) -> Any:
        """See dispatch.py; ``source`` is mapped."""
        found, inner, levels = self._op(op, (source,), statics)
        parts = derived_parts(found, inner[0], [source._whole(v) for v in views], ())
        return tuple([mapped(part, levels) for part in parts])

    def alias(self, source: Any, view: View | None) -> Any:
        """See dispatch.py; ``source`` is mapped."""
        whole = source._inner._view if view is None else source._whole(view)
        return mapped(alias(source._inner, whole), source._levels)

    def put(self, target: Any, new: Any) -> Any:
        """See inplace.py; one of the two is mapped."""
        if not set(new._levels) <= set(target._levels):
            raise RuntimeError(
                "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
                "extra_args that has more elements than `self`: the one written to is the same for all examples, what "
                "is written differs: use an out-of-place operation, or make the target of a mapped tensor, as "
                "x.new_zeros() does"
            )
        put(target._inner, inner_of(new, target._levels))
        return target

    def owned(self, new: Any, like: Any) -> Any:
        """See dispatch.py; ``like`` is mapped."""
        levels = levels_of(new, like)
        inner = inner_of(new, levels).clone()
        if new.requires_grad and new.is_leaf:
            inner = inner.detach().requires_grad_()
        return mapped(inner, levels)

    def by_example(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """See dispatch.py: ``function`` for each example of all levels that an operand has, stacked."""
        given = [*args, *kwargs.values()]
        levels = levels_of(*given)
        if not levels:
            return function(*args, **kwargs)
        inner = [
            inner_of(x, levels).detach() if isinstance(x, TensorCore) and x._levels else None
            for x in given
        ]
        sizes = tuple(level.size for level in levels)
        found = []
        for place in np.ndindex(sizes):
            own = [x if t is None else t[place] for x, t in zip(given, inner, strict=True)]
            named = dict(zip(kwargs, own[len(args) :], strict=True))
            found.append(function(*own[: len(args)], **named))
        whole = stack(found, 0)
        return mapped(whole.reshape(*sizes, *whole.shape[1:]), levels)

    def drawn(self, draw: Callable[..., Any], shape: Shape, sources: Sequence[Any]) -> Any:
        """See creation.py: as the levels' ``randomness`` says."""
        here = state.here
        if any(level.randomness == "error" for level in self.levels):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
        levels = tuple([level for level in self.levels if level.randomness == "different"])
        if not set(levels_of(*sources)) <= set(levels):
            raise RuntimeError(
                "Vmap does not currently support same randomness with a batched tensor input: what is drawn from differs "
                'from example to example: take randomness="different"'
            )
        arrays = [np.ascontiguousarray(inner_of(t, levels)._array()) for t in sources]
        here.watch = None
        try:
            array = draw((*[level.size for level in levels], *shape), *arrays)
            return mapped(from_array(np.asarray(array)), levels)
        finally:
            here.watch = self

    # Gradients, for autograd, which need not load this module

    def arriving(self, t: Any, g: Any) -> Any:
        """See below."""
        return arriving(t._levels, g)

    def leaving(self, t: Any, g: Any) -> Any:
        """See below."""
        return leaving(t._levels, g)


def arriving(own: Levels, g: Any) -> Any:
    """A gradient ``g`` of a tensor that has the levels ``own`` as one of the tensor behind it: with an axis for each,
    and mapped if it has other levels."""
    levels = sorted_levels((*own, *g._levels))
    others = tuple([level for level in levels if level not in own])
    order = [levels.index(level) for level in (*others, *own)]
    return mapped(movedim(inner_of(g, levels), order, list(range(len(order)))), others)


def leaving(own: Levels, g: Any) -> Any:
    """What ``arriving`` was given, for what it gave; None for None."""
    if g is None:
        return None
    unsorted = (*g._levels, *own)
    levels = sorted_levels(unsorted)
    order = [unsorted.index(level) for level in levels]
    inner = g._inner if g._levels else g
    return mapped(movedim(inner, order, list(range(len(order)))), levels)


def under_way() -> Levels:
    """The levels of this thread, the outer ones first."""
    watch = state.here.watch
    return () if watch is None else watch.levels


@contextmanager
def mapping(levels: Levels) -> Iterator[None]:
    """Within it these are the levels under way."""
    here = state.here
    before = here.watch
    outside = before.inner if isinstance(before, Mapping) else before
    here.watch = Mapping(levels, outside) if levels else outside
    try:
        yield
    finally:
        here.watch = before


def spread(t: Any, levels: Levels) -> Any:
    """``t`` as a tensor of its own for each example of all ``levels``."""
    return mapped(inner_of(t, levels), levels)


def entered(t: Any, dim: int, level: Level) -> Any:
    """``t`` as one example sees it: without its axis ``dim``, a nonnegative number, which ``level`` maps."""
    lead = len(t._levels)
    inner = movedim(inner_of(t, t._levels), lead + dim, lead)
    return mapped(inner, (*t._levels, level))


def left(t: Any, dim: int, level: Level) -> Any:
    """``t`` outside of ``level``: with an axis ``dim`` more, over which it is spread if it has no such level."""
    if level in t._levels:
        whole = mapped(t._inner, t._levels[:-1])
    else:
        whole = expand(t, level.size, *t.shape)
    return movedim(whole, 0, dim) if dim else whole
