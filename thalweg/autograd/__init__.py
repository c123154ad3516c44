"""Walking the tape backward, and what stands on it: grad, custom functions, checks."""

import importlib

from ..tensor.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from .backward import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]


def __getattr__(name: str) -> object:
    """What a plain training does not need, loaded when it is asked for."""
    if name != "functional":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
