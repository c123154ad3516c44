"""One epoch of a DataLoader: its batches made here, or ahead of time by worker threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..runtime.state import state
from .fetch import END
from .samplers import draw_seed
from .workers import Crew

if TYPE_CHECKING:
    from .loader import DataLoader


def cut_long_trace() -> None:
    """Run what this thread has recorded if it has grown long and no backward pends."""
    if state.trace.is_long():
        state.trace.run(ahead=True)


class InlineIterator:
    """Makes each batch when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._length = loader.number_of_batches
        self._indices = loader.index_stream()
        draw_seed(loader.generator)  # as in PyTorch, so that the random stream stays in step
        self._fetch = loader.opener()(loader.dataset)
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        cut_long_trace()
        if self._ended:
            raise StopIteration
        batch = self._fetch(next(self._indices))
        if batch is END:
            self._ended = True
            raise StopIteration
        return batch

    def __len__(self) -> int:
        return self._length()


class ThreadedIterator:
    """Lets worker threads make batches ahead of time and hands them over in order.

    Batches go to the workers in turn. Indices are drawn in the thread of the consumer.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._length = loader.number_of_batches
        self._timeout, self._in_order = loader.timeout, loader.in_order
        self._keep = loader.persistent_workers
        self._ahead = (loader.prefetch_factor or 1) * loader.num_workers
        indices = loader.index_stream()
        seed = draw_seed(loader.generator)
        self._crew = Crew(
            loader.num_workers, seed, loader.dataset, loader.worker_init_fn, loader.opener()
        )
        self._begin(indices, loader.num_workers)

    def renew(self, loader: DataLoader[Any]) -> None:
        """Begin a new epoch with the same workers."""
        self._crew.renew()
        self._begin(loader.index_stream(), loader.num_workers)

    def _begin(self, indices: Iterator[Any], n_workers: int) -> None:
        self._indices = indices
        self._active = list(range(n_workers))
        self._turn = 0
        self._sent = 0
        self._waiting: dict[int, int] = {}
        for _ in range(self._ahead):
            self._order()

    def _order(self) -> None:
        """Hand the next indices to the worker whose turn it is."""
        if not self._active:
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        worker = self._active[self._turn % len(self._active)]
        self._turn = (self._turn + 1) % len(self._active)
        self._crew.give(worker, self._sent, indices)
        self._waiting[self._sent] = worker
        self._sent += 1

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        cut_long_trace()
        while self._waiting:
            number, outcome = self._crew.take(
                min(self._waiting) if self._in_order else None, self._timeout
            )
            worker = self._waiting.pop(number)
            if outcome.batch is END:
                self._retire(worker)
            self._order()
            if outcome.error is not None:
                try:
                    raise outcome.error
                finally:
                    del outcome  # its traceback holds this frame
            if outcome.batch is not END:
                return outcome.batch
        if not self._keep:
            self._crew.stop()
        raise StopIteration

    def _retire(self, worker: int) -> None:
        """An iterable data set has no more items for this worker."""
        if worker in self._active:
            place = self._active.index(worker)
            self._active.remove(worker)
            if place < self._turn:
                self._turn -= 1

    def __len__(self) -> int:
        return self._length()
