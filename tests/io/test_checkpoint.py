"""What goes into a file comes out of it."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import archive_of

import thalweg as tw

DTYPES = [dtype.name for dtype in tw.ir.dtype.ALL]


def _round_trip(obj: Any) -> Any:
    file = io.BytesIO()
    tw.save(obj, file)
    file.seek(0)
    return tw.load(file)


def _same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, tw.Tensor):
        assert a.dtype is b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad
        assert a._array().tobytes() == b._array().tobytes()
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
        assert found[name].stride() == tensor.stride()
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


def test_views_keep_their_storage_and_share_it() -> None:
    x = tw.arange(12.0).reshape(3, 4)
    found = _round_trip(
        {"t": x.t(), "row": x[1], "part": x[1:, ::2], "whole": x, "flat": x.view(-1)}
    )
    found["whole"][1, 2] = 50
    assert found["t"][2, 1].item() == 50 and found["row"].tolist() == [4, 5, 50, 7]
    assert found["part"].tolist() == [[4, 50], [8, 10]] and found["flat"][6].item() == 50
    assert found["part"].storage_offset() == 4 and found["part"].stride() == (4, 2)
    found["part"][0, 0] = -1
    assert found["whole"][1].tolist() == [-1, 5, 50, 7]
    assert len({t.untyped_storage().data_ptr() for t in found.values()}) == 1


def test_parameters_buffers_and_attributes() -> None:
    p = tw.nn.Parameter(tw.arange(3.0), requires_grad=False)
    p.note = {"a": [1]}
    x = tw.zeros(2)
    x.note = "text"
    b = tw.nn.Buffer(tw.ones(2), persistent=False)
    found = _round_trip({"p": p, "again": p, "x": x, "b": b, "tied": tw.nn.Parameter(p.data)})
    assert type(found["p"]) is tw.nn.Parameter and not found["p"].requires_grad
    assert found["p"].note == {"a": [1]} and found["again"] is found["p"]
    assert found["tied"].data_ptr() == found["p"].data_ptr()
    assert found["x"].note == "text" and type(found["x"]) is tw.Tensor
    assert type(found["b"]) is tw.nn.Buffer and not found["b"].persistent


OTHERS: dict[str, Any] = {
    "bytes": b"\x00\xffabc" * 300,
    "empty bytes": b"",
    "bytearray": bytearray(b"ab\xfe"),
    "complex": 1 - 2j,
    "set": {1, "a", (2, 3)},
    "frozenset": frozenset([1]),
    "Size": tw.Size([2, 3]),
    "device": tw.device("cpu"),
    "dtype": tw.int16,
    "layout": tw.strided,
    "Counter": Counter("abca"),
    "a long text": "x" * 70_000,
    "surrogates": "\ud800",
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", OTHERS)
def test_other_things(name: str, protocol: int) -> None:
    file = io.BytesIO()
    tw.save([OTHERS[name], OTHERS[name]], file, pickle_protocol=protocol)
    file.seek(0)
    found = tw.load(file)
    assert found == [OTHERS[name]] * 2 and type(found[0]) is type(OTHERS[name])


def test_numpy_numbers_and_arrays() -> None:
    nest = {
        "loss": np.float64(0.25),
        "n": np.int32(3),
        "yes": np.bool_(True),
        "a": np.arange(6.0).reshape(2, 3).T,
    }
    found = _round_trip(nest)
    assert found["loss"] == 0.25 and type(found["loss"]) is float
    assert type(found["n"]) is int and found["yes"] is True
    assert found["a"].tolist() == nest["a"].tolist() and found["a"].dtype == np.float64


def test_storages() -> None:
    x = tw.arange(4, dtype=tw.int16)
    found = _round_trip(
        {"storage": x.untyped_storage(), "x": x[1:], "alone": tw.ones(2).untyped_storage()}
    )
    assert found["storage"].tolist() == x.untyped_storage().tolist()
    assert found["storage"] == found["x"].untyped_storage() and len(found["alone"]) == 8
    assert found["storage"].data_ptr() == found["x"].data_ptr() - 2


def test_lists_that_hold_themselves() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    found = _round_trip(ring)
    assert found[0] == 1 and found[1] is found


def test_a_metadata_attribute_comes_back() -> None:
    state = tw.nn.Sequential(tw.nn.BatchNorm1d(2)).state_dict()
    assert _round_trip(state)._metadata == state._metadata  # type: ignore[attr-defined]


def test_the_members_of_the_archive(tmp_path: Path) -> None:
    x = tw.arange(20.0)
    tw.save({"x": x, "y": x[3:5], "z": tw.ones(3, dtype=tw.int8)}, tmp_path / "net.v1.pt")
    with zipfile.ZipFile(tmp_path / "net.v1.pt") as archive:
        records = [
            "data.pkl",
            ".format_version",
            ".storage_alignment",
            "byteorder",
            "data/0",
            "data/1",
            "version",
        ]
        assert archive.namelist() == [f"net.v1/{r}" for r in [*records, ".data/serialization_id"]]
        assert archive.read("net.v1/data/0") == np.arange(20, dtype=np.float32).tobytes()
        assert archive.read("net.v1/data/1") == b"\1\1\1"
        texts = {"version": b"3\n", ".format_version": b"1", ".storage_alignment": b"64"}
        assert {r: archive.read(f"net.v1/{r}") for r in texts} == texts
        assert archive.read("net.v1/byteorder") == sys.byteorder.encode()
        assert re.fullmatch(rb"\d{40}", archive.read("net.v1/.data/serialization_id"))
        whole = (tmp_path / "net.v1.pt").read_bytes()
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            name, extra = struct.unpack_from("<HH", whole, info.header_offset + 26)
            assert (info.header_offset + 30 + name + extra) % 64 == 0
    first, again = io.BytesIO(), io.BytesIO()
    tw.save({"x": x}, first)
    tw.save({"x": x}, again)
    assert first.getvalue() == again.getvalue()


def test_whole_objects_are_loaded_when_the_file_is_trusted(tmp_path: Path) -> None:
    net = tw.nn.Sequential(tw.nn.Linear(2, 3), tw.nn.ReLU())
    file = io.BytesIO()
    tw.save(net, file)
    file.seek(0)
    with pytest.raises(tw.serialization.LoadError, match=r"thalweg.nn.containers.Sequential"):
        tw.load(file)
    file.seek(0)
    again = tw.load(file, weights_only=False)
    file.seek(0)
    with pytest.raises(
        RuntimeError, match="Can not safely load weights when explicit pickle_module"
    ):
        tw.load(file, pickle_module=pickle, weights_only=True)
    with pytest.raises(tw.serialization.LoadError, match="Sequential"):
        tw.load(file, pickle_module=pickle)
    tw.save([1], tmp_path / "f")
    assert tw.load(tmp_path / "f", pickle_module=pickle) == [1]
    x = tw.ones(1, 2)
    assert again(x).tolist() == net(x).tolist()


class Settings:
    def __init__(self, width: int) -> None:
        self.width = width


def test_safe_globals() -> None:
    def load() -> Any:
        file.seek(0)
        return tw.load(file)

    file = io.BytesIO()
    tw.save({"settings": Settings(3)}, file)
    name = f"{Settings.__module__}.Settings"
    with pytest.raises(tw.serialization.LoadError, match=name):
        load()
    with tw.serialization.safe_globals([Settings]):
        assert load()["settings"].width == 3
        assert tw.serialization.get_safe_globals() == [Settings]
    with pytest.raises(tw.serialization.LoadError):
        load()
    tw.serialization.add_safe_globals([(Settings, name)])
    assert load()["settings"].width == 3
    tw.serialization.clear_safe_globals()
    with pytest.raises(tw.serialization.LoadError):
        load()
    with pytest.raises(TypeError):
        tw.serialization.add_safe_globals([3])


class Named(tw.Tensor):
    pass


def test_layers_need_no_more_than_their_classes() -> None:
    """As PyTorch's example of a language model loads what it saved."""
    layers = [tw.nn.Sequential, tw.nn.Linear, tw.nn.Dropout]
    file = io.BytesIO()
    tw.save(tw.nn.Sequential(tw.nn.Linear(2, 3), tw.nn.Dropout()), file)
    file.seek(0)
    with tw.serialization.safe_globals(layers):
        found = tw.load(file)
    assert found(tw.ones(1, 2)).shape == (1, 3) and list(found.state_dict())[0] == "0.weight"


