"""The threads that share large commands: who takes part, who waits, forks, the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler.cache import functions
from thalweg.runtime import pool as pool_module
from thalweg.runtime.commands import SLEEPERS, can_sleep
from thalweg.runtime.driver import block, driver
from thalweg.runtime.pool import UNKNOWN, Pool, _cgroups, _grant, available_threads

# adds one to each of the elements begin to end of buffer 0
COUNT = """
define void @count(ptr %table, ptr %meta, i64 %begin, i64 %end) {
entry:
  %data = load ptr, ptr %table
  br label %head
head:
  %i = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %p = getelementptr i64, ptr %data, i64 %i
  %old = load i64, ptr %p
  %new = add i64 %old, 1
  store i64 %new, ptr %p
  %next = add i64 %i, 1
  br label %head
done:
  ret void
}
"""
needs_workers = pytest.mark.skipif(not can_sleep(), reason="no workers on this system")


class Counting:
    """``times`` commands in a row that count up n elements, ``grain`` at a time."""

    def __init__(self, n: int, grain: int, times: int) -> None:
        self.data = np.zeros(n, np.int64)
        self.table = np.array([self.data.ctypes.data], np.int64)
        self.times = times
        self.commands = np.array(
            [[functions({"count": COUNT})["count"], 0, n, grain]] * times, np.int64
        )

    def block(self, workers: int) -> np.ndarray:
        return block(self.commands, 0, self.times, self.table, workers)

    def run(self, workers: int) -> None:
        given = self.block(workers)
        driver().run(given.ctypes.data)


@pytest.fixture
def pool():
    made = Pool()
    yield made
    made.close()


@needs_workers
@pytest.mark.parametrize("threads", [1, 2, 4, 8])
@pytest.mark.parametrize(("n", "grain"), [(1, 1), (7, 3), (1000, 16), (1003, 16), (5, 100), (0, 1)])
def test_each_unit_is_done_once(pool, threads, n, grain):
    pool.resize(threads)
    counting = Counting(n, grain, 50)
    for _ in range(3):
        counting.run(pool.start())
    assert (counting.data == 150).all()


@needs_workers
def test_many_short_jobs_with_more_threads_than_processors(pool):
    pool.resize(8)
    counting = Counting(64, 1, 3000)
    counting.run(pool.start())
    assert (counting.data == 3000).all()


@needs_workers
def test_workers_wake_after_they_slept(pool):
    pool.resize(4)
    counting = Counting(4096, 16, 4)
    for n in range(4):
        counting.run(pool.start())
        threading.Event().wait(0.05)
        assert (counting.data == 4 * (n + 1)).all()
    assert pool.state[SLEEPERS] == 3


@needs_workers
def test_fewer_threads_after_more(pool):
    for threads in (8, 2, 1, 4):
        pool.resize(threads)
        counting = Counting(512, 16, 20)
        counting.run(pool.start())
        assert (counting.data == 20).all() and pool.threads == threads
    assert len(pool._workers) == 7


@needs_workers
def test_closing_joins_the_workers_and_starting_makes_new_ones(pool):
    pool.resize(4)
    for _ in range(3):
        counting = Counting(512, 16, 20)
        counting.run(pool.start())
        workers = list(pool._workers)
        pool.close()
        assert len(workers) == 3 and not any(w.is_alive() for w in workers)
        assert pool.address == UNKNOWN and (counting.data == 20).all()
    pool.close()


def test_the_number_of_threads_is_what_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(pool_module, "_quota", lambda: None)
    for named, expected in [("", 8), ("3", 3), ("3,2", 3), ("100", 8), ("0", 8), ("x", 8)]:
        monkeypatch.setenv("OMP_NUM_THREADS", named)
        assert available_threads() == expected
    monkeypatch.delenv("OMP_NUM_THREADS")
    for quota, expected in [(2.5, 2), (0.5, 1), (20.0, 8)]:
        monkeypatch.setattr(pool_module, "_quota", lambda quota=quota: quota)
        assert available_threads() == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "200000 100000\n"}, 2.0),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"}, 1.5),
        ({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_what_a_cgroup_grants(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert _grant(tmp_path) == expected


def test_the_cgroups_above_a_process_count_too(tmp_path):
    listed = tmp_path / "listed"
    listed.write_text("4:cpu,cpuacct:/a/b\n3:memory:/m\n0::/x/y\n")
    found = _cgroups(tmp_path, listed)
    cpu = tmp_path / "cpu"
    assert found[:3] == [cpu / "a/b", cpu / "a", cpu]
    assert found[3:] == [tmp_path / "x/y", tmp_path / "x", tmp_path]
    assert _cgroups(tmp_path, tmp_path / "absent") == [tmp_path, cpu]


SETUP = """
import os, signal, sys, threading
sys.path.insert(0, os.environ["HERE"])
from test_pool import *
from thalweg.runtime.pool import pool
signal.alarm(60)
pool.resize(4)
def counted():
    counting = Counting(4096, 16, 50)
    counting.run(pool.start())
    assert (counting.data == 50).all()
counted()
"""


def run_script(script: str) -> None:
    here = str(Path(__file__).parent)
    paths = [str(Path(tw.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    variables = {**os.environ, "HERE": here, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SETUP + script],
        env=variables, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)


@needs_workers
def test_a_forked_child_makes_workers_of_its_own():
    run_script("""
for asleep in (0, 0.05):
    threading.Event().wait(asleep)
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        assert not pool._workers and pool.address == UNKNOWN
        counted()
        os._exit(0 if len(pool._workers) == 3 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    counted()
""")


@needs_workers
def test_the_process_ends_while_workers_spin_or_sleep():
    run_script("threading.Event().wait(0.05)\n")
    run_script("counted()\n")


@needs_workers
def test_programs_run_after_the_pool_was_closed_at_exit():
    run_script("import atexit\npool.close()\ncounted()\natexit.register(counted)\n")


@needs_workers
def test_an_interrupt_waits_for_the_end_of_the_native_call():
    run_script("""
counting = Counting(1 << 20, 1 << 12, 800)
timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
timer.start()
try:
    while True:
        counting.run(pool.start())
except KeyboardInterrupt:
    pass
else:
    raise AssertionError
assert (counting.data % 800 == 0).all() and (counting.data > 0).all()
counted()
""")
