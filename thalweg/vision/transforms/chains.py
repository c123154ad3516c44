"""Transforms made of transforms: all in a row, some by chance, one of several."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from .draws import chance

__all__ = ["Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder"]
Step = Callable[[Any], Any]


def _listed(name: str, transforms: Any, first: str = "") -> str:
    lines = "".join(f"\n    {transform}" for transform in transforms)
    return f"{name}({first}{lines}\n)"


class Compose:
    """``transforms``, each on what the one before gave."""

    def __init__(self, transforms: Sequence[Step]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed("Compose", self.transforms)


class Lambda:
    """A function as a transform.

    Raises:
        TypeError: ``lambd`` cannot be called.
    """

    def __init__(self, lambd: Step) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class RandomApply(nn.Module):
    """All of ``transforms`` in a row with probability ``p``, else none."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        """img: whatever the transforms take."""
        if not chance(self.p):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed("RandomApply", self.transforms, f"\n    p={self.p}")


class _OfSeveral:
    def __init__(self, transforms: Sequence[Step]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError(
                f"Argument transforms should be a sequence, got {type(transforms).__name__!r}"
            )
        self.transforms = transforms

    def __repr__(self) -> str:
        return _listed(type(self).__name__, self.transforms)


class RandomOrder(_OfSeveral):
    """All of ``transforms``, in an order that Python's ``random`` shuffles."""

    def __call__(self, img: Any) -> Any:
        places = list(range(len(self.transforms)))
        random.shuffle(places)
        for k in places:
            img = self.transforms[k](img)
        return img


class RandomChoice(_OfSeveral):
    """One of ``transforms``, that Python's ``random`` chooses, by the weights ``p`` where given."""

    def __init__(self, transforms: Sequence[Step], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError(f"Argument p should be a sequence, got {type(p).__name__!r}")
        self.p = p

    def __call__(self, *args: Any) -> Any:
        (chosen,) = random.choices(self.transforms, weights=self.p)
        return chosen(*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"
