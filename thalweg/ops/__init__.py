"""Primitives by family, and the composites written over them. Importing this fills the registry."""

from . import (
    alignment,
    complex,
    contraction,
    elementwise,
    factors,
    fourier,
    indexing,
    linalg,
    lookup,
    movement,
    reduction,
    sorting,
    special,
    spectra,
    window,
)

__all__ = [
    "alignment",
    "complex",
    "contraction",
    "elementwise",
    "fourier",
    "factors",
    "indexing",
    "linalg",
    "lookup",
    "movement",
    "reduction",
    "sorting",
    "special",
    "spectra",
    "window",
]
