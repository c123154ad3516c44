"""Primitives by family, and the composites written over them. Importing this fills the registry."""

from . import contraction, elementwise, movement, reduction

__all__ = ["contraction", "elementwise", "movement", "reduction"]
