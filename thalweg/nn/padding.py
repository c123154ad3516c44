"""Layers that add a border."""

from __future__ import annotations

from typing import ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module

Border = int | tuple[int, ...]


class _Padding(Module):
    """Adds ``padding`` elements at each side: one number, or (left, right, top, bottom, front, back)."""

    _axes: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Border) -> None:
        super().__init__()
        sides = 2 * self._axes
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """input: (*, C, L), (*, C, H, W) or (*, C, D, H, W); gives it with the border."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPadding(_Padding):
    """Adds a border of one ``value``."""

    _mode = "constant"

    def __init__(self, padding: Border, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """input: (*, L), (*, H, W) or (*, D, H, W); gives it with the border."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadding):
    """Adds ``value`` at both ends of sequences."""

    _axes = 1


class ConstantPad2d(_ConstantPadding):
    """Adds ``value`` around images."""

    _axes = 2


class ConstantPad3d(_ConstantPadding):
    """Adds ``value`` around volumes."""

    _axes = 3


class ZeroPad1d(ConstantPad1d):
    """Adds zeros at both ends of sequences."""

    def __init__(self, padding: Border) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad2d(ConstantPad2d):
    """Adds zeros around images."""

    def __init__(self, padding: Border) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad3d(ConstantPad3d):
    """Adds zeros around volumes."""

    def __init__(self, padding: Border) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ReflectionPad1d(_Padding):
    """Mirrors sequences at their ends."""

    _axes, _mode = 1, "reflect"


class ReflectionPad2d(_Padding):
    """Mirrors images at their edges."""

    _axes, _mode = 2, "reflect"


class ReflectionPad3d(_Padding):
    """Mirrors volumes at their faces."""

    _axes, _mode = 3, "reflect"


class ReplicationPad1d(_Padding):
    """Repeats the first and last elements of sequences."""

    _axes, _mode = 1, "replicate"


class ReplicationPad2d(_Padding):
    """Repeats the edges of images."""

    _axes, _mode = 2, "replicate"


class ReplicationPad3d(_Padding):
    """Repeats the faces of volumes."""

    _axes, _mode = 3, "replicate"


class _CircularPadding(_Padding):
    """Continues from the other side; wants channels first, and a batch or none."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, ...) or (C, ...); gives it with the border."""
        n = self._axes
        if input.ndim not in (n + 1, n + 2):
            raise ValueError(
                f"expected {n + 1}D or {n + 2}D input (got {input.ndim}D input): shape {list(input.shape)}"
            )
        return super().forward(input)


class CircularPad1d(_CircularPadding):
    """Continues sequences from their other end."""

    _axes = 1


class CircularPad2d(_CircularPadding):
    """Continues images from their other side."""

    _axes = 2


class CircularPad3d(_CircularPadding):
    """Continues volumes from their other side."""

    _axes = 3
