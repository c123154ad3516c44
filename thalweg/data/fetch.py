"""From indices to a batch: whole arrays at a time where the data allow it, else item by item."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from .arrays import Gather, Rows, gather_of
from .dataset import Dataset, StackDataset, Subset, TensorDataset, items_of

END: Any = object()
"""What a fetch gives when an iterable data set has no more items."""

Fetch = Callable[[Any], Any]
_INT = {int}
_WHOLE = ("int64", "int32", "int16", "int8")


def batches_by_number(
    dataset: Any, collate: Callable[[Any], Any], gathers: bool, arrays: bool
) -> Fetch:
    """A function from the indices of a batch to the batch.

    Args:
        dataset: has ``__getitem__``.
        collate: makes a batch of a list of items.
        gathers: gather a batch from arrays at once where that gives what ``collate`` would.
        arrays: indices come as arrays, which the data set is not to see.
    """
    gather = gatherer(dataset) if gathers else None

    def fetch(indices: Any) -> Any:
        if gather is not None:
            rows = _row_numbers(indices)
            if rows is not None and len(rows):
                return gather(rows)
        return collate(items_of(dataset, indices.tolist() if arrays else indices))

    return fetch


def _row_numbers(indices: Any) -> Sequence[int] | Rows | None:
    """``indices`` as integers; None where they are anything but whole numbers."""
    if type(indices) is np.ndarray and indices.dtype == np.int64 and indices.ndim == 1:
        return indices
    if isinstance(indices, np.ndarray | Tensor):
        indices = list(indices)
    if set(map(type, indices)) <= _INT:
        return indices if type(indices) is list else list(indices)
    whole = all(type(i) is int or isinstance(i, np.integer) or _is_row_number(i) for i in indices)
    return [int(i) for i in indices] if whole else None


def _is_row_number(index: Any) -> bool:
    return isinstance(index, Tensor) and not index.ndim and index.dtype.name in _WHOLE


def gatherer(dataset: Any) -> Gather | None:
    """A function from indices to the batch that ``default_collate`` would make of those items of ``dataset``.

    None unless the data set is made of arrays and its class gives its items as it was written here.
    """
    if _keeps(dataset, TensorDataset):
        return _columns([gather_of(t) for t in dataset.tensors])
    if _keeps(dataset, Subset):
        inner, chosen = gatherer(dataset.dataset), dataset.indices
        return None if inner is None else lambda rows: inner([int(chosen[i]) for i in rows])
    if _keeps(dataset, StackDataset):
        gathers = [gatherer(d) for d in dataset._parts()]
        if not isinstance(dataset.datasets, dict):
            return _columns(gathers)
        names, columns = list(dataset.datasets), _columns(gathers)
        return (
            None if columns is None else lambda rows: dict(zip(names, columns(rows), strict=True))
        )
    return gather_of(dataset)


def _keeps(dataset: Any, kind: type[Dataset[Any]]) -> bool:
    """Whether ``dataset`` is of ``kind`` and its class has not changed how items are given."""
    cls = type(dataset)
    names = ("__getitem__", "__getitems__")
    return isinstance(dataset, kind) and all(
        getattr(cls, n, None) is getattr(kind, n, None) for n in names
    )


def _columns(gathers: Sequence[Gather | None]) -> Gather | None:
    found = [g for g in gathers if g is not None]
    return (lambda rows: [g(rows) for g in found]) if len(found) == len(gathers) else None


def items_by_number(dataset: Any, convert: Callable[[Any], Any]) -> Fetch:
    """A function from one index to one converted item."""
    return lambda index: convert(dataset[index])


def batches_in_turn(
    dataset: Iterable[Any], collate: Callable[[Any], Any], drop_last: bool
) -> Fetch:
    """A function that gives the next batch, as long as the list it is given, or END."""
    items = iter(dataset)

    def fetch(places: Sequence[None]) -> Any:
        batch = list(itertools.islice(items, len(places)))
        return END if not batch or (drop_last and len(batch) < len(places)) else collate(batch)

    return fetch


def items_in_turn(dataset: Iterable[Any], convert: Callable[[Any], Any]) -> Fetch:
    """A function that gives the next converted item, or END."""
    items = iter(dataset)

    def fetch(_: None) -> Any:
        item = next(items, END)
        return END if item is END else convert(item)

    return fetch


@dataclass(frozen=True)
class Opener:
    """Makes, for one epoch, the function from what the sampler gives to a batch of a data set.

    Attributes:
        collate: makes a batch of a list of items, or converts one item.
        whole: the sampler gives lists of indices; otherwise single ones.
        in_turn: the data set is an iterable.
        gathers: a whole batch may be gathered from arrays at once.
        arrays: the lists are arrays.
        drop_last: an iterable's last short batch is left out.
        said_length: what ``len`` of an iterable data set was, where it was asked for.
    """

    collate: Callable[[Any], Any]
    whole: bool
    in_turn: bool
    gathers: bool
    arrays: bool
    drop_last: bool
    said_length: int | None

    def __call__(self, dataset: Any) -> Fetch:
        if not self.in_turn:
            if self.whole:
                return batches_by_number(dataset, self.collate, self.gathers, self.arrays)
            return items_by_number(dataset, self.collate)
        items = dataset if self.said_length is None else counted(dataset, self.said_length)
        if self.whole:
            return batches_in_turn(items, self.collate, self.drop_last)
        return items_in_turn(items, self.collate)


def counted(dataset: Iterable[Any], said: int) -> Iterator[Any]:
    """The items of ``dataset``, with a warning when there are more than its ``len`` said."""
    for number, item in enumerate(dataset):
        if number == said:
            warnings.warn(
                f"Length of IterableDataset {dataset!r} was reported to be {said} (when accessing "
                f"len(dataloader)), but {said + 1} samples have been fetched: mend its __len__",
                stacklevel=2,
            )
        yield item
