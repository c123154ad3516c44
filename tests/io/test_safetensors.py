"""Safetensors files: tensors by name, and text beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import thalweg as tw
from thalweg.io import LoadError, load_file, load_model, save_file, save_model
from thalweg.io import safetensors as bytes_of

pytest.importorskip("safetensors")

DTYPES = [d.name for d in tw.ir.dtype.ALL if d.name != "complex128"]


@pytest.mark.parametrize("name", DTYPES)
def test_every_type_and_rank(name: str, tmp_path: Path) -> None:
    dtype = getattr(tw, name)
    tensors = {
        str(s): tw.arange(6).reshape(2, 3)[: s[0], : s[1]].contiguous().to(dtype)
        for s in ((2, 3), (0, 2), (1, 1))
    }
    tensors["0-d"] = tw.ones((), dtype=dtype)
    save_file(tensors, tmp_path / "f")
    found = load_file(tmp_path / "f")
    assert set(found) == set(tensors)
    for key, t in tensors.items():
        assert (
            found[key].dtype is dtype
            and found[key].shape == t.shape
            and found[key].tolist() == t.tolist()
        )
    found["(2, 3)"][0, 0] = 1
    assert found["(2, 3)"][0, 0].item() == 1


def test_the_bytes_are_the_format_s() -> None:
    content = bytes_of.save({"a": tw.arange(3.0)}, {"k": "v"})
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header == {
        "a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
        "__metadata__": {"k": "v"},
    }
    assert content[8 + length :] == tw.arange(3.0).numpy().tobytes()
    assert bytes_of.load(content)["a"].tolist() == [0, 1, 2]


def test_both_ways_with_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("safetensors.torch")
    save_file(
        {"w": tw.nn.Parameter(tw.arange(6.0).reshape(2, 3)), "n": tw.tensor(3)}, tmp_path / "mine"
    )
    found = theirs.load_file(tmp_path / "mine")
    assert found["w"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["n"].item() == 3
    theirs.save_file(
        {"w": torch.arange(4.0), "b": torch.tensor([True, False])}, tmp_path / "theirs"
    )
    mine = load_file(tmp_path / "theirs")
    assert mine["w"].tolist() == [0, 1, 2, 3] and mine["b"].tolist() == [True, False]


X = tw.arange(6.0).reshape(2, 3)
REFUSED: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "shared": (
        {"a": X, "b": X[0], "c": tw.ones(1)},
        None,
        RuntimeError,
        r"share memory.*'a', 'b'.*save_model",
    ),
    "the same": ({"a": X, "b": X}, None, RuntimeError, "share memory"),
    "strided": ({"a": X.t()}, None, ValueError, r"non contiguous tensor: `a`.*contiguous\(\)"),
    "no tensor": ({"a": 1}, None, ValueError, "Key `a` is invalid"),
    "no dict": ([X], None, ValueError, "Expected a dict"),
    "a name that is no text": ({1: X}, None, TypeError, "name is text"),
    "metadata that is no text": ({"a": X}, {"k": 1}, TypeError, "metadata is text"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str, tmp_path: Path) -> None:
    tensors, metadata, kind, message = REFUSED[what]
    with pytest.raises(kind, match=message):
        save_file(tensors, tmp_path / "f", metadata)
    assert not list(tmp_path.iterdir())


def test_a_part_of_a_tensor_is_written_alone(tmp_path: Path) -> None:
    save_file({"a": X[1]}, tmp_path / "f")
    assert load_file(tmp_path / "f")["a"].tolist() == [3, 4, 5]
    assert (tmp_path / "f").stat().st_size < 100


def test_models_with_tied_weights(tmp_path: Path) -> None:
    def make() -> Any:
        net = tw.nn.Sequential(tw.nn.Linear(3, 3), tw.nn.Linear(3, 3), tw.nn.BatchNorm1d(3))
        net[1].weight = net[0].weight
        return net

    net, again = make(), make()
    with pytest.raises(RuntimeError, match="share memory"):
        save_file(net.state_dict(), tmp_path / "f")
    save_model(net, tmp_path / "f")
    assert "1.weight" not in load_file(tmp_path / "f")
    assert load_model(again, tmp_path / "f") == ([], [])
    assert again[1].weight.tolist() == net[0].weight.tolist()
    with pytest.raises(RuntimeError, match="missing.*weight"):
        load_model(tw.nn.Sequential(tw.nn.Linear(3, 3), tw.nn.Linear(3, 3)), tmp_path / "f")


def test_damaged_files(tmp_path: Path) -> None:
    whole = bytes_of.save({"a": tw.arange(3.0), "b": tw.ones(2, 2)})
    for length in range(len(whole)):
        with pytest.raises(LoadError, match="load_file"):
            bytes_of.load(whole[:length])
    for header in (
        {"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 12]}},
        {"a": {"dtype": "F32", "shape": [3], "data_offsets": [4, 16]}},
        {"a": {"dtype": "F32", "shape": [-3], "data_offsets": [0, 12]}},
        {"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 12]}},
        {"a": {"dtype": "X9", "shape": [3], "data_offsets": [0, 12]}},
        {"a": {"dtype": "F8_E5M2", "shape": [8], "data_offsets": [0, 8]}},
        [],
    ):
        text = json.dumps(header).encode()
        with pytest.raises(LoadError, match="load_file"):
            bytes_of.load(
                len(text).to_bytes(8, "little") + text + b"\0" * (8 if b"F8" in text else 12)
            )
    with pytest.raises(FileNotFoundError, match="missing"):
        load_file(tmp_path / "missing")
