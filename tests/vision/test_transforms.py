"""Transforms against numbers that torchvision 0.28 gave at the same seeds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

import thalweg as tw
from thalweg.vision import transforms
from thalweg.vision.transforms import InterpolationMode, functional, v2

ELEMENTS = (np.arange(3 * 9 * 11) * 37 % 256).reshape(3, 9, 11).astype(np.uint8)
NAMES = {name: getattr(transforms, name) for name in transforms.__all__}
KNOWN: dict[str, list[list[float] | None]] = {
    'RandomHorizontalFlip(0.9)': [[3, 9, 11, 146.5882, 1.718984], [3, 9, 11, 37380.0, 438.3409]],
    'RandomVerticalFlip(0.9)': [[3, 9, 11, 146.5882, 2.78588], [3, 9, 11, 37380.0, 710.3994]],
    'RandomCrop((5, 6), 2)': [[3, 5, 6, 25.84706, -0.4044543], [3, 5, 6, 6591.0, -103.1358]],
    'RandomCrop((12, 8), pad_if_needed=True, padding_mode="reflect")': [[3, 12, 8, 141.8039, -5.767851], [3, 12, 8, 36160.0, -1470.802]],
    'RandomResizedCrop(6)': [[3, 6, 6, 53.48924, 0.5185631], [3, 6, 6, 13639.0, 133.7177]],
    'RandomRotation(40)': [[3, 9, 11, 130.4627, -1.620743], [3, 9, 11, 33268.0, -413.2893]],
    'RandomRotation((10, 80), expand=True, fill=3, center=(4, 4))': [[3, 15, 14, 1155.435, 5.537665], [3, 15, 14, 38604.0, 387.5994]],
    'RandomRotation(40, InterpolationMode.BILINEAR)': [[3, 9, 11, 122.6586, -1.370836], [3, 9, 11, 31277.0, -347.1188]],
    'RandomAffine(20, (0.2, 0.3), (0.5, 1.5), (-10, 10, -5, 5), fill=1)': [[3, 9, 11, 165.6824, -7.076772], [3, 9, 11, 33867.0, -1998.018]],
    'RandomPerspective(0.5, 0.9)': [[3, 9, 11, 60.73607, -2.087552], [3, 9, 11, 15489.0, -532.1549]],
    'ColorJitter(0.4, 0.3, 0.2, 0.1)': [[3, 9, 11, 199.9326, 0.9292476], [3, 9, 11, 50686.0, 243.964]],
    'RandomGrayscale(0.9)': [[3, 9, 11, 146.2669, -0.8737904], [3, 9, 11, 37155.0, -224.9839]],
    'GaussianBlur((3, 5))': [[3, 9, 11, 147.7875, 0.6713294], [3, 9, 11, 37682.0, 173.8777]],
    'RandomInvert(0.9)': [[3, 9, 11, 150.4118, -1.429777], [3, 9, 11, 38355.0, -364.5932]],
    'RandomSolarize(0.3, 0.9)': [[3, 9, 11, 86.38823, -1.183087], [3, 9, 11, 37845.0, -609.4465]],
    'RandomAdjustSharpness(2, 0.9)': [[3, 9, 11, 146.5671, 3.515767], [3, 9, 11, 37375.0, 896.3238]],
    'RandomAutocontrast(0.9)': [[3, 9, 11, 146.9738, 2.886019], [3, 9, 11, 37381.0, 733.9306]],
    'RandomApply([Pad(1), CenterCrop(4)], 0.9)': [[3, 4, 4, 24.53333, 3.188249], [3, 4, 4, 6256.0, 813.0036]],
    'RandomOrder([RandomCrop(5), Pad(1), RandomHorizontalFlip()])': [[3, 7, 7, 38.8902, -1.056603], [3, 7, 7, 9917.0, -269.4338]],
    'RandomChoice([RandomCrop(5), Pad(1), RandomHorizontalFlip()])': [[3, 11, 13, 146.5882, -1.857828], [3, 11, 13, 37380.0, -473.7461]],
    'Resize(5)': [[3, 5, 6, 44.48792, 0.4274774], [3, 5, 6, 11346.0, 106.371]],
    'Resize((13, 7), InterpolationMode.BICUBIC)': [[3, 13, 7, 134.8132, -1.045163], [3, 13, 7, 34390.0, -268.1958]],
    'Resize((4, 20), InterpolationMode.NEAREST)': [[3, 4, 20, 121.9922, 1.669193], [3, 4, 20, 31108.0, 425.6442]],
    'Pad((1, 2), padding_mode="symmetric")': [[3, 13, 13, 245.0039, -1.134876], [3, 13, 13, 62476.0, -289.3933]],
    'Grayscale(3)': [[3, 9, 11, 146.2669, -0.8737904], [3, 9, 11, 37155.0, -224.9839]],
    'RandomErasing(0.9, value="random")': [[3, 9, 11, 137.4418, -1.088386], [3, 9, 11, 36298.0, 872.1873]],
    'RandomErasing(0.9)': [[3, 9, 11, 141.1373, 3.049923], [3, 9, 11, 35990.0, 777.7303]],
    'RandomEqualize(0.9)': [None, [3, 9, 11, 37380.0, 739.0154]],
    'RandomPosterize(2, 0.9)': [None, [3, 9, 11, 28032.0, 575.6296]],
}  # fmt: skip
"""Of a picture of floats and of one of bytes: the result's shape, sum, and sum weighed by cosines of the places."""
EXACT = (
    "Flip",
    "Crop((",
    "RandomRotation(40)",
    "Pad((",
    "Invert",
    "Posterize",
    "Equalize",
)


