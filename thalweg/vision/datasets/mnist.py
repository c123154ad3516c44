"""Small gray pictures in idx files: digits, clothes, characters."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

from ...tensor import Tensor
from ...tensor.creation import from_array
from ..idx import read_idx
from .folders import Root, Transform, VisionDataset

__all__ = ["EMNIST", "FashionMNIST", "KMNIST", "MNIST"]


class MNIST(VisionDataset):
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
    Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", 1998.
    """

    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    ]  # fmt: skip
    data: Tensor
    targets: Tensor

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.train = train
        folders = Path(self.raw_folder), Path(root)
        images = read_idx(self._file(folders, f"{self._prefix}-images-idx3-ubyte"))
        labels = read_idx(self._file(folders, f"{self._prefix}-labels-idx1-ubyte"))
        if len(images) != len(labels):
            raise RuntimeError(
                f"{type(self).__name__}: {len(images)} images but {len(labels)} labels under {str(root)!r}"
            )
        self.data, self.targets = from_array(images), from_array(labels.astype("int64"))

    @property
    def _prefix(self) -> str:
        """How the names of the files begin."""
        return "train" if self.train else "t10k"

    @property
    def raw_folder(self) -> str:
        """Where torchvision keeps the files."""
        return os.path.join(str(self.root), type(self).__name__, "raw")

    @property
    def train_data(self) -> Tensor:
        """``data``, by its name in earlier torchvisions."""
        return self.data

    @property
    def train_labels(self) -> Tensor:
        """``targets``, by their name in earlier torchvisions."""
        return self.targets

    test_data, test_labels = train_data, train_labels

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image = Image.fromarray(self.data.numpy()[index])
        return self._transformed(image, int(self.targets[index]))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


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


_ALIKE = set("cijklmopsuvwxyz")
"""Letters whose small and capital forms are one class where they are merged."""
_MERGED = sorted(set(string.digits + string.ascii_letters) - _ALIKE)


class EMNIST(MNIST):
    """Handwritten letters and digits, in MNIST's form, under ``EMNIST/raw``, in files ``emnist-letters-train-...``.

    Args:
        root: the folder that holds ``EMNIST/raw``.
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        further: ``train`` and the other arguments of MNIST.
    Raises:
        ValueError: there is no such split.
    Source: G. Cohen and others, "EMNIST: an extension of MNIST to handwritten letters", 2017.
    """

    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": sorted(string.digits + string.ascii_letters),
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: Root, split: str, **further: Any) -> None:
        if split not in self.splits:
            raise ValueError(
                f"Unknown value {split!r} for argument split. Valid values are {set(self.splits)}."
            )
        self.split = split
        super().__init__(root, **further)
        self.classes = self.classes_split_dict[split]

    @property
    def _prefix(self) -> str:
        return f"emnist-{self.split}-{'train' if self.train else 'test'}"
