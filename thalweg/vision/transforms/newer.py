"""What torchvision's second version of transforms has besides those of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import nn
from ...ir.dtype import DType
from ...tensor import Tensor
from ...tensor.creation import from_array, tensor
from ...tensor.random import multinomial, randn_like
from .conversion import BITS, convert_image_dtype, pil_to_tensor
from .draws import order
from .sizes import is_pil

__all__ = [
    "GaussianNoise", "Identity", "RGB", "RandomChoice", "RandomOrder", "ToDtype", "ToImage", "ToPureTensor",
    "gaussian_noise", "to_dtype", "to_image",
]  # fmt: skip


def to_image(inpt: Any) -> Tensor:
    """A PIL image, or an array (H, W) or (H, W, C), as a tensor (C, H, W) of its own type; a tensor stays.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(inpt, Tensor):
        return inpt if inpt.ndim > 2 else inpt.unsqueeze(0)
    if isinstance(inpt, np.ndarray):
        return from_array(np.moveaxis(np.atleast_3d(inpt), 2, 0))
    if is_pil(inpt):
        return pil_to_tensor(inpt)
    raise TypeError(
        f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
    )


def to_dtype(inpt: Tensor, dtype: DType, scale: bool = False) -> Tensor:
    """A tensor (..., H, W) in another type; with ``scale`` a float's 1 becomes the largest whole number, or back."""
    if not scale:
        return inpt.to(dtype)
    if inpt.is_floating_point() or not dtype.is_floating_point:
        return convert_image_dtype(inpt, dtype)
    return inpt.to(dtype) * (1.0 / (2 ** BITS[inpt.dtype.name] - 1))


def gaussian_noise(
    inpt: Tensor, mean: float = 0.0, sigma: float = 0.1, clip: bool = True
) -> Tensor:
    """A tensor (..., H, W) of floats with normal noise added, cut off at 0 and 1 with ``clip``.

    Raises:
        TypeError: it is no tensor.
        ValueError: it has no floats, or ``sigma`` is negative.
    """
    if not isinstance(inpt, Tensor):
        raise TypeError(f"Inputs should be a tensor, got {type(inpt)}")
    if not inpt.is_floating_point() or sigma < 0:
        raise ValueError(
            f"Input tensor should be float and sigma not negative, got {inpt.dtype}, {sigma}"
        )
    made = inpt + (mean + randn_like(inpt) * sigma)
    return made.clamp(0, 1) if clip else made


class ToImage(nn.Module):
    """``to_image`` as a transform."""

    def forward(self, inpt: Any) -> Tensor:
        """inpt: a PIL image, an array or a tensor; gives (C, H, W)."""
        return to_image(inpt)


class ToPureTensor(nn.Module):
    """The tensor itself: Thalweg's pictures are plain tensors."""

    def forward(self, inpt: Any) -> Any:
        """inpt: anything; gives it."""
        return inpt


class Identity(nn.Module):
    """What comes in."""

    def forward(self, inpt: Any) -> Any:
        """inpt: anything; gives it."""
        return inpt


class ToDtype(nn.Module):
    """``to_dtype`` as a transform."""

    def __init__(self, dtype: DType, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, DType):
            raise ValueError(f"dtype must be a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def forward(self, inpt: Any) -> Any:
        """inpt: (..., H, W); gives the same shape; what is no tensor stays."""
        return to_dtype(inpt, self.dtype, self.scale) if isinstance(inpt, Tensor) else inpt

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


class RGB(nn.Module):
    """A picture in colors: (..., 3, H, W) of (..., 1 or 3, H, W)."""

    def forward(self, inpt: Any) -> Any:
        """inpt: (..., 1 or 3, H, W); gives (..., 3, H, W)."""
        if is_pil(inpt):
            return inpt.convert("RGB")
        return inpt if inpt.shape[-3] == 3 else inpt.repeat_interleave(3, -3)


class GaussianNoise(nn.Module):
    """``gaussian_noise`` as a transform."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def forward(self, inpt: Tensor) -> Tensor:
        """inpt: (..., H, W); gives the same shape."""
        return gaussian_noise(inpt, self.mean, self.sigma, self.clip)


class _OfSeveral(nn.Module):
    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        super().__init__()
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        self.transforms = transforms


class RandomChoice(_OfSeveral):
    """One of ``transforms``, drawn by the weights ``p`` from the default stream."""

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__(transforms)
        weights = [1.0] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}"
            )
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, inpt: Any) -> Any:
        """inpt: whatever the transforms take."""
        return self.transforms[int(multinomial(tensor(self.p), 1))](inpt)


class RandomOrder(_OfSeveral):
    """All of ``transforms``, in an order drawn from the default stream."""

    def forward(self, inpt: Any) -> Any:
        """inpt: whatever the transforms take."""
        for k in order(len(self.transforms)):
            inpt = self.transforms[k](inpt)
        return inpt
