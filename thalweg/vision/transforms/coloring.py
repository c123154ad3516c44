"""Brightness, contrast and colors of pictures, be they tensors (..., 1 or 3, H, W) or Pillow's.

The elements of a tensor of floats lie in [0, 1], those of whole numbers between 0 and the largest of their type.
Source: for hue and saturation A. R. Smith, "Color gamut transform pairs", 1978; for the rest Pillow's ImageEnhance
and ImageOps, whose meaning the tensors' functions have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir.dtype import float32, int64, uint8
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.creation import arange, full, linspace, ones
from ...tensor.joining import cat, stack
from ...tensor.picking import where
from .conversion import convert_image_dtype, pil_to_tensor, to_pil_image
from .cutting import as_floats, like, no_picture
from .sizes import is_pil

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation", "adjust_sharpness",
    "autocontrast", "equalize", "gaussian_blur", "invert", "posterize", "rgb_to_grayscale", "solarize",
    "to_grayscale",
]  # fmt: skip
_GRAY = (0.2989, 0.587, 0.114)


def bound(img: Tensor) -> float:
    """What is white."""
    return 1.0 if img.is_floating_point() else {uint8: 255}.get(img.dtype, 2**15 - 1)


def _check(img: Any, channels: Sequence[int] = (1, 3)) -> None:
    if not isinstance(img, Tensor):
        raise no_picture(img)
    if img.ndim < 2 or (1 if img.ndim == 2 else img.shape[-3]) not in channels:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(channels)}, but found the shape {tuple(img.shape)}"
        )


def _nonnegative(value: float, name: str) -> None:
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def _blend(img: Tensor, other: Any, share: float) -> Tensor:
    """``share`` of ``img`` and the rest of ``other``; more than all where ``share`` is above 1."""
    share = float(share)
    return (img * share + other * (1.0 - share)).clamp(0, bound(img)).to(img.dtype)


def _enhanced(kind: str, img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """(..., 3, H, W) as (..., 1, H, W), or three times the same; what has one channel stays.

    Raises:
        ValueError: other than 1 or 3 channels are asked for.
    """
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    if is_pil(img):
        return to_grayscale(img, num_output_channels)
    _check(img)
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    gray = img.clone()
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(-3)
        gray = (red * _GRAY[0] + green * _GRAY[1] + blue * _GRAY[2]).to(img.dtype).unsqueeze(-3)
    return gray if num_output_channels == 1 or img.shape[-3] == 1 else cat([gray] * 3, -3)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A picture of Pillow's without colors, of one channel or three."""
    if not is_pil(img):
        raise TypeError("Input should be PIL Image")
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    gray = img.convert("L")
    return gray if num_output_channels == 1 else gray.convert("RGB")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """(..., C, H, W) times the factor: 0 gives black, 1 the picture."""
    if is_pil(img):
        return _enhanced("Brightness", img, brightness_factor)
    _nonnegative(brightness_factor, "brightness_factor")
    _check(img)
    return _blend(img, 0.0, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """(..., C, H, W) away from its mean gray: 0 gives gray, 1 the picture."""
    if is_pil(img):
        return _enhanced("Contrast", img, contrast_factor)
    _nonnegative(contrast_factor, "contrast_factor")
    _check(img)
    kind = img.dtype if img.is_floating_point() else float32
    gray = rgb_to_grayscale(img) if img.shape[-3] == 3 else img
    return _blend(img, gray.to(kind).mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """(..., C, H, W) away from its gray: 0 gives no colors, 1 the picture."""
    if is_pil(img):
        return _enhanced("Color", img, saturation_factor)
    _nonnegative(saturation_factor, "saturation_factor")
    _check(img)
    return img if img.shape[-3] == 1 else _blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """(..., 3, H, W) with its colors shifted around their circle by ``hue_factor`` of a whole turn.

    Raises:
        ValueError: the factor is not in [-0.5, 0.5].
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pil(img):
        return _turned_picture(img, hue_factor)
    _check(img)
    if img.shape[-3] == 1:
        return img
    floats = img if img.is_floating_point() else convert_image_dtype(img, float32)
    hue, saturation, value = _hue_saturation_value(floats)
    made = _colors((hue + hue_factor) % 1.0, saturation, value)
    return convert_image_dtype(made, img.dtype)


def _turned_picture(img: Any, hue_factor: float) -> Any:
    from PIL import Image

    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    shift = int(hue_factor * 255) % 256
    turned = Image.fromarray((np.asarray(hue).astype(np.uint16) + shift).astype(np.uint8))
    return Image.merge("HSV", (turned, saturation, value)).convert(img.mode)


def _hue_saturation_value(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(..., H, W) each in [0, 1], of (..., 3, H, W)."""
    red, green, blue = img.unbind(-3)
    most, least = img.amax(-3), img.amin(-3)
    width = most - least
    gray = most == least
    divisor = where(gray, 1.0, width)
    far_red, far_green, far_blue = ((most - c) / divisor for c in (red, green, blue))
    sixth = where(
        most == red,
        far_blue - far_green,
        where(most == green, far_red - far_blue + 2.0, far_green - far_red + 4.0),
    )
    hue = (sixth / 6.0 + 1.0).fmod(1.0)
    return hue, width / where(gray, 1.0, most), most


def _colors(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(..., 3, H, W) of (..., H, W) each."""
    sixth = (hue * 6.0).floor()
    rest = hue * 6.0 - sixth
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    place = sixth.to(int64) % 6
    course = [value, falling, low, low, rising, value]
    red, green, blue = (
        stack([course[(k - shift) % 6] for k in range(6)], -1).gather(-1, place.unsqueeze(-1))
        for shift in (0, 2, 4)
    )
    return stack([red.squeeze(-1), green.squeeze(-1), blue.squeeze(-1)], -3)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain`` · (..., C, H, W) ** ``gamma``, where white is 1."""
    _nonnegative(gamma, "gamma")
    if is_pil(img):
        mode = img.mode
        curve = [int((255 + 1 - 1e-3) * gain * (k / 255.0) ** gamma) for k in range(256)]
        img = img.convert("RGB")
        return img.point(curve * 3).convert(mode)
    _check(img)
    floats = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((floats.pow(gamma) * gain).clamp(0, 1), img.dtype)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """(..., C, H, W) away from itself smoothed: 0 gives that, 1 the picture, 2 a sharper one."""
    if is_pil(img):
        return _enhanced("Sharpness", img, sharpness_factor)
    _nonnegative(sharpness_factor, "sharpness_factor")
    _check(img)
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    floats = as_floats(img)
    kernel = ones(3, 3, dtype=floats.dtype)
    kernel[1, 1] = 5.0
    smooth = like(_filtered(floats, kernel / kernel.sum()), img)
    framed: Any = img.clone()
    framed[..., 1:-1, 1:-1] = smooth
    return _blend(img, framed, sharpness_factor)


def _filtered(img: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of (N, C, H, W) by itself, by (h, w)."""
    channels = img.shape[-3]
    return F.conv2d(img, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """(..., C, H, W) smoothed by a bell of standard deviation ``sigma``, cut off beyond ``kernel_size``.

    Args:
        img: the picture, which is mirrored at its sides.
        kernel_size: odd, in pixels; or (across, down).
        sigma: in pixels; or (across, down); None: 0.15 of the size and 0.35 more.
    Raises:
        ValueError: a size is even or not positive, or a sigma is not positive.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    widths = [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(s) for s in sigma]
    widths = widths * 2 if len(widths) == 1 else widths
    if len(widths) != 2 or any(width <= 0.0 for width in widths):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if is_pil(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, widths), mode=img.mode)
    if not isinstance(img, Tensor):
        raise no_picture(img)
    floats = as_floats(img)
    across, down = (_bell(size, width, floats) for size, width in zip(sizes, widths, strict=True))
    side, top = sizes[0] // 2, sizes[1] // 2
    wide = F.pad(floats, [side, side, top, top], mode="reflect")
    return like(_filtered(wide, down[:, None] @ across[None, :]), img)


def _bell(size: int, sigma: float, img: Tensor) -> Tensor:
    """(size,), which sums to 1."""
    half = (size - 1) * 0.5
    shares = ((linspace(-half, half, size, dtype=img.dtype) / sigma).square() * -0.5).exp()
    return shares / shares.sum()


def invert(img: Any) -> Any:
    """(..., C, H, W) with black and white exchanged."""
    if is_pil(img):
        return _operated("invert", img)
    _check(img)
    return bound(img) - img


def _operated(name: str, img: Any, *args: Any) -> Any:
    from PIL import ImageOps

    return getattr(ImageOps, name)(img, *args)


def _bytes_only(img: Tensor) -> None:
    if img.dtype != uint8:
        raise TypeError(f"Only uint8 image tensors are supported, but found {img.dtype}")


def posterize(img: Any, bits: int) -> Any:
    """(..., C, H, W) uint8 with only its highest ``bits`` bits."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number of bits should be between 0 and 8. Got {bits}")
    if is_pil(img):
        return _operated("posterize", img, bits)
    _check(img)
    _bytes_only(img)
    step: int = 2 ** (8 - bits)
    return (img.to(int64) // step * step).to(uint8)


def solarize(img: Any, threshold: float) -> Any:
    """(..., C, H, W) with what is at least ``threshold`` inverted."""
    if is_pil(img):
        return _operated("solarize", img, threshold)
    _check(img)
    if threshold > bound(img):
        raise TypeError(f"Threshold should be less than bound of img: {threshold} > {bound(img)}")
    return where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """(..., C, H, W) whose darkest element of each channel becomes black and whose lightest white."""
    if is_pil(img):
        return _operated("autocontrast", img)
    _check(img)
    kind = img.dtype if img.is_floating_point() else float32
    least, most = (end((-2, -1), keepdim=True).to(kind) for end in (img.amin, img.amax))
    flat = most == least
    scale = where(flat, 1.0, bound(img) / where(flat, 1.0, most - least))
    made = (img - where(flat, 0.0, least)) * scale
    return made.clamp(0, bound(img)).to(img.dtype)


def equalize(img: Any) -> Any:
    """(C, H, W) or (N, C, H, W) uint8 whose elements are spread evenly over 0 to 255, channel by channel."""
    if is_pil(img):
        return _operated("equalize", img)
    _check(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _bytes_only(img)
    one: Callable[[Tensor], Tensor] = _spread if img.ndim == 3 else equalize
    return stack([one(part) for part in img], 0)


def _spread(channel: Tensor) -> Tensor:
    """(H, W) uint8: each element becomes how many are below it, and half of its own, in 255 steps."""
    places = channel.to(int64)
    counts = (places.reshape(-1, 1) == arange(256)).sum(0)
    step = int((counts.sum() - counts[places.max()]) // 255)
    if step == 0:
        return channel
    below = counts.cumsum(0) - counts
    table = ((below + step // 2) // step).clamp(0, 255)
    return where(places == 0, full((), 0, dtype=int64), table[places]).to(uint8)
