"""Files: saving and loading tensors and what holds them."""

from .checkpoint import load, save

__all__ = ["load", "save"]
