"""Writing a file so that a kill at any moment leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of ``path`` when all went well, and is removed otherwise.

    It lies beside the file (where ``path`` is a link, beside what the link points at, which is replaced and not the
    link), is synced before it is renamed, and the folder after. Permissions are those of the file that was there, or
    of any new file.

    Raises:
        RuntimeError: the folder does not exist.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise RuntimeError(f"save: Parent directory {target.parent} does not exist.")
    if target.exists() and not target.is_file():  # a pipe, a device: nothing to rename over
        with open(target, "wb") as out:
            yield out
        return
    handle, name = tempfile.mkstemp(
        prefix=f".{target.name[:100]}.", suffix=".new", dir=target.parent
    )
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.chmod(name, _mode(target))
            os.fsync(out.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _mode(target: Path) -> int:
    """The permissions of the file to be replaced, or those that the umask leaves of rw-rw-rw-."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Have the disk know the new name, where folders can be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass  # some file systems refuse; the rename was done
    finally:
        os.close(handle)
