"""Memory formats of convolutions' weights, which are accepted: memory stays row-major."""

from __future__ import annotations

from typing import Any, TypeVar

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

M = TypeVar("M", bound=Module)


def _converted(module: M, memory_format: Any, kinds: tuple[type, ...]) -> M:
    for inner in module.modules():
        if isinstance(inner, kinds):
            weight: Any = inner.weight
            weight.data = weight.detach().clone().contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """``module`` with the weights (O, I, H, W) of its 2-d convolutions in a memory format, which changes no number."""
    return _converted(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """``module`` with the weights (O, I, D, H, W) of its 3-d convolutions in a memory format, which changes no
    number."""
    return _converted(module, memory_format, (Conv3d, ConvTranspose3d))
