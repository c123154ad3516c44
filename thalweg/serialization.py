"""PyTorch's name for the place of ``save``, ``load`` and the list of what a file may ask for."""

from .io.checkpoint import load, save
from .io.safe import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .io.unpickle import LoadError

__all__ = [
    "LoadError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
