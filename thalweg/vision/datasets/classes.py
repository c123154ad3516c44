"""Pictures in folders, one for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .folders import Root, Transform, VisionDataset

__all__ = [
    "IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader", "find_classes", "has_file_allowed_extension",
    "is_image_file", "make_dataset", "pil_loader",
]  # fmt: skip
IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip
Valid = Callable[[str], bool]


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether the name ends in one of ``extensions``, whatever its case."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Whether the name is one of a picture."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: Root) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in ``directory``, sorted, and the number of each.

    Raises:
        FileNotFoundError: there are none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: Root,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Valid | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(path, class) of each file in the folders of classes, however deep, sorted.

    Args:
        directory: the folder that holds one for each class.
        class_to_idx: the number of each class; None: by their order.
        extensions: how names of files end; or
        is_valid_file: which paths count. One of the two is given.
        allow_empty: whether a class may have no files.
    Raises:
        ValueError: both or neither of ``extensions`` and ``is_valid_file`` are given, or there is no class.
        FileNotFoundError: a class has no files.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    found: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        paths = _files(os.path.join(directory, name), extensions, is_valid_file)
        found += [(path, class_to_idx[name]) for path in paths]
        empty += [] if paths else [name]
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(empty)}. "
        if extensions is not None:
            known = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f"Supported extensions are: {known}"
        raise FileNotFoundError(message)
    return found


def _files(folder: str, extensions: Any, is_valid_file: Valid | None) -> list[str]:
    paths = [
        os.path.join(place, name)
        for place, _, names in sorted(os.walk(folder, followlinks=True))
        for name in sorted(names)
    ]
    if is_valid_file is not None:
        return [path for path in paths if is_valid_file(path)]
    return [path for path in paths if has_file_allowed_extension(path, extensions)]


def pil_loader(path: Root) -> Any:
    """The picture in a file, in colors."""
    from PIL import Image

    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def default_loader(path: Root) -> Any:
    """The picture in a file, in colors, read by Pillow."""
    return pil_loader(path)


class DatasetFolder(VisionDataset):
    """Files in folders, one folder for each class; an item is (what the loader gives, class), each transformed.

    Args:
        root: the folder that holds those of the classes.
        loader: what reads a file of that path.
        extensions, is_valid_file, allow_empty: as of ``make_dataset``.
        transform: what is made of what was read.
        target_transform: what is made of a class.
    Attributes:
        classes, class_to_idx: the names of the classes, and their numbers by name.
        samples: (path, class) of each item.
        targets: the class of each item.
    """

    def __init__(
        self,
        root: Root,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Transform = None,
        target_transform: Transform = None,
        is_valid_file: Valid | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.classes, self.class_to_idx = self.find_classes(root)
        self.samples = self.make_dataset(
            root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [number for _, number in self.samples]

    def find_classes(self, directory: Root) -> tuple[list[str], dict[str, int]]:
        """The classes in a folder; a subclass may find others."""
        return find_classes(directory)

    @staticmethod
    def make_dataset(
        directory: Root,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Valid | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The items in a folder; a subclass may find others."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Pictures in folders, one folder for each class: ``root/cat/1.png``, ``root/dog/2.jpg``.

    Args:
        root, transform, target_transform, is_valid_file, allow_empty: as of DatasetFolder.
        loader: what reads a picture of that path.
    Attributes:
        imgs: (path, class) of each picture.
    """

    def __init__(
        self,
        root: Root,
        transform: Transform = None,
        target_transform: Transform = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Valid | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
