"""The zip of a ``.pt`` file: records under one folder, stored and never compressed, each at a multiple of 64 bytes."""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from .unpickle import LoadError

ALIGNMENT = 64
_LOCAL_HEADER, _ZIP64_FIELD = 30, 20
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1
_FNV_BASIS, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


class Reader:
    """The records of an archive that is at ``file``.

    Raises:
        LoadError: a name leads out of the archive, an entry is compressed or encrypted, or entries share bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.zip = zipfile.ZipFile(file)
        file.seek(0, 2)
        size, total = file.tell(), 0
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for info in self.zip.infolist():
            name = info.filename
            if name in self.entries or _leads_out(name) or _leads_out(info.orig_filename):
                raise LoadError(f"load: an entry of the archive is called {name[:100]!r}: refused")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise LoadError(
                    f"load: the entry {name[:100]!r} is compressed, which save never does: refused"
                )
            if info.flag_bits & _ENCRYPTED:
                raise LoadError(f"load: the entry {name[:100]!r} is encrypted: refused")
            total += info.file_size
            if total > size:
                raise LoadError(
                    f"load: the entries say to hold more than the file's {size} bytes: refused"
                )
            self.entries[name] = info
        first = next(iter(self.entries), "")
        self.top = first.split("/")[0] + "/" if "/" in first else ""

    def has(self, record: str) -> bool:
        return self.top + record in self.entries

    def size(self, record: str) -> int:
        """The number of bytes of a record; LoadError where there is none."""
        info = self.entries.get(self.top + record)
        if info is None:
            raise LoadError(f"load: the archive has no record {record[:100]!r}: it is damaged")
        return info.file_size

    def bytes(self, record: str) -> np.ndarray[Any, Any]:
        """(size,) uint8, checked against the record's checksum."""
        found = np.empty(self.size(record), np.uint8)
        info = self.entries[self.top + record]
        self.file.seek(info.header_offset)
        header = self.file.read(_LOCAL_HEADER)
        signature, name, extra = struct.unpack_from("<4s22xHH", header)
        if signature != b"PK\x03\x04" or self.file.read(name) != info.orig_filename.encode():
            raise LoadError(f"load: the record {record[:100]!r} is not where it should be: damaged")
        self.file.seek(extra, 1)
        if found.size:
            self._fill(memoryview(found.data))
        if zlib.crc32(found.data) != info.CRC:
            raise LoadError(
                f"load: the record {record[:100]!r} is not what was saved (Bad CRC-32): damaged"
            )
        return found

    def _fill(self, place: memoryview) -> None:
        """Read as many bytes as ``place`` has room for."""
        into: Any = getattr(self.file, "readinto", None)
        while place:
            if into is not None:
                count = into(place)
            else:
                part = self.file.read(min(len(place), _CHUNK))
                count = len(part)
                place[:count] = part
            if not count:
                raise LoadError("load: the file ends in the middle of a record: it is damaged")
            place = place[count:]


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or "\0" in name or ":" in parts[0]


class Writer:
    """Writes records into a new archive on ``out``, all in the folder ``top``."""

    def __init__(self, out: IO[bytes], top: str) -> None:
        self.zip = zipfile.ZipFile(out, "w", zipfile.ZIP_STORED)
        self.top = top
        self.names = self.contents = _FNV_BASIS

    def record(self, name: str, content: Any) -> None:
        """One record of ``content``, which has bytes."""
        view = memoryview(content)
        info = zipfile.ZipInfo(f"{self.top}/{name}", _EPOCH)
        info.file_size = view.nbytes
        large = view.nbytes * 1.05 > zipfile.ZIP64_LIMIT
        at = self.zip.fp.tell() if self.zip.fp is not None else 0
        header = _LOCAL_HEADER + len(info.filename.encode()) + _ZIP64_FIELD * large
        gap = -(at + header + 4) % ALIGNMENT
        info.extra = b"FB" + gap.to_bytes(2, "little") + b"Z" * gap
        with self.zip.open(info, "w", force_zip64=large) as entry:
            entry.write(view)
        info.extra = b""  # the padding belongs to the entry, not to the list at the end
        self.names = _hashed(self.names, name.encode() + b"\0")
        self.contents = _hashed(self.contents, info.CRC.to_bytes(4, "little"))

    def close(self) -> None:
        """Say which archive this is: twenty digits of the records' names, twenty of their checksums."""
        self.record(".data/serialization_id", f"{self.names:020d}{self.contents:020d}".encode())
        self.zip.close()


def _hashed(state: int, content: bytes) -> int:
    """64-bit FNV-1a. Source: Fowler, Noll and Vo."""
    for byte in content:
        state = (state ^ byte) * _FNV_PRIME % (1 << 64)
    return state


def write(out: IO[bytes], top: str, pickled: bytes, storages: Iterator[tuple[str, Any]]) -> None:
    """An archive as PyTorch 2.13 lays it out, of a pickle and the storages that it names."""
    writer = Writer(out, top)
    writer.record("data.pkl", pickled)
    writer.record(".format_version", b"1")
    writer.record(".storage_alignment", str(ALIGNMENT).encode())
    writer.record("byteorder", sys.byteorder.encode())
    for key, content in storages:
        writer.record(f"data/{key}", content)
    writer.record("version", b"3\n")
    writer.close()


def named(read: Callable[[], Any]) -> Any:
    """``read()``, with whatever a damaged archive makes zipfile raise as a LoadError."""
    try:
        return read()
    except (LoadError, MemoryError):
        raise
    except Exception as error:
        raise LoadError(
            f"load: the file is damaged, or no archive of save: {str(error)[:200]}"
        ) from error
