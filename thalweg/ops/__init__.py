"""Primitives by family, and the composites written over them. Importing this fills the registry."""

from . import (
    contraction,
    elementwise,
    indexing,
    linalg,
    lookup,
    movement,
    reduction,
    sorting,
    special,
    window,
)

__all__ = [
    "contraction",
    "elementwise",
    "indexing",
    "linalg",
    "lookup",
    "movement",
    "reduction",
    "sorting",
    "special",
    "window",
]
