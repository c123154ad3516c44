"""Data sets of pictures over files made here: pickles of Python 2, folders, MATLAB's, noise."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import thalweg as tw
from thalweg.io.unpickle import LoadError
from thalweg.vision import datasets, image_files, transforms

FAKE = (25756, 9)
PIXELS = (np.arange(7 * 3072) * 31 % 251).astype(np.uint8).reshape(7, 3072)


def text(content: bytes) -> bytes:
    """A text as Python 2 wrote it."""
    if len(content) < 256:
        return pickle.SHORT_BINSTRING + bytes([len(content)]) + content
    return pickle.BINSTRING + struct.pack("<i", len(content)) + content


def array(pixels: Any, again: int = 0) -> bytes:
    """An array of bytes as NumPy wrote it under Python 2; ``again`` times its elements from the memo."""
    rows, columns = pixels.shape
    kind = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )

    def one(elements: bytes) -> bytes:
        made = (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
            + text(b"b")
            + b"\x87R"
        )
        return (
            made
            + b"(K\x01"
            + struct.pack("<cHcHc", b"M", rows, b"M", columns, b"\x86")
            + kind
            + b"\x89"
            + elements
            + b"tb"
        )

    first = one(text(pixels.tobytes()) + b"q\x01")
    return first + b"".join(b"0" + one(b"h\x01") for _ in range(again))


def batch(pixels: Any, label: bytes = b"labels", again: int = 0) -> bytes:
    labels = b"".join(b"K" + bytes([k % 10]) for k in range(len(pixels)))
    return (
        b"\x80\x02}(" + text(b"data") + array(pixels, again) + text(label) + b"](" + labels + b"eu."
    )


def names(key: bytes, count: int) -> bytes:
    return (
        b"\x80\x02}"
        + text(key)
        + b"]("
        + b"".join(text(b"kind %d" % k) for k in range(count))
        + b"es."
    )


def cifar(folder: Path) -> Path:
    home = folder / "cifar-10-batches-py"
    home.mkdir()
    for k in range(1, 6):
        (home / f"data_batch_{k}").write_bytes(batch(PIXELS + np.uint8(k)))
    (home / "test_batch").write_bytes(batch(PIXELS[:3]))
    (home / "batches.meta").write_bytes(names(b"label_names", 10))
    return home


def test_pictures_in_pickles_of_python_2(tmp_path: Path) -> None:
    home = cifar(tmp_path)
    found = datasets.CIFAR10(tmp_path, transform=transforms.ToTensor(), download=True)
    assert (
        len(found) == 35
        and found.data.shape == (35, 32, 32, 3)
        and found.targets[7:10] == [0, 1, 2]
    )
    image, target = found[15]
    assert (image * 255).round().byte().flatten().tolist() == (
        PIXELS[1] + 3
    ).tolist() and target == 1
    assert found.classes[3] == "kind 3" and found.class_to_idx["kind 3"] == 3
    assert repr(found).splitlines()[-2:] == ["    StandardTransform", "Transform: ToTensor()"]
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(home, home.name)
    for file in home.iterdir():
        file.unlink()
    home.rmdir()
    packed = datasets.CIFAR10(tmp_path, train=False, target_transform=lambda k: k + 5)
    assert len(packed) == 3 and packed[2][1] == 7 and packed[2][0].size == (32, 32)
    assert not home.exists()


def test_a_hundred_kinds(tmp_path: Path) -> None:
    home = tmp_path / "cifar-100-python"
    home.mkdir()
    (home / "train").write_bytes(batch(PIXELS, b"fine_labels"))
    (home / "meta").write_bytes(names(b"fine_label_names", 100))
    found = datasets.CIFAR100(str(tmp_path))
    assert len(found) == 7 and len(found.classes) == 100
    with pytest.raises(RuntimeError, match="no files test in .*downloads nothing"):
        datasets.CIFAR100(tmp_path, train=False)


HOSTILE = {
    "a call": (
        b"\x80\x02cos\nsystem\n" + text(b"true") + b"\x85R.",
        "'os.system', which is not on the list",
    ),
    "one text in many arrays": (batch(PIXELS[:1], again=40), "unfolds to more than it holds"),
    "no dictionary": (b"\x80\x02](K\x01e.", "no batch of CIFAR"),
    "an end": (batch(PIXELS)[:5000], "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_pickles_that_are_refused(name: str, tmp_path: Path) -> None:
    content, message = HOSTILE[name]
    (cifar(tmp_path) / "test_batch").write_bytes(content)
    with pytest.raises(LoadError, match=message):
        datasets.CIFAR10(tmp_path, train=False)


def test_folders_of_classes(tmp_path: Path) -> None:
    for kind, colors in {"dog": (10, 20), "cat": (30,)}.items():
        deep = tmp_path / kind / "deep"
        deep.mkdir(parents=True)
        for color in colors:
            Image.new("L", (4, 5), color).save(deep / f"{color}.PNG")
        (deep / "note.txt").write_text("no picture")
    found = datasets.ImageFolder(tmp_path, transforms.PILToTensor())
    assert (
        found.classes == ["cat", "dog"]
        and found.targets == [0, 1, 1]
        and found.imgs == found.samples
    )
    image, target = found[2]
    assert tuple(image.shape) == (3, 5, 4) and image.max().item() == 20 and target == 1
    notes = datasets.DatasetFolder(
        str(tmp_path), lambda path: Path(path).read_text(), extensions=(".txt",)
    )
    assert [notes[k] for k in range(2)] == [("no picture", 0), ("no picture", 1)]
    chosen = datasets.ImageFolder(
        tmp_path, is_valid_file=lambda path: "20" in path, allow_empty=True
    )
    assert len(chosen) == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match="Found no valid file for the classes empty. Supported extensions"
    ):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        datasets.ImageFolder(tmp_path / "empty")
    with pytest.raises(ValueError, match="Both extensions and is_valid_file"):
        datasets.DatasetFolder(tmp_path, str)


def test_house_numbers(tmp_path: Path) -> None:
    from scipy.io import savemat

    pixels = PIXELS[:2].reshape(32, 32, 3, 2)
    savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": np.array([[10], [4]], np.uint8)})
    found = datasets.SVHN(tmp_path, "test")
    assert [found[k][1] for k in range(2)] == [0, 4]
    assert np.array_equal(np.asarray(found[1][0]), pixels[..., 1])
    with pytest.raises(RuntimeError, match="no file train_32x32.mat"):
        datasets.SVHN(tmp_path)
    with pytest.raises(ValueError, match="Unknown value 'all'"):
        datasets.SVHN(tmp_path, "all")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Five, of which the first and the fourth are for training."""
    home = tmp_path / "celeba"
    (home / "img_align_celeba").mkdir(parents=True)
    names = [f"{k + 1:06d}.png" for k in range(5)]
    for k, name in enumerate(names):
        Image.fromarray(np.full((6, 4, 3), 9 * k, np.uint8)).save(home / "img_align_celeba" / name)
    lists = {
        "list_eval_partition.txt": ("", lambda k: f"{k % 3}"),
        "identity_CelebA.txt": ("", lambda k: f"{2880 + k}"),
        "list_bbox_celeba.txt": (
            "5\nimage_id x_1 y_1 width height\n",
            lambda k: f"   {k}  72 221 {313 + k}",
        ),
        "list_landmarks_align_celeba.txt": ("5\nlefteye_x lefteye_y\n", lambda k: f"{k} {109 - k}"),
        "list_attr_celeba.txt": (
            "5\nBald Young \n",
            lambda k: f"{1 - 2 * (k % 2)} {1 if k < 3 else -1}",
        ),
    }
    for file, (head, told) in lists.items():
        rows = "".join(f"{name} {told(k)}\n" for k, name in enumerate(names))
        (home / file).write_text(head + rows)
    return tmp_path


