"""Older files: what PyTorch wrote before its archives, and what Thalweg wrote before it took PyTorch's format.

PyTorch's old file is four pickles (a magic number, a version, the writer's machine, the object), a fifth with the
storages' keys, and then each storage: its number of elements in 8 bytes, and the elements.
Thalweg's is a zip of one JSON tree and one .npy entry per tensor.
"""

from __future__ import annotations

import io
import json
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.dtype import by_name
from ..tensor import Tensor
from ..tensor.creation import from_array
from .archive import Reader
from .rebuild import StorageKind, Stored
from .unpickle import Found, LoadError, end_of
from .unpickle import Reader as PickleReader

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_MAX_TREE_BYTES = 1 << 28
TREE, _FORMAT = "tree.json", "thalweg-1"


def _refuse(*names: Any) -> Any:
    raise LoadError("load: the file is not one that save wrote, or it is damaged")


def is_old_torch(content: bytes) -> bool:
    """Whether the file begins with the magic number of PyTorch's old files."""
    try:
        return bool(PickleReader(content[:64], _refuse, _refuse).read() == _MAGIC)
    except LoadError:
        return False


def read_old_torch(
    content: bytes,
    find: Callable[[str, str], Found],
    read: Callable[[int, Callable[[Any], Any]], Any],
    kind_of: Callable[[Any], StorageKind],
) -> Any:
    """The object of PyTorch's old file.

    Args:
        find: what a name stands for.
        read: reads the pickle that begins at a position, given what makes the storage of an id.
        kind_of: what holds a storage's elements, by its persistent id; LoadError where it may not be loaded.
    """
    plain = PickleReader(content, find, _refuse)
    at = end_of(content)
    version = plain.read(at)
    if version != _VERSION:
        raise LoadError(
            f"load: an old file of version {version!r:.20}, only {_VERSION} can be read"
        )
    at = end_of(content, end_of(content, at))
    found: dict[str, Stored] = {}
    keys_at = end_of(content, at)
    keys = PickleReader(content, find, _refuse).read(keys_at)
    place = end_of(content, keys_at)
    kinds: dict[str, StorageKind] = {}

    def persistent(pid: Any) -> Any:
        what, _, key, _, _, *view = pid
        if what != "storage" or (view and view[0] is not None):
            raise LoadError("load: the old file has a view of a storage, which is not read here")
        kinds[key] = kind_of(pid)
        return found.get(key)

    _sizes(content, at, find, persistent)
    for key in keys:
        kind = kinds.get(key)
        if kind is None:
            raise LoadError(
                f"load: the old file has a storage {key!r:.40} that nothing asks for: it is damaged"
            )
        count = int.from_bytes(content[place : place + 8], "little")
        size = count * (1 if kind.dtype is None else kind.dtype.itemsize)
        if len(content) - place - 8 < size:
            raise LoadError("load: the old file ends in the middle of a storage: it is damaged")
        raw = np.frombuffer(content, np.uint8, size, place + 8).copy()
        found[key] = Stored(raw, kind.dtype, swapped=False)
        place += 8 + size
    return read(at, persistent)


def _sizes(content: bytes, at: int, find: Any, persistent: Callable[[Any], Any]) -> None:
    """Have ``persistent`` see the id of every storage, before there are any."""

    def known(module: str, name: str) -> Found:
        tensors = module in ("torch._utils", "torch._tensor")
        return Found(_nothing_made, _nothing_made) if tensors else find(module, name)

    PickleReader(content, known, persistent).read(at)


def _nothing_made(*arguments: Any) -> None:
    return None


# Thalweg's first format


def read_tree(archive: Reader) -> Any:
    """The object of a file of Thalweg's first format."""
    if archive.size(TREE) > _MAX_TREE_BYTES:
        raise LoadError("load: the file's tree is larger than any that save wrote: refused")
    tree = json.loads(archive.bytes(TREE).tobytes())
    if not isinstance(tree, dict) or tree.get("format") != _FORMAT:
        found = tree.get("format") if isinstance(tree, dict) else tree
        raise LoadError(f"load: expected a file of format {_FORMAT}, found {found!r:.80}")
    tensors = []
    for number in range(len(archive.entries) - 1):
        content = archive.bytes(f"{number}.npy")
        array = np.lib.format.read_array(io.BytesIO(content.tobytes()), allow_pickle=False)
        if array.nbytes + 1024 < content.size or math.prod(array.shape) != array.size:
            raise LoadError(f"load: entry {number}.npy has the wrong size: the file is damaged")
        tensors.append(from_array(np.ascontiguousarray(array).reshape(array.shape)))
    return _decoded(tree["root"], tensors)


def _decoded(node: Any, tensors: list[Tensor]) -> Any:
    if node is None or isinstance(node, bool | str):
        return node
    if not isinstance(node, dict) or not node:
        raise LoadError(
            f"load: the file's tree has a {type(node).__name__} where none can be: it is damaged"
        )
    kind, content = next(iter(node.items()))
    if kind == "int":
        return int(content)
    if kind == "float":
        return float.fromhex(content)
    if kind == "tensor":
        if content not in range(len(tensors)):
            raise LoadError(
                f"load: the file asks for tensor {content!r} and holds {len(tensors)}: it is damaged"
            )
        t = tensors[content].detach()
        return t.requires_grad_() if node.get("requires_grad") and t.is_floating_point() else t
    if kind == "dtype":
        return by_name(content)
    if kind in ("dict", "ordered"):
        pairs = [(_decoded(k, tensors), _decoded(v, tensors)) for k, v in content]
        return OrderedDict(pairs) if kind == "ordered" else dict(pairs)
    if kind in ("list", "tuple"):
        items = [_decoded(v, tensors) for v in content]
        return items if kind == "list" else tuple(items)
    raise LoadError(
        f"load: the file asks for a {kind!r}, which is not on the list of what a file may hold: refused"
    )
