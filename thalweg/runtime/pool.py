"""The threads that share a native program's large commands with the calling one.

Note: the pool. Its state is a block of int64 that native code reads and writes (places below). Workers are Python
threads that stay inside a native function: they spin for about 100 microseconds after the last job, then sleep in the
kernel (futex, on Linux; elsewhere programs run on one thread). The caller opens a job by a new odd ticket, takes
part, closes it by the even one, and waits for those who are still inside. Which thread computes what changes nothing:
each unit of a command writes results of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import sys
import threading
from pathlib import Path

import numpy as np

from ..compiler.cache import functions

TICKET, SLEEPERS, LIMIT, QUIT = 0, 32, 40, 48
_SYSCALL = {"x86_64": 202, "aarch64": 98}
_PAUSE = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.hint(i32 1)"}
_SPINS = 8000

# %index: which worker this is. Field places are those above, in units of eight bytes.
_WORKER = """
define void @worker(ptr %pool, i64 %index) {{
entry:
  %next = getelementptr i64, ptr %pool, i64 8
  %active = getelementptr i64, ptr %pool, i64 16
  %sleepers = getelementptr i64, ptr %pool, i64 32
  %limit = getelementptr i64, ptr %pool, i64 40
  %quit = getelementptr i64, ptr %pool, i64 48
  br label %wait
wait:
  %seen = phi i64 [ 0, %entry ], [ %seen, %rest ], [ %ticket, %leave ], [ %seen, %awake ]
  %spins = phi i64 [ 0, %entry ], [ %more_spins, %rest ], [ 0, %leave ], [ 0, %awake ]
  %over = load atomic i64, ptr %quit seq_cst, align 8
  %leaving = icmp ne i64 %over, 0
  br i1 %leaving, label %end, label %look
look:
  %ticket = load atomic i64, ptr %pool seq_cst, align 8
  %odd = and i64 %ticket, 1
  %open = icmp eq i64 %odd, 1
  %fresh = icmp ne i64 %ticket, %seen
  %job = and i1 %open, %fresh
  br i1 %job, label %enter, label %idle
idle:
  call void @{pause}
  %more_spins = add i64 %spins, 1
  %tired = icmp sgt i64 %more_spins, {spins}
  br i1 %tired, label %sleep, label %rest
rest:
  br label %wait
sleep:
  %s1 = atomicrmw add ptr %sleepers, i64 1 seq_cst
  %again = load atomic i64, ptr %pool seq_cst, align 8
  %same = icmp eq i64 %again, %ticket
  br i1 %same, label %down, label %awake
down:
  %value = trunc i64 %ticket to i32
  %r = call i64 (i64, ...) @syscall(i64 {syscall}, ptr %pool, i32 128, i32 %value, ptr null, ptr null, i32 0)
  br label %awake
awake:
  %s2 = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  br label %wait
enter:
  %a1 = atomicrmw add ptr %active, i64 1 seq_cst
  %still = load atomic i64, ptr %pool seq_cst, align 8
  %valid = icmp eq i64 %still, %ticket
  %most = load atomic i64, ptr %limit seq_cst, align 8
  %wanted = icmp slt i64 %index, %most
  %go = and i1 %valid, %wanted
  br i1 %go, label %work, label %leave
work:
  call void @share(ptr %pool)
  br label %leave
leave:
  %a2 = atomicrmw sub ptr %active, i64 1 seq_cst
  br label %wait
end:
  ret void
}}
declare i64 @syscall(i64, ...)
declare void @{pause_declared}
"""

_SHARE = """
define internal void @share(ptr %pool) {
entry:
  %next = getelementptr i64, ptr %pool, i64 8
  %p_function = getelementptr i64, ptr %pool, i64 24
  %function = load ptr, ptr %p_function
  %p_table = getelementptr i64, ptr %pool, i64 25
  %table = load ptr, ptr %p_table
  %p_meta = getelementptr i64, ptr %pool, i64 26
  %meta = load ptr, ptr %p_meta
  %p_count = getelementptr i64, ptr %pool, i64 27
  %count = load i64, ptr %p_count
  %p_grain = getelementptr i64, ptr %pool, i64 28
  %grain = load i64, ptr %p_grain
  br label %take
take:
  %begin = atomicrmw add ptr %next, i64 %grain seq_cst
  %some = icmp slt i64 %begin, %count
  br i1 %some, label %body, label %end
body:
  %reach = add i64 %begin, %grain
  %short = icmp slt i64 %count, %reach
  %stop = select i1 %short, i64 %count, i64 %reach
  call void %function(ptr %table, ptr %meta, i64 %begin, i64 %stop)
  br label %take
end:
  ret void
}
"""

RUN = """
define void @run(ptr %commands, i64 %first, i64 %last, ptr %table, ptr %pool, ptr %objects, i64 %n) {{
entry:
  %none = icmp eq ptr %pool, null
  br label %fill
fill:
  %k = phi i64 [ 0, %entry ], [ %k1, %filled ]
  %unfilled = icmp slt i64 %k, %n
  br i1 %unfilled, label %one_object, label %head
one_object:
  %place = getelementptr i64, ptr %objects, i64 %k
  %object = load ptr, ptr %place
  %field = getelementptr i8, ptr %object, i64 16
  %data = load ptr, ptr %field
  %slot = getelementptr ptr, ptr %table, i64 %k
  store ptr %data, ptr %slot
  br label %filled
filled:
  %k1 = add i64 %k, 1
  br label %fill
head:
  %i = phi i64 [ %first, %fill ], [ %following, %latch ]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %body, label %end
body:
  %at = mul i64 %i, 4
  %command = getelementptr i64, ptr %commands, i64 %at
  %function = load ptr, ptr %command
  %p1 = getelementptr i64, ptr %command, i64 1
  %meta = load ptr, ptr %p1
  %p2 = getelementptr i64, ptr %command, i64 2
  %count = load i64, ptr %p2
  %p3 = getelementptr i64, ptr %command, i64 3
  %grain = load i64, ptr %p3
  %small = icmp sle i64 %count, %grain
  %alone = or i1 %small, %none
  br i1 %alone, label %one, label %many
one:
  call void %function(ptr %table, ptr %meta, i64 0, i64 %count)
  br label %latch
many:
  %next = getelementptr i64, ptr %pool, i64 8
  %active = getelementptr i64, ptr %pool, i64 16
  %f = getelementptr i64, ptr %pool, i64 24
  store ptr %function, ptr %f
  %t = getelementptr i64, ptr %pool, i64 25
  store ptr %table, ptr %t
  %m = getelementptr i64, ptr %pool, i64 26
  store ptr %meta, ptr %m
  %c = getelementptr i64, ptr %pool, i64 27
  store i64 %count, ptr %c
  %g = getelementptr i64, ptr %pool, i64 28
  store i64 %grain, ptr %g
  store atomic i64 0, ptr %next seq_cst, align 8
  %before = load atomic i64, ptr %pool seq_cst, align 8
  %open = add i64 %before, 1
  store atomic i64 %open, ptr %pool seq_cst, align 8
  %sleepers = getelementptr i64, ptr %pool, i64 32
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %any = icmp sgt i64 %asleep, 0
  br i1 %any, label %wake, label %work
wake:
  %r = call i64 (i64, ...) @syscall(i64 {syscall}, ptr %pool, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %work
work:
  call void @share(ptr %pool)
  %closed = add i64 %open, 1
  store atomic i64 %closed, ptr %pool seq_cst, align 8
  br label %join
join:
  %inside = load atomic i64, ptr %active seq_cst, align 8
  %busy = icmp sgt i64 %inside, 0
  br i1 %busy, label %hold, label %latch
hold:
  call void @{pause}
  br label %join
latch:
  %following = add i64 %i, 1
  br label %head
end:
  ret void
}}
declare i64 @syscall(i64, ...)
declare void @{pause_declared}
"""


def _filled(text: str) -> str:
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    pause = _PAUSE.get(machine, "llvm.donothing()")
    number = _SYSCALL.get(machine, 0)
    declared = pause.replace("i32 1", "i32")
    return text.format(pause=pause, pause_declared=declared, syscall=number, spins=_SPINS) + _SHARE


def run_text() -> str:
    """The module of the driver's ``run``."""
    return _filled(RUN)


def is_supported() -> bool:
    """Whether threads can be put to sleep and woken on this system."""
    return sys.platform.startswith("linux") and platform.machine().lower() in _SYSCALL


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


class Pool:
    """The workers and the block of memory by which they are steered."""

    def __init__(self) -> None:
        self._wanted: int | None = None
        self._workers: list[threading.Thread] = []
        self._forget()

    def _forget(self) -> None:
        self._workers.clear()
        self.state = np.zeros(64, np.int64)
        self.address = 0

    @property
    def threads(self) -> int:
        return available_threads() if self._wanted is None else self._wanted

    def resize(self, threads: int) -> None:
        """Let so many threads work on a command."""
        self._wanted = threads
        self.address = 0

    def start(self) -> int:
        """The address of the pool's state with enough workers at hand, or 0 for one thread alone."""
        threads = self.threads
        if threads == 1 or not is_supported():
            return 0
        self.state[LIMIT] = threads - 1
        if len(self._workers) < threads - 1:
            worker = functions({"worker": _filled(_WORKER)})["worker"]
            park = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(worker)
            for index in range(len(self._workers), threads - 1):
                place = self.state.ctypes.data
                thread = threading.Thread(
                    target=park, args=(place, index), name=f"thalweg worker {index}", daemon=True
                )
                thread.start()
                self._workers.append(thread)
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
        wake(
            ctypes.c_long(_SYSCALL[platform.machine().lower()]),
            place,
            129,
            2**31 - 1,
            None,
            None,
            0,
        )
        for worker in self._workers:
            worker.join(1.0)
        if not any(w.is_alive() for w in self._workers):
            self._forget()


pool = Pool()
atexit.register(pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool._forget)


def set_num_threads(threads: int) -> None:
    """Let native programs use so many threads; results don't depend on it.

    Raises:
        RuntimeError: ``threads`` is no positive integer.
    """
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {threads!r}")
    pool.resize(threads)


def get_num_threads() -> int:
    """How many threads native programs use."""
    return pool.threads