def test_faces(faces: Path) -> None:
    """As torchvision 0.28 reads the same files."""
    found = datasets.CelebA(faces)
    assert found.filename == ["000001.png", "000004.png"] and len(found) == 2
    assert found.attr_names == ["Bald", "Young", ""]
    assert [found[k][1].tolist() for k in range(2)] == [[1, 1], [0, 0]]
    assert np.asarray(found[1][0]).sum() == 1944
    several = datasets.CelebA(faces, "valid", ["identity", "bbox", "landmarks"])
    assert [x.tolist() for x in several[1][1]] == [2884, [4, 72, 221, 317], [4, 105]]
    assert datasets.CelebA(faces, "all", [], np.asarray)[2][1] is None
    assert "Target type: ['attr']\n    Split: train" in repr(found)
    with pytest.raises(ValueError, match="Unknown value 'some'"):
        datasets.CelebA(faces, "some")
    with pytest.raises(ValueError, match='Target type "nose"'):
        datasets.CelebA(faces, target_type="nose")[0]
    with pytest.raises(RuntimeError, match="target_type is empty"):
        datasets.CelebA(faces, target_type=[], target_transform=str)
    with pytest.raises(RuntimeError, match="no file list_eval_partition.txt"):
        datasets.CelebA(faces / "none")


