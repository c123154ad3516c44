"""Compiled functions on disk: several processes, bounds, foreign files (see also runtime/test_native.py)."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

import thalweg as tw
from thalweg.compiler import cache, link

NUMBER = "define i64 @number() {{\n  ret i64 {n}\n}}\n"
TAKE = ctypes.CFUNCTYPE(ctypes.c_int64)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path / "kernels"))
    cache.directory.cache_clear()
    yield tmp_path / "kernels"
    cache.directory.cache_clear()


def value(n: int) -> int:
    return TAKE(cache.functions({"number": NUMBER.format(n=n)})["number"])()


def test_functions_of_the_same_name_do_not_meet(folder):
    assert [value(n) for n in (901, 902, 903)] == [901, 902, 903]
    assert len(list(folder.iterdir())) == 3


def test_another_processor_or_llvm_finds_nothing(folder, monkeypatch):
    value(911)
    compiled = []
    to_object = link.to_object
    monkeypatch.setattr(link, "to_object", lambda text: compiled.append(1) or to_object(text))
    value(911)
    assert not compiled
    identity = link.identity()
    monkeypatch.setattr(link, "identity", lambda: identity + " other")
    assert value(911) == 911 and compiled


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners on this system")
def test_a_file_of_another_user_is_ignored(folder, monkeypatch):
    value(921)
    (file,) = folder.iterdir()
    assert cache._read(file)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    assert cache._read(file) is None


def test_too_many_bytes_drop_the_oldest(folder, monkeypatch):
    folder.mkdir()
    for n in range(10):
        (folder / f"f{n}").write_bytes(b"x" * 100)
        os.utime(folder / f"f{n}", (n, n))
    monkeypatch.setattr(cache, "_MOST_BYTES", 600)
    cache.directory()
    assert sorted(p.name for p in folder.iterdir()) == ["f7", "f8", "f9"]


def test_several_processes_at_once(tmp_path):
    script = (
        "import ctypes, sys\nfrom thalweg.compiler import cache\n"
        "for n in range(20):\n"
        "    text = 'define i64 @number() {\\n  ret i64 %d\\n}\\n' % n\n"
        "    found = cache.functions({'number': text})['number']\n"
        "    assert ctypes.CFUNCTYPE(ctypes.c_int64)(found)() == n\n"
    )
    paths = [str(Path(tw.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    variables = {
        **os.environ, "THALWEG_CACHE": str(tmp_path / "shared"), "PYTHONPATH": os.pathsep.join(paths),
    }  # fmt: skip
    running = [subprocess.Popen([sys.executable, "-c", script], env=variables) for _ in range(3)]
    try:
        assert [p.wait(90) for p in running] == [0, 0, 0]
    finally:
        for p in running:
            p.kill()
    files = list((tmp_path / "shared").iterdir())
    assert len(files) == 20 and all(cache._read(f) for f in files)
