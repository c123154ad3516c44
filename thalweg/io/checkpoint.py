"""``save`` and ``load``: a zip of one JSON tree and one .npy entry per tensor.

Nothing in a file is ever executed: it can hold dicts, lists, tuples, numbers, text, None, dtypes and
tensors, and anything else in it is refused.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..ir.dtype import DType, by_name
from ..tensor import Tensor
from ..tensor.creation import from_array

_TREE, _FORMAT = "tree.json", "thalweg-1"
_MAX_TREE_BYTES = 1 << 28


class _Refused(ValueError):
    """What a file asks for is not on the list, or does not fit together."""


class _Writer:
    """Turns objects into a JSON tree and a list of arrays."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._seen: dict[tuple[Any, ...], int] = {}

    def encode(self, item: Any, path: str) -> Any:
        if item is None or isinstance(item, bool | str):
            return item
        if isinstance(item, int | np.integer):
            return {"int": str(int(item))}
        if isinstance(item, float | np.floating):
            return {"float": float(item).hex()}
        if isinstance(item, Tensor):
            return self._tensor(item)
        if isinstance(item, np.ndarray):
            return self._tensor(from_array(np.array(item)))
        if isinstance(item, DType):
            return {"dtype": item.name}
        if isinstance(item, dict):
            kind = "ordered" if isinstance(item, OrderedDict) else "dict"
            pairs = [
                [self.encode(k, f"{path} key"), self.encode(v, f"{path}[{k!r}]")]
                for k, v in item.items()
            ]
            return {kind: pairs}
        if isinstance(item, list | tuple):
            kind = "list" if isinstance(item, list) else "tuple"
            return {kind: [self.encode(v, f"{path}[{i}]") for i, v in enumerate(item)]}
        raise TypeError(
            f"save: cannot store a {type(item).__name__} at {path}: a file holds tensors, numbers, text, None, dtypes and "
            "dicts, lists and tuples of them; for a module save its state_dict()"
        )

    def _tensor(self, t: Tensor) -> Any:
        layout = t._layout()
        key = (id(t._storage), layout.shape, layout.strides, layout.offset)
        number = self._seen.get(key)
        if number is None:
            number = self._seen[key] = len(self.arrays)
            self.arrays.append(np.asarray(t._array(), order="C"))
        return {
            "tensor": number,
            "requires_grad": bool(t.requires_grad),
            "parameter": bool(t._is_parameter),
        }


def _decode(node: Any, tensors: list[Tensor]) -> Any:
    if node is None or isinstance(node, bool | str):
        return node
    if not isinstance(node, dict) or not node:
        raise _Refused(
            f"load: the file's tree has a {type(node).__name__} where none can be: it is damaged"
        )
    kind, content = next(iter(node.items()))
    if kind == "int":
        return int(content)
    if kind == "float":
        return float.fromhex(content)
    if kind == "tensor":
        if content not in range(len(tensors)):
            raise _Refused(
                f"load: the file asks for tensor {content!r} and holds {len(tensors)}: it is damaged"
            )
        t = tensors[content].detach()
        return t.requires_grad_() if node.get("requires_grad") and t.is_floating_point() else t
    if kind == "dtype":
        return by_name(content)
    if kind in ("dict", "ordered"):
        pairs = [(_decode(k, tensors), _decode(v, tensors)) for k, v in content]
        return OrderedDict(pairs) if kind == "ordered" else dict(pairs)
    if kind in ("list", "tuple"):
        items = [_decode(v, tensors) for v in content]
        return items if kind == "list" else tuple(items)
    raise _Refused(
        f"load: the file asks for a {kind!r}, which is not on the list of what a file may hold: refused"
    )


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write ``obj`` (a state dict, or any nest of dicts, lists, tuples, numbers, text and tensors) to ``f``.

    A file appears whole or not at all: it is written beside its place, synced and renamed.

    Raises:
        TypeError: something in ``obj`` cannot be stored.
        FileNotFoundError: the folder of ``f`` does not exist.
    """
    writer = _Writer()
    tree = {"format": _FORMAT, "root": writer.encode(obj, "the object")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_TREE, json.dumps(tree))
        for number, array in enumerate(writer.arrays):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, allow_pickle=False)
            archive.writestr(f"{number}.npy", entry.getvalue())
    if hasattr(f, "write"):
        f.write(buffer.getvalue())
        return
    write_whole(Path(f), buffer.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"save: the folder {str(path.parent)!r} does not exist: make it first"
        )
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    *,
    weights_only: bool = True,
    mmap: Any = None,
) -> Any:
    """What ``save`` wrote to ``f``. Nothing from the file is executed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file of ``save``, or it is damaged.
    """
    name = str(f) if isinstance(f, str | os.PathLike) else "the file"
    if isinstance(f, str | os.PathLike) and not Path(f).is_file():
        raise FileNotFoundError(f"load: no file {name!r}")
    try:
        with zipfile.ZipFile(f) as archive:
            return _read(archive)
    except Exception as error:  # a damaged file can fail anywhere in zipfile, json and NumPy
        if isinstance(error, _Refused):
            raise
        raise ValueError(
            f"load: {name} is not a file that thalweg.save wrote, or it is damaged: {error}"
        ) from error


def _read(archive: zipfile.ZipFile) -> Any:
    if archive.getinfo(_TREE).file_size > _MAX_TREE_BYTES:
        raise _Refused("load: the file's tree is larger than any that save writes: refused")
    tree = json.loads(archive.read(_TREE))
    if not isinstance(tree, dict) or tree.get("format") != _FORMAT:
        raise _Refused(
            f"load: expected a file of format {_FORMAT}, found {tree.get('format') if isinstance(tree, dict) else tree!r}"
        )
    names = [n for n in archive.namelist() if n != _TREE]
    tensors = []
    for number in range(len(names)):
        info = archive.getinfo(f"{number}.npy")
        if info.compress_type != zipfile.ZIP_STORED:
            raise _Refused("load: a compressed entry, which save never writes: refused")
        array = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
        if array.nbytes + 1024 < info.file_size or math.prod(array.shape) != array.size:
            raise _Refused(f"load: entry {number}.npy has the wrong size: the file is damaged")
        tensors.append(from_array(np.ascontiguousarray(array).reshape(array.shape)))
    return _decode(tree["root"], tensors)
