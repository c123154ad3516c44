"""Data sets of images by the names of torchvision, over files that are already there: nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import Dataset
from ..tensor.creation import from_array
from .idx import read_idx

__all__ = ["FashionMNIST", "KMNIST", "MNIST"]
_PARTS = {True: "train", False: "t10k"}


class MNIST(Dataset[Any]):
    """Handwritten digits of 28 x 28 pixels; an item is (PIL image, class), each through its transform.

    Args:
        root: the folder that holds ``MNIST/raw`` with the four idx files, plain or .gz; or the files themselves.
        train: the training part, else the held-out one.
        transform: what is made of an image.
        target_transform: what is made of a class.
        download: may be True where the files are there already; Thalweg downloads nothing.
    Attributes:
        data: (N, 28, 28) uint8, the images.
        targets: (N,) int64, their classes.
    Raises:
        RuntimeError: the files are not there, or images and labels differ in number.
        ValueError: a file is damaged.
    """

    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        self.root, self.train = root, train
        self.transform, self.target_transform = transform, target_transform
        images = read_idx(self._file(f"{_PARTS[bool(train)]}-images-idx3-ubyte"))
        labels = read_idx(self._file(f"{_PARTS[bool(train)]}-labels-idx1-ubyte"))
        if len(images) != len(labels):
            raise RuntimeError(
                f"{type(self).__name__}: {len(images)} images but {len(labels)} labels under {str(root)!r}"
            )
        self._images = images
        self.data, self.targets = from_array(images), from_array(labels.astype("int64"))

    @property
    def raw_folder(self) -> str:
        """Where torchvision keeps the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def _file(self, name: str) -> Path:
        for folder in (Path(self.raw_folder), Path(self.root)):
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
        raise RuntimeError(
            f"{type(self).__name__}: no file {name} or {name}.gz in {self.raw_folder!r}: Thalweg downloads nothing; "
            "put the four idx files there"
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image: Any = Image.fromarray(self._images[index])
        target: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"    Number of datapoints: {len(self)}",
            f"    Root location: {self.root}",
            f"    Split: {'Train' if self.train else 'Test'}",
        ]
        return "\n".join(lines)


class FashionMNIST(MNIST):
    """Pictures of clothing, in MNIST's form, under ``FashionMNIST/raw``.

    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", 2017.
    """

    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Japanese cursive characters, in MNIST's form, under ``KMNIST/raw``.

    Source: T. Clanuwat and others, "Deep learning for classical Japanese literature", 2018.
    """

    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
