"""Walking the tape backward, and what stands on it: grad, custom functions, checks."""

import importlib

from ..tensor.modes import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .backward import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

_LAZY = {
    "detect_anomaly": "anomaly",
    "forward_ad": "forward_ad",
    "functional": "functional",
    "graph": "graph",
    "set_detect_anomaly": "anomaly",
}
__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def __getattr__(name: str) -> object:
    """What a plain training does not need, loaded when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = importlib.import_module(f"{__name__}.{_LAZY[name]}")
    found = room if name == _LAZY[name] else getattr(room, name)
    globals()[name] = found
    return found
