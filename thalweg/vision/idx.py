"""The idx file format, in which MNIST comes."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray[Any, Any]:
    """The array in an idx file, plain or gzipped.

    Returns:
        an array of the shape and type that the file's header names.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no idx file, or it is shorter or longer than its header says.
    Source: Y. LeCun, "The MNIST database of handwritten digits".
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"read_idx: no file {str(path)!r}")
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"read_idx: {path.name} is a damaged gzip file: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:
        raise ValueError(
            f"read_idx: {path.name} is no idx file: it begins with {raw[:4].hex(' ') or 'nothing'}"
        )
    rank = raw[3]
    start = 4 + 4 * rank
    if len(raw) < start:
        raise ValueError(f"read_idx: {path.name} ends within its header")
    shape = struct.unpack(f">{rank}I", raw[4:start])
    kind = np.dtype(_TYPES[raw[2]])
    expected = math.prod(shape) * kind.itemsize
    if len(raw) - start != expected:
        raise ValueError(
            f"read_idx: {path.name} should hold {expected} bytes for shape {shape}, it holds {len(raw) - start}"
        )
    return np.frombuffer(raw, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