def test_a_tensor_of_a_class_of_the_program() -> None:
    x: Any = Named([1.0, 2.0])
    x.note = "text"
    file = io.BytesIO()
    tw.save([x, x[1:]], file)
    file.seek(0)
    with pytest.raises(tw.serialization.LoadError, match=f"{Named.__module__}.Named"):
        tw.load(file)
    for options in ({}, {"weights_only": False}):
        file.seek(0)
        with tw.serialization.safe_globals([Named]):
            found, part = tw.load(file, **options)  # type: ignore[arg-type]
        assert type(found) is Named and found.tolist() == [1, 2] and found.note == "text"
        assert part.data_ptr() == found.data_ptr() + 4


def test_the_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"nothing")
    with pytest.raises(tw.serialization.LoadError) as refused:
        tw.load(tmp_path / "net.pt")
    assert "net.pt" in refused.value.__notes__[0]


def test_map_location() -> None:
    file = io.BytesIO()
    tw.save(tw.ones(2), file)
    for where in (None, "cpu", tw.device("cpu"), {"cuda:0": "cpu"}, lambda storage, place: storage):
        file.seek(0)
        assert tw.load(file, map_location=where).tolist() == [1, 1]
    file.seek(0)
    with pytest.raises(RuntimeError, match="cuda"):
        tw.load(file, map_location="cuda")
    with zipfile.ZipFile(file) as archive:
        pickled = archive.read("archive/data.pkl").replace(b"cpu", b"xpu")
    file = io.BytesIO(archive_of(pickled, {"0": np.ones(2, np.float32).tobytes()}))
    with pytest.raises(RuntimeError, match="'xpu'.*map_location='cpu'"):
        tw.load(file)
    assert tw.load(file, map_location="cpu").tolist() == [1, 1]
    assert tw.load(file, map_location={"xpu": "cpu"}).tolist() == [1, 1]


