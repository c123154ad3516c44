"""``torch.utils._pytree``: what containers hold, taken out in order and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...func.pytree import Structure as TreeSpec
from ...func.pytree import flatten as tree_flatten
from ...func.pytree import unflatten as tree_unflatten

__all__ = [
    "TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_map_only", "tree_structure", "tree_unflatten",
]  # fmt: skip


def tree_leaves(tree: Any) -> list[Any]:
    """What is in the containers, in order."""
    return tree_flatten(tree)[0]


def tree_structure(tree: Any) -> TreeSpec:
    """Which containers hold which."""
    return tree_flatten(tree)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """Containers as those of ``tree``, with what ``func`` makes of each leaf and of those at its place in ``rests``.

    Raises:
        ValueError: the containers of ``rests`` are others.
    """
    leaves, structure = tree_flatten(tree)
    columns = [leaves]
    for rest in rests:
        others, found = tree_flatten(rest)
        if found != structure:
            raise ValueError(f"tree_map: containers {found} beside {structure}")
        columns.append(others)
    return tree_unflatten((func(*row) for row in zip(*columns, strict=True)), structure)


def tree_map_only(kind: type | tuple[type, ...], func: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with what ``func`` makes of the leaves of a type; the others stay."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)
