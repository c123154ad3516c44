"""PyTorch's name for the place of ``data``; nothing lives here."""

from . import data

__all__ = ["data"]
