"""``torch.jit``: there is no script language here, functions and modules stay what they are."""

from __future__ import annotations

from typing import Any

from ... import nn
from . import marker as export
from . import marker as ignore
from . import marker as unused
from . import same as freeze
from . import same as optimize_for_inference
from . import same as script
from . import same as script_method

__all__ = ["ScriptModule", "export", "freeze", "ignore", "is_scripting", "is_tracing", "optimize_for_inference",
           "script", "script_method", "trace", "unused"]  # fmt: skip


class ScriptModule(nn.Module):
    """A module whose methods would be scripts: they stay what they are."""


def trace(func: Any, example_inputs: Any = None, **options: Any) -> Any:
    """``func`` itself: what it does depends on its inputs at every call, and is compiled as it runs."""
    return func


def is_scripting() -> bool:
    """False: nothing is a script."""
    return False


def is_tracing() -> bool:
    """False: recording is never seen by a program."""
    return False