def test_dishes(tmp_path: Path) -> None:
    (tmp_path / "food-101" / "meta").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="no folder images"):
        datasets.Food101(tmp_path)
    (tmp_path / "food-101" / "images" / "soup").mkdir(parents=True)
    (tmp_path / "food-101" / "meta" / "test.json").write_text('{"soup": ["soup/1"], "cake": []}')
    Image.new("RGB", (4, 3)).save(tmp_path / "food-101" / "images" / "soup" / "1.jpg")
    found = datasets.Food101(tmp_path, "test", transforms.ToTensor())
    assert found.classes == ["cake", "soup"] and found.class_to_idx == {"cake": 0, "soup": 1}
    assert len(found) == 1 and found[0][0].shape == (3, 3, 4) and found[0][1] == 1
    assert "split=test" in repr(found)
    with pytest.raises(ValueError, match="Unknown value 'all'"):
        datasets.Food101(tmp_path, "all")


def test_letters(tmp_path: Path) -> None:
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "emnist-letters-test-images-idx3-ubyte").write_bytes(
        struct.pack(">BBBB3I", 0, 0, 8, 3, 1, 2, 2) + b"\1\2\3\4"
    )
    (folder / "emnist-letters-test-labels-idx1-ubyte").write_bytes(
        struct.pack(">BBBBI", 0, 0, 8, 1, 1) + b"\5"
    )
    found = datasets.EMNIST(tmp_path, split="letters", train=False)
    assert found[0][1] == 5 and found.classes[5] == "e"
    assert [len(datasets.EMNIST.classes_split_dict[s]) for s in datasets.EMNIST.splits] == [
        62,
        47,
        47,
        27,
        10,
        10,
    ]
    with pytest.raises(ValueError, match="Unknown value 'all'"):
        datasets.EMNIST(tmp_path, "all")


def test_a_part_of_a_data_set(tmp_path: Path) -> None:
    """Programs cut ``data`` and ``targets`` themselves."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(
        struct.pack(">BBBB3I", 0, 0, 8, 3, 4, 1, 1) + b"\1\2\3\4"
    )
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(
        struct.pack(">BBBBI", 0, 0, 8, 1, 4) + b"\0\1\0\1"
    )
    found = datasets.MNIST(tmp_path, transform=transforms.PILToTensor())
    kept = found.targets == 1
    found.data, found.targets = found.data[kept], found.targets[kept]
    assert found.train_data is found.data and found.test_labels is found.targets
    assert len(found) == 2 and found[1][0].item() == 4 and found[1][1] == 1


def test_noise() -> None:
    """Against what torchvision 0.28 gave."""
    found = datasets.FakeData(5, (3, 8, 8), random_offset=2)
    before = tw.get_rng_state()
    image, target = found[3]
    assert tw.equal(before, tw.get_rng_state())
    assert (int(np.asarray(image).astype(int).sum()), target) == FAKE
    with pytest.raises(IndexError):
        found[5]


def test_both_transforms_or_one() -> None:
    with pytest.raises(ValueError, match="not both"):
        datasets.VisionDataset("here", transforms=lambda x, y: (x, y), transform=str)


def test_files_of_pictures(tmp_path: Path) -> None:
    x = tw.tensor(PIXELS[0].reshape(3, 32, 32))
    image_files.write_png(x, tmp_path / "x.png")
    assert tw.equal(image_files.read_image(tmp_path / "x.png"), x)
    content = image_files.read_file(tmp_path / "x.png")
    image_files.write_file(tmp_path / "y.png", content)
    assert tuple(image_files.decode_image(str(tmp_path / "y.png"), "GRAY").shape) == (1, 32, 32)
    assert tuple(image_files.decode_png(content, image_files.ImageReadMode.RGB_ALPHA).shape) == (
        4,
        32,
        32,
    )
    flat = tw.full((1, 16, 16), 77, dtype=tw.uint8)
    image_files.write_jpeg(flat, tmp_path / "z.jpg")
    assert image_files.read_image(tmp_path / "z.jpg").float().mean().item() == pytest.approx(
        77, abs=1
    )
    assert tuple(image_files.decode_jpeg(image_files.encode_jpeg(flat, 50)).shape) == (1, 16, 16)
    turned = Image.new("RGB", (4, 2))
    exif = turned.getexif()
    exif[0x0112] = 6
    into = io.BytesIO()
    turned.save(into, "JPEG", exif=exif)
    raw = tw.tensor(np.frombuffer(into.getvalue(), np.uint8).copy())
    assert tuple(image_files.decode_image(raw, apply_exif_orientation=True).shape) == (3, 4, 2)
    with pytest.raises(RuntimeError, match="decode_image"):
        image_files.decode_image(tw.zeros(5, dtype=tw.uint8))
    with pytest.raises(RuntimeError, match="PNG: a picture of bytes"):
        image_files.encode_png(x.float())
