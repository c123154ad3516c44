"""Pictures in files as tensors (C, H, W) of bytes, read and written by Pillow."""

from __future__ import annotations

import io
import os
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from ..ir.dtype import uint8
from ..tensor import Tensor
from ..tensor.creation import from_array
from .transforms.conversion import pil_to_tensor, to_pil_image

__all__ = [
    "ImageReadMode", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "read_file",
    "read_image", "write_file", "write_jpeg", "write_png",
]  # fmt: skip
Place = str | os.PathLike[str]


class ImageReadMode(Enum):
    """Which channels a picture is read with; UNCHANGED: those it has."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = 4


_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: Place) -> Tensor:
    """(N,) uint8, the bytes of a file."""
    return from_array(np.frombuffer(bytearray(Path(path).read_bytes()), np.uint8))


def write_file(filename: Place, data: Tensor) -> None:
    """Write (N,) uint8 as a file."""
    Path(filename).write_bytes(data.numpy().tobytes())


def decode_image(
    input: Tensor | Place,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The picture in a file, (C, H, W) uint8.

    Args:
        input: (N,) uint8, the file's bytes; or its path.
        mode: which channels are read, a member of ImageReadMode or its name.
        apply_exif_orientation: turn it as the file says.
    Raises:
        RuntimeError: it is no picture that Pillow knows.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    source: Any = io.BytesIO(input.numpy().tobytes()) if isinstance(input, Tensor) else input
    try:
        image: Any = Image.open(source)
        image.load()
    except UnidentifiedImageError as error:
        raise RuntimeError(f"decode_image: {error}") from error
    if apply_exif_orientation:
        image = ImageOps.exif_transpose(image)
    wanted = _MODES.get(ImageReadMode[mode.upper()] if isinstance(mode, str) else mode)
    if wanted is None and image.mode in ("1", "P", "CMYK", "YCbCr"):
        wanted = "L" if image.mode == "1" else "RGB"
    return pil_to_tensor(image if wanted in (None, image.mode) else image.convert(wanted))


def read_image(
    path: Place,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The picture in the file ``path``, (C, H, W) uint8; as ``decode_image``."""
    return decode_image(path, mode, apply_exif_orientation)


def decode_png(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """(C, H, W) uint8 of the bytes (N,) of a PNG file; as ``decode_image``."""
    return decode_image(input, mode, apply_exif_orientation)


def decode_jpeg(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Tensor:
    """(C, H, W) uint8 of the bytes (N,) of a JPEG file; as ``decode_image``."""
    return decode_image(input, mode, apply_exif_orientation)


def _encoded(input: Tensor, form: str, **options: Any) -> bytes:
    if input.dtype != uint8 or input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"{form}: a picture of bytes (1 or 3, H, W) expected, got {tuple(input.shape)} of {input.dtype}"
        )
    into = io.BytesIO()
    to_pil_image(input).save(into, form, **options)
    return into.getvalue()


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """(N,) uint8, a PNG file of the picture (1 or 3, H, W) uint8."""
    content = _encoded(input, "PNG", compress_level=compression_level)
    return from_array(np.frombuffer(bytearray(content), np.uint8))


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """(N,) uint8, a JPEG file of the picture (1 or 3, H, W) uint8."""
    content = _encoded(input, "JPEG", quality=quality)
    return from_array(np.frombuffer(bytearray(content), np.uint8))


def write_png(input: Tensor, filename: Place, compression_level: int = 6) -> None:
    """Write the picture (1 or 3, H, W) uint8 as a PNG file."""
    Path(filename).write_bytes(_encoded(input, "PNG", compress_level=compression_level))


def write_jpeg(input: Tensor, filename: Place, quality: int = 75) -> None:
    """Write the picture (1 or 3, H, W) uint8 as a JPEG file."""
    Path(filename).write_bytes(_encoded(input, "JPEG", quality=quality))
