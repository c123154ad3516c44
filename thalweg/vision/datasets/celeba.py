"""Faces of celebrities, and what is known of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...tensor import Tensor
from ...tensor.creation import from_array
from .folders import Root, Transform, VisionDataset, absent

__all__ = ["CelebA"]

_SPLITS = {"train": 0, "valid": 1, "test": 2, "all": None}
_TABLES = {  # which file tells it, and in which line its columns are named
    "identity": ("identity_CelebA.txt", None),
    "bbox": ("list_bbox_celeba.txt", 1),
    "landmarks": ("list_landmarks_align_celeba.txt", 1),
    "attr": ("list_attr_celeba.txt", 1),
}


class CelebA(VisionDataset):
    """Faces, cut out and aligned; an item is (PIL image, what is known), each through its transform.

    Args:
        root: the folder that holds ``celeba``, in which there are the lists and ``img_align_celeba``.
        split: "train", "valid", "test" or "all".
        target_type: "attr", (40,) zeros and ones; "identity", () whose face it is; "bbox", (4,) where it was in the
            picture that it was cut from; "landmarks", (10,) places of eyes, nose and mouth; or a list of these, for a
            tuple. An empty list gives None.
        transform: what is made of an image.
        target_transform: what is made of the rest.
        download: may be True where the files are there already; Thalweg downloads nothing.
    Attributes:
        attr, identity, bbox, landmarks_align: (N, ...) of all images of the split.
        attr_names: what the attributes are called.
        filename: the images' names.
    Raises:
        RuntimeError: the files are not there, or ``target_transform`` has nothing to transform.
        ValueError: there is no such split or kind of target.
    Source: Z. Liu and others, "Deep learning face attributes in the wild", 2015.
    """

    base_folder = "celeba"

    def __init__(
        self,
        root: Root,
        split: str = "train",
        target_type: list[str] | str = "attr",
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        if not self.target_type and target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if str(split).lower() not in _SPLITS:
            raise ValueError(
                f"Unknown value {split!r} for argument split. Valid values are {tuple(_SPLITS)}."
            )
        part = _SPLITS[str(split).lower()]
        names, parts, _ = self._table("list_eval_partition.txt", None)
        kept = np.flatnonzero((parts[:, 0] == part) | (part is None))
        self.filename = [names[k] for k in kept]
        found = {kind: self._table(*where) for kind, where in _TABLES.items()}
        self.attr_names = found["attr"][2]
        known = {kind: from_array(table[1][kept]) for kind, table in found.items()}
        self.identity, self.bbox = known["identity"], known["bbox"]
        self.landmarks_align = known["landmarks"]
        self.attr: Tensor = (known["attr"] + 1) // 2
        self._folder = self._home / "img_align_celeba"
        if not self._folder.is_dir():
            raise absent(self, "folder img_align_celeba", self._home)

    @property
    def _home(self) -> Path:
        return Path(str(self.root), self.base_folder)

    def _table(self, name: str, heading: int | None) -> tuple[list[str], Any, list[str]]:
        """Of a list of N images: their names, an array (N, C), and what the C columns are called."""
        path = self._home / name
        if not path.is_file():
            raise absent(self, f"file {name}", self._home)
        texts = path.read_text().splitlines()
        lines = [line.split() for line in texts]
        columns = [] if heading is None else lines[heading]
        if heading is not None and texts[heading].endswith(" "):
            columns.append("")  # torchvision reads a column there, so its attr_names have 41
        rows = lines if heading is None else lines[heading + 1 :]
        return [row[0] for row in rows], np.array([row[1:] for row in rows], np.int64), columns

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image = Image.open(self._folder / self.filename[index])
        image.load()  # which closes the file
        told = tuple(self._known(kind, index) for kind in self.target_type)
        if not told:
            return image if self.transform is None else self.transform(image), None
        return self._transformed(image, told if len(told) > 1 else told[0])

    def _known(self, kind: str, index: int) -> Any:
        if kind == "attr":
            return self.attr[index]
        if kind == "identity":
            return self.identity[index, 0]
        if kind == "bbox":
            return self.bbox[index]
        if kind == "landmarks":
            return self.landmarks_align[index]
        raise ValueError(f'Target type "{kind}" is not recognized.')

    def __len__(self) -> int:
        return len(self.attr)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"
