"""Transforms that place a picture at random: cut, mirrored, turned, seen from aside, or with a part missing.

Each draws as torchvision does, so that the same seed gives the same pictures.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.creation import tensor
from ...tensor.random import randn
from .by_chance import ByChance
from .cutting import crop, erase, hflip, mode_of, pad, resized_crop, vflip
from .draws import chance, ratio, uniform, whole
from .modes import InterpolationMode
from .sizes import get_dimensions, pair
from .warping import affine, perspective, rotate

__all__ = [
    "RandomAffine", "RandomCrop", "RandomErasing", "RandomHorizontalFlip", "RandomPerspective", "RandomResizedCrop",
    "RandomRotation", "RandomVerticalFlip",
]  # fmt: skip
_TRIES = 10


def _numbers(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> Any:
    """``value``, if it is as many numbers in a row as it should be."""
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    return value


def _angles(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """[-value, value], or the ends that are given."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive, got {value}")
        value = [-value, value]  # type: ignore[operator]
    return [float(part) for part in _numbers(value, name, lengths)]


def _checked_fill(fill: Any) -> Any:
    if fill is None:
        return 0
    if not isinstance(fill, Sequence | numbers.Number):
        raise TypeError(f"Fill should be either a sequence or a number, got {type(fill)}")
    return fill


def _colors(fill: Any, img: Any) -> Any:
    """``fill`` as the functions take it: of a tensor, one number for each channel."""
    if not isinstance(img, Tensor):
        return fill
    if isinstance(fill, int | float):
        return [float(fill)] * get_dimensions(img)[0]
    return [float(part) for part in fill]


class RandomHorizontalFlip(ByChance):
    """Left and right exchanged with probability ``p``."""

    def change(self, img: Any) -> Any:
        return hflip(img)


class RandomVerticalFlip(ByChance):
    """Top and bottom exchanged with probability ``p``."""

    def change(self, img: Any) -> Any:
        return vflip(img)


class RandomCrop(nn.Module):
    """A part of ``size`` from somewhere in the picture.

    Args:
        size: (h, w), or one number for both.
        padding: how much wider the picture is made before.
        pad_if_needed: whether a picture that is too small is made wider.
        fill, padding_mode: as of ``functional.pad``.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, h, w) of a part of the picture.

        Raises:
            ValueError: the picture is smaller than that.
        """
        _, tall, wide = get_dimensions(img)
        height, width = output_size
        if tall < height or wide < width:
            raise ValueError(
                f"Required crop size {(height, width)} is larger than input image size {(tall, wide)}"
            )
        if (tall, wide) == (height, width):
            return 0, 0, height, width
        top = whole(0, tall - height + 1)
        return top, whole(0, wide - width + 1), height, width

    def forward(self, img: Any) -> Any:
        """img: (..., H, W); gives (..., h, w)."""
        if self.padding is not None:
            img = pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        if self.pad_if_needed:
            _, tall, wide = get_dimensions(img)
            if wide < width:
                img = pad(img, [width - wide, 0], self.fill, self.padding_mode)
            if tall < height:
                img = pad(img, [0, height - tall], self.fill, self.padding_mode)
        return crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


class RandomResizedCrop(nn.Module):
    """A part of random size and shape, resized to ``size``.

    Args:
        size: (h, w), or one number for both.
        scale: how much of the picture's area the part has, from and to.
        ratio: how much wider than high it is, from and to.
        interpolation, antialias: as of ``functional.resize``.
    """

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair(size)
        self.scale = _numbers(scale, "Scale")
        self.ratio = _numbers(ratio, "Ratio")
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """(top, left, h, w) of a part; of the middle, as near as it gets, where ten tries do not fit."""
        _, tall, wide = get_dimensions(img)
        for _ in range(_TRIES):
            height, width = _rectangle(tall * wide, scale, ratio)
            if 0 < width <= wide and 0 < height <= tall:
                top = whole(0, tall - height + 1)
                return top, whole(0, wide - width + 1), height, width
        height, width = tall, wide
        if wide / tall < min(ratio):
            height = round(wide / min(ratio))
        elif wide / tall > max(ratio):
            width = round(tall * max(ratio))
        return (tall - height) // 2, (wide - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        """img: (..., H, W); gives (..., h, w)."""
        part = self.get_params(img, self.scale, self.ratio)
        return resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        scale, ends = (tuple(round(x, 4) for x in pair) for pair in (self.scale, self.ratio))
        return (
            f"RandomResizedCrop(size={self.size}, scale={scale}, ratio={ends}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def _rectangle(
    area: int, scale: Sequence[float], ends: Sequence[float], tall: bool = False
) -> tuple[int, int]:
    """(h, w) of a random share of the area, and of a random ratio of w to h, or of h to w."""
    share = area * uniform(scale[0], scale[1])
    shape = ratio(ends[0], ends[1])
    long, short = round(math.sqrt(share * shape)), round(math.sqrt(share / shape))
    return (long, short) if tall else (short, long)


