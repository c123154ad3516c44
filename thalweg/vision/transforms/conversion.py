"""Pictures as tensors and tensors as pictures; other element types; normalization."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ... import nn
from ...ir.dtype import DType, float32, get_default_dtype
from ...tensor import Tensor
from ...tensor.creation import as_tensor, from_array
from .sizes import is_pil

__all__ = [
    "ConvertImageDtype", "Normalize", "PILToTensor", "ToPILImage", "ToTensor", "convert_image_dtype", "normalize",
    "pil_to_tensor", "to_pil_image", "to_tensor",
]  # fmt: skip
BITS = {"uint8": 8, "int8": 7, "int16": 15, "int32": 31, "int64": 63}
"""How many bits of a type's largest whole number are set."""


def _elements(pic: Any, what: str) -> np.ndarray[Any, Any]:
    """(H, W, C)"""
    if isinstance(pic, np.ndarray):
        array = pic
    elif is_pil(pic):
        array = np.array(pic)
        if pic.mode == "1":
            array = array.astype(np.uint8) * np.uint8(255)
    else:
        raise TypeError(f"{what}: pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    return array.reshape(*array.shape, 1) if array.ndim == 2 else array


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (H, W) or (H, W, C), as a tensor (C, H, W); 8-bit elements become floats in [0, 1].

    Raises:
        TypeError: it is neither.
        ValueError: an array has another number of axes.
    """
    array = _elements(pic, "ToTensor")
    made: Tensor = from_array(np.moveaxis(array, 2, 0))
    if array.dtype == np.uint8:
        return made.to(get_default_dtype()).div(255)
    return made


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor (C, H, W) of its own type."""
    return from_array(np.moveaxis(_elements(pic, "PILToTensor"), 2, 0))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as a PIL image.

    Args:
        pic: one to four channels; of floats, [0, 1] becomes 0 to 255.
        mode: Pillow's name for what the channels mean; None: what they usually do.
    Raises:
        TypeError: it is neither, or there is no picture of that type.
        ValueError: it has other axes or channels, or they cannot mean ``mode``.
    """
    if isinstance(pic, Tensor):
        pic = pic.permute(1, 2, 0) if pic.ndim == 3 else pic
        pic = pic.detach().numpy()
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim == 2:
        pic = pic[:, :, None]
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = pic.shape[2]
    if not 1 <= channels <= 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pic.dtype.kind == "f" and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    known = _modes(channels, pic.dtype)
    if mode is not None and mode not in known:
        raise ValueError(
            f"to_pil_image: mode {mode!r} does not fit {channels} channels of {pic.dtype}: {known} do"
        )
    if mode is None and (not known or (channels > 1 and pic.dtype != np.uint8)):
        raise TypeError(f"Input type {pic.dtype} is not supported")
    return _picture(pic[:, :, 0] if channels == 1 else pic, mode or known[0])


def _modes(channels: int, kind: np.dtype[Any]) -> tuple[str, ...]:
    """What Pillow calls so many channels of that type, the usual name first."""
    if channels > 1:
        return {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}[channels]
    short = "I;16" if sys.byteorder == "little" else "I;16B"
    names = {"uint8": "L", "int16": short, "int32": "I", "float32": "F"}
    return tuple(names[k] for k in (kind.name,) if k in names)


def _picture(array: np.ndarray[Any, Any], mode: str) -> Any:
    """(H, W) or (H, W, C) as a picture of ``mode``, whatever that type's usual mode is."""
    from PIL import Image

    sizes = array.shape[1], array.shape[0]
    return Image.frombytes(mode, sizes, np.ascontiguousarray(array).tobytes())


def convert_image_dtype(image: Tensor, dtype: DType = float32) -> Tensor:
    """``image`` (..., H, W) in another type, its elements scaled: a float's 1 is the largest whole number.

    Raises:
        RuntimeError: the type of floats does not hold so large whole numbers.
        TypeError: it is no tensor.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"Input img should be Tensor Image, got {type(image)}")
    old, bits, now = image.dtype, BITS.get(image.dtype.name), BITS.get(dtype.name)
    if old == dtype:
        return image
    if bits is None:
        if now is None:
            return image.to(dtype)
        if (old == float32 and now >= 31) or now == 63:
            raise RuntimeError(f"The cast from {old} to {dtype} cannot be performed safely")
        return image.mul(2**now - 1 + 1.0 - 1e-3).to(dtype)
    if now is None:
        return image.to(dtype) / (2**bits - 1)
    if bits > now:
        return image.div(2 ** (bits - now), rounding_mode="floor").to(dtype)
    return image.to(dtype) * 2 ** (now - bits)


def normalize(tensor: Any, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, channel by channel.

    Args:
        tensor: (..., C, H, W).
        mean, std: one number for each channel, or for all.
        inplace: write the result into the tensor.
    Raises:
        TypeError: the input is no tensor of floating numbers.
        ValueError: it has fewer than three axes, or some std is 0.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor)
        raise TypeError(
            f"Normalize: input should be a float tensor (use ToTensor() before it). Got {kind}."
        )
    if tensor.ndim < 3:
        raise ValueError(
            f"Normalize: expected a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.shape}"
        )
    means, widths = (
        as_tensor(number, dtype=tensor.dtype).reshape(-1, 1, 1) for number in (mean, std)
    )
    if bool((widths == 0).any()):
        raise ValueError(f"Normalize: std {std} holds 0, leading to division by zero.")
    into: Any = tensor if inplace else tensor.clone()
    return into.sub_(means).div_(widths)


class ToTensor:
    """``to_tensor`` as a transform."""

    def __call__(self, pic: Any) -> Tensor:
        return to_tensor(pic)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """``pil_to_tensor`` as a transform."""

    def __call__(self, pic: Any) -> Tensor:
        return pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """``to_pil_image`` as a transform, into pictures of ``mode``."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(nn.Module):
    """``convert_image_dtype`` as a transform."""

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """image: (..., H, W); gives the same shape."""
        return convert_image_dtype(image, self.dtype)


class Normalize(nn.Module):
    """``normalize`` as a transform.

    Args:
        mean, std: one number for each channel, or for all.
        inplace: write the result into the tensor.
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Any) -> Tensor:
        """tensor: (..., C, H, W); gives the same shape."""
        return normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"
