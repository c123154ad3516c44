"""torchvision's transforms and data sets, over numbers written down."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import thalweg as tw
from thalweg.vision import datasets, pictures, transforms

GRAY = np.array([[0, 51, 255], [102, 153, 204]], np.uint8)


def test_to_tensor() -> None:
    made = transforms.ToTensor()(Image.fromarray(GRAY))
    assert made.dtype is tw.float32 and tuple(made.shape) == (1, 2, 3)
    assert made.flatten().tolist() == pytest.approx((GRAY / 255).ravel().tolist())
    assert transforms.ToTensor()(GRAY).tolist() == made.tolist()
    colors = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for pic in (colors, Image.fromarray(colors)):
        made = transforms.ToTensor()(pic)
        assert (
            tuple(made.shape) == (3, 2, 4)
            and (made * 255).round().int()[1].tolist() == colors[..., 1].tolist()
        )
    assert transforms.ToTensor()(np.ones((2, 2))).dtype is tw.float64
    assert transforms.ToTensor()(Image.fromarray(GRAY > 100)).tolist() == [[[0, 0, 1], [1, 1, 1]]]
    kept = transforms.PILToTensor()(Image.fromarray(GRAY))
    assert kept.dtype is tw.uint8 and kept[0].tolist() == GRAY.tolist()


def test_normalize_one_after_another() -> None:
    steps = [
        transforms.ToTensor(),
        transforms.Lambda(lambda x: x * 5),
        transforms.Normalize((1.0,), (2.0,)),
    ]
    chain = transforms.Compose(steps)
    assert chain(GRAY)[0].tolist() == [
        pytest.approx([-0.5, 0, 2], abs=1e-6),
        pytest.approx([0.5, 1, 1.5], abs=1e-6),
    ]
    assert (
        repr(chain)
        == "Compose(\n    ToTensor()\n    Lambda()\n    Normalize(mean=(1.0,), std=(2.0,))\n)"
    )
    x = tw.ones(2, 3, 1, 1)
    made = transforms.Normalize([0.0, 1, 2], [1.0, 1, 2])(x)
    assert made[1].flatten().tolist() == [1, 0, -0.5] and x.min().item() == 1
    assert transforms.Normalize(1, 1, inplace=True)(x) is x and x.abs().max().item() == 0


ERRORS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "a list": (TypeError, lambda: transforms.ToTensor()([1, 2])),
    "one axis": (ValueError, lambda: transforms.ToTensor()(np.ones(3))),
    "no function": (TypeError, lambda: transforms.Lambda(3)),  # type: ignore[arg-type]
    "whole numbers": (TypeError, lambda: transforms.Normalize(0, 1)(tw.ones(1, 2, 2).int())),
    "an image": (TypeError, lambda: transforms.Normalize(0, 1)(Image.fromarray(GRAY))),
    "no channels": (ValueError, lambda: transforms.Normalize(0, 1)(tw.ones(2, 2))),
    "std of 0": (ValueError, lambda: transforms.Normalize((0.0,), (0.0,))(tw.ones(1, 2, 2))),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    kind, call = ERRORS[name]
    with pytest.raises(kind):
        call()


def files(folder: Path, count: int, labels: int) -> None:
    folder.mkdir(parents=True)
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2)
    head = struct.pack(">BBBB3I", 0, 0, 8, 3, count, 2, 2)
    (folder / "train-images-idx3-ubyte").write_bytes(head + images.tobytes())
    head = struct.pack(">BBBBI", 0, 0, 8, 1, labels)
    (folder / "train-labels-idx1-ubyte").write_bytes(head + bytes(range(labels)))


@pytest.mark.parametrize("kind", [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST])
def test_files_that_are_there(kind: type[datasets.MNIST], tmp_path: Path) -> None:
    files(tmp_path / kind.__name__ / "raw", 5, 5)
    found = kind(tmp_path, download=True)
    assert (
        len(found) == 5
        and found.data.dtype is tw.uint8
        and found.targets.tolist() == [0, 1, 2, 3, 4]
    )
    image, target = found[3]
    assert image.mode == "L" and np.asarray(image).tolist() == [[12, 13], [14, 15]] and target == 3
    assert len(found.classes) == 10 and found.class_to_idx[found.classes[9]] == 9
    assert repr(found).startswith(f"Dataset {kind.__name__}\n    Number of datapoints: 5\n")
    made = kind(tmp_path, transform=transforms.ToTensor(), target_transform=lambda t: -t)
    x, y = next(iter(tw.utils.data.DataLoader(made, batch_size=5)))
    assert tuple(x.shape) == (5, 1, 2, 2) and y.tolist() == [0, -1, -2, -3, -4]


def test_files_in_the_folder_itself(tmp_path: Path) -> None:
    files(tmp_path / "data", 2, 2)
    assert len(datasets.MNIST(str(tmp_path / "data"))) == 2


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(
        RuntimeError,
        match="MNIST: no file t10k-images-idx3-ubyte or .*downloads nothing; put the data set",
    ):
        datasets.MNIST(tmp_path, train=False, download=True)
    files(tmp_path / "data", 3, 2)
    with pytest.raises(RuntimeError, match="3 images but 2 labels"):
        datasets.MNIST(tmp_path / "data")


def test_images_on_one_sheet(tmp_path: Path) -> None:
    images = tw.arange(3.0).reshape(3, 1, 1, 1).expand(3, 1, 2, 1) / 2
    sheet = pictures.make_grid(images, nrow=2, padding=1, pad_value=9)
    assert tuple(sheet.shape) == (3, 7, 5)
    rows = [
        [9, 9, 9, 9, 9],
        [9, 0, 9, 0.5, 9],
        [9, 0, 9, 0.5, 9],
        [9, 9, 9, 9, 9],
        [9, 1, 9, 9, 9],
        [9, 1, 9, 9, 9],
    ]
    assert sheet[1].tolist() == [*rows, [9] * 5]
    assert pictures.make_grid([images[0], images[1]], padding=0)[0].tolist() == [[0, 0.5], [0, 0.5]]
    assert tuple(pictures.make_grid(tw.ones(4, 5)).shape) == (3, 4, 5)
    scaled = pictures.make_grid(images * 8 - 4, padding=0, normalize=True)
    assert scaled[0, 0].tolist() == [0, 0.5, 1]
    ranged = pictures.make_grid(images * 8 - 4, padding=0, normalize=True, value_range=(-2, 2))
    assert ranged[0, 0].tolist() == [0, 0.5, 1]
    assert pictures.make_grid(images, padding=0, normalize=True, scale_each=True)[
        0, 0
    ].tolist() == [0, 0, 0]
    pictures.save_image(images, tmp_path / "sheet.png", padding=0)
    assert np.asarray(Image.open(tmp_path / "sheet.png"))[0, :, 2].tolist() == [0, 128, 255]
    with pytest.raises(TypeError, match="tensor or list of tensors expected"):
        pictures.make_grid(3)  # type: ignore[arg-type]
