"""Files: what goes in comes out; what is damaged, foreign or hostile is one ValueError."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw

DTYPES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")


def _round_trip(obj: Any) -> Any:
    file = io.BytesIO()
    tw.save(obj, file)
    file.seek(0)
    return tw.load(file)


def _same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, tw.Tensor):
        assert a.dtype is b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            _same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _same(x, y)
    else:
        assert a == b or (a != a and b != b)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3), (1, 2, 3, 4)])
def test_every_type_and_rank(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.RandomState(0).randint(0, 2, shape)
    x = tw.tensor(values).to(getattr(tw, name))
    tw.save(x, tmp_path / "x")
    _same(tw.load(tmp_path / "x"), x)
    tw.save({"x": x}, str(tmp_path / "y"))
    _same(tw.load(str(tmp_path / "y"))["x"], x)


def test_numbers_and_nests() -> None:
    nest = {
        "numbers": [1, -(2**80), 0.1, -0.0, float("inf"), float("nan"), True, False, None, 5e-324],
        "text": ["", "ä\n\0\u2028", "a" * 1000],
        3: (1, (2, ()), [], {}),
        (1, "pair"): OrderedDict([("b", 1), ("a", tw.float64)]),
        2.5: {"deep": {"deeper": [{"x": tw.tensor([1.0, float("nan"), -0.0])}]}},
        None: True,
    }
    _same(_round_trip(nest), nest)
    found = _round_trip([True, 1, 1.0])
    assert [type(v) for v in found] == [bool, int, float]


def test_views_and_results_of_operations() -> None:
    x = tw.arange(12.0).reshape(3, 4)
    w = tw.ones(2, requires_grad=True)
    nest = {"t": x.t(), "part": x[1:, ::2], "wide": tw.ones(1).expand(3), "leaf": w}
    found = _round_trip({**nest, "result": w * 2})
    for name, tensor in nest.items():
        assert found[name].tolist() == tensor.tolist()
        assert found[name].is_contiguous()
    assert found["leaf"].requires_grad and found["leaf"].is_leaf
    assert found["result"].tolist() == [2, 2] and found["result"].is_leaf


def test_shared_tensors_stay_shared() -> None:
    x, y = tw.arange(3.0), tw.arange(3.0)
    found = _round_trip({"a": x, "b": x, "c": y, "deep": [x]})
    found["a"][0] = 9
    assert found["b"][0].item() == 9 and found["deep"][0][0].item() == 9
    assert found["c"].tolist() == [0, 1, 2]


def test_modules_and_optimizers(tmp_path: Path) -> None:
    def make() -> tuple[Any, Any]:
        net = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.BatchNorm1d(4), tw.nn.Linear(4, 2))
        return net, tw.optim.AdamW(net.parameters(), lr=0.01)

    def step(net: Any, optimizer: Any) -> Any:
        optimizer.zero_grad()
        loss = net(tw.arange(15.0).reshape(5, 3) / 7).pow(2).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    net, optimizer = make()
    for _ in range(3):
        step(net, optimizer)
    tw.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run")
    again, its_optimizer = make()
    found = tw.load(tmp_path / "run")
    again.load_state_dict(found["net"])
    its_optimizer.load_state_dict(found["optimizer"])
    for _ in range(3):
        assert step(net, optimizer) == step(again, its_optimizer)
    for a, b in zip(net.parameters(), again.parameters(), strict=True):
        assert a.tolist() == b.tolist()


# Damaged and foreign files


def _file() -> bytes:
    file = io.BytesIO()
    tw.save({"weights": tw.arange(40.0), "lr": 0.5, "names": ["a", None]}, file)
    return file.getvalue()


def test_truncated_files() -> None:
    whole = _file()
    for length in [*range(0, len(whole), 23), len(whole) - 1]:
        with pytest.raises(ValueError):
            tw.load(io.BytesIO(whole[:length]))


def test_flipped_bits_never_give_another_error() -> None:
    whole = _file()
    expected = tw.load(io.BytesIO(whole))
    refused = 0
    rng = np.random.RandomState(0)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.randint(8)
        try:
            found = tw.load(io.BytesIO(bytes(damaged)))
        except ValueError:
            refused += 1
            continue
        _same(
            found, expected
        )  # a bit that says nothing about the content, a time stamp for example
    assert refused > len(whole) / 2


def _zip(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _tree(root: Any, **more: Any) -> bytes:
    return json.dumps({"format": "thalweg-1", "root": root, **more}).encode()


ONE = {"tensor": 0, "requires_grad": False, "parameter": False}
FOREIGN: dict[str, Any] = {
    "nothing": lambda: io.BytesIO(b""),
    "text": lambda: io.BytesIO(b"hello, world\n" * 50),
    "a pickle": lambda: io.BytesIO(pickle.dumps({"a": 1})),
    "an empty zip": lambda: _zip({}),
    "another zip": lambda: _zip({"readme.txt": b"hello"}),
    "no JSON": lambda: _zip({"tree.json": b"{"}),
    "no text": lambda: _zip({"tree.json": b"\xff\xfe\x00"}),
    "a list": lambda: _zip({"tree.json": b"[1, 2]"}),
    "another format": lambda: _zip({"tree.json": b'{"format": "thalweg-999", "root": null}'}),
    "no root": lambda: _zip({"tree.json": b'{"format": "thalweg-1"}'}),
    "unknown kind": lambda: _zip({"tree.json": _tree({"module": "os"})}),
    "empty node": lambda: _zip({"tree.json": _tree({})}),
    "a bare number": lambda: _zip({"tree.json": _tree(3)}),
    "a bad number": lambda: _zip({"tree.json": _tree({"int": "x"})}),
    "a number of another kind": lambda: _zip({"tree.json": _tree({"int": {"a": []}})}),
    "a bad float": lambda: _zip({"tree.json": _tree({"float": [1]})}),
    "an unknown type": lambda: _zip({"tree.json": _tree({"dtype": "float7"})}),
    "a type that is a list": lambda: _zip({"tree.json": _tree({"dtype": ["float32"]})}),
    "a missing tensor": lambda: _zip({"tree.json": _tree(ONE)}),
    "a negative tensor": lambda: _zip({"tree.json": _tree({"tensor": -1}), "0.npy": _npy(np.ones(2))}),
    "a tensor by name": lambda: _zip({"tree.json": _tree({"tensor": "0"}), "0.npy": _npy(np.ones(2))}),
    "pairs of one": lambda: _zip({"tree.json": _tree({"dict": [[1]]})}),
    "pairs that are none": lambda: _zip({"tree.json": _tree({"dict": 3})}),
    "a list that is none": lambda: _zip({"tree.json": _tree({"list": None})}),
    "a key that cannot be": lambda: _zip({"tree.json": _tree({"dict": [[{"list": []}, None]]})}),
    "an array of objects": lambda: _zip(
        {"tree.json": _tree(ONE), "0.npy": _npy(np.array([{"a": 1}], dtype=object))}
    ),
    "an array of text": lambda: _zip({"tree.json": _tree(ONE), "0.npy": _npy(np.array(["a"]))}),
    "a complex array": lambda: _zip({"tree.json": _tree(ONE), "0.npy": _npy(np.ones(2, complex))}),
    "no array": lambda: _zip({"tree.json": _tree(ONE), "0.npy": b"no array"}),
    "half an array": lambda: _zip({"tree.json": _tree(ONE), "0.npy": _npy(np.ones(99))[:300]}),
    "a header too large": lambda: _zip(
        {"tree.json": _tree(ONE), "0.npy": _npy(np.ones(4)).replace(b"(4,)", b"(9,)")}
    ),
    "a strange entry": lambda: _zip({"tree.json": _tree(ONE), "x.npy": _npy(np.ones(2))}),
    "compressed": lambda: _zip(
        {"tree.json": _tree(ONE), "0.npy": _npy(np.zeros(9999))}, zipfile.ZIP_DEFLATED
    ),
    "nested too deeply": lambda: _zip(
        {"tree.json": b'{"format": "thalweg-1", "root": ' + b'{"list": [' * 5000 + b"]}" * 5000 + b"}"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as refused:
        tw.load(FOREIGN[name]())
    assert "load" in str(refused.value)
    (tmp_path / "file").write_bytes(FOREIGN[name]().getvalue())
    with pytest.raises(ValueError):
        tw.load(tmp_path / "file")


def test_a_compressed_tree_cannot_fill_the_memory() -> None:
    huge = _zip({"tree.json": b" " * (1 << 28) + b"  1"}, zipfile.ZIP_DEFLATED)
    assert len(huge.getvalue()) < 1 << 20
    with pytest.raises(ValueError):
        tw.load(huge)


class _Trap:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("trapped",))


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trap = pickle.dumps(_Trap())
    array = np.empty(1, object)
    array[0] = _Trap()
    files = [io.BytesIO(trap), _zip({"tree.json": trap}), _zip({"data.pkl": trap})]
    files += [_zip({"tree.json": _tree(ONE), "0.npy": _npy(array)})]
    files += [_zip({"tree.json": _tree({"__reduce__": ["os.mkdir", ["trapped"]]})})]
    for file in files:
        with pytest.raises(ValueError):
            tw.load(file)
    assert not list(tmp_path.iterdir())


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        tw.load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tw.save({}, tmp_path / "nowhere" / "file")
    assert not list(tmp_path.iterdir())


# What cannot be stored; writing whole


@pytest.mark.parametrize(
    "thing", [object(), {1, 2}, lambda: 1, 1j, b"bytes", tw.nn.Linear(1, 1), _Trap(), np.array(["a"])], ids=repr
)  # fmt: skip
def test_what_cannot_be_stored_leaves_the_file_alone(thing: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    tw.save({"x": tw.ones(2)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        tw.save({"x": tw.zeros(2), "list": [1, {"thing": thing}]}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file"]


def test_the_error_says_where(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"set at the object\['a'\]\[1\]"):
        tw.save({"a": [1, {2}]}, tmp_path / "file")


def test_a_full_disk_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    tw.save({"x": 1}, path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        tw.save({"x": 2}, path)
    monkeypatch.undo()
    assert tw.load(path) == {"x": 1}
    assert os.listdir(tmp_path) == ["file"]


_SAVES = """
import sys
import thalweg as tw
n = 0
while True:
    tw.save({"n": n, "x": tw.full((200_000,), n), "y": [tw.full((), n)]}, sys.argv[1])
    n += 1
    print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "run.thalweg"
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    for round_ in range(3):
        command = [sys.executable, "-c", _SAVES, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            for _ in range(2 + round_):
                process.stdout.readline()
            time.sleep(0.0007 * (round_ + 1))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        found = tw.load(path)
        assert found["n"] >= 1
        assert found["x"].eq(found["n"]).all().item() and found["y"][0].item() == found["n"]
