"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

Sizes = int | tuple[int, ...]
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What the convolutions share.

    Attributes:
        weight: (out_channels, in_channels/groups, *kernel_size), uniform in ±1/√(fan in) at first.
        bias: (out_channels,), likewise; None with ``bias=False``.
    """

    _repeats = True

    kernel_size: tuple[int, ...]
    padding: str | tuple[int, ...]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        _check_channels(in_channels, out_channels, groups)
        _check_padding(padding, padding_mode, stride)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _both_sides(padding, kernel_size, dilation)
        self._padding_inside = (0,) * len(kernel_size) if padding_mode != "zeros" else padding
        ends = (
            (in_channels, out_channels // groups)
            if transposed
            else (out_channels, in_channels // groups)
        )
        self.weight = Parameter(empty((*ends, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> Tensor:
        """input: (N, C, ...); gives it with its borders, where those are not zeros."""
        if self.padding_mode == "zeros":
            return input
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)

    def extra_repr(self) -> str:
        parts = [str(self.in_channels), str(self.out_channels)]
        parts += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        n = len(self.kernel_size)
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name)
            if value != (usual,) * n:
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Conv1d(_ConvNd):
    """Slides kernels along sequences (cross-correlation).

    Attributes:
        weight: (out_channels, in_channels/groups, kernel_size).
        bias: (out_channels,) or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        sizes = _spelled(1, kernel_size, stride, dilation)
        border = padding if isinstance(padding, str) else _repeated(padding, 1)
        super().__init__(
            in_channels, out_channels, sizes[0], sizes[1], border, sizes[2], False, (0,), groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C_in, L) or (C_in, L); gives (N, C_out, L_out) or (C_out, L_out)."""
        return F.conv1d(
            self._padded(input),
            self.weight,
            self.bias,
            self.stride,
            self._padding_inside,
            self.dilation,
            self.groups,
        )


class Conv2d(_ConvNd):
    """Slides kernels over images (cross-correlation).

    Attributes:
        weight: (out_channels, in_channels/groups, kernel height, kernel width).
        bias: (out_channels,) or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        sizes = _spelled(2, kernel_size, stride, dilation)
        border = padding if isinstance(padding, str) else _repeated(padding, 2)
        super().__init__(
            in_channels, out_channels, sizes[0], sizes[1], border, sizes[2], False, (0, 0), groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C_in, H, W) or (C_in, H, W); gives (N, C_out, H_out, W_out) or without N."""
        return F.conv2d(
            self._padded(input),
            self.weight,
            self.bias,
            self.stride,
            self._padding_inside,
            self.dilation,
            self.groups,
        )


class Conv3d(_ConvNd):
    """Slides kernels through volumes (cross-correlation).

    Attributes:
        weight: (out_channels, in_channels/groups, kernel depth, kernel height, kernel width).
        bias: (out_channels,) or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        sizes = _spelled(3, kernel_size, stride, dilation)
        border = padding if isinstance(padding, str) else _repeated(padding, 3)
        super().__init__(
            in_channels, out_channels, sizes[0], sizes[1], border, sizes[2], False, (0, 0, 0), groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C_in, D, H, W) or (C_in, D, H, W); gives (N, C_out, D, H, W) of new sizes, or without N."""
        return F.conv3d(
            self._padded(input),
            self.weight,
            self.bias,
            self.stride,
            self._padding_inside,
            self.dilation,
            self.groups,
        )


class _ConvTransposeNd(_ConvNd):
    """What the transposed convolutions share.

    Attributes:
        weight: (in_channels, out_channels/groups, *kernel_size).
        bias: (out_channels,) or None.
    """

    _axes: ClassVar[int]
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if padding_mode != "zeros":
            name = type(self).__name__
            raise ValueError(
                f'Only "zeros" padding mode is supported for {name}, got {padding_mode!r}'
            )
        sizes = _spelled(self._axes, kernel_size, stride, padding, dilation, output_padding)
        super().__init__(
            in_channels, out_channels, sizes[0], sizes[1], sizes[2], sizes[3], True, sizes[4], groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """What is added at one end so that ``input`` (N, C, ...) becomes of ``output_size``."""
        if output_size is None:
            return self.output_padding
        n = self._axes
        if len(output_size) not in (n, input.ndim):
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {n} or {input.ndim} "
                f"elements (got {len(output_size)})"
            )
        wanted = tuple(output_size)[-n:]
        smallest = [
            (size - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1
            for size, stride, pad, dilation, kernel in zip(
                input.shape[-n:],
                self.stride,
                self.padding,
                self.dilation,
                self.kernel_size,
                strict=True,
            )
        ]
        added = tuple(w - s for w, s in zip(wanted, smallest, strict=True))
        if any(not 0 <= a < stride for a, stride in zip(added, self.stride, strict=True)):
            largest = [s + stride - 1 for s, stride in zip(smallest, self.stride, strict=True)]
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {smallest} to "
                f"{largest} (for an input of {list(input.shape[-n:])})"
            )
        return added


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of Conv1d with respect to its input, as a layer: lengthens sequences.

    Attributes:
        weight: (in_channels, out_channels/groups, kernel_size).
        bias: (out_channels,) or None.
    """

    _axes = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """input: (N, C_in, L) or (C_in, L); gives (N, C_out, L_out) or (C_out, L_out)."""
        added = self._output_padding(input, output_size)
        return F.conv_transpose1d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            added,
            self.groups,
            self.dilation,
        )


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of Conv2d with respect to its input, as a layer: enlarges images.

    Attributes:
        weight: (in_channels, out_channels/groups, kernel height, kernel width).
        bias: (out_channels,) or None.
    """

    _axes = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """input: (N, C_in, H, W) or (C_in, H, W); gives (N, C_out, H_out, W_out) or without N."""
        added = self._output_padding(input, output_size)
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            added,
            self.groups,
            self.dilation,
        )


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of Conv3d with respect to its input, as a layer: enlarges volumes.

    Attributes:
        weight: (in_channels, out_channels/groups, kernel depth, kernel height, kernel width).
        bias: (out_channels,) or None.
    """

    _axes = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """input: (N, C_in, D, H, W) or (C_in, D, H, W); gives C_out channels and new D, H, W, or without N."""
        added = self._output_padding(input, output_size)
        return F.conv_transpose3d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            added,
            self.groups,
            self.dilation,
        )


