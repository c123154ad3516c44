"""``save`` and ``load``: PyTorch 2.13's ``.pt`` files, written whole and read without running what is in them."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..runtime.device import Device
from . import archive as archives
from .legacy import TREE, is_old_torch, read_old_torch, read_tree
from .pickling import TorchPickler
from .rebuild import StorageKind, Stored
from .safe import find
from .unpickle import Found, LoadError, Reader
from .whole import written_whole

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write ``obj`` (a state dict, or any nest of tensors, numbers, text and containers) to ``f``.

    ``torch.load`` reads the file. A file given by its name appears whole or not at all; one that is open is written
    to where it stands. Tensors that share memory share it after loading; a view takes its whole storage along.

    Args:
        f: a name, or a file open for writing.
        pickle_module: Python's, the only one.
        pickle_protocol: of the pickle; PyTorch's loader reads 2 without being told.
    Raises:
        RuntimeError: the folder of ``f`` does not exist.
        pickle.PicklingError, AttributeError, TypeError: something in ``obj`` cannot be pickled.
    """
    if pickle_module is not pickle:
        raise ValueError(
            f"save: pickle_module is Python's pickle or nothing, got {pickle_module!r}"
        )
    if not _use_new_zipfile_serialization:
        raise ValueError("save: only PyTorch's zip format is written, not the one before it")
    pickled = io.BytesIO()
    pickler = TorchPickler(pickled, pickle_protocol)
    pickler.dump(obj)
    content = pickled.getvalue()
    if not isinstance(f, str | os.PathLike):
        archives.write(f, "archive", content, pickler.storages())
        return
    top = Path(f).name.rsplit(".", 1)[0] or "archive"
    with written_whole(f) as out:
        archives.write(out, top if top.isascii() else "archive", content, pickler.storages())


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What ``save`` or ``torch.save`` wrote to ``f``.

    Args:
        f: a name, or a file open for reading.
        map_location: where tensors go that were on another device: "cpu", a dict of names of devices, or a function
            of a storage and its device's name.
        weights_only: what a file may name is on a list (tensors, containers, numbers, text; see
            ``thalweg.serialization``). False runs whatever the file says: for files of your own only. Files of
            PyTorch's format before its archives are read by the list in either case.
        pickle_module: Python's, and only where the file is trusted.
        mmap: accepted; storages are read into memory.
    Raises:
        FileNotFoundError: there is no such file.
        LoadError: the file is damaged, of no known format, or asks for what is not on the list. It is a
            RuntimeError, a ValueError and a pickle.UnpicklingError.
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified: leave it out"
        )
    weights_only = weights_only is None or weights_only
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            try:
                return load(file, map_location, weights_only=weights_only, **pickle_load_args)
            except LoadError as error:
                error.add_note(f"The file is {os.fspath(f)!r}.")
                raise
    if not _can_wind(f):
        f = io.BytesIO(f.read())
    return _load(f, map_location, weights_only, pickle_load_args)


def _can_wind(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    return hasattr(file, "seek") and hasattr(file, "tell") and (seekable is None or seekable())


def _load(file: IO[bytes], map_location: Any, weights_only: bool, options: dict[str, Any]) -> Any:
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    if magic in (_ZIP, _EMPTY_ZIP):
        archive = archives.named(lambda: archives.Reader(file))
        if archive.has(TREE):
            return archives.named(lambda: read_tree(archive))
        source = _Source(archive, map_location)
        pickled = archives.named(source.pickled)
        if weights_only:
            return archives.named(Reader(pickled, find, source.persistent).read)
        return _TrustingUnpickler(io.BytesIO(pickled), source.persistent, options).load()
    content = file.read()
    if not is_old_torch(content):
        raise LoadError(
            "load: this is not a file that save wrote, or it is damaged in its first bytes"
        )

    def read(at: int, persistent: Callable[[Any], Any]) -> Any:
        return Reader(content, find, persistent).read(at)

    def kind_of(pid: Any) -> StorageKind:
        _, kind, _, location, _, *_ = pid
        _place(location, map_location)
        if not isinstance(kind, StorageKind):
            raise LoadError("load: the file has a storage of no known type: it is damaged")
        return kind

    return archives.named(lambda: read_old_torch(content, find, read, kind_of))


class _Source:
    """An archive that is being loaded: its storages, each read when it is first asked for."""

    def __init__(self, archive: archives.Reader, map_location: Any) -> None:
        self.archive, self.map_location = archive, map_location
        self.stored: dict[str, Stored] = {}
        self.swapped = False

    def pickled(self) -> bytes:
        """The archive's pickle, after the questions to the archive as a whole."""
        archive = self.archive
        if archive.has("constants.pkl"):
            raise LoadError(
                "load: this is a TorchScript archive: load it in PyTorch and save its state_dict()"
            )
        if archive.has("byteorder"):
            order = archive.bytes("byteorder").tobytes()
            if order not in (b"little", b"big"):
                raise LoadError(
                    "load: the archive's byte order is neither little nor big: it is damaged"
                )
            self.swapped = order.decode() != sys.byteorder
        return archive.bytes("data.pkl").tobytes()

    def persistent(self, pid: Any) -> Stored:
        """The storage of ``("storage", kind, key, location, count)``."""
        if type(pid) is not tuple or len(pid) != 5 or pid[0] != "storage":
            raise LoadError("load: the file asks for something that is no storage: it is damaged")
        _, kind, key, location, count = pid
        if type(key) is not str or type(count) is not int or not isinstance(kind, StorageKind):
            raise LoadError("load: the file asks for a storage that is none: it is damaged")
        dtype = kind.dtype
        found = self.stored.get(key)
        if found is None:
            _place(location, self.map_location)
            size = self.archive.size(f"data/{key}")
            if size != count * (1 if dtype is None else dtype.itemsize):
                raise LoadError(
                    f"load: storage {key[:40]!r} should have {count} elements and has {size} bytes: it is damaged"
                )
            found = Stored(self.archive.bytes(f"data/{key}"), dtype, self.swapped)
            self.stored[key] = found
        elif dtype is not None:
            found.typed(dtype)
        return found


def _place(location: Any, map_location: Any) -> None:
    """LoadError unless a storage that was at ``location`` may be put where Thalweg has memory, on the CPU."""
    if type(location) is not str:
        raise LoadError("load: the file has a storage on a device that is none: it is damaged")
    if isinstance(map_location, dict):
        location = str(map_location.get(location, location))
    elif callable(map_location):
        return  # it may give back the storage, which is on the CPU, or None
    elif map_location is not None:
        location = str(Device(map_location))
    if location != "cpu" and not location.startswith("cpu:"):
        raise LoadError(
            f"load: Attempting to deserialize object on {location[:40]!r}, a device that is not available: "
            "use map_location='cpu'"
        )


class _TrustingUnpickler(pickle.Unpickler):
    """Python's unpickler with Thalweg's things under PyTorch's names: it runs what the file says."""

    def __init__(
        self, file: IO[bytes], persistent: Callable[[Any], Any], options: dict[str, Any]
    ) -> None:
        super().__init__(file, **options)
        self.persistent = persistent

    def persistent_load(self, pid: Any) -> Any:
        return self.persistent(pid)

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" or module.startswith("torch."):
            found: Found = find(module, name)
            return (
                found.thing if found.make is None or isinstance(found.thing, type) else found.make
            )
        return super().find_class(module, name)
