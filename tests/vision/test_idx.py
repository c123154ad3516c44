"""The idx format, MNIST's folder and scikit-learn's digits."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.vision import digits, idx_folder, read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def _idx(array: Any, kind: str = "u1") -> bytes:
    head = bytes([0, 0, CODES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(">" + kind).tobytes()


def _folder(folder: Path, n: int = 6, m: int = 4, zipped: bool = False) -> dict[str, Any]:
    rng = np.random.RandomState(0)
    arrays = {
        "train-images-idx3-ubyte": rng.randint(0, 256, (n, 3, 2)),
        "train-labels-idx1-ubyte": rng.randint(0, 10, n),
        "t10k-images-idx3-ubyte": rng.randint(0, 256, (m, 3, 2)),
        "t10k-labels-idx1-ubyte": rng.randint(0, 10, m),
    }
    for name, array in arrays.items():
        content = _idx(array)
        path = folder / (name + ".gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    return arrays


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (0, 3), ()])
def test_types_and_shapes(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.asarray(np.random.RandomState(0).randint(0, 100, shape)).astype(kind)
    (tmp_path / "file").write_bytes(_idx(array, kind))
    found = read_idx(tmp_path / "file")
    assert found.dtype == np.dtype(kind) and found.dtype.isnative
    assert found.shape == shape and found.tolist() == array.tolist()
    found[...] = 0


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    content = _idx(np.arange(6).reshape(2, 3))
    (tmp_path / "plain.gz").write_bytes(content)
    (tmp_path / "zipped").write_bytes(gzip.compress(content))
    for name in ("plain.gz", "zipped"):
        assert read_idx(str(tmp_path / name)).tolist() == [[0, 1, 2], [3, 4, 5]]


WHOLE = _idx(np.arange(12).reshape(3, 4))
DAMAGED = {
    "nothing": b"",
    "three bytes": WHOLE[:3],
    "another format": b"\x89PNG" + WHOLE,
    "unknown type": b"\0\0\x07" + WHOLE[3:],
    "ends in the header": WHOLE[:9],
    "one byte short": WHOLE[:-1],
    "one byte long": WHOLE + b"\0",
    "half a gzip": gzip.compress(WHOLE)[:-9],
    "a broken gzip": gzip.compress(WHOLE * 50)[:20] + b"\xff" * 20,
    "a gzip of something else": gzip.compress(b"hello"),
    "a huge shape": b"\0\0\x08\x03" + b"\xff" * 12 + b"\0" * 9,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match="read_idx: images"):
        read_idx(tmp_path / "images")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        read_idx(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
def test_folder(zipped: bool, tmp_path: Path) -> None:
    arrays = _folder(tmp_path, zipped=zipped)
    images = idx_folder(tmp_path)
    assert repr(images.x.dtype) == "thalweg.float32" and repr(images.y.dtype) == "thalweg.int64"
    expected = arrays["train-images-idx3-ubyte"].astype(np.float32) / np.float32(255)
    assert images.x.tolist() == expected.tolist()
    assert images.y.tolist() == arrays["train-labels-idx1-ubyte"].tolist()
    assert images.y_test.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    assert tuple(images.x_test.shape) == (4, 3, 2)
    assert len(images.train) == 6 and len(images.test) == 4
    x, y = images.train[2]
    assert x.tolist() == expected[2].tolist() and y.item() == images.y[2].item()


def test_folder_with_something_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        idx_folder(tmp_path / "nowhere")
    _folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        idx_folder(tmp_path)


def test_images_and_labels_that_do_not_go_together(tmp_path: Path) -> None:
    _folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.zeros(5)))
    with pytest.raises(ValueError, match="6 images but 5 labels"):
        idx_folder(tmp_path)


def test_digits() -> None:
    images = digits()
    assert tuple(images.x.shape) == (1347, 8, 8) and tuple(images.x_test.shape) == (450, 8, 8)
    assert images.x.min().item() == 0 and images.x.max().item() == 1
    assert images.classes == tuple("0123456789")
    counts, held_out = images.y.bincount(), images.y_test.bincount()
    shares = held_out / (counts + held_out)
    assert (shares - 0.25).abs().max().item() < 0.01
    assert digits().x.tolist() == images.x.tolist()
    assert digits(1).y.tolist() != images.y.tolist()