def _repeated(size: Sizes, n: int) -> tuple[int, ...]:
    """``size`` for each of ``n`` axes."""
    return (size,) * n if isinstance(size, int) else tuple(size)


def _spelled(n: int, *sizes: Sizes) -> list[tuple[int, ...]]:
    return [_repeated(size, n) for size in sizes]


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError(f"groups must be a positive integer, got {groups}")
    if in_channels % groups != 0:
        raise ValueError(
            f"in_channels must be divisible by groups: {in_channels} is not by {groups}"
        )
    if out_channels % groups != 0:
        raise ValueError(
            f"out_channels must be divisible by groups: {out_channels} is not by {groups}"
        )


def _check_padding(
    padding: str | tuple[int, ...], padding_mode: str, stride: tuple[int, ...]
) -> None:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of 'same', 'valid'"
            )
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError(
                f"padding='same' is not supported for strided convolutions: stride is {stride}"
            )
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode={padding_mode!r}"
        )


def _both_sides(
    padding: str | tuple[int, ...], kernel_size: tuple[int, ...], dilation: tuple[int, ...]
) -> list[int]:
    """The padding before and after each axis, last axis first, as ``F.pad`` takes it."""
    sides: list[int] = []
    for axis in reversed(range(len(kernel_size))):
        if isinstance(padding, str):
            total = dilation[axis] * (kernel_size[axis] - 1) if padding == "same" else 0
            sides += [total // 2, total - total // 2]
        else:
            sides += [padding[axis]] * 2
    return sides
