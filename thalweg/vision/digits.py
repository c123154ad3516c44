"""Data sets of labelled images, as tensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import TensorDataset
from ..tensor import Tensor
from ..tensor.creation import from_array
from .idx import read_idx


class LabelledImages(NamedTuple):
    """A training part and a held-out part.

    Attributes:
        x, y: (N, H, W) float32 in [0, 1] and (N,) int64 to train on.
        x_test, y_test: (M, H, W) and (M,) to judge by.
        classes: what the numbers in ``y`` stand for.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[str, ...]

    @property
    def train(self) -> TensorDataset:
        return TensorDataset(self.x, self.y)

    @property
    def test(self) -> TensorDataset:
        return TensorDataset(self.x_test, self.y_test)


_DIGITS = tuple("0123456789")


def digits(seed: int = 0) -> LabelledImages:
    """scikit-learn's 1,797 real handwritten digits of 8 x 8 pixels, a quarter held out.

    The held-out quarter has as many of each digit as the whole; ``seed`` chooses it.
    Source: E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI repository, 1998.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bundle = load_digits()
    images = (bundle.images / 16).astype(np.float32)
    parts = train_test_split(
        images, bundle.target, test_size=0.25, random_state=seed, stratify=bundle.target
    )
    x, x_test, y, y_test = (_tensor(p) for p in parts)
    return LabelledImages(x, y, x_test, y_test, _DIGITS)


def _tensor(array: Any) -> Tensor:
    kind = np.float32 if array.dtype.kind == "f" else np.int64
    return from_array(np.array(array, dtype=kind, order="C"))


def idx_folder(
    folder: str | os.PathLike[str], classes: tuple[str, ...] = _DIGITS
) -> LabelledImages:
    """A data set as four idx files (plain or .gz) named as MNIST's: train-images-idx3-ubyte, ...

    Raises:
        FileNotFoundError: the folder or one of the files is missing.
        ValueError: a file is damaged, or images and labels differ in number.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}: name one that holds MNIST's idx files")
    parts: list[Tensor] = []
    for part in ("train", "t10k"):
        images = read_idx(_find(folder, f"{part}-images-idx3-ubyte"))
        labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte"))
        if len(images) != len(labels):
            raise ValueError(
                f"{part}: {len(images)} images but {len(labels)} labels in {str(folder)!r}"
            )
        parts += [_tensor(images.astype(np.float32) / np.float32(255)), _tensor(labels)]
    x, y, x_test, y_test = parts
    return LabelledImages(x, y, x_test, y_test, classes)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"no file {name} or {name}.gz in {str(folder)!r}")
