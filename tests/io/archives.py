"""Archives made by hand, for tests of what a file may not say."""

from __future__ import annotations

import io
import zipfile


def archive_of(pickled: bytes, storages: dict[str, bytes] | None = None, **more: bytes) -> bytes:
    """A ``.pt`` file of a pickle and storages by key."""
    records = {"data.pkl": pickled, "byteorder": b"little", **more}
    records |= {f"data/{key}": content for key, content in (storages or {}).items()}
    records["version"] = b"3\n"
    return zip_of({f"archive/{name}": content for name, content in records.items()})


def zip_of(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these entries, none of which is checked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()
