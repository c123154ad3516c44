"""Changes drawn from many kinds at once, drawing as torchvision does: AutoAugment and what came after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import nn
from ...runtime.generator import default_generator
from ...tensor import Tensor
from ...tensor.creation import full
from ...tensor.draws import sample_dirichlet
from .coloring import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    invert,
    posterize,
    solarize,
)
from .conversion import pil_to_tensor, to_pil_image
from .draws import kind, whole
from .modes import InterpolationMode
from .policies import AutoAugmentPolicy, Change, changes, sequences
from .sizes import get_dimensions
from .warping import affine, rotate

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

_COLORS: dict[str, Any] = {
    "Brightness": adjust_brightness, "Color": adjust_saturation, "Contrast": adjust_contrast,
    "Sharpness": adjust_sharpness,
}  # fmt: skip
_SIMPLE: dict[str, Any] = {"AutoContrast": autocontrast, "Equalize": equalize, "Invert": invert}
_ALL = (
    "Identity ShearX ShearY TranslateX TranslateY Rotate Brightness Color Contrast Sharpness Posterize Solarize "
    "AutoContrast Equalize"
)
_AS_SEARCHED = f"{_ALL.removeprefix('Identity ')} Invert"
_SPATIAL = "ShearX ShearY TranslateX TranslateY Rotate Posterize Solarize AutoContrast Equalize"
_OF_331 = 150.0 / 331.0
"""The largest shift of AutoAugment, as a share of the side: 150 of the 331 pixels of the pictures it was found on."""


class Augmenting(nn.Module):
    """What changes a picture at random.

    Args:
        interpolation: NEAREST or BILINEAR, where pictures are turned, shifted and sheared.
        fill: what is where the picture is not, one number or one for each channel.
    """

    interpolation: InterpolationMode
    fill: Any
    _told: tuple[str, ...] = ()
    _brightest = 255.0

    def __init__(self, interpolation: InterpolationMode, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def _negative(self) -> bool:
        return whole(0, 2) == 1

    def _threshold(self, img: Any, strength: float) -> float:
        """From where on ``img``'s colors are turned around."""
        return strength

    def _drawn(self, tried: dict[str, Change]) -> tuple[str, Change]:
        return list(tried.items())[whole(0, len(tried))]

    def _either_way(self, change: Change, strength: int) -> float:
        """How strong a change is, its sign drawn."""
        if not change.strengths:
            return 0.0
        found = change.strengths[strength]
        return -found if change.signed and self._negative() else found

    def _changed(self, img: Any, name: str, strength: float) -> Any:
        """img: (..., 1 or 3, H, W); gives the same shape."""
        fill = self._fill_for(img)
        if name in _COLORS:
            return _COLORS[name](img, 1.0 + strength)
        if name in _SIMPLE:
            return _SIMPLE[name](img)
        if name == "Posterize":
            return posterize(img, int(strength))
        if name == "Solarize":
            return solarize(img, self._threshold(img, strength))
        if name == "Rotate":
            return rotate(img, strength, self.interpolation, fill=fill)
        if name == "Identity":
            return img
        across = name.endswith("X")
        if name.startswith("Shear"):
            degrees = math.degrees(math.atan(strength))
            lean = [degrees, 0.0] if across else [0.0, degrees]
            return affine(img, 0.0, [0, 0], 1.0, lean, self.interpolation, fill, [0, 0])
        shift = [int(strength), 0] if across else [0, int(strength)]
        return affine(img, 0.0, shift, 1.0, [0.0, 0.0], self.interpolation, fill)

    def _fill_for(self, img: Any) -> Any:
        """``fill`` as numbers, one for each channel of a tensor."""
        if not isinstance(img, Tensor) or self.fill is None:
            return self.fill
        if isinstance(self.fill, int | float):
            return [float(self.fill)] * get_dimensions(img)[0]
        return [float(part) for part in self.fill]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)}' for n in self._told)})"


