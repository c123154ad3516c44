"""Samplers: in which order the items of a data set are taken.

The draws are PyTorch's, in its order, so that a seeded program meets the same batches and leaves the random
stream at the same place. Learned by trial against torch 2.13.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ..ir.dtype import float64
from ..runtime.generator import Generator, default_generator
from ..tensor.random import multinomial
from .arrays import Rows, as_tensor

T_co = TypeVar("T_co", covariant=True)
_CHUNK = 32


def draw_seed(generator: Generator | None) -> int:
    """A seed out of ``generator`` (or the default stream) for a stream of one's own."""
    return int((generator or default_generator).any_integers((), np.int64))


def check_positive(what: str, value: Any) -> None:
    """Raise ValueError unless ``value`` is an integer of at least 1."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{what} should be a positive integer value, but got {what}={value!r}")


def check_boolean(what: str, value: Any, error: type[Exception] = ValueError) -> None:
    """Raise ``error`` unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise error(f"{what} should be a boolean value, but got {what}={value!r}")


class Sampler(Generic[T_co]):
    """Gives indices, or lists of indices. A subclass defines ``__iter__``, and ``__len__`` if it can."""

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: a Sampler defines __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2 and so on."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def arrays(self) -> Iterator[Rows]:
        """What ``iter`` gives, many at a time."""
        yield np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class EndlessSampler(Sampler[None]):
    """None for ever: stands where an iterable data set leaves nothing to choose."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Args:
        data_source: has ``len``.
        replacement: draw each index anew, so that it may come twice.
        num_samples: how many to give; the length of the data set unless given.
        generator: where to draw from; without one, a new stream is seeded from the default one.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        check_boolean("replacement", replacement, TypeError)
        check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for drawn in self.arrays():
            yield from drawn.tolist()

    def arrays(self) -> Iterator[Rows]:
        """What ``iter`` gives, many at a time."""
        n, wanted = len(self.data_source), self.num_samples
        source = self.generator or Generator().manual_seed(draw_seed(None))
        if self.replacement:
            for start in range(0, wanted, _CHUNK):
                yield source.integers(0, n, (min(_CHUNK, wanted - start),))
            return
        for _ in range(wanted // n):
            yield source.permutation(n)
        if wanted % n:
            yield source.permutation(n)[: wanted % n]
        elif self.generator is not None:
            source.skip_permutation(n)  # drawn even where nothing is left, as in PyTorch

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in (self.generator or default_generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn in proportion to weights.

    Args:
        weights: (N,) not negative; they need not sum to 1.
        num_samples: how many to draw.
        replacement: whether an index may come twice.
        generator: where to draw from; the default stream unless given.
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        check_positive("num_samples", num_samples)
        check_boolean("replacement", replacement)
        found = as_tensor(weights, dtype=float64)
        if found.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(found.shape)}: "
                "give one number for each item"
            )
        self.weights, self.num_samples, self.replacement = found, num_samples, replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Any]]):
    """Lists of ``batch_size`` indices of another sampler; ``drop_last`` leaves out a last short one."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        check_positive("batch_size", batch_size)
        check_boolean("drop_last", drop_last)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        rest = iter(self.sampler)
        while batch := list(itertools.islice(rest, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def arrays(self) -> Iterator[Rows]:
        """What ``iter`` gives, as arrays; for a sampler that has them."""
        return _cut(self.sampler.arrays(), self.batch_size, self.drop_last)  # type: ignore[attr-defined]  # see above

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]  # a TypeError tells that it has none
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


def gives_arrays(sampler: Any) -> bool:
    """Whether a batch sampler and the one beneath it are as they were written here, and give arrays."""
    known = (SequentialSampler, RandomSampler)
    return type(sampler) is BatchSampler and type(sampler.sampler) in known


def _cut(arrays: Iterator[Rows], size: int, drop_last: bool) -> Iterator[Rows]:
    """Arrays one after another in pieces of ``size``; ``drop_last`` leaves out a last short one."""
    rest = np.empty(0, np.int64)
    for array in arrays:
        rest = np.concatenate([rest, array]) if len(rest) else array
        end = len(rest) // size * size
        for start in range(0, end, size):
            yield rest[start : start + size]
        rest = rest[end:]
    if len(rest) and not drop_last:
        yield rest


class DistributedSampler(Sampler[T_co]):
    """The part of the indices that one of several processes takes; all parts together are the data set.

    Args:
        dataset: has ``len``.
        num_replicas, rank: how many processes there are, and which one this is. They have to be given: there is no
            process group that could be asked.
        shuffle: each epoch in another order, the same in all processes: call ``set_epoch`` before each.
        seed: for the order; the same in all processes.
        drop_last: leave out what makes the parts uneven, else the first indices come again.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError(
                "DistributedSampler: there is no process group to ask: give num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.shuffle, self.seed, self.drop_last = 0, shuffle, seed, drop_last
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else -(-size // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[T_co]:
        size = len(self.dataset)
        indices: list[Any] = list(range(size))
        if self.shuffle:
            indices = Generator().manual_seed(self.seed + self.epoch).permutation(size).tolist()
        if indices:
            indices *= -(-self.total_size // size)
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self.epoch = epoch
