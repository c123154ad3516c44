"""Data sets: what has items by number, what has items in turn, and what is made of others."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ..runtime.generator import Generator, default_generator
from ..tensor import Tensor
from .arrays import shared_tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Items by number. A subclass defines ``__getitem__`` and usually ``__len__``.

    It may also define ``__getitems__(indices)``, which gives the list of a whole batch's items.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Items in turn. A subclass defines ``__iter__``; ``get_worker_info`` tells it which part is its own."""

    def __add__(self, other: Dataset[T_co]) -> ChainDataset[T_co]:  # type: ignore[override]  # as in PyTorch
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors: item ``i`` is the tuple of their rows ``i``.

    Args:
        tensors: (N, *) each, tensors or arrays; arrays become tensors on the same memory.
    Raises:
        AssertionError: the first sizes differ.
        IndexError: a tensor has no axes.
        TypeError: an argument is neither tensor nor array.
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor | np.ndarray[Any, Any]) -> None:
        if not tensors:
            raise ValueError(
                "TensorDataset: got no tensors: pass at least one, as in TensorDataset(x, y)"
            )
        found = tuple(_as_rows(t, k) for k, t in enumerate(tensors))
        sizes = [t.shape[0] for t in found]
        if any(n != sizes[0] for n in sizes):
            raise AssertionError(
                f"Size mismatch between tensors: TensorDataset got first sizes {sizes}: they must be equal"
            )
        self.tensors = found

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


def _as_rows(source: Any, place: int) -> Tensor:
    if isinstance(source, np.ndarray):
        source = shared_tensor(source)
    if not isinstance(source, Tensor):
        raise TypeError(
            f"TensorDataset: argument {place} is a {type(source).__name__}: pass tensors or arrays, "
            "or hand a list to DataLoader as it is"
        )
    if not source.ndim:
        raise IndexError(
            "TensorDataset: Dimension specified as 0 but tensor has no dimensions: "
            f"argument {place} has shape []: its first axis must count the items"
        )
    return source


class StackDataset(Dataset[Any]):
    """Items of several data sets side by side: tuples for positional data sets, dicts for named ones."""

    datasets: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input/output, "
                f"but both types are given: {len(args)} positional, and {list(kwargs)}"
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        sizes = [len(d) for d in self._parts()]
        if any(n != sizes[0] for n in sizes):
            raise ValueError(f"Size mismatch between datasets: StackDataset got lengths {sizes}")
        self._length = sizes[0]

    def _parts(self) -> tuple[Any, ...]:
        return tuple(self.datasets.values()) if isinstance(self.datasets, dict) else self.datasets

    def _side_by_side(self, parts: Iterable[Any]) -> Any:
        named = isinstance(self.datasets, dict)
        return dict(zip(self.datasets, parts, strict=True)) if named else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._side_by_side(d[index] for d in self._parts())

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        columns = [items_of(d, indices) for d in self._parts()]
        return [self._side_by_side(row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Data sets one after another."""

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        parts = list(datasets)
        self.datasets = parts
        if not self.datasets:
            raise AssertionError(
                "datasets should not be an empty iterable: ConcatDataset needs at least one"
            )
        if any(isinstance(d, IterableDataset) for d in parts):
            raise AssertionError("ConcatDataset does not support IterableDataset: use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in parts))

    def __getitem__(self, index: int) -> T_co:
        size = len(self)
        if index < -size:
            raise ValueError(
                f"absolute value of index should not exceed dataset length: index {index} of {size} items"
            )
        if index >= size:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {size} items")
        index = index + size if index < 0 else index
        number = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[number - 1] if number else 0
        return self.datasets[number][index - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T_co]):
    """Iterable data sets one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got a {type(d).__name__}: "
                    "join others with ConcatDataset"
                )
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class Subset(Dataset[T_co]):
    """Those items of ``dataset`` whose numbers are in ``indices``, in that order."""

    dataset: Dataset[T_co]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        return items_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def items_of(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The items of ``dataset`` at ``indices``, by its own ``__getitems__`` where it has one."""
    whole = getattr(dataset, "__getitems__", None)
    if not whole:
        return [dataset[i] for i in indices]
    items: list[Any] = whole(indices)
    if len(items) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__: expected {len(indices)} items, got {len(items)}: "
            "give one for each index"
        )
    return items


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset[Any]]:
    """Subsets of the given lengths, without overlap, drawn at random.

    Args:
        dataset: has ``len``.
        lengths: numbers of items, or fractions that sum to 1; what rounding leaves goes to the first ones.
        generator: where the permutation is drawn from.
    Raises:
        ValueError: the lengths do not sum to the length of the data set, or a fraction is outside [0, 1].
    """
    size = len(dataset)
    counts = (
        _counts(lengths, size)
        if math.isclose(sum(lengths), 1) and sum(lengths) <= 1
        else list(lengths)
    )
    if sum(counts) != size:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"random_split got {list(lengths)}, which sum to {sum(lengths)}, for {size} items"
        )
    order = (generator or default_generator).permutation(size).tolist()
    ends = itertools.accumulate(int(n) for n in counts)
    return [Subset(dataset, order[end - int(n) : end]) for end, n in zip(ends, counts, strict=True)]


def _counts(fractions: Sequence[float], size: int) -> list[int]:
    """Numbers of items for fractions that sum to 1."""
    for k, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {k} is not between 0 and 1: got {list(fractions)}")
    counts = [math.floor(size * fraction) for fraction in fractions]
    for k in range(size - sum(counts)):
        counts[k % len(counts)] += 1
    for k, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {k} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return counts