def pictures() -> list[Any]:
    """Of floats, of bytes, and Pillow's."""
    whole = tw.tensor(ELEMENTS)
    return [whole / 255, whole, Image.fromarray(np.moveaxis(ELEMENTS, 0, 2))]


def changed(text: str, picture: Any) -> Any:
    transform = eval(text, NAMES)
    tw.manual_seed(5)
    random.seed(5)
    return transform(picture)


def told(x: Any) -> list[float]:
    a = x.double().numpy()
    return [*a.shape, a.sum(), (a.ravel() * np.cos(np.arange(a.size))).sum()]


@pytest.mark.parametrize("text", KNOWN)
def test_the_same_seed_gives_the_same_picture(text: str) -> None:
    for picture, expected, tiny in zip(pictures(), KNOWN[text], (1e-3, 3.0), strict=False):
        if expected is None:
            with pytest.raises(TypeError):
                changed(text, picture)
            continue
        made = changed(text, picture)
        assert made.dtype is picture.dtype
        assert told(made) == pytest.approx(
            expected, rel=1e-5, abs=tiny if "Resize" in text else tiny / 3
        )


@pytest.mark.parametrize("text", [text for text in KNOWN if any(part in text for part in EXACT)])
def test_pictures_of_pillow_change_as_tensors_do(text: str) -> None:
    _, whole, picture = pictures()
    made, shown = changed(text, whole), changed(text, picture)
    assert np.array_equal(made.numpy(), np.moveaxis(np.asarray(shown), 2, 0))
    assert drawn_after(text, whole) == drawn_after(text, picture)


def drawn_after(text: str, picture: Any) -> float:
    changed(text, picture)
    return float(tw.rand(1))


def test_conversions_of_types() -> None:
    x = tw.tensor([[0.0, 0.5, 1.0]])
    to = functional.convert_image_dtype
    assert to(x, tw.uint8).tolist() == [[0, 127, 255]]
    assert to(to(x, tw.uint8), tw.int16).tolist() == [[0, 16256, 32640]]
    assert to(to(x, tw.int16), tw.uint8).tolist() == [[0, 127, 255]]
    assert to(tw.tensor([[0, 51, 255]], dtype=tw.uint8), tw.float64).tolist() == [[0, 0.2, 1]]
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        to(x, tw.int32)
    assert transforms.ConvertImageDtype(tw.float64)(x).dtype is tw.float64


def test_tensors_as_pictures_and_back() -> None:
    floats, whole, picture = pictures()
    for x in (floats, whole, np.moveaxis(ELEMENTS, 0, 2)):
        made = transforms.ToPILImage()(x)
        assert made.mode == "RGB" and np.array_equal(np.asarray(made), np.asarray(picture))
    assert transforms.ToPILImage("HSV")(whole).mode == "HSV"
    modes = {"L": whole[:1], "LA": whole[:2], "I": whole[0].int(), "I;16": whole[0].short()}
    assert [functional.to_pil_image(x).mode for x in modes.values()] == list(modes)
    assert functional.to_pil_image(floats[0], "F").getpixel((1, 0)) == pytest.approx(37 / 255)
    assert repr(transforms.ToPILImage("HSV")) == "ToPILImage(mode=HSV)"