class AutoAugment(Augmenting):
    """One of 25 pairs of changes that were found by search, each with its probability.

    Args:
        policy: on which data they were found.
        interpolation, fill: as of ``rotate``.
    Raises:
        ValueError: there is no such policy.
    Source: E. D. Cubuk and others, "AutoAugment: learning augmentation strategies from data", 2019.
    """

    _told = ("policy", "fill")

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.policy = policy
        self.policies = sequences(policy)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Any, Any]:
        """Which pair, what each probability is held against, and each sign."""
        number = whole(0, transform_num)
        held = default_generator.random((2,), kind())
        return number, held, default_generator.integers(0, 2, (2,))

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W) of bytes, or Pillow's; gives the same shape."""
        tried = self._tried(img)
        number, held, signs = self.get_params(len(self.policies))
        for k, (name, probability, strength) in enumerate(self.policies[number]):
            if held[k] <= held.dtype.type(probability):
                change = tried[name]
                found = 0.0 if strength is None else change.strengths[strength]
                img = self._changed(img, name, -found if change.signed and signs[k] == 0 else found)
        return img

    def _tried(self, img: Any) -> dict[str, Change]:
        _, height, width = get_dimensions(img)
        return changes(
            10,
            _AS_SEARCHED,
            0.3,
            (_OF_331 * width, _OF_331 * height),
            30.0,
            0.9,
            (8, 4),
            self._brightest,
        )


class RandAugment(Augmenting):
    """Several changes in a row, all of the same strength.

    Args:
        num_ops: how many.
        magnitude: which of the strengths.
        num_magnitude_bins: how many strengths there are.
        interpolation, fill: as of ``rotate``.
    Source: E. D. Cubuk and others, "RandAugment: practical automated data augmentation", 2020.
    """

    _told = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W) of bytes, or Pillow's; gives the same shape."""
        _, height, width = get_dimensions(img)
        shift = (_OF_331 * width, _OF_331 * height)
        tried = changes(
            self.num_magnitude_bins, _ALL, 0.3, shift, 30.0, 0.9, (8, 4), self._brightest
        )
        for _ in range(self.num_ops):
            name, change = self._drawn(tried)
            img = self._changed(img, name, self._either_way(change, self.magnitude))
        return img


class TrivialAugmentWide(Augmenting):
    """One change, of any strength.

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation, fill: as of ``rotate``.
    Source: S. Müller and F. Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", 2021.
    """

    _told = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W) of bytes, or Pillow's; gives the same shape."""
        tried = changes(
            self.num_magnitude_bins, _ALL, 0.99, (32.0, 32.0), 135.0, 0.99, (8, 6), self._brightest
        )
        name, change = self._drawn(tried)
        strength = whole(0, self.num_magnitude_bins) if change.strengths else 0
        return self._changed(img, name, self._either_way(change, strength))


class AugMix(Augmenting):
    """A picture mixed with several that were changed, each along a chain of changes.

    Args:
        severity: up to which of ten strengths, at least 1.
        mixture_width: how many chains.
        chain_depth: how long each is; not above 0: from 1 to 3, drawn.
        alpha: how evenly they are mixed: shares are drawn from Dirichlet(alpha, ...).
        all_ops: whether colors are changed as well.
        interpolation, fill: as of ``rotate``.
    Raises:
        ValueError: ``severity`` is not from 1 to 10.
    Source: D. Hendrycks and others, "AugMix: a simple data processing method to improve robustness and uncertainty",
    2020.
    """

    _told = (
        "severity",
        "mixture_width",
        "chain_depth",
        "alpha",
        "all_ops",
        "interpolation",
        "fill",
    )

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W) of bytes, or Pillow's; gives the same shape."""
        picture = img if isinstance(img, Tensor) else pil_to_tensor(img)
        batch = picture.reshape(*[1] * (4 - picture.ndim), *picture.shape)
        sides: Sequence[int] = [len(batch), *[1] * (batch.ndim - 1)]
        own = sample_dirichlet(full((len(batch), 2), self.alpha))
        shares = sample_dirichlet(full((len(batch), self.mixture_width), self.alpha)) * own[:, 1:]
        mixed = own[:, 0].reshape(sides) * batch
        for k in range(self.mixture_width):
            mixed = mixed + shares[:, k].reshape(sides) * self._chained(batch)
        made = mixed.reshape(picture.shape).to(picture.dtype)
        return made if isinstance(img, Tensor) else to_pil_image(made)

    def _chained(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) after a chain of changes."""
        _, height, width = get_dimensions(batch)
        names = _SPATIAL + (" Brightness Color Contrast Sharpness" if self.all_ops else "")
        tried = changes(
            10, names, 0.3, (width / 3.0, height / 3.0), 30.0, 0.9, (4, 4), self._brightest
        )
        for _ in range(self.chain_depth if self.chain_depth > 0 else whole(1, 4)):
            name, change = self._drawn(tried)
            strength = whole(0, self.severity) if change.strengths else 0
            batch = self._changed(batch, name, self._either_way(change, strength))
        return batch
