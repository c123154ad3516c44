"""What PyTorch's programs ask for that has no meaning of its own here: answered so that they go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile(model: Any = None, **options: Any) -> Any:
    """``model`` itself: every loop is recorded and compiled as it runs, whether it asks for it or not.

    Args:
        model: a function or a module; left out, a decorator is given back.
        options: PyTorch's, none of which means anything here.
    """
    return same if model is None else model


def same(thing: Any, *arguments: Any, **options: Any) -> Any:
    """``thing`` itself, whatever is said about it."""
    return thing


def marker(function: Any = None, *arguments: Any, **options: Any) -> Any:
    """A decorator that changes nothing, used plainly or with options."""
    return function if isinstance(function, Callable) else same  # type: ignore[arg-type]
