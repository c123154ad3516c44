"""Walking the tape backward, and what stands on it: grad, custom functions, checks."""

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
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
