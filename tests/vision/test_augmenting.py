"""Changes drawn from many kinds, against numbers that torchvision 0.28 gave at the same seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import thalweg as tw
from thalweg.vision import transforms
from thalweg.vision.transforms import v2

ELEMENTS = (np.arange(3 * 9 * 11) * 37 % 256).reshape(3, 9, 11).astype(np.uint8)
# fmt: off
KNOWN: dict[str, list[list[float]]] = {
    'AutoAugment()': [[739.015, 739.015, 216.439, -722.402, -413.289, -722.402, 739.015, 134.807, 1100.396, 739.015, 739.015, 1277.488], [739.015, 739.015, 1304.183, -664.169, 38.099, -722.402, 739.015, -367.849, 294.311, 739.015, 739.015, -954.037]],
    'AutoAugment(AutoAugmentPolicy.CIFAR10, fill=3)': [[739.015, -369.585, 739.015, 733.931, 738.04, 739.015, 739.015, 739.015, 739.015, -369.585, 739.015, 739.015], [739.015, -369.585, 739.015, 733.931, 738.04, 739.015, 739.015, 739.015, 739.015, -369.585, 739.015, 739.015]],
    'AutoAugment(AutoAugmentPolicy.SVHN, InterpolationMode.BILINEAR, [1, 2, 3])': [[-364.593, -152.216, -287.17, 505.802, 749.63, -131.379, 321.517, -364.593, 739.015, 181.005, -388.644, -384.184], [-364.593, -152.216, -336.921, 550.1, 281.072, -131.379, 749.63, -364.593, 739.015, -152.216, 183.541, 568.443]],
    'RandAugment()': [[-511.801, -52.245, -624.69, 733.053, 538.701, 283.992, -198.293, 236.568, 39.72, -214.441, -335.713, -90.882], [-52.245, -52.245, -624.69, 733.053, 538.701, 447.707, 42.749, 766.669, 39.72, -427.708, -303.059, -90.882]],
    'RandAugment(3, 15, 20, InterpolationMode.BILINEAR, 7)': [[1337.395, 297.931, -600.586, -537.31, -146.351, 219.33, 213.116, 34.082, -267.202, 177.968, -249.353, 187.439], [580.295, -178.525, -600.586, -537.31, -146.351, -130.286, 7.535, 39.552, -267.202, 500.354, -47.315, 187.439]],
    'TrivialAugmentWide()': [[0.0, 1276.648, -1703.792, 733.931, 611.013, 68.039, -1703.792, 132.38, 599.081, 0.0, 849.696, -159.782], [0.0, -46.49, -1062.687, 733.931, 611.013, 474.577, -1062.687, -255.818, 1036.353, 0.0, 590.316, -196.712]],
    'AugMix()': [[699.95, 754.426, 749.519, 731.221, 690.761, 547.5, 907.674, 357.018, 691.382, 699.43, 689.671, 600.216], [700.519, 676.587, 740.737, 731.455, 595.55, 615.105, 931.631, 388.495, 698.748, 699.43, 688.262, 563.469]],
    'AugMix(7, 2, 2, 0.5, False)': [[82.088, 503.264, 576.085, 540.837, 737.643, 535.426, 713.033, 681.091, 418.511, 736.656, 659.807, 719.417], [82.088, 503.264, 602.032, 519.703, 736.115, 628.465, 705.962, 681.091, 332.795, 736.656, 659.807, 700.337]],
}
# fmt: on
"""By the first version and by the second: the elements weighed by cosines of their places, at seeds 0 to 11."""


def made(module: Any, text: str) -> Any:
    return eval(text, {name: getattr(module, name) for name in module.__all__})


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("text", KNOWN)
def test_the_same_seed_gives_the_same_picture(text: str, version: int) -> None:
    transform = made((transforms, v2)[version], text)
    picture = Image.fromarray(np.moveaxis(ELEMENTS, 0, 2))
    for seed, expected in enumerate(KNOWN[text][version]):
        tw.manual_seed(seed)
        elements = np.moveaxis(np.asarray(transform(picture), float), 2, 0).ravel()
        told = (elements * np.cos(np.arange(elements.size))).sum()
        assert told == pytest.approx(expected, abs=3.0 if "AugMix" in text else 1e-3), seed


@pytest.mark.parametrize("module", [transforms, v2])
@pytest.mark.parametrize("text", KNOWN)
def test_tensors_of_bytes_keep_their_shape(text: str, module: Any) -> None:
    tw.manual_seed(1)
    assert made(module, text)(tw.tensor(ELEMENTS)).shape == (3, 9, 11)
    pictures = made(module, text)(tw.tensor(np.stack([ELEMENTS, ELEMENTS])))
    assert pictures.shape == (2, 3, 9, 11) and pictures.dtype is tw.uint8


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="policy"):
        transforms.AutoAugment("imagenet")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="severity"):
        transforms.AugMix(severity=11)
    with pytest.raises(ValueError, match="non-negative"):
        v2.RandAugment(-1)


def test_they_say_what_they_are() -> None:
    assert (
        repr(transforms.AutoAugment())
        == "AutoAugment(policy=AutoAugmentPolicy.IMAGENET, fill=None)"
    )
    assert repr(transforms.TrivialAugmentWide(7)) == (
        "TrivialAugmentWide(num_magnitude_bins=7, interpolation=InterpolationMode.NEAREST, fill=None)"
    )
