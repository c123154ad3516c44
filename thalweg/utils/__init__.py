"""PyTorch's name for the place of ``data`` and ``dlpack``; nothing lives here."""

from . import data, dlpack

__all__ = ["data", "dlpack"]
