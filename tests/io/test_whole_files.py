"""A file is the old one or the new one at every moment, and has the permissions and the place of any other."""

from __future__ import annotations

import io
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw


def _local() -> Any:
    return lambda: 1


THINGS: dict[str, Any] = {
    "a function without a name": _local(),
    "a file": sys.stdout,
    "a module": sys,
}


@pytest.mark.parametrize("name", THINGS)
def test_what_cannot_be_stored_leaves_the_file_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    tw.save({"x": tw.ones(2)}, path)
    before = path.read_bytes()
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        tw.save({"x": tw.zeros(2), "list": [1, {"thing": THINGS[name]}]}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_a_failing_disk_leaves_the_file_alone(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    tw.save({"x": 1}, path)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space"):
        tw.save({"x": 2}, path)
    monkeypatch.undo()
    assert tw.load(path) == {"x": 1}
    assert os.listdir(tmp_path) == ["file"]


def test_file_and_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def replaced(*arguments: Any) -> None:
        order.append("rename")
        replace(*arguments)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    tw.save({}, tmp_path / "file")
    assert order == ["file", "rename", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        tw.save({}, tmp_path / "file")
        (tmp_path / "other").write_bytes(b"")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")]
    assert modes[0] == modes[1]
    (tmp_path / "file").chmod(0o640)
    tw.save({"x": 1}, tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_stays_and_what_it_points_at_is_written(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    link = tmp_path / "last"
    link.symlink_to(Path("runs") / "model.pt")
    for n in range(2):  # first to nothing, then to a file
        tw.save({"n": n}, link)
        assert link.is_symlink() and tw.load(tmp_path / "runs" / "model.pt") == {"n": n}
        assert tw.load(link) == {"n": n}
    assert os.listdir(tmp_path / "runs") == ["model.pt"]


def test_an_open_file_is_written_where_it_stands(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as out:
        tw.save({"x": tw.arange(3)}, out)
    assert tw.load(tmp_path / "file")["x"].tolist() == [0, 1, 2]
    with open(tmp_path / "file", "rb") as source:
        assert tw.load(source)["x"].tolist() == [0, 1, 2]
    file = io.BytesIO()
    file.write(b"before")
    tw.save([1], file)
    file.seek(6)
    assert file.getvalue()[:6] == b"before" and tw.load(file) == [1]


class _Pipe:
    """A file that can only be read, or only written, from its beginning to its end."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = io.BytesIO(content)

    def write(self, part: bytes) -> int:
        return self.content.write(part)

    def read(self, size: int = -1) -> bytes:
        return self.content.read(size)

    def flush(self) -> None:
        pass


def test_files_that_cannot_be_wound() -> None:
    pipe: Any = _Pipe()
    tw.save({"x": tw.arange(3)}, pipe)
    assert tw.load(_Pipe(pipe.content.getvalue()))["x"].tolist() == [0, 1, 2]  # type: ignore[arg-type]


_SAVES = """
import sys
import thalweg as tw
n = 0
while True:
    tw.save({"n": n, "x": tw.full((200_000,), n), "y": [tw.full((), n)]}, sys.argv[1])
    n += 1
    print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    rng = np.random.RandomState(int(time.time()))
    for _ in range(3):
        command = [sys.executable, "-c", _SAVES, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            for _ in range(2):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.004))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        found = tw.load(path)
        assert found["n"] >= 1
        assert found["x"].eq(found["n"]).all().item() and found["y"][0].item() == found["n"]