class RandomRotation(nn.Module):
    """A picture turned by a random angle.

    Args:
        degrees: from and to, counterclockwise; one number: as much to either side.
        interpolation, expand, center, fill: as of ``functional.rotate``.
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        self.center = center if center is None else _numbers(center, "center")
        self.interpolation = mode_of(interpolation)
        self.expand = expand
        self.fill = _checked_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle in degrees."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape, or a larger one with ``expand``."""
        fill = _colors(self.fill, img)
        angle = self.get_params(self.degrees)
        return rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine(nn.Module):
    """A picture turned, shifted, made larger and sheared at random.

    Args:
        degrees: from and to, clockwise; one number: as much to either side.
        translate: how much of the width and of the height it may be shifted; None: not at all.
        scale: how much larger it becomes, from and to; None: not at all.
        shear: degrees, from and to of x, or of x and of y; one number: as much to either side; None: none.
        interpolation, fill, center: as of ``functional.affine``.
    """

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        if translate is not None and not all(
            0.0 <= t <= 1.0 for t in _numbers(translate, "translate")
        ):
            raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None and not all(s > 0 for s in _numbers(scale, "scale")):
            raise ValueError(f"scale values should be positive, got {scale}")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _angles(shear, "shear", (2, 4))
        self.interpolation = mode_of(interpolation)
        self.fill = _checked_fill(fill)
        self.center = center if center is None else _numbers(center, "center")

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, shift, scale and shear for a picture of ``img_size``, (W, H)."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        shift = (0, 0)
        if translate is not None:
            across, down = translate[0] * img_size[0], translate[1] * img_size[1]
            right = round(uniform(-across, across))
            shift = right, round(uniform(-down, down))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        x = y = 0.0
        if shears is not None:
            x = uniform(shears[0], shears[1])
            y = uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, shift, scale, (x, y)

    def forward(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape."""
        fill = _colors(self.fill, img)
        _, height, width = get_dimensions(img)
        found = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return affine(img, *found, self.interpolation, fill, self.center)

    def __repr__(self) -> str:
        text = f"RandomAffine(degrees={self.degrees}"
        for name in ("translate", "scale", "shear"):
            value = getattr(self, name)
            text += "" if value is None else f", {name}={value}"
        if self.interpolation != InterpolationMode.NEAREST:
            text += f", interpolation={self.interpolation.value}"
        text += f", fill={self.fill}" if self.fill != 0 else ""
        return text + ("" if self.center is None else f", center={self.center}") + ")"


class RandomPerspective(nn.Module):
    """With probability ``p``, a picture seen from aside.

    Args:
        distortion_scale: how far a corner moves, of half the picture.
        p: how probably.
        interpolation, fill: as of ``functional.perspective``.
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = mode_of(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = _checked_fill(fill)

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of a picture, and where they go: top left, top right, bottom right, bottom left."""
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, right = (0, across + 1), (width - across - 1, width)
        top, bottom = (0, down + 1), (height - down - 1, height)
        ranges = ((left, top), (right, top), (right, bottom), (left, bottom))
        ends = [[whole(*x), whole(*y)] for x, y in ranges]
        starts = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return starts, ends

    def forward(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape."""
        if not chance(self.p):
            return img
        _, height, width = get_dimensions(img)
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return perspective(img, starts, ends, self.interpolation, _colors(self.fill, img))

    def __repr__(self) -> str:
        return f"RandomPerspective(p={self.p})"


class RandomErasing(nn.Module):
    """With probability ``p``, a tensor with a part of it gone.

    Args:
        p: how probably.
        scale: how much of the area goes, from and to.
        ratio: how much higher than wide the part is, from and to.
        value: what is there instead: a number, one for each channel, or "random" for normal draws.
        inplace: write into the tensor.
    Source: Z. Zhong and others, "Random erasing data augmentation", 2020.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, numbers.Number | str | Sequence):
            raise TypeError(f"Argument value should be a number or a sequence, got {type(value)}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f"If value is str, it should be 'random', got {value!r}")
        if not (scale[0] >= 0 and scale[1] <= 1):
            raise ValueError(f"Scale should be between 0 and 1, got {scale}")
        if not 0 <= p <= 1:
            raise ValueError(f"Random erasing probability should be between 0 and 1, got {p}")
        self.p = p
        self.scale = _numbers(scale, "Scale")
        self.ratio = _numbers(ratio, "Ratio")
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Tensor]:
        """(row, column, h, w, what is put there); the whole picture where ten tries do not fit."""
        channels, tall, wide = get_dimensions(img)
        for _ in range(_TRIES):
            height, width = _rectangle(tall * wide, scale, ratio, tall=True)
            if height < tall and width < wide:
                put = (
                    randn(channels, height, width)
                    if value is None
                    else tensor(value)[:, None, None]
                )
                row = whole(0, tall - height + 1)
                return row, whole(0, wide - width + 1), height, width, put
        return 0, 0, tall, wide, img

    def forward(self, img: Tensor) -> Tensor:
        """img: (..., C, H, W); gives the same shape."""
        if not chance(self.p):
            return img
        value: Any = self.value
        if isinstance(value, int | float):
            value = [float(value)]
        elif isinstance(value, str):
            value = None
        elif len(value) not in (1, img.shape[-3]):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {img.shape[-3]} "
                f"(number of input channels), got {len(value)}"
            )
        found = self.get_params(img, self.scale, self.ratio, value)
        made: Tensor = erase(img, *found, self.inplace)
        return made

    def __repr__(self) -> str:
        names = ("p", "scale", "ratio", "value", "inplace")
        return f"RandomErasing({', '.join(f'{n}={getattr(self, n)}' for n in names)})"
