"""Layers that take the largest or the mean of each window."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .module import Module

Sizes = int | tuple[int, ...]
OutputSize = int | tuple[int | None, ...] | None


class _MaxPoolNd(Module):
    """What the max poolings share; ``stride`` is the window's size when left out."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )

    def _settings(self) -> dict[str, Any]:
        return {"ceil_mode": self.ceil_mode, "return_indices": self.return_indices}


class MaxPool1d(_MaxPoolNd):
    """The largest element of each window of a sequence."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, L) or (C, L); gives (N, C, L_out) or (C, L_out), with indices if they are wanted."""
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, **self._settings()
        )


class MaxPool2d(_MaxPoolNd):
    """The largest element of each window of an image."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, H, W) or (C, H, W); gives H, W pooled, with indices if wanted."""
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, **self._settings()
        )


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of a volume."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, D, H, W) or (C, D, H, W); gives D, H, W pooled, with indices if wanted."""
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, **self._settings()
        )


class _AvgPoolNd(Module):
    """What the mean poolings share."""

    _repeats = True

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    ceil_mode: bool
    count_include_pad: bool

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of a sequence."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(kernel_size if stride is None else stride)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, L) or (C, L); gives (N, C, L_out) or (C, L_out)."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class _AvgPoolOfGrid(_AvgPoolNd):
    """What the mean poolings of more than one axis share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolOfGrid):
    """The mean of each window of an image."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W) or (C, H, W); gives the same with pooled H, W."""
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(_AvgPoolOfGrid):
    """The mean of each window of a volume."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, D, H, W) or (C, D, H, W); gives the same with pooled D, H, W."""
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _AdaptiveAvgPoolNd(Module):
    """What the mean poolings to a given size share."""

    _repeats = True

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means over as many windows as ``output_size`` says."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, L) or (C, L); gives (N, C, output_size) or (C, output_size)."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means over as many windows as ``output_size`` says; None keeps an axis."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W) or (C, H, W); gives the same with output_size for H, W."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means over as many windows as ``output_size`` says; None keeps an axis."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, D, H, W) or (C, D, H, W); gives the same with output_size for D, H, W."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(Module):
    """What the max poolings to a given size share."""

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest elements of as many windows as ``output_size`` says."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, L) or (C, L); gives (N, C, output_size) or without N, with indices if wanted."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest elements of as many windows as ``output_size`` says; None keeps an axis."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, H, W) or (C, H, W); gives output_size for H, W, with indices if wanted."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest elements of as many windows as ``output_size`` says; None keeps an axis."""

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, D, H, W) or (C, D, H, W); gives output_size for D, H, W, with indices if wanted."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _LPPoolNd(Module):
    """What the power poolings share: the root of the sum of powers ``norm_type`` of each window."""

    norm_type: float
    kernel_size: Sizes
    stride: Sizes | None
    ceil_mode: bool

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """Power pooling of sequences."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, L) or (C, L); gives L pooled."""
        return F.lp_pool1d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool2d(_LPPoolNd):
    """Power pooling of images."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W) or (C, H, W); gives H, W pooled."""
        return F.lp_pool2d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool3d(_LPPoolNd):
    """Power pooling of volumes."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, D, H, W) or (C, D, H, W); gives D, H, W pooled."""
        return F.lp_pool3d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


def _single(size: Sizes) -> tuple[int, ...]:
    return (size,) if isinstance(size, int) else tuple(size)
