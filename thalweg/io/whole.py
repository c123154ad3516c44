"""Writing a file so that a kill at any moment leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
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
    draft = target.with_name(f".{target.name[:40]}.{os.urandom(6).hex()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(draft, flags, 0o666), "wb") as out:
        try:
            yield out
            out.flush()
            if target.exists():
                os.chmod(draft, stat.S_IMODE(target.stat().st_mode))
            os.fsync(out.fileno())
            out.close()
            os.replace(draft, target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


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
