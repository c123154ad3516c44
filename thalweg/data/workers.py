"""Worker threads of a DataLoader: they take tasks from their queues and put results on a board.

Note: how workers end. Threads hold the board and never the iterator, so an iterator that is dropped in
mid-epoch is collected at once; its finalizer stops the board, and each worker leaves after the item it is at.
The same finalizer runs when the interpreter exits. An interrupt while the consumer waits stops the board too.
A forked child never touches the board: a worker may have held its lock at the fork.

Note: what workers draw. Each has a default stream of its own, seeded with the epoch's base seed plus its number,
and batches go to the workers in turn: what item 7 draws depends neither on timing nor on the main thread, and is
what it draws in PyTorch's worker processes. NumPy's and Python's own global streams are shared by all threads.
"""

from __future__ import annotations

import copy
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..runtime.generator import default_generator
from ..runtime.recorder import synchronize
from .dataset import Dataset
from .fetch import Fetch

_LOOK_UP = 0.5  # seconds between looks at the clock, so that an interrupt is seen on every system
_FAREWELL = 1.0  # seconds for which stopping waits for the threads


@dataclass(frozen=True)
class WorkerInfo:
    """Who a worker is: its number, how many there are, its own seed, its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """Which DataLoader worker this thread is; None outside of one."""
    return _here.info


@dataclass
class Outcome:
    """What became of a task: a batch, or the exception that came instead."""

    batch: Any = None
    error: BaseException | None = None


class _Board:
    """Tasks to do and results done, shared by the consumer and the workers."""

    def __init__(self, n_workers: int) -> None:
        self.changed = threading.Condition()
        self.tasks: list[deque[tuple[int, Any]]] = [deque() for _ in range(n_workers)]
        self.done: dict[int, Outcome] = {}
        self.epoch = 0
        self.stopped = False

    def next_task(self, worker: int) -> tuple[int, int, Any] | None:
        """The epoch, number and indices of the worker's next task; None when all is over."""
        queue = self.tasks[worker]
        with self.changed:
            while not queue and not self.stopped:
                self.changed.wait()
            return None if self.stopped else (self.epoch, *queue.popleft())

    def answer(self, epoch: int, number: int, outcome: Outcome) -> None:
        with self.changed:
            if epoch == self.epoch and not self.stopped:
                self.done[number] = outcome
                self.changed.notify_all()

    def clear(self, stop: bool) -> None:
        """Forget all tasks and results: for a new epoch, or for good."""
        with self.changed:
            self.stopped = self.stopped or stop
            self.epoch += 1
            self.done.clear()
            for queue in self.tasks:
                queue.clear()
            self.changed.notify_all()


def _serve(
    board: _Board,
    info: WorkerInfo,
    init: Callable[[int], Any] | None,
    open_fetch: Callable[[Any], Fetch],
) -> None:
    """A worker's life."""
    _here.info = info
    default_generator.begin_own(info.seed)
    broken: BaseException | None = None
    refused = ""
    try:
        if init is not None:
            init(info.id)
    except BaseException as error:  # the consumer gets it with its first batch
        broken = error
        error.add_note(f"raised in worker_init_fn of {_name(info)}")
        refused = f"DataLoader: worker_init_fn failed in {_name(info)}: {error!r}"
    fetch, opened = None, -1
    while (task := board.next_task(info.id)) is not None:
        epoch, number, indices = task
        if epoch != opened:
            fetch, opened = None, epoch
        outcome, broken = Outcome(error=broken or _refusal(refused)), None
        if outcome.error is None:
            try:
                fetch = fetch or open_fetch(info.dataset)
                outcome.batch = fetch(indices)
                synchronize()  # what is handed over is realized
            except BaseException as error:  # handed over, whatever it is
                outcome.batch, outcome.error = None, error
                error.add_note(f"raised in {_name(info)} while it made batch {number}")
        board.answer(epoch, number, outcome)
        del outcome, task, indices  # nothing is kept alive while waiting


def _refusal(why: str) -> RuntimeError | None:
    """What a worker that could not start answers later: not its first error, whose traceback holds the consumer."""
    return RuntimeError(why) if why else None


def _name(info: WorkerInfo) -> str:
    return f"DataLoader worker {info.id}"


def _own_copy(dataset: Any) -> Any:
    """The data set for one worker: a shallow copy, so that what it sets on it is its own."""
    if not isinstance(dataset, Dataset):
        return dataset
    try:
        return copy.copy(dataset)
    except Exception:  # a data set that cannot be copied is shared
        return dataset


class Crew:
    """The worker threads of one iterator.

    Args:
        n_workers: how many.
        seed: of the first worker; the next ones count up.
        dataset: of which each worker gets a shallow copy.
        init: called with the worker's number before its first task.
        open_fetch: makes the function from indices to a batch, once an epoch in each worker.
    """

    def __init__(
        self,
        n_workers: int,
        seed: int,
        dataset: Any,
        init: Callable[[int], Any] | None,
        open_fetch: Callable[[Any], Fetch],
    ) -> None:
        self._board = board = _Board(n_workers)
        self._process = os.getpid()
        infos = [WorkerInfo(k, n_workers, seed + k, _own_copy(dataset)) for k in range(n_workers)]
        threads = [
            threading.Thread(
                None, _serve, _name(info), (board, info, init, open_fetch), daemon=True
            )
            for info in infos
        ]
        self.stop = weakref.finalize(self, _end, board, threads, self._process)
        for thread in threads:
            thread.start()

    def _refuse_fork(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "DataLoader: this iterator's threads stayed in the parent of a fork: make a new one here"
            )

    def give(self, worker: int, number: int, indices: Any) -> None:
        """Put a task into a worker's queue."""
        self._refuse_fork()
        with self._board.changed:
            self._board.tasks[worker].append((number, indices))
            self._board.changed.notify_all()

    def renew(self) -> None:
        """Forget the tasks and results of the epoch before."""
        self._refuse_fork()
        self._board.clear(stop=False)

    def take(self, number: int | None, timeout: float) -> tuple[int, Outcome]:
        """Wait for the result with this number (None: any) and take it away.

        Raises:
            RuntimeError: nothing came in ``timeout`` seconds (0: wait for ever), or this process is the fork
                of the one whose threads do the work.
        """
        self._refuse_fork()
        board = self._board
        end = time.monotonic() + timeout
        try:
            with board.changed:
                while not board.done or (number is not None and number not in board.done):
                    if board.stopped:
                        raise RuntimeError(
                            "DataLoader: this iterator's workers have ended: make a new one"
                        )
                    left = end - time.monotonic() if timeout > 0 else _LOOK_UP
                    if left <= 0:
                        raise RuntimeError(
                            f"DataLoader timed out after {timeout} seconds: "
                            "give it more, or find what keeps the data set"
                        )
                    board.changed.wait(min(left, _LOOK_UP))
                found = next(iter(board.done)) if number is None else number
                return found, board.done.pop(found)
        except RuntimeError:
            raise
        except BaseException:  # an interrupt
            self.stop()
            raise


def _end(board: _Board, threads: list[threading.Thread], process: int) -> None:
    """Stop the workers, which live in ``process``; wait a moment for those that are at an item."""
    if os.getpid() != process:
        return
    board.clear(stop=True)
    end = time.monotonic() + _FAREWELL
    for thread in threads:
        if thread is not threading.current_thread() and thread.ident is not None:
            thread.join(max(0.0, end - time.monotonic()))
