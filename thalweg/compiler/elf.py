"""Machine code in memory without LLVM: an object file laid into pages of its own, which go when nobody holds it.

LLVM is large (50 MB resident once it is loaded), and what is on disk needs none of it: an object that ``link`` made
on Linux for x86-64 has one kind of relocation, an absolute address. Other systems' objects go through LLVM.
Source of the format: Tool Interface Standard, ELF 1.2, and the System V ABI's AMD64 supplement, section 4.4.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

_HEADER, _SECTION = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQIIQQ")
_SYMBOL, _RELOCATION = struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_WITH_ADDENDS, _NO_BITS, _UNDEFINED, _ABSOLUTE = 4, 8, 0, 1  # _ABSOLUTE: R_X86_64_64
_WRITABLE, _ALLOCATED = 1, 2
_FAILED = ctypes.c_void_p(-1).value
_UNWINDING = ".eh_frame"  # read when an exception passes; none does


class UnsupportedObjectError(RuntimeError):
    """An object that is to be loaded by LLVM."""


class Section(NamedTuple):
    """A section's header, its name as text."""

    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class Pages:
    """Memory that holds machine code, from ``address`` on, until this object goes.

    While Python ends it stays: the pool's threads may be in it.
    """

    def __init__(self, size: int) -> None:
        self.size, self.address = size, 0
        self._unmap = _libc().munmap
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        found = _libc().mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, kind, -1, 0)
        if found == _FAILED:
            raise MemoryError(f"no {size} bytes for machine code")
        self.address = found

    def seal(self) -> None:
        """From now on it can be run and no longer written."""
        if _libc().mprotect(self.address, self.size, mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError("machine code: this system lets no memory become executable")

    def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if self.address and not is_ending():
            self._unmap(self.address, self.size)


def is_supported() -> bool:
    """Whether this system's objects can be loaded here."""
    return sys.platform.startswith("linux") and platform.machine().lower() in ("x86_64", "amd64")


def load(code: bytes, names: list[str]) -> tuple[Pages, list[int]]:
    """The pages of an object and the addresses of its functions ``names``.

    Raises:
        UnsupportedObjectError: the object is of another kind.
        LookupError: it calls a function that this process does not have.
        OSError: this system lets no memory become executable.
    """
    if not is_supported() or code[:6] != _MAGIC:
        raise UnsupportedObjectError("not an object for Linux on x86-64")
    sections = _sections(code)
    offsets, size = _lay_out(sections)
    pages = Pages(size)
    for n, offset in offsets.items():
        section = sections[n]
        if section.kind != _NO_BITS:
            data = code[section.offset : section.offset + section.size]
            ctypes.memmove(pages.address + offset, data, section.size)
    where = _symbols(code, sections, {n: pages.address + o for n, o in offsets.items()})
    for section in sections:
        if section.kind == _WITH_ADDENDS and section.info in offsets:
            _relocate(code, section, pages.address + offsets[section.info], where)
    pages.seal()
    found = {name: address for name, address in where if name}
    return pages, [found[name] for name in names]


def _sections(code: bytes) -> list[Section]:
    header = _HEADER.unpack_from(code)
    start, step, count, names = header[6], header[11], header[12], header[13]
    rows = [_SECTION.unpack_from(code, start + step * n) for n in range(count)]
    texts = rows[names][4]
    return [
        Section(_text(code, texts + r[0]), r[1], r[2], r[4], r[5], r[6], r[7], r[8]) for r in rows
    ]


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _lay_out(sections: list[Section]) -> tuple[dict[int, int], int]:
    """Where each section that is needed at run time begins, and the size of all."""
    offsets, end = {}, 0
    for n, section in enumerate(sections):
        if not section.flags & _ALLOCATED or not section.size or section.name == _UNWINDING:
            continue
        if section.flags & _WRITABLE or section.alignment > mmap.PAGESIZE:
            raise UnsupportedObjectError(f"section {section.name} is writable or aligned to pages")
        offsets[n] = -(-end // max(section.alignment, 1)) * max(section.alignment, 1)
        end = offsets[n] + section.size
    return offsets, -(-max(end, 1) // mmap.PAGESIZE) * mmap.PAGESIZE


def _symbols(code: bytes, sections: list[Section], bases: dict[int, int]) -> list[tuple[str, int]]:
    """Name and address of each symbol; those of others are looked up in this process."""
    table = next(s for s in sections if s.name == ".symtab")
    texts = sections[table.link].offset
    found = []
    for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
        place, _, _, section, value, _ = _SYMBOL.unpack_from(code, at)
        name = _text(code, texts + place)
        if section in bases:
            found.append((name, bases[section] + value))
        else:
            found.append((name, _of_process(name) if section == _UNDEFINED and name else 0))
    return found


def _relocate(code: bytes, section: Section, base: int, where: list[tuple[str, int]]) -> None:
    """Write the addresses that a section's code names."""
    for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
        offset, kind, addend = _RELOCATION.unpack_from(code, at)
        if kind & 0xFFFFFFFF != _ABSOLUTE:
            raise UnsupportedObjectError(f"relocation of kind {kind & 0xFFFFFFFF}")
        name, address = where[kind >> 32]
        if not address:
            raise UnsupportedObjectError(f"an address of {name or 'a section'} that is not loaded")
        ctypes.c_uint64.from_address(base + offset).value = address + addend


@cache
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    size, integer, pointer = ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
    libc.mmap.restype = pointer
    libc.mmap.argtypes = (pointer, size, integer, integer, integer, ctypes.c_long)
    libc.mprotect.argtypes = (pointer, size, integer)
    libc.munmap.argtypes = (pointer, size)
    return libc


@cache
def _of_process(name: str) -> int:
    """The address of a function of the C library."""
    for library in (None, "libm.so.6"):
        try:
            return ctypes.cast(getattr(ctypes.CDLL(library), name), ctypes.c_void_p).value or 0
        except (AttributeError, OSError):
            continue
    raise LookupError(f"machine code: no function {name} in this process")
