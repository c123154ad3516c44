"""Tensors in containers in containers: taken out in order, and put back.

Tuples, named tuples, lists, dicts (also ordered and with a default) and deques are containers; all else is a leaf,
None too.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_MAPPINGS = (dict, OrderedDict, defaultdict)


@dataclass(frozen=True)
class Structure:
    """Which containers hold which: the class, what is needed to make one again, and the structures in it.

    A leaf has no class.
    """

    kind: type | None = None
    context: Any = None
    parts: tuple[Structure, ...] = ()

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return 1 if self.kind is None else sum(part.count for part in self.parts)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        inside = ", ".join(map(str, self.parts))
        return f"{self.kind.__name__}({inside})"


LEAF = Structure()


def _opened(tree: Any) -> tuple[Any, list[Any]] | None:
    """What is needed to make this container again, and what is in it; None for a leaf."""
    kind = type(tree)
    if kind in (tuple, list):
        return None, list(tree)
    if kind in _MAPPINGS:
        keys = tuple(tree)
        context = (tree.default_factory, keys) if kind is defaultdict else keys
        return context, [tree[k] for k in keys]
    if kind is deque:
        return tree.maxlen, list(tree)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return None, list(tree)
    return None


def _closed(structure: Structure, parts: list[Any]) -> Any:
    kind, context = structure.kind, structure.context
    if kind in (tuple, list):
        return kind(parts)
    if kind is defaultdict:
        return defaultdict(context[0], zip(context[1], parts, strict=True))
    if kind in _MAPPINGS:
        found: Any = kind()
        found.update(zip(context, parts, strict=True))
        return found
    if kind is deque:
        return deque(parts, context)
    return kind(*parts)  # type: ignore[misc]  # a named tuple


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves, in order, and the structure around them."""
    opened = _opened(tree)
    if opened is None:
        return [tree], LEAF
    leaves: list[Any] = []
    parts = []
    for part in opened[1]:
        inner, structure = flatten(part)
        leaves += inner
        parts.append(structure)
    return leaves, Structure(type(tree), opened[0], tuple(parts))


def unflatten(leaves: Iterable[Any], structure: Structure) -> Any:
    """The containers of ``structure`` with these leaves."""
    return _filled(iter(leaves), structure)


def _filled(leaves: Iterator[Any], structure: Structure) -> Any:
    if structure.kind is None:
        return next(leaves)
    return _closed(structure, [_filled(leaves, part) for part in structure.parts])


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with ``function`` applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], structure)


def spread_over(prefix: Any, structure: Structure) -> list[Any] | None:
    """For each leaf of ``structure`` the leaf of ``prefix`` that stands there or around it; None if they don't fit."""
    opened = _opened(prefix)
    if opened is None:
        return [prefix] * structure.count
    context, parts = opened
    same = structure.kind is type(prefix) and structure.context == context
    if not same or len(parts) != len(structure.parts):
        return None
    found: list[Any] = []
    for part, inner in zip(parts, structure.parts, strict=True):
        below = spread_over(part, inner)
        if below is None:
            return None
        found += below
    return found
