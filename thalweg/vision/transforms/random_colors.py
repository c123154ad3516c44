"""Transforms that change a picture's colors at random, drawing as torchvision does."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from ... import nn
from .by_chance import ByChance
from .coloring import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    gaussian_blur,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from .draws import order, uniform
from .sizes import get_dimensions, pair

__all__ = [
    "ColorJitter", "GaussianBlur", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize", "RandomGrayscale",
    "RandomInvert", "RandomPosterize", "RandomSolarize",
]  # fmt: skip
_Range = tuple[float, float] | None


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    Args:
        brightness, contrast, saturation: a factor from and to; one number: as much around 1, not below 0.
        hue: part of a turn, from and to in [-0.5, 0.5]; one number: as much to either side.
    """

    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0
    ) -> None:
        super().__init__()
        self.brightness = _range(brightness, "brightness")
        self.contrast = _range(contrast, "contrast")
        self.saturation = _range(saturation, "saturation")
        self.hue = _range(hue, "hue", 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: _Range, contrast: _Range, saturation: _Range, hue: _Range
    ) -> tuple[list[int], float | None, float | None, float | None, float | None]:
        """The order, and each factor; None where there is no range."""
        places = order(4)
        bright, contrasted, colorful, turned = (
            None if ends is None else uniform(*ends)
            for ends in (brightness, contrast, saturation, hue)
        )
        return places, bright, contrasted, colorful, turned

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W); gives the same shape."""
        places, *factors = self.get_params(
            self.brightness, self.contrast, self.saturation, self.hue
        )
        steps = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
        for k in places:
            factor = factors[k]
            if factor is not None:
                img = steps[k](img, factor)
        return img

    def __repr__(self) -> str:
        names = ("brightness", "contrast", "saturation", "hue")
        return f"ColorJitter({', '.join(f'{n}={getattr(self, n)}' for n in names)})"


def _range(
    value: Any, name: str, center: float = 1.0, bound: tuple[float, float] = (0, float("inf"))
) -> _Range:
    """(from, to), or None where that changes nothing."""
    if isinstance(value, numbers.Number):
        around: Any = value
        if around < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative, got {value}")
        least = center - float(around)
        ends = (max(least, 0.0) if center else least, center + float(around))
    elif isinstance(value, tuple | list) and len(value) == 2:
        ends = float(value[0]), float(value[1])
    else:
        raise TypeError(
            f"{name} should be a single number or a list/tuple with length 2, got {value!r}"
        )
    if not bound[0] <= ends[0] <= ends[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {ends}.")
    return None if ends[0] == ends[1] == center else ends


class GaussianBlur(nn.Module):
    """A picture smoothed by a bell of random width.

    Args:
        kernel_size: odd, in pixels; or (down, across).
        sigma: pixels, from and to; or one number.
    """

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers.")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError(
                f"Kernel size value should be an odd and positive number, got {kernel_size}"
            )
        ends = (sigma, sigma) if isinstance(sigma, int | float) else sigma
        if not isinstance(ends, Sequence) or len(ends) != 2 or not 0.0 < ends[0] <= ends[1]:
            raise ValueError(
                f"sigma values should be positive and of the form (min, max), got {sigma}"
            )
        self.sigma = ends

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A width in pixels."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape."""
        width = self.get_params(self.sigma[0], self.sigma[1])
        return gaussian_blur(img, self.kernel_size, [width, width])

    def __repr__(self) -> str:
        return f"GaussianBlur(kernel_size={self.kernel_size}, sigma={self.sigma})"


class RandomGrayscale(ByChance):
    """Without colors, but with as many channels, with probability ``p``."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Any:
        return rgb_to_grayscale(img, get_dimensions(img)[0])


class RandomInvert(ByChance):
    """Black and white exchanged with probability ``p``."""

    def change(self, img: Any) -> Any:
        return invert(img)


class RandomPosterize(ByChance):
    """Only the highest ``bits`` of each byte, with probability ``p``."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"RandomPosterize(bits={self.bits},p={self.p})"


class RandomSolarize(ByChance):
    """What is at least ``threshold`` inverted, with probability ``p``."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"RandomSolarize(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(ByChance):
    """Sharper, or smoother, with probability ``p``."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"RandomAdjustSharpness(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(ByChance):
    """Spread from black to white with probability ``p``."""

    def change(self, img: Any) -> Any:
        return autocontrast(img)


class RandomEqualize(ByChance):
    """Spread evenly over all grays with probability ``p``."""

    def change(self, img: Any) -> Any:
        return equalize(img)
