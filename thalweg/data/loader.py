"""DataLoader: a data set in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..runtime.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import Opener
from .iteration import InlineIterator, ThreadedIterator
from .samplers import (
    BatchSampler,
    EndlessSampler,
    RandomSampler,
    SequentialSampler,
    check_boolean,
    gives_arrays,
)

T_co = TypeVar("T_co", covariant=True)
_FIXED = frozenset(
    ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
)


class DataLoader(Generic[T_co]):
    """A data set in batches; iterating over it is one epoch.

    Args:
        dataset: tensors, arrays and data sets made of them (a whole batch is gathered at a time), lists and
            whatever has items by number, or an iterable.
        batch_size: items in a batch; None gives single items.
        shuffle: a new random order each epoch.
        sampler: which indices in which order, instead of ``shuffle``.
        batch_sampler: which lists of indices, instead of all of these.
        num_workers: threads that make batches ahead of time; 0 makes each when it is asked for.
        collate_fn: makes a batch of a list of items; ``default_collate`` unless given.
        pin_memory: accepted; memory need not be pinned for the CPU.
        drop_last: leave out a last batch that is short.
        timeout: seconds to wait for a worker; 0 waits for ever.
        worker_init_fn: called in each worker with its number.
        multiprocessing_context: accepted with workers; they are threads.
        generator: where seeds, and the order with ``shuffle``, are drawn from.
        prefetch_factor: batches that each worker is ahead; 2 unless given.
        persistent_workers: keep the threads from one epoch to the next.
        pin_memory_device: accepted.
        in_order: hand batches over in their order; False gives what is ready first.
    Raises:
        ValueError: options out of their range, or that exclude each other.
    """

    dataset: Any
    batch_size: int | None
    sampler: Any
    batch_sampler: Any
    _iterator: ThreadedIterator | None = None
    _said_length: int | None = None
    _ready = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        _check_generator(generator)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn = timeout, worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator, self.in_order = generator, in_order
        self.persistent_workers = persistent_workers
        self._in_turn = isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__")
        if self._in_turn:
            _check_in_turn(dataset, shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError(
                "sampler option is mutually exclusive with shuffle: leave one of them out"
            )
        if batch_sampler is not None:
            _check_batch_sampler(batch_size, shuffle, sampler, drop_last)
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last=True"
            )
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        check_boolean("drop_last", drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        whole = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if whole else default_convert)
        self._ready = True

    def _default_sampler(self, shuffle: bool) -> Iterable[Any]:
        if self._in_turn:
            return EndlessSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self._ready:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make a new"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[T_co]:
        if not self.num_workers:
            return InlineIterator(self)
        if not self.persistent_workers:
            return ThreadedIterator(self)
        if self._iterator is None:
            self._iterator = ThreadedIterator(self)
        else:
            self._iterator.renew(self)
        return self._iterator

    def __len__(self) -> int:
        """Batches in an epoch; a TypeError where the data set or the sampler has no length."""
        if not self._in_turn:
            return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        size = self._said_length = len(self.dataset)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)

    # For the iterators

    def number_of_batches(self) -> int:
        """``len`` of this loader."""
        return len(self)

    def index_stream(self) -> Iterator[Any]:
        """What the workers get in turn: lists or arrays of indices, or single ones."""
        if self.batch_sampler is None:
            return iter(self.sampler)
        batches: Any = self.batch_sampler
        return batches.arrays() if gives_arrays(batches) else iter(batches)

    def opener(self) -> Opener:
        """What makes the function from indices to batches, for this loader; it does not hold the loader."""
        return Opener(
            self.collate_fn,
            whole=self.batch_sampler is not None,
            in_turn=self._in_turn,
            gathers=self.collate_fn is default_collate,
            arrays=gives_arrays(self.batch_sampler),
            drop_last=self.drop_last,
            said_length=self._said_length,
        )


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError(
            f"num_workers option should be non-negative, got {num_workers}: use num_workers=0 to do without"
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}: 0 waits for ever")
    if prefetch_factor is not None and not num_workers:
        raise ValueError(
            "prefetch_factor option could only be specified with workers, "
            f"got {prefetch_factor} with num_workers=0: let num_workers > 0, or leave it out"
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
    if persistent and not num_workers:
        raise ValueError("persistent_workers option needs num_workers > 0, got num_workers=0")
    if context is not None and not num_workers:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            "but got num_workers=0"
        )


def _check_generator(generator: Any) -> None:
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(
            f"DataLoader: generator is a {type(generator).__name__}: "
            "pass a thalweg.Generator, or None for the default one"
        )


def _check_in_turn(dataset: Any, shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    if not hasattr(dataset, "__iter__"):
        raise TypeError(
            f"DataLoader: dataset is a {type(dataset).__name__}, which has neither __getitem__ nor __iter__: "
            "pass a tensor, an array, a sequence or an iterable"
        )
    for name, value in (
        ("shuffle", shuffle or None),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, "
                f"but got {name}={value}: the data set itself says in which order its items come"
            )


def _check_batch_sampler(batch_size: Any, shuffle: Any, sampler: Any, drop_last: Any) -> None:
    if batch_size != 1 or shuffle or sampler is not None or drop_last:
        raise ValueError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last: "
            "leave those out"
        )
