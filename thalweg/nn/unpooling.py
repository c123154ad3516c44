"""Layers that undo a max pooling, and those that pool windows of random sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module

Sizes = int | tuple[int, ...]


class _MaxUnpoolNd(Module):
    """What the unpoolings share; ``stride`` is the window's size when left out."""

    _axes: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = self._spelled(kernel_size)
        self.stride = self._spelled(kernel_size if stride is None else stride)
        self.padding = self._spelled(padding)

    def _spelled(self, sizes: Sizes) -> tuple[int, ...]:
        return (sizes,) * self._axes if isinstance(sizes, int) else tuple(sizes)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the elements that MaxPool1d chose back where they were, among zeros."""

    _axes = 1

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (N, C, L) or (C, L), as MaxPool1d gave them; gives L as it was."""
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the elements that MaxPool2d chose back where they were, among zeros."""

    _axes = 2

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (N, C, H, W) or (C, H, W), as MaxPool2d gave them; gives H, W as they were."""
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the elements that MaxPool3d chose back where they were, among zeros."""

    _axes = 3

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (N, C, D, H, W) or without N, as MaxPool3d gave them; gives D, H, W as they were."""
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class _FractionalMaxPoolNd(Module):
    """What the poolings over windows at random places share.

    Attributes:
        _random_samples: (N, C, axes) in [0, 1) that set the windows, a buffer; or None, to draw them.
    Source: Graham 2014.
    """

    _axes: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        n = self._axes

        def spelled(given: Any) -> Any:
            return (given,) * n if isinstance(given, int | float) else given

        if kernel_size is not None and not all(k > 0 for k in spelled(kernel_size)):
            raise ValueError(f"kernel_size must greater than zero, but got {kernel_size}")
        self.kernel_size = spelled(kernel_size)
        self.return_indices = return_indices
        self.output_size = spelled(output_size)
        self.output_ratio = spelled(output_ratio)
        self.register_buffer("_random_samples", _random_samples)
        if (output_size is None) == (output_ratio is None):
            name = type(self).__name__
            wanted = "only one of" if output_size is not None else "either"
            raise ValueError(
                f"{name} requires specifying {wanted} an output size, or a pooling ratio"
            )
        if output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {self.output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The largest elements of windows of an image that begin at random places."""

    _axes = 2

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, H, W) or (C, H, W); gives H, W pooled, with indices if they are wanted."""
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The largest elements of windows of a volume that begin at random places."""

    _axes = 3

    def forward(self, input: Tensor) -> Any:
        """input: (N, C, D, H, W) or (C, D, H, W); gives D, H, W pooled, with indices if they are wanted."""
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip
