"""What every data set of pictures has: a folder, transforms, and a text that tells of both."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...data import Dataset

__all__ = ["StandardTransform", "VisionDataset"]
Transform = Callable[[Any], Any] | None
Root = str | os.PathLike[str]


def _told(transform: Any, head: str) -> list[str]:
    first, *others = repr(transform).splitlines()
    return [head + first, *[" " * len(head) + line for line in others]]


class StandardTransform:
    """A transform of pictures and one of classes, as one of both."""

    def __init__(self, transform: Transform = None, target_transform: Transform = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        lines = ["StandardTransform"]
        if self.transform is not None:
            lines += _told(self.transform, "Transform: ")
        if self.target_transform is not None:
            lines += _told(self.target_transform, "Target transform: ")
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """A data set of pictures.

    Args:
        root: the folder that holds it; None where it is in none.
        transforms: what is made of a picture and its class at once; instead of the other two.
        transform: what is made of a picture.
        target_transform: what is made of a class.
    Raises:
        ValueError: ``transforms`` and one of the other two are given.
    """

    def __init__(
        self,
        root: Root | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Transform = None,
        target_transform: Transform = None,
    ) -> None:
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument, not both"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """Each through its transform, as it is now."""
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def _file(self, folders: tuple[Path, ...], name: str) -> Path:
        """The file of that name, plain or .gz, in the first of the folders that has it.

        Raises:
            RuntimeError: none has it.
        """
        for folder in folders:
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
        raise absent(self, f"file {name} or {name}.gz", folders[0])

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])

    def extra_repr(self) -> str:
        """Further lines that tell of it."""
        return ""


def absent(of: Any, what: str, folder: Any) -> RuntimeError:
    """The error for files that are not where they should be."""
    return RuntimeError(
        f"{type(of).__name__}: no {what} in {str(folder)!r}: Thalweg downloads nothing; put the data set's files there"
    )
