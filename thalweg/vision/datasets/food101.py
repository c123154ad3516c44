"""Pictures of dishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .classes import default_loader
from .folders import Root, Transform, VisionDataset, absent

__all__ = ["Food101"]


class Food101(VisionDataset):
    """Dishes of 101 kinds; an item is (PIL image, class), each through its transform.

    Args:
        root: the folder that holds ``food-101``, in which there are ``meta`` and ``images``.
        split: "train" or "test".
        transform: what is made of an image.
        target_transform: what is made of a class.
        download: may be True where the files are there already; Thalweg downloads nothing.
        loader: reads the picture at a path.
    Attributes:
        classes, class_to_idx: the names of the kinds, sorted, and their numbers by name.
    Raises:
        ValueError: there is no such split.
        RuntimeError: the files are not there.
    Source: L. Bossard and others, "Food-101: mining discriminative components with random forests", 2014.
    """

    def __init__(
        self,
        root: Root,
        split: str = "train",
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        if split not in ("train", "test"):
            raise ValueError(
                f"Unknown value {split!r} for argument split. Valid values are 'train', 'test'."
            )
        self._split = split
        home = Path(str(self.root), "food-101")
        for folder in ("meta", "images"):
            if not (home / folder).is_dir():
                raise absent(self, f"folder {folder}", home)
        listed: dict[str, list[str]] = json.loads((home / "meta" / f"{split}.json").read_text())
        self.classes = sorted(listed)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self._labels = [self.class_to_idx[name] for name, paths in listed.items() for _ in paths]
        self._image_files = [
            home / "images" / f"{path}.jpg" for paths in listed.values() for path in paths
        ]
        self.loader = loader

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        return self._transformed(self.loader(self._image_files[idx]), self._labels[idx])

    def __len__(self) -> int:
        return len(self._image_files)

    def extra_repr(self) -> str:
        return f"split={self._split}"
