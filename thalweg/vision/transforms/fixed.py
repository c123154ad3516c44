"""Transforms that do the same each time."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from .coloring import rgb_to_grayscale
from .cutting import center_crop, five_crop, margins_of, mode_of, pad, resize, ten_crop
from .modes import InterpolationMode
from .sizes import pair

__all__ = [
    "CenterCrop", "FiveCrop", "Grayscale", "LinearTransformation", "Pad", "Resize", "TenCrop",
]  # fmt: skip


class Resize(nn.Module):
    """``functional.resize`` as a transform.

    Args:
        size: (h, w), or one number for the smaller side.
        interpolation: an InterpolationMode.
        max_size: how long the larger side may be, where ``size`` is one number.
        antialias: average over all that a pixel covers; Pillow always does.
    """

    def __init__(
        self,
        size: Any,
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, int | list | tuple):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ValueError(f"If size is a sequence, it should have 1 or 2 values, got {size}")
        self.size = size
        self.max_size = max_size
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        """img: (..., H, W); gives (..., h, w)."""
        return resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, max_size={self.max_size}, "
            f"antialias={self.antialias})"
        )


class CenterCrop(nn.Module):
    """The middle of a picture, of ``size``, with zeros around where it is smaller."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair(size)

    def forward(self, img: Any) -> Any:
        """img: (..., H, W); gives (..., h, w)."""
        return center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class Pad(nn.Module):
    """``functional.pad`` as a transform."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        margins_of(padding)
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        """img: (..., H, W); gives it with its margins."""
        return pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class FiveCrop(nn.Module):
    """The four corners and the middle of a picture, as a tuple."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = pair(size)

    def forward(self, img: Any) -> tuple[Any, ...]:
        """img: (..., H, W); gives (..., h, w) each."""
        return five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"FiveCrop(size={self.size})"


class TenCrop(nn.Module):
    """The corners and the middle of a picture and of it mirrored, as a tuple."""

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = pair(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        """img: (..., H, W); gives (..., h, w) each."""
        return ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"TenCrop(size={self.size}, vertical_flip={self.vertical_flip})"


class Grayscale(nn.Module):
    """A picture without colors, of 1 channel or 3."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        """img: (..., 3, H, W); gives (..., num_output_channels, H, W)."""
        return rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class LinearTransformation(nn.Module):
    """All elements of a picture, less their means, times a matrix, as for whitening.

    Args:
        transformation_matrix: (D, D), where D is C · H · W.
        mean_vector: (D,).
    Raises:
        ValueError: the matrix is not square, or the means are of another number.
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns or mean_vector.shape[0] != rows:
            raise ValueError(
                f"transformation_matrix should be square and mean_vector of its length, got {(rows, columns)} "
                f"and {tuple(mean_vector.shape)}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        """tensor: (..., C, H, W); gives the same shape."""
        size = tensor.shape
        elements = size[-3] * size[-2] * size[-1]
        if elements != self.mean_vector.shape[0]:
            raise ValueError(
                f"Input tensor and transformation matrix have incompatible shape: {tuple(size)} and "
                f"{tuple(self.transformation_matrix.shape)}"
            )
        flat = tensor.reshape(-1, elements) - self.mean_vector
        return (flat @ self.transformation_matrix).reshape(size)

    def __repr__(self) -> str:
        return (
            f"LinearTransformation(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
