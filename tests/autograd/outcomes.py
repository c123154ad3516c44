"""What tests look at: the error that something raises, the gradients that leaves have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def error_of(function: Callable[[], Any]) -> str:
    """The name of the error's class, or "" where there is none."""
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return ""


def grads_of(*tensors: Any) -> list[Any]:
    return [None if t.grad is None else t.grad.tolist() for t in tensors]
