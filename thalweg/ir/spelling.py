"""The name under which printed things speak of the framework: its own, or that of the one it stands in for."""

from __future__ import annotations

_spoken = "thalweg"


def spoken() -> str:
    """What stands before the dot in ``thalweg.float32``, ``thalweg.Size([2])``, ``'thalweg.FloatTensor'``."""
    return _spoken


def speak_as(name: str) -> None:
    """Print ``name`` before the dot from now on: a program written for PyTorch compares such texts."""
    global _spoken
    _spoken = name
