"""Modules whose first weights are not wanted."""

from __future__ import annotations

import inspect
from typing import Any

from ...runtime.generator import default_generator
from ..module import Module


def skip_init(module_cls: type[Any], *args: Any, **kwargs: Any) -> Any:
    """A module whose weights are to be written: their values are any, and no random numbers are used up.

    Raises:
        RuntimeError: it is no Module, or takes no ``device``.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    before = default_generator.get_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        default_generator.set_state(before)
