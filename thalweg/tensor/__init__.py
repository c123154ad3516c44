"""Tensors: storages seen through views, the operations on them, and the tape's nodes."""

from .core import Size
from .node import Node
from .tensor import Tensor

__all__ = ["Node", "Size", "Tensor"]