def test_corners() -> None:
    _, whole, picture = pictures()
    five = transforms.FiveCrop((2, 3))(whole)
    places = [(0, 0), (0, 8), (7, 0), (7, 8), (4, 4)]
    for made, (top, left) in zip(five, places, strict=True):
        assert np.array_equal(made.numpy(), ELEMENTS[:, top : top + 2, left : left + 3])
    ten = transforms.TenCrop((2, 3))(picture)
    assert len(ten) == 10 and np.array_equal(np.asarray(ten[0]), np.moveaxis(five[0].numpy(), 0, 2))
    assert np.array_equal(np.asarray(ten[5])[:, ::-1], np.moveaxis(five[1].numpy(), 0, 2))


def test_colors() -> None:
    red = tw.tensor([1.0, 0, 0]).reshape(3, 1, 1)
    assert functional.adjust_hue(red, 1 / 3).flatten().tolist() == pytest.approx(
        [0, 1, 0], abs=1e-6
    )
    assert functional.adjust_saturation(red, 0.0).flatten().tolist() == pytest.approx([0.2989] * 3)
    assert functional.adjust_gamma(red / 4, 0.5, 2).flatten().tolist() == [1, 0, 0]
    assert functional.adjust_brightness(red, 0.25).sum().item() == 0.25
    _, whole, picture = pictures()
    for change in (functional.adjust_hue, functional.adjust_gamma):
        far = (
            np.moveaxis(np.asarray(change(picture, 0.3)).astype(int), 2, 0)
            - change(whole, 0.3).numpy()
        )
        assert np.abs(far).mean() < 3


def test_seen_from_aside() -> None:
    whole = pictures()[1]
    corners = [[0, 0], [10, 0], [10, 8], [0, 8]]
    same = functional.perspective(whole, corners, corners, InterpolationMode.NEAREST)
    assert np.array_equal(same.numpy(), ELEMENTS)
    right = [[x + 1, y] for x, y in corners]
    moved = functional.perspective(whole, corners, right, InterpolationMode.NEAREST, fill=[1, 2, 3])
    assert np.array_equal(moved.numpy()[:, :, 1:], ELEMENTS[:, :, :-1])
    assert moved.numpy()[:, 4, 0].tolist() == [1, 2, 3]


TOLD = {
    "Resize(5)": "Resize(size=5, interpolation=bilinear, max_size=None, antialias=True)",
    "RandomResizedCrop(6)": "RandomResizedCrop(size=(6, 6), scale=(0.08, 1.0), ratio=(0.75, 1.3333), "
    "interpolation=bilinear, antialias=True)",
    "RandomRotation(40)": "RandomRotation(degrees=[-40.0, 40.0], interpolation=nearest, expand=False, fill=0)",
    "RandomAffine(5, shear=3)": "RandomAffine(degrees=[-5.0, 5.0], shear=[-3.0, 3.0])",
    "ColorJitter(0.5)": "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=None)",
    "RandomErasing()": "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)",
    "RandomApply([Pad(1)])": "RandomApply(\n    p=0.5\n    Pad(padding=1, fill=0, padding_mode=constant)\n)",
    "RandomCrop(4, 2)": "RandomCrop(size=(4, 4), padding=2)",
}


@pytest.mark.parametrize("text", TOLD)
def test_texts(text: str) -> None:
    assert repr(eval(text, NAMES)) == TOLD[text]


