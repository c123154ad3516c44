"""``torch.compiler``: every loop is compiled as it runs, and there is nothing to direct."""

from __future__ import annotations

from . import compile as compile
from . import marker as allow_in_graph
from . import marker as disable

__all__ = ["allow_in_graph", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
           "is_dynamo_compiling", "reset"]  # fmt: skip


def is_compiling() -> bool:
    """False: a program never runs under the compiler's eyes."""
    return False


def is_dynamo_compiling() -> bool:
    """False, as ``is_compiling``."""
    return False


def reset() -> None:
    """Nothing is to be forgotten."""


def cudagraph_mark_step_begin() -> None:
    """There are no graphs of a device."""
