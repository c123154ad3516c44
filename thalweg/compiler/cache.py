"""Compiled functions, in memory and on disk.

Note: the disk. Each function is a file of its own in the directory that ``THALWEG_CACHE`` names ("off" or empty: none;
by default the user's cache directory), named by a hash of the kernel, of this compiler's source, of LLVM's version and
of the processor. A file
holds its SHA-256 before its object code; one that does not fit, or that belongs to another user, is ignored and
written anew. Files are written under a temporary name and renamed, so that processes never see half of one.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from . import link
from .emit import emit
from .link import Routine
from .loops import Kernel
from .show import show

_MOST_FILES, _MOST_BYTES, _MOST_KERNELS = 4096, 1 << 28, 4096
_known: OrderedDict[Kernel, Routine] = OrderedDict()
_for_good: list[Routine] = []


def routines(kernels: list[Kernel]) -> list[Routine]:
    """The machine code of kernels, compiled if they are new; hold it as long as it may be called."""
    known = {k: _known[k] for k in kernels if k in _known}
    new = dict.fromkeys(k for k in kernels if k not in known)
    if new:
        known |= link.undisturbed(lambda: {k: _new(k) for k in new})
    for kernel in known:
        if kernel in _known:  # there may be more than it keeps
            _known.move_to_end(kernel)
    return [known[k] for k in kernels]


def _new(kernel: Kernel) -> Routine:
    def text() -> str:
        written = emit(kernel, "kernel", link.wide_vectors())
        show("llvm", written)
        return written

    if len(_known) >= _MOST_KERNELS:
        _known.popitem(last=False)
    routine = _known[kernel] = _load(f"{_COMPILER} {kernel!r}", text, "kernel")
    return routine


def _version_of_compiler() -> str:
    """A hash of the modules that turn a kernel into text, read when they are imported."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_COMPILER = _version_of_compiler()


def functions(texts: dict[str, str]) -> dict[str, int]:
    """The addresses of functions by their names, each given as the text of a module; they stay for good."""

    def load() -> dict[str, Routine]:
        return {name: _load(text, lambda text=text: text, name) for name, text in texts.items()}  # type: ignore[misc]

    found = link.undisturbed(load)
    _for_good.extend(found.values())
    return {name: routine.address for name, routine in found.items()}


def _load(key: str, text: Callable[[], str], name: str) -> Routine:
    """Function ``name`` of the module that ``text`` gives: from disk, where it lies under ``key``, or compiled and
    kept there."""
    unique = "f" + hashlib.sha256(f"{link.identity()}\n{key}".encode()).hexdigest()
    folder = directory()
    code = None if folder is None else _read(folder / unique)
    if code is None:
        code = link.to_object(text().replace(f"@{name}(", f"@{unique}("))
        if folder is not None:
            _write(folder / unique, code)
    return link.load_object(code, [unique])[0]


@cache
def directory() -> Path | None:
    """Where objects are kept; None if nowhere."""
    named = os.environ.get("THALWEG_CACHE")
    if named is not None and named.lower() in ("", "off", "0"):
        return None
    folder = Path(named) if named else _user_cache() / "thalweg"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        if not mine or not os.access(folder, os.W_OK):
            return None
        _drop_oldest(folder)
    except OSError:
        return None
    return folder


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _drop_oldest(folder: Path) -> None:
    """Where there are too many files or bytes, keep the newest half of what is allowed."""
    found = [(p.stat(), p) for p in folder.iterdir() if p.is_file()]
    size = sum(stat.st_size for stat, _ in found)
    if len(found) <= _MOST_FILES and size <= _MOST_BYTES:
        return
    found.sort(key=lambda pair: pair[0].st_mtime)
    left = len(found)
    for stat, p in found:
        if left <= _MOST_FILES // 2 and size <= _MOST_BYTES // 2:
            break
        left, size = left - 1, size - stat.st_size
        with suppress(OSError):
            p.unlink()


def _read(path: Path) -> bytes | None:
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if code and hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