WRONG = {
    "Resize('5')": TypeError, "Resize((1, 2, 3))": ValueError, "CenterCrop((1, 2, 3))": ValueError,
    "RandomCrop(20)(x)": ValueError, "Pad((1, 2, 3))": ValueError, "Pad(1, padding_mode='odd')": ValueError,
    "FiveCrop(20)(x)": ValueError, "RandomRotation(-1)": ValueError, "RandomAffine(1, (2, 0))": ValueError,
    "RandomAffine(1, scale=(0, 1))": ValueError, "RandomErasing(value='x')": ValueError, "RandomErasing(p=2)": ValueError,
    "ColorJitter(-1)": ValueError, "ColorJitter(hue=0.7)": ValueError, "ColorJitter('x')": TypeError,
    "GaussianBlur(4)": ValueError, "RandomPosterize(9, 1.0)(x)": ValueError, "RandomSolarize(2.0, 1.0)(x)": TypeError,
    "ToPILImage()(3)": TypeError, "ToPILImage('L')(x)": ValueError, "Grayscale(2)(x)": ValueError,
    "RandomVerticalFlip(1.0)(3)": TypeError, "Resize(3, InterpolationMode.BOX)(x)": ValueError,
    "Resize(3, 'bilinear')": TypeError, "RandomOrder(3)": TypeError, "RandomRotation(5, fill='x')(x)": ValueError,
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_errors(text: str) -> None:
    with pytest.raises(WRONG[text]):
        eval(text, {**NAMES, "x": pictures()[0]})


def test_second_version() -> None:
    floats, whole, picture = pictures()
    chain = v2.Compose([v2.ToImage(), v2.Resize(5), v2.ToDtype(tw.float32, scale=True)])
    for x in (whole, picture, np.moveaxis(ELEMENTS, 0, 2)):
        made = chain(x)
        assert (
            tuple(made.shape) == (3, 5, 6)
            and made.dtype is tw.float32
            and 0.6 < made.max().item() < 0.7
        )
    assert v2.ToDtype(tw.float64)(whole).max().item() == 255
    assert v2.RGB()(floats[:1]).shape == floats.shape
    assert np.array_equal(v2.functional.horizontal_flip(whole).numpy(), ELEMENTS[:, :, ::-1])
    tw.manual_seed(3)
    assert v2.RandomChoice([lambda x: 0, lambda x: 1], p=[0, 1])(floats) == 1
    steps = [lambda x, k=k: [*x, k] for k in range(4)]
    assert sorted(v2.RandomOrder(steps)([])) == [0, 1, 2, 3]
    noisy = v2.GaussianNoise(sigma=0.5)(floats)
    assert noisy.min().item() == 0 and noisy.max().item() == 1


MIXED = ([58.01241, 0.06301287, 0.0, 0.9369872], [459.4499, 0.7, 0.0, 0.3])


def test_batches_mixed() -> None:
    """Against what torchvision 0.28 gave."""
    images, labels = tw.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5), tw.tensor([0, 2])
    weighed = tw.arange(120.0).cos()
    for kind, expected in ((v2.MixUp, MIXED[0]), (v2.CutMix, MIXED[1])):
        tw.manual_seed(0)
        made, shares = kind(alpha=0.7, num_classes=3)(images, labels)
        assert [(made.flatten() * weighed).sum().item(), *shares[0].tolist()] == pytest.approx(
            expected, rel=1e-4
        )
    with pytest.raises(ValueError, match="num_classes must be passed"):
        v2.MixUp()(images, labels)


def test_what_trained_networks_see() -> None:
    from thalweg.vision.models import ResNet50_Weights

    prepare = ResNet50_Weights.IMAGENET1K_V2.transforms()
    made = prepare(Image.new("RGB", (300, 280), (255, 0, 128)))
    assert tuple(made.shape) == (3, 224, 224)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    assert made[:, 100, 100].tolist() == pytest.approx(expected, rel=1e-5)
    assert "resize_size=[232]" in repr(prepare)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RandomResizedCrop(6)", [221.522, 174.389, 372.474]),
        ("RandomHorizontalFlip()", [438.341, 739.015, 438.341]),
        ("RandomRotation(40)", [-597.969, -258.78, -504.254]),
        ("AutoAugment()", [739.015, 373.125, 739.015]),
    ],
)
def test_draws_are_of_the_default_type(text: str, expected: list[float]) -> None:
    tw.set_default_dtype(tw.float64)
    try:
        for seed, number in enumerate(expected, 1):
            tw.manual_seed(seed)
            picture = eval(text, NAMES)(Image.fromarray(np.moveaxis(ELEMENTS, 0, 2)))
            elements = np.moveaxis(np.asarray(picture, float), 2, 0).ravel()
            told = (elements * np.cos(np.arange(elements.size))).sum()
            assert told == pytest.approx(number, abs=1e-3), seed
    finally:
        tw.set_default_dtype(tw.float32)
