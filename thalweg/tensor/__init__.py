"""Tensors: storages seen through views, the operations on them, and the tape's nodes."""

from . import return_types
from .core import Size
from .node import Node
from .tensor import Tensor

__all__ = ["Node", "Size", "Tensor", "return_types"]
