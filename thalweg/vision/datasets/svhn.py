"""House numbers in files of MATLAB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .folders import Root, Transform, VisionDataset, absent

__all__ = ["SVHN"]


class SVHN(VisionDataset):
    """Digits of house numbers, 32 x 32 pixels in colors; an item is (PIL image, class), each through its transform.

    Args:
        root: the folder that holds ``train_32x32.mat``, ``test_32x32.mat`` or ``extra_32x32.mat``.
        split: "train", "test" or "extra".
        transform: what is made of an image.
        target_transform: what is made of a class.
        download: may be True where the file is there already; Thalweg downloads nothing.
    Attributes:
        data: an array (N, 3, 32, 32) of uint8.
        labels: an array (N,) of int64.
    Raises:
        ValueError: there is no such split.
        RuntimeError: the file is not there.
    Source: Y. Netzer and others, "Reading digits in natural images with unsupervised feature learning", 2011.
    """

    def __init__(
        self,
        root: Root,
        split: str = "train",
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        if split not in ("train", "test", "extra"):
            raise ValueError(
                f"Unknown value {split!r} for argument split. Valid values are 'train', 'test', 'extra'."
            )
        self.split = split
        path = Path(str(self.root), f"{split}_32x32.mat")
        if not path.is_file():
            raise absent(self, f"file {path.name}", self.root)
        from scipy.io import loadmat

        found = loadmat(path)
        labels = found["y"].astype(np.int64).reshape(-1)
        self.labels = np.where(labels == 10, 0, labels)
        self.data = found["X"].transpose(3, 2, 0, 1)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image = Image.fromarray(self.data[index].transpose(1, 2, 0))
        return self._transformed(image, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
