"""Pictures of noise, to try a program on."""

from __future__ import annotations

from typing import Any

from ...tensor.random import get_rng_state, manual_seed, randint, randn, set_rng_state
from ..transforms.conversion import to_pil_image
from .folders import Transform, VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """Noise; an item is (PIL image, class), always the same at an index, each through its transform.

    Args:
        size: how many items there are.
        image_size: (C, H, W) of each.
        num_classes: how many classes there are.
        transform: what is made of an image.
        target_transform: what is made of a class.
        random_offset: another number, other pictures.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform = None,
        target_transform: Transform = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, None, transform, target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if index >= len(self):
            raise IndexError(f"FakeData index out of range: {index} of {len(self)}")
        before = get_rng_state()
        manual_seed(index + self.random_offset)
        noise, target = randn(*self.image_size), randint(0, self.num_classes, (1,))[0]
        set_rng_state(before)
        image, label = self._transformed(to_pil_image(noise), target)
        return image, label.item()

    def __len__(self) -> int:
        return self.size
