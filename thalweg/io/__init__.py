"""Files: saving and loading tensors and what holds them."""

from .checkpoint import load, save
from .safetensors import load_file, load_model, save_file, save_model
from .unpickle import LoadError

__all__ = ["LoadError", "load", "load_file", "load_model", "save", "save_file", "save_model"]
