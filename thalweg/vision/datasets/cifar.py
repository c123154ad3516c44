"""Small color pictures in pickles of Python 2, read without running anything that they say."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...io import safe
from ...io.unpickle import Found, LoadError, Reader
from .folders import Root, Transform, VisionDataset, absent

__all__ = ["CIFAR10", "CIFAR100"]


class CIFAR10(VisionDataset):
    """Pictures of 32 x 32 pixels of ten kinds of things; an item is (PIL image, class), each through its transform.

    Args:
        root: the folder that holds ``cifar-10-batches-py``, or ``cifar-10-python.tar.gz``.
        train: the training part, else the held-out one.
        transform: what is made of an image.
        target_transform: what is made of a class.
        download: may be True where the files are there already; Thalweg downloads nothing.
    Attributes:
        data: an array (N, 32, 32, 3) of uint8.
        targets: a list of N classes.
        classes, class_to_idx: their names, and their numbers by name.
    Raises:
        RuntimeError: the files are not there.
        LoadError: a file is damaged, or asks for what it may not.
    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """

    base_folder = "cifar-10-batches-py"
    filename = "cifar-10-python.tar.gz"
    _train = tuple(f"data_batch_{k}" for k in range(1, 6))
    _test = ("test_batch",)
    _meta, _names, _labels = "batches.meta", "label_names", "labels"
    data: Any
    targets: list[int]

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
        *batches, meta = self._contents((*(self._train if train else self._test), self._meta))
        self.data = np.concatenate([_pictures(batch) for batch in batches])
        self.targets = [int(label) for batch in batches for label in batch[self._labels]]
        self.classes: list[str] = meta[self._names]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def _contents(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """What the files of these names hold, in the folder or in the archive."""
        folder, archive = (
            Path(str(self.root), self.base_folder),
            Path(str(self.root), self.filename),
        )
        if folder.is_dir() or not archive.is_file():
            missing = [name for name in names if not (folder / name).is_file()]
            if missing:
                raise absent(self, f"files {', '.join(missing)}", folder)
            return [_read(name, (folder / name).read_bytes()) for name in names]
        found = {}
        with tarfile.open(archive) as members:
            for member in members:
                home, _, name = member.name.rpartition("/")
                if home == self.base_folder and name in names and member.isfile():
                    content: Any = members.extractfile(member)
                    found[name] = _read(name, content.read())
        missing = [name for name in names if name not in found]
        if missing:
            raise absent(self, f"files {', '.join(missing)}", archive)
        return [found[name] for name in names]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self._transformed(Image.fromarray(self.data[index]), self.targets[index])

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR10's form with a hundred kinds of things, in ``cifar-100-python`` or ``cifar-100-python.tar.gz``."""

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    _train, _test = ("train",), ("test",)
    _meta, _names, _labels = "meta", "fine_label_names", "fine_labels"


def _read(name: str, content: bytes) -> dict[str, Any]:
    left = [len(content)]

    def find(module: str, thing: str) -> Found:
        found = safe.find(module, thing)
        if found.instances is np.ndarray:
            return found._replace(set_state=partial(_set_array, found, left))
        return found

    def persistent(number: Any) -> Any:
        raise LoadError(
            f"{name}: the file asks for an object outside of it: it is no batch of CIFAR"
        )

    made = Reader(content, find, persistent, "latin1").read()
    if not isinstance(made, dict):
        raise LoadError(f"{name}: the file holds a {type(made).__name__}: it is no batch of CIFAR")
    return made


def _set_array(found: Found, left: list[int], array: Any, state: Any) -> None:
    """The state of an array whose elements Python 2 wrote as a text; all of them are no longer than the file."""
    *head, content = state
    if type(content) is str:
        left[0] -= len(content)
        if left[0] < 0:
            raise LoadError("load: the pickle unfolds to more than it holds: refused")
        content = content.encode("latin1")
    assert found.set_state is not None  # arrays have one
    found.set_state(array, (*head, content))


def _pictures(batch: dict[str, Any]) -> Any:
    """(N, 32, 32, 3) of rows of 3 · 32 · 32."""
    return batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