# Files of Thalweg's first format


def test_files_of_the_first_format(tmp_path: Path) -> None:
    def npy(array: Any) -> bytes:
        content = io.BytesIO()
        np.save(content, array)
        return content.getvalue()

    pairs = [
        ["w", {"tensor": 0, "requires_grad": True, "parameter": True}],
        ["again", {"tensor": 0, "requires_grad": False, "parameter": False}],
        [
            "nest",
            {
                "list": [
                    {"int": "3"},
                    {"float": "0x1.8p+0"},
                    {"tuple": [None, True, "a"]},
                    {"dtype": "int8"},
                ]
            },
        ],
    ]
    tree = {"format": "thalweg-1", "root": {"ordered": pairs}}
    with zipfile.ZipFile(tmp_path / "old", "w") as archive:
        archive.writestr("tree.json", json.dumps(tree))
        archive.writestr("0.npy", npy(np.arange(3, dtype=np.float32)))
    found = tw.load(tmp_path / "old")
    assert (
        type(found) is OrderedDict and found["w"].tolist() == [0, 1, 2] and found["w"].requires_grad
    )
    found["again"][0] = 5
    assert found["w"].tolist() == [5, 1, 2]
    assert found["nest"] == [3, 1.5, (None, True, "a"), tw.int8]
