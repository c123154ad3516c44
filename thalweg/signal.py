"""``thalweg.signal``: window functions under PyTorch's name; the functions live in ``tensor``."""

from .tensor import windows

__all__ = ["windows"]
