"""The threads that carry out native programs beside the calling one.

Note: the pool. Workers are Python threads that stay inside a native function (commands.py): they spin for about 100
microseconds after the last work, then sleep in the kernel (futex, on Linux; elsewhere programs run on one thread).
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler.cache import functions
from .blas import limit_numpy
from .commands import LIMIT, QUIT, SIZE, TICKET, can_sleep, futex, text


def available_threads() -> int:
    """How many threads this process may use: affinity, the cgroup's quota, ``OMP_NUM_THREADS``."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = _quota()
    if quota is not None:
        count = min(count, max(1, int(quota)))
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if named.isdigit() and int(named) > 0:
        count = min(count, int(named))
    return max(count, 1)


def _quota() -> float | None:
    """Processors that this process's cgroups grant, or None: the least of those above it."""
    granted = [q for folder in _cgroups() if (q := _grant(folder)) is not None]
    return min(granted, default=None)


def _cgroups(
    root: Path = Path("/sys/fs/cgroup"), listed: Path = Path("/proc/self/cgroup")
) -> list[Path]:
    """The folders of the cgroups that may limit this process, both versions, innermost first."""
    folders: list[Path] = []
    try:
        lines = listed.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        inner = top / path.lstrip("/")
        folders += [inner, *(p for p in inner.parents if p.is_relative_to(top))]
    return list(dict.fromkeys([*folders, root, root / "cpu"]))


def _grant(folder: Path) -> float | None:
    """Processors that one cgroup's own files grant (version 2, then 1), or None."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            whole, period = " ".join((folder / n).read_text() for n in names).split()
            return int(whole) / int(period) if whole != "max" and int(whole) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None


UNKNOWN = -1


class Pool:
    """The workers and the block of memory by which they are steered.

    Attributes:
        address: of the block; 0 for one thread alone, UNKNOWN until ``start``.
    """

    def __init__(self) -> None:
        self._wanted: int | None = None
        self._workers: list[threading.Thread] = []
        self._grounds: list[Any] = []  # for good: a worker or a job may still look at an old block
        self._forget()

    def _forget(self) -> None:
        self._workers.clear()
        ground = np.zeros(SIZE + 8, np.int64)
        first = -ground.ctypes.data % 64 // 8  # where a line of the processor's cache begins
        self.state = ground[first : first + SIZE]
        self._grounds.append(ground)
        self.address = UNKNOWN

    @property
    def threads(self) -> int:
        return available_threads() if self._wanted is None else self._wanted

    def resize(self, threads: int) -> None:
        """Let so many threads work on a command."""
        self._wanted = threads
        self.address = UNKNOWN

    def start(self) -> int:
        """The address of the pool's state with enough workers at hand, or 0 for one thread alone."""
        threads = self.threads
        if threads == 1 or not can_sleep():
            self.address = 0
            return 0
        self.state[LIMIT] = threads - 1
        if len(self._workers) < threads - 1:
            worker = functions({"worker": text("worker")})["worker"]
            park = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(worker)
            for index in range(len(self._workers), threads - 1):
                place = self.state.ctypes.data
                thread = threading.Thread(
                    target=park, args=(place, index), name=f"thalweg worker {index}", daemon=True
                )
                self._workers.append(thread)
                thread.start()
        self.address = self.state.ctypes.data
        return self.address

    def close(self) -> None:
        """Let the workers leave native code; programs run on one thread from here on, until workers are started anew."""
        if not self._workers:
            return
        self.state[QUIT] = 1
        self.state[TICKET] += 2  # who is about to sleep on the old number does not
        wake = ctypes.CDLL(None).syscall
        place = ctypes.c_void_p(self.state.ctypes.data)
        wake(ctypes.c_long(futex()), place, 129, 2**31 - 1, None, None, 0)
        for worker in self._workers:
            if worker.ident is not None:  # Ctrl-C may have come before it was started
                worker.join(1.0)
        if not any(w.is_alive() for w in self._workers):
            self._forget()


pool = Pool()
atexit.register(pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool._forget)


def set_num_threads(threads: int) -> None:
    """Let native programs use so many threads, and NumPy's products; results of native programs don't depend on it.

    Raises:
        RuntimeError: ``threads`` is no positive integer.
    """
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {threads!r}")
    pool.resize(threads)
    limit_numpy(threads)


def get_num_threads() -> int:
    """How many threads native programs use."""
    return pool.threads
