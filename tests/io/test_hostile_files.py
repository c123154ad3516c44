"""Damaged, foreign and hostile files: one LoadError each, nothing executed, no memory taken on a file's word."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import archive_of, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st

import thalweg as tw
from thalweg.serialization import LoadError

OBJECT = {"weights": np.arange(40.0), "lr": 0.5, "names": ["a", None], "b": b"bytes", "big": 2**70}


def _file() -> bytes:
    file = io.BytesIO()
    tw.save({**OBJECT, "weights": tw.tensor(OBJECT["weights"]), "part": tw.arange(6)[2:4]}, file)
    return file.getvalue()


WHOLE = _file()


def _is_whole(found: Any) -> bool:
    weights, part = found.pop("weights"), found.pop("part")
    expected = {k: v for k, v in OBJECT.items() if k != "weights"}
    return found == expected and weights.tolist() == list(range(40)) and part.tolist() == [2, 3]


def test_the_error_is_each_of_pytorch_s() -> None:
    for kind in (RuntimeError, ValueError, pickle.UnpicklingError):
        assert issubclass(LoadError, kind)
    assert tw.io.LoadError is LoadError


def test_truncated_files() -> None:
    for length in [*range(0, len(WHOLE), 23), len(WHOLE) - 1]:
        with pytest.raises(LoadError, match="load"):
            tw.load(io.BytesIO(WHOLE[:length]))


def test_flipped_bits_never_give_another_error() -> None:
    refused = 0
    rng = np.random.RandomState(0)
    for position in range(0, len(WHOLE), 3):
        damaged = bytearray(WHOLE)
        damaged[position] ^= 1 << rng.randint(8)
        try:
            found = tw.load(io.BytesIO(bytes(damaged)))
        except LoadError:
            refused += 1
            continue
        assert _is_whole(found)  # a bit that says nothing about the content: padding, a time stamp
    assert refused > len(WHOLE) / 3 / 4


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_damage_gives_the_same_or_the_error(data: Any) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "repeat", "remove"]))
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        length = data.draw(st.integers(1, 40))
        if kind == "flip" and damaged:
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del damaged[at:]
        elif kind == "insert":
            damaged[at:at] = data.draw(st.binary(max_size=40))
        elif kind == "repeat":
            damaged[at:at] = damaged[at : at + length]
        else:
            del damaged[at : at + length]
    try:
        found = tw.load(io.BytesIO(bytes(damaged)))
    except LoadError:
        return
    assert _is_whole(found)


with zipfile.ZipFile(io.BytesIO(WHOLE)) as _archive:
    PICKLE = _archive.read("archive/data.pkl")
    STORAGES = {key: _archive.read(f"archive/data/{key}") for key in "01"}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_pickle_of_random_bytes_gives_something_or_the_error(data: Any) -> None:
    """Where the checksum is right, what the pickle says is all there is to hold on to."""
    damaged = bytearray(PICKLE)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    try:
        tw.load(io.BytesIO(archive_of(bytes(damaged), STORAGES)))
    except LoadError as error:
        assert "load" in str(error) and len(str(error)) < 700


# Pickles


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def _number(n: int) -> bytes:
    return b"\x8a\x09" + n.to_bytes(9, "little", signed=True)


def _numbers(*numbers: int) -> bytes:
    return b"(" + b"".join(map(_number, numbers)) + b"t"


def _storage(kind: bytes = _name("torch", "FloatStorage"), key: str = "0", count: int = 4) -> bytes:
    return b"(" + _text("storage") + kind + _text(key) + _text("cpu") + _number(count) + b"tQ"


_ORDERED = _name("collections", "OrderedDict")


def _tensor(
    storage: bytes = b"", offset: int = 0, size: bytes = b"", stride: bytes = b"", grad: bytes = b"\x89"
) -> bytes:  # fmt: skip
    parts = (
        (storage or _storage())
        + _number(offset)
        + (size or _numbers(2, 2))
        + (stride or _numbers(2, 1))
    )
    hooks = _name("collections", "OrderedDict") + b")R"
    return _name("torch._utils", "_rebuild_tensor_v2") + b"(" + parts + grad + hooks + b"tR"


def _load(pickled: bytes, content: bytes = b"\0" * 16) -> Any:
    return tw.load(io.BytesIO(archive_of(b"\x80\x02" + pickled + b".", {"0": content})))


def test_a_tensor_made_by_hand() -> None:
    numbers = np.arange(4, dtype=np.float32)
    assert _load(_tensor(), numbers.tobytes()).tolist() == [[0, 1], [2, 3]]
    wide = _load(
        _tensor(size=_numbers(10**9, 10**6), stride=_numbers(0, 0), offset=3), numbers.tobytes()
    )
    assert wide.shape == (10**9, 10**6) and wide[5, 7].item() == 3
    empty = _load(_tensor(size=_numbers(0, 10**9), stride=_numbers(1, 1), offset=10**9))
    assert empty.shape == (0, 10**9)


TENSORS = {
    "larger than its storage": _tensor(size=_numbers(2, 3), stride=_numbers(3, 1)),
    "beginning behind it": _tensor(offset=1),
    "with large strides": _tensor(stride=_numbers(10**12, 1)),
    "with a stride that wraps round": _tensor(stride=_numbers(2**62, 1)),
    "with a negative stride": _tensor(offset=3, stride=_numbers(-2, -1)),
    "with a negative size": _tensor(size=_numbers(-2, 2)),
    "with a negative offset": _tensor(offset=-1),
    "of too many elements": _tensor(size=_numbers(2**40, 2**40), stride=_numbers(0, 0)),
    "with more sizes than strides": _tensor(size=_numbers(2, 1, 2)),
    "of a hundred axes": _tensor(size=_numbers(*[1] * 100), stride=_numbers(*[1] * 100)),
    "with sizes that are no tuple": _tensor(size=b"]"),
    "with sizes that are no numbers": _tensor(size=b"NN\x86"),
    "with sizes that are truths": _tensor(size=b"\x88\x88\x86"),
    "without a storage": _tensor(storage=b"N"),
    "with a type for a storage": _tensor(storage=_name("torch", "FloatStorage")),
    "of bytes without a type": _tensor(storage=_storage(_name("torch.storage", "UntypedStorage"), count=16)),
    "of a storage that is not there": _tensor(storage=_storage(key="1")),
    "of a storage outside of the archive": _tensor(storage=_storage(key="../../../etc/passwd")),
    "of a storage of another size": _tensor(storage=_storage(count=5)),
    "of a storage of too many elements": _tensor(storage=_storage(count=2**62)),
    "of another type than its storage": _tensor(storage=_storage(_name("torch", "DoubleStorage"))),
    "of a storage of two types": _tensor() + b"0" + _tensor(storage=_storage(_name("torch", "IntStorage"))),
    "of integers that requires gradients": _tensor(
        storage=_storage(_name("torch", "IntStorage")), grad=b"\x88"
    ),
    "of a kind of storage that is none": _tensor(storage=_storage(_name("torch", "float32"))),
    "on a device that is none": _tensor(storage=_storage().replace(_text("cpu"), b"N")),
    "with too few parts": _name("torch._utils", "_rebuild_tensor_v2") + b")R",
    "with an attribute of its class": _name("torch._tensor", "_rebuild_from_type_v2")
    + b"("
    + _name("torch._utils", "_rebuild_tensor_v2")
    + _name("torch", "Tensor")
    + b"("
    + _storage()
    + _number(0)
    + _numbers(4)
    + _numbers(1)
    + b"\x89}t}"
    + _text("numpy")
    + b"NstR",
    "with an attribute of its own": _name("torch._utils", "_rebuild_parameter_with_state")
    + b"("
    + _tensor()
    + b"\x89"
    + _ORDERED
    + b")R}"
    + _text("_storage")
    + b"NstR",
    "of a class by name": _name("torch._tensor", "_rebuild_from_type_v2")
    + b"("
    + _name("torch", "Size")
    + _name("torch", "Tensor")
    + b")}tR",
}  # fmt: skip


@pytest.mark.parametrize("what", TENSORS)
def test_tensors(what: str) -> None:
    with pytest.raises(LoadError, match="load"):
        _load(TENSORS[what])


def test_truths_of_other_bytes_are_truths() -> None:
    pickled = _tensor(
        storage=_storage(_name("torch", "BoolStorage")), size=_numbers(4), stride=_numbers(1)
    )
    found = _load(pickled, b"\0\1\2\xff")
    assert found.numpy().view(np.uint8).tolist() == [0, 1, 1, 1]


class _Trap:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("trapped",))


NAMES = {
    "os.mkdir": _name("os", "mkdir") + _text("trapped") + b"\x85R",
    "posix.mkdir": pickle.dumps(_Trap(), 2)[2:-1],
    "builtins.eval": _name("builtins", "eval") + _text("open('trapped', 'w')") + b"\x85R",
    "builtins.getattr": _name("builtins", "getattr") + b"0N",
    "torch.load": _name("torch", "load") + b"0N",
    "thalweg.io.checkpoint.save": _name("thalweg.io.checkpoint", "save") + b"0N",
    "collections.OrderedDict.fromkeys": _name("collections", "OrderedDict.fromkeys") + b"0N",
    "torch._utils._rebuild_tensor_v2.__globals__": _name(
        "torch._utils", "_rebuild_tensor_v2.__globals__"
    )
    + b"0N",
    "numpy.f2py.capi_maps.eval": _name("numpy.f2py.capi_maps", "eval") + b"0N",
    "torch.nn.modules.linear.Linear": _name("torch.nn.modules.linear", "Linear") + b")\x81",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_on_the_list_is_refused_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError) as refused:
        _load(NAMES[name])
    assert f"'{name}'" in str(refused.value) and "add_safe_globals" in str(refused.value)
    module, _, last = name.rpartition(".")
    if "<" not in name:
        stacked = _text(module) + _text(last) + b"\x93"
        with pytest.raises(LoadError, match="asks for"):
            _load(stacked)
    assert not list(tmp_path.iterdir())


PICKLES = {
    "nothing": b"",
    "no end": b"}" * 5,
    "a call of text": _text("a") + b")R",
    "a call of a number": b"K\x01)R",
    "a call of a type that is none to call": _name("torch", "float32") + b")R",
    "a call of a tensor": _tensor() + b")R",
    "a call without arguments in a tuple": _ORDERED + b"]R",
    "the state of a dict": b"}}b",
    "the state of a class": _ORDERED + b"}" + _text("fromkeys") + b"Nsb",
    "the state of a function": _name("torch._utils", "_rebuild_tensor_v2") + b"}b",
    "the state of a tensor": _tensor() + b"}" + _text("a") + b"Nsb",
    "an attribute of OrderedDict": _ORDERED + b")R}" + _text("items") + b"Nsb",
    "a class attribute": _ORDERED + b")R}" + _text("__class__") + b"Nsb",
    "an attribute without a name": _ORDERED + b")R}NNsb",
    "an unknown instruction": b"\xff",
    "an instruction of protocol 0": b"I1\n",
    "an extension": b"\x82\x01",
    "an instance by name": b"(i" + b"os\nmkdir\n",
    "a memo that is not there": b"h\x05",
    "a text longer than the file": b"X\xff\xff\xff\x7f",
    "bytes longer than the file": b"\x8e" + b"\xff" * 7 + b"\x7f",
    "a number longer than the file": b"\x8b\xff\xff\xff\x7f",
    "a negative length": b"\x8b\xff\xff\xff\xff",
    "half a number": b"J\x01",
    "no mark": b"t",
    "too much popped": b"0",
    "more than was marked": b"N(0N",
    "two objects": b"NN",
    "a list as a key": b"}]Ns",
    "a key of many digits": b"}\x8b" + struct.pack("<I", 5000) + b"\x7f" * 5000 + b"Ns",
    "an odd number of items": b"}(Nu",
    "items of a list": b"](NNu",
    "an append to a tuple": b")Na",
    "an addition to a list": b"](N\x90",
    "text that is none": b"X\x02\x00\x00\x00\xff\xfe",
    "a persistent id that is none": b"NQ",
    "a persistent id by text": b"P0\n",
    "a Size of text": _name("torch", "Size") + _text("ab") + b"\x85R",
    "a device of a number": _name("torch", "device") + b"K\x01\x85R",
    "a device that is not there": _name("torch", "device") + _text("cuda") + b"\x85R",
    "bytes of another encoding": _name("_codecs", "encode") + _text("a") + _text("rot13") + b"\x86R",
    "a bytearray of a length": _name("builtins", "bytearray") + _number(2**40) + b"\x85R",
    "a complex of text": _name("builtins", "complex") + _text("x") + b"\x85R",
    "pairs that are none": _ORDERED + b"K\x01\x85\x85R",
    "a set of lists": _name("builtins", "set") + b"]]a\x85R",
    "a Counter of a number": _name("collections", "Counter") + b"K\x05\x85R",
    "an array of objects": _name("numpy", "dtype") + _text("O8") + b"\x89\x88\x87R",
    "an array of fields": _name("numpy", "dtype") + _text("i4,O") + b"\x89\x88\x87R",
    "an array as it should not be made": _name("numpy", "ndarray") + _numbers(2**40) + b"\x85R",
    "an array of a large shape": _name("numpy._core.multiarray", "_reconstruct")
    + _name("numpy", "ndarray")
    + _numbers(2**40)
    + b"C\x01b\x87R",
    "a number of few bytes": _name("numpy._core.multiarray", "scalar")
    + _name("numpy", "dtype")
    + _text("f8")
    + b"\x89\x88\x87RC\x01a\x86R",
}  # fmt: skip


@pytest.mark.parametrize("what", PICKLES)
def test_pickles(what: str) -> None:
    with pytest.raises(LoadError, match="load"):
        _load(PICKLES[what])


def _doubling(depth: int) -> bytes:
    """A tuple of the same tuple twice, ``depth`` deep: small in memory, endless to walk over."""
    return b")" + b"".join(b"q%ch%c\x86" % (n, n) for n in range(depth))


LARGE = {
    "a key of endless parts": b"}" + _doubling(100) + b"Ns",
    "a set of endless parts": b"\x8f(" + _doubling(100) + b"\x90",
    "a frozenset of endless parts": b"(" + _doubling(100) + b"\x91",
    "a text encoded again and again": _text("x" * 100_000)
    + b"q\x000"
    + _name("_codecs", "encode")
    + b"q\x010"
    + _text("latin1")
    + b"q\x020]"
    + b"h\x01h\x00h\x02\x86Ra" * 20_000,
    "a list made a set again and again": b"]("
    + b"".join(map(_number, range(5000)))
    + b"eq\x000"
    + _name("builtins", "set")
    + b"q\x010]"
    + b"h\x01h\x00\x85Ra" * 50_000,
    "attributes put again and again": b"}("
    + b"".join(_text(f"a{n}") + b"N" for n in range(5000))
    + b"uq\x000"
    + _ORDERED
    + b"q\x010]"
    + b"h\x01)Rh\x00ba" * 20_000,
}


@pytest.mark.parametrize("what", LARGE)
def test_small_files_do_not_become_large_objects(what: str) -> None:
    with pytest.raises(LoadError, match="refused"):
        _load(LARGE[what])


def test_a_memo_number_takes_no_memory() -> None:
    assert _load(b"]r\xff\xff\xff\x7f0j\xff\xff\xff\x7f") == []


def test_deep_nests_are_read_without_recursion() -> None:
    found = _load(b"]" * 50_000 + b"a" * 49_999)
    for _ in range(49_999):
        (found,) = found
    assert found == []


# Archives


def _changed(change: Any) -> bytes:
    """The file with its list of entries, at the end, changed by ``change(entries)``."""
    file = io.BytesIO(WHOLE)
    with zipfile.ZipFile(file, "a") as archive:
        change({info.filename.split("/", 1)[1]: info for info in archive.infolist()})
        archive._didModify = True  # type: ignore[attr-defined]
    return file.getvalue()


def _sized(name: str, size: int) -> Any:
    def change(entries: Any) -> None:
        entries[name].file_size = entries[name].compress_size = size

    return change


def _renamed(name: str) -> Any:
    def change(entries: Any) -> None:
        entries["data/0"].filename = name

    return change


def _at_one_place(entries: Any) -> None:
    for info in entries.values():
        info.header_offset = entries["data/0"].header_offset
        info.file_size = info.compress_size = 160


ARCHIVES = {
    "nothing": b"",
    "text": b"hello, world\n" * 50,
    "a bare pickle": pickle.dumps({"a": 1}),
    "an empty zip": zip_of({}),
    "another zip": zip_of({"readme.txt": b"hello"}),
    "no pickle": zip_of({"archive/version": b"3\n"}),
    "a compressed archive": zip_of({"archive/data.pkl": PICKLE}, zipfile.ZIP_DEFLATED),
    "a bomb": zip_of({"archive/data.pkl": b"\0" * (1 << 24)}, zipfile.ZIP_DEFLATED),
    "a name that leads out": zip_of({"archive/data.pkl": PICKLE, "archive/../../x": b""}),
    "a name from the root": zip_of({"/archive/data.pkl": PICKLE}),
    "a name that leads out backward": zip_of(
        {"archive/data.pkl": PICKLE, "archive/..\\..\\x": b""}
    ),
    "a name with a drive": zip_of({"C:/archive/data.pkl": PICKLE}),
    "a byte order that is none": archive_of(PICKLE, STORAGES, byteorder=b"middle"),
    "TorchScript": archive_of(PICKLE, STORAGES, **{"constants.pkl": b"."}),
    "an entry of a huge size": _changed(_sized("data/0", 1 << 31)),
    "an entry of more than the file": _changed(_sized("data/0", len(WHOLE) + 1)),
    "an entry that is shorter than said": _changed(_sized("data/0", 152)),
    "an entry renamed": _changed(_renamed("archive/data/9")),
    "an entry renamed to lead out": _changed(_renamed("archive/data/../../0")),
    "entries at one place": _changed(_at_one_place),
    "a large pickle of nothing": archive_of(b"\x80\x02" + b"\0" * 100_000),
    "half of PyTorch's old format": pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    "an old file of another version": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(9, 2),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_archives(what: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="load"):
        tw.load(io.BytesIO(ARCHIVES[what]))
    (tmp_path / "file").write_bytes(ARCHIVES[what])
    with pytest.raises(LoadError, match="load"):
        tw.load(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_another_byte_order() -> None:
    turned = archive_of(
        b"\x80\x02" + _tensor() + b".", {"0": np.arange(4, dtype=">f4").tobytes()}, byteorder=b"big"
    )
    assert tw.load(io.BytesIO(turned)).tolist() == [[0, 1], [2, 3]]


# Thalweg's first format


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _tree(root: Any) -> bytes:
    return json.dumps({"format": "thalweg-1", "root": root}).encode()


ONE = {"tensor": 0, "requires_grad": False, "parameter": False}
TREES: dict[str, dict[str, bytes]] = {
    "no JSON": {"tree.json": b"{"},
    "no text": {"tree.json": b"\xff\xfe\x00"},
    "a list": {"tree.json": b"[1, 2]"},
    "another format": {"tree.json": b'{"format": "thalweg-999", "root": null}'},
    "no root": {"tree.json": b'{"format": "thalweg-1"}'},
    "unknown kind": {"tree.json": _tree({"module": "os"})},
    "empty node": {"tree.json": _tree({})},
    "a bare number": {"tree.json": _tree(3)},
    "a bad number": {"tree.json": _tree({"int": "x"})},
    "a bad float": {"tree.json": _tree({"float": [1]})},
    "an unknown type": {"tree.json": _tree({"dtype": "float7"})},
    "a missing tensor": {"tree.json": _tree(ONE)},
    "a negative tensor": {"tree.json": _tree({"tensor": -1}), "0.npy": _npy(np.ones(2))},
    "a tensor by name": {"tree.json": _tree({"tensor": "0"}), "0.npy": _npy(np.ones(2))},
    "pairs of one": {"tree.json": _tree({"dict": [[1]]})},
    "a key that cannot be": {"tree.json": _tree({"dict": [[{"list": []}, None]]})},
    "an array of objects": {"tree.json": _tree(ONE), "0.npy": _npy(np.array([{"a": 1}], dtype=object))},
    "an array of text": {"tree.json": _tree(ONE), "0.npy": _npy(np.array(["a"]))},
    "half an array": {"tree.json": _tree(ONE), "0.npy": _npy(np.ones(99))[:300]},
    "a header too large": {"tree.json": _tree(ONE), "0.npy": _npy(np.ones(4)).replace(b"(4,)", b"(9,)")},
    "a strange entry": {"tree.json": _tree(ONE), "x.npy": _npy(np.ones(2))},
    "nested too deeply": {
        "tree.json": b'{"format": "thalweg-1", "root": ' + b'{"list": [' * 5000 + b"]}" * 5000 + b"}"
    },
}  # fmt: skip


@pytest.mark.parametrize("what", TREES)
def test_files_of_the_first_format(what: str) -> None:
    with pytest.raises(LoadError, match="load"):
        tw.load(io.BytesIO(zip_of(TREES[what])))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        tw.load(tmp_path / "missing")
    with pytest.raises(RuntimeError, match="nowhere does not exist"):
        tw.save({}, tmp_path / "nowhere" / "file")
    assert not list(tmp_path.iterdir())
