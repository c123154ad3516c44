"""Primitives by family, and the composites written over them. Importing this fills the registry."""

from . import (
    complex,
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
    "complex",
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
