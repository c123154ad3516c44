"""``torch.multiprocessing``: Python's own ``multiprocessing``, and how PyTorch starts one process for each device.

Processes that are forked share what ``Tensor.share_memory_`` put into shared memory. Those that are spawned begin anew and
don't see ``torch`` served: a program for many devices runs as the one process that there is.
"""

from __future__ import annotations

import multiprocessing as _processes
from collections.abc import Callable
from typing import Any

__all__ = [
    "SpawnContext", "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip


class SpawnContext:
    """What ``spawn(join=False)`` gives back: the function has run."""

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """True: there is nothing to wait for."""
        return True

    def pids(self) -> list[int]:
        """No processes were started."""
        return []


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> SpawnContext | None:
    """Call ``fn(0, *args)`` here, in place of starting one process that would.

    Args:
        nprocs: 1; with 0, as on machines without a GPU, nothing is called.
        join, daemon, start_method: PyTorch's, for processes.
    Raises:
        RuntimeError: more than one process is asked for.
    """
    if nprocs > 1:
        raise RuntimeError(
            f"spawn: {nprocs} processes: spawned ones don't see torch served by Thalweg; give nprocs=1"
        )
    if nprocs:
        fn(0, *args)
    return None if join else SpawnContext()


start_processes = spawn


def get_all_sharing_strategies() -> set[str]:
    """The one way in which processes share memory here."""
    return {"file_descriptor"}


def get_sharing_strategy() -> str:
    """The one way in which processes share memory here."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Kept as it is: there is one way.

    Raises:
        AssertionError: PyTorch has no such way either.
    """
    if new_strategy not in ("file_descriptor", "file_system"):
        raise AssertionError(f"set_sharing_strategy: no strategy {new_strategy!r}")


def __getattr__(name: str) -> Any:
    return getattr(_processes, name)
