"""Transforms of images, one after another, by the names of torchvision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.dtype import get_default_dtype
from ..tensor import Tensor
from ..tensor.creation import as_tensor, from_array

__all__ = ["Compose", "Lambda", "Normalize", "PILToTensor", "ToTensor"]


class Compose:
    """``transforms``, each on what the one before gave."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


class Lambda:
    """A function as a transform.

    Raises:
        TypeError: ``lambd`` cannot be called.
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class ToTensor:
    """A PIL image or an array (H, W) or (H, W, C), as a tensor (C, H, W); 8-bit elements become floats in [0, 1].

    Raises:
        TypeError: it is neither.
        ValueError: an array has another number of axes.
    """

    def __call__(self, pic: Any) -> Tensor:
        array = _elements(pic, "ToTensor")
        made: Tensor = from_array(np.moveaxis(array, 2, 0))
        if array.dtype == np.uint8:
            return made.to(get_default_dtype()).div(255)
        return made

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """A PIL image as a tensor (C, H, W) of its own type."""

    def __call__(self, pic: Any) -> Tensor:
        made: Tensor = from_array(np.moveaxis(_elements(pic, "PILToTensor"), 2, 0))
        return made

    def __repr__(self) -> str:
        return "PILToTensor()"


def _elements(pic: Any, what: str) -> np.ndarray[Any, Any]:
    """(H, W, C)"""
    if isinstance(pic, np.ndarray):
        array = pic
    elif hasattr(pic, "getbands") and hasattr(pic, "mode"):
        array = np.array(pic)
        if pic.mode == "1":
            array = array.astype(np.uint8) * np.uint8(255)
    else:
        raise TypeError(f"{what}: pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    return array.reshape(*array.shape, 1) if array.ndim == 2 else array


class Normalize:
    """(tensor - mean) / std, channel by channel, of a tensor (..., C, H, W).

    Args:
        mean, std: one number for each channel, or for all.
        inplace: write the result into the tensor.
    Raises:
        TypeError: the input is no tensor of floating numbers.
        ValueError: it has fewer than three axes, or some std is 0.
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Any) -> Tensor:
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor)
            raise TypeError(
                f"Normalize: input should be a float tensor (use ToTensor() before it). Got {kind}."
            )
        if tensor.ndim < 3:
            raise ValueError(
                f"Normalize: expected a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.shape}"
            )
        mean, std = (
            as_tensor(number, dtype=tensor.dtype).reshape(-1, 1, 1)
            for number in (self.mean, self.std)
        )
        if bool((std == 0).any()):
            raise ValueError(f"Normalize: std {self.std} holds 0, leading to division by zero.")
        into: Any = tensor if self.inplace else tensor.clone()
        made: Tensor = into.sub_(mean).div_(std)
        return made

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"
