"""Which changes are tried at random, how strong each may be, and the sequences that AutoAugment's authors found.

Strengths are those of the papers named beside ``augmenting``'s classes; sequences are written as they print them: what
is done, with which probability, at which of ten strengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import numpy as np

from ...tensor.creation import linspace

__all__ = ["AutoAugmentPolicy", "Change", "changes", "sequences"]

Step = tuple[str, float, int | None]


class AutoAugmentPolicy(Enum):
    """Which data the sequences of AutoAugment were searched on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


class Change(NamedTuple):
    """One kind of change: how strong, from weakest to strongest (none: there is one strength), and if either way."""

    strengths: tuple[float, ...]
    signed: bool = False


def changes(
    bins: int, names: str, lean: float, shift: tuple[float, float], turn: float, color: float, bits: tuple[int, int],
    brightest: float,
) -> dict[str, Change]:  # fmt: skip
    """Kinds of change by name, in the order of ``names``.

    Args:
        bins: how many strengths there are of each.
        names: what is tried, one word each.
        lean: the largest tangent of a shear.
        shift: the largest shift across and down, in pixels.
        turn: the largest turn in degrees.
        color: by how much a color's factor leaves 1 at most.
        bits: how many bits of a color are left at least change, and how many fewer at the largest.
        brightest: from where on colors are turned around at least change.
    """
    ends = {
        "ShearX": lean, "ShearY": lean, "TranslateX": shift[0], "TranslateY": shift[1], "Rotate": turn,
        "Brightness": color, "Color": color, "Contrast": color, "Sharpness": color,
    }  # fmt: skip

    def change(name: str) -> Change:
        if name in ends:
            return Change(_steps(0.0, ends[name], bins), signed=True)
        if name == "Posterize":
            return Change(tuple(_bits(bins, *bits)))
        if name == "Solarize":
            return Change(_steps(brightest, 0.0, bins))
        return Change(())

    return {name: change(name) for name in names.split()}


def _steps(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(linspace(first, last, count).tolist())


def _bits(count: int, most: int, fewer: int) -> Iterator[float]:
    """``count`` numbers of bits from ``most`` down by ``fewer``, a half going to the even side."""
    for k in range(count):
        part = np.float32(k) / np.float32((count - 1) / fewer) if count > 1 else 0.0
        yield float(most - int(np.round(part)))


def sequences(policy: AutoAugmentPolicy) -> list[tuple[Step, Step]]:
    """The 25 pairs of steps of a policy.

    Raises:
        ValueError: there is no such policy.
    Source: E. D. Cubuk and others, "AutoAugment: learning augmentation strategies from data", 2019, tables 7 to 9.
    """
    if policy not in _TABLES:
        raise ValueError(f"The provided policy {policy} is not recognized.")
    return [
        (_step(a), _step(b)) for a, b in (line.split(",") for line in _TABLES[policy].split(";"))
    ]


def _step(text: str) -> Step:
    name, tenths, *strength = text.split()
    return name, int(tenths) / 10, int(strength[0]) if strength else None


_TABLES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 4 8, Rotate 6 9; Solarize 6 5, AutoContrast 6; Equalize 8, Equalize 6;
        Posterize 6 7, Posterize 6 6; Equalize 4, Solarize 2 4; Equalize 4, Rotate 8 8;
        Solarize 6 3, Equalize 6; Posterize 8 5, Equalize 10; Rotate 2 3, Solarize 6 8;
        Equalize 6, Posterize 4 6; Rotate 8 8, Color 4 0; Rotate 4 9, Equalize 6;
        Equalize 0, Equalize 8; Invert 6, Equalize 10; Color 6 4, Contrast 10 8;
        Rotate 8 8, Color 10 2; Color 8 8, Solarize 8 7; Sharpness 4 7, Invert 6;
        ShearX 6 5, Equalize 10; Color 4 0, Equalize 6; Equalize 4, Solarize 2 4;
        Solarize 6 5, AutoContrast 6; Invert 6, Equalize 10; Color 6 4, Contrast 10 8;
        Equalize 8, Equalize 6""",
    AutoAugmentPolicy.CIFAR10: """
        Invert 1, Contrast 2 6; Rotate 7 2, TranslateX 3 9; Sharpness 8 1, Sharpness 9 3;
        ShearY 5 8, TranslateY 7 9; AutoContrast 5, Equalize 9; ShearY 2 7, Posterize 3 7;
        Color 4 3, Brightness 6 7; Sharpness 3 9, Brightness 7 9; Equalize 6, Equalize 5;
        Contrast 6 7, Sharpness 6 5; Color 7 7, TranslateX 5 8; Equalize 3, AutoContrast 4;
        TranslateY 4 3, Sharpness 2 6; Brightness 9 6, Color 2 8; Solarize 5 2, Invert 0;
        Equalize 2, AutoContrast 6; Equalize 2, Equalize 6; Color 9 9, Equalize 6;
        AutoContrast 8, Solarize 2 8; Brightness 1 3, Color 7 0; Solarize 4 5, AutoContrast 9;
        TranslateY 9 9, TranslateY 7 9; AutoContrast 9, Solarize 8 3; Equalize 8, Invert 1;
        TranslateY 7 9, AutoContrast 9""",
    AutoAugmentPolicy.SVHN: """
        ShearX 9 4, Invert 2; ShearY 9 8, Invert 7; Equalize 6, Solarize 6 6;
        Invert 9, Equalize 6; Equalize 6, Rotate 9 3; ShearX 9 4, AutoContrast 8;
        ShearY 9 8, Invert 4; ShearY 9 5, Solarize 2 6; Invert 9, AutoContrast 8;
        Equalize 6, Rotate 9 3; ShearX 9 4, Solarize 3 3; ShearY 8 8, Invert 7;
        Equalize 9, TranslateY 6 6; Invert 9, Equalize 6; Contrast 3 3, Rotate 8 4;
        Invert 8, TranslateY 0 2; ShearY 7 6, Solarize 4 8; Invert 6, Rotate 8 4;
        ShearY 3 7, TranslateX 9 3; ShearX 1 6, Invert 6; Solarize 7 2, TranslateY 6 7;
        ShearY 8 4, Invert 8; ShearX 7 9, TranslateY 8 3; ShearY 8 5, AutoContrast 7;
        ShearX 7 2, Invert 1""",
}
