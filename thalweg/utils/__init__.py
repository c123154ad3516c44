"""PyTorch's name for the place of ``data``, ``dlpack`` and ``checkpoint``."""

from . import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
