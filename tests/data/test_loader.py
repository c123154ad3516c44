"""DataLoader: batches, options and errors as in PyTorch, and its random stream."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import data


class Squares(data.Dataset[Any]):
    """(i, i * i as a float) for i below n."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> tuple[int, float]:
        return i, float(i * i)


class Count(data.IterableDataset[int]):
    """0 up to n, of which ``said`` are announced."""

    def __init__(self, n: int, said: int | None = None) -> None:
        self.n, self.said = n, said

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def __len__(self) -> int:
        if self.said is None:
            raise TypeError("object of type 'Count' has no len()")
        return self.said


def its_own(room: Any, kind: type[Any]) -> type[Any]:
    """``kind`` as a data set of ``room``: PyTorch knows iterable data sets by their base class."""
    if room is data:
        return kind
    base = room.IterableDataset if issubclass(kind, data.IterableDataset) else room.Dataset
    return type(
        kind.__name__, (base,), {k: v for k, v in vars(kind).items() if not k.startswith("_abc")}
    )


LOADERS = {
    "sizes": lambda room, lib: room.DataLoader(Squares(10), 4),
    "drop_last": lambda room, lib: room.DataLoader(Squares(10), 4, drop_last=True),
    "one by one": lambda room, lib: room.DataLoader(Squares(3)),
    "single items": lambda room, lib: room.DataLoader(Squares(3), batch_size=None),
    "single items, shuffled": lambda room, lib: room.DataLoader(
        Squares(9), batch_size=None, shuffle=True
    ),
    "shuffled": lambda room, lib: room.DataLoader(Squares(10), 4, shuffle=True),
    "shuffled, whole batches": lambda room, lib: room.DataLoader(Squares(8), 4, shuffle=True),
    "default generator": lambda room, lib: room.DataLoader(
        Squares(10), 4, shuffle=True, generator=lib.default_generator
    ),
    "own generator": lambda room, lib: room.DataLoader(
        Squares(10), 4, shuffle=True, generator=lib.Generator().manual_seed(5)
    ),
    "sampler": lambda room, lib: room.DataLoader(
        Squares(10), 4, sampler=room.WeightedRandomSampler([1.0] * 10, 7)
    ),
    "sampler is a list": lambda room, lib: room.DataLoader(Squares(10), 2, sampler=[5, 1, 1]),
    "batch sampler": lambda room, lib: room.DataLoader(Squares(10), batch_sampler=[[1, 2], [9]]),
    "batches of tensors": lambda room, lib: room.DataLoader(
        Squares(10), batch_sampler=room.BatchSampler(room.SubsetRandomSampler([4, 5, 6]), 2, False)
    ),
    "a collate_fn": lambda room, lib: room.DataLoader(
        Squares(5), 2, collate_fn=lambda items: len(items)
    ),
    "a list": lambda room, lib: room.DataLoader([3, 1, 4, 1, 5], 2, shuffle=True),
    "a string": lambda room, lib: room.DataLoader("thalweg", 3),
    "a range": lambda room, lib: room.DataLoader(range(10, 20), 3, shuffle=True),
    "a list of dicts": lambda room, lib: room.DataLoader([{"a": i, "b": [i]} for i in range(5)], 2),
    "a tensor": lambda room, lib: room.DataLoader(lib.arange(10.0).reshape(5, 2), 2, shuffle=True),
    "a 1-d tensor": lambda room, lib: room.DataLoader(lib.arange(5), 2),
    "an array": lambda room, lib: room.DataLoader(np.arange(10.0).reshape(5, 2), 2, shuffle=True),
    "a text array": lambda room, lib: room.DataLoader(np.array(["a", "b", "c"]), 2),
    "tensors": lambda room, lib: room.DataLoader(
        room.TensorDataset(lib.arange(10.0).reshape(5, 2), lib.arange(5)), 2, shuffle=True
    ),
    "one tensor": lambda room, lib: room.DataLoader(room.TensorDataset(lib.arange(5)), 2),
    "subset": lambda room, lib: room.DataLoader(
        room.Subset(room.TensorDataset(lib.arange(9), lib.arange(9) % 2 == 0), [8, 0, -1, 3]),
        3,
        shuffle=True,
    ),
    "stack": lambda room, lib: room.DataLoader(
        room.StackDataset(lib.arange(4), room.TensorDataset(lib.arange(4))), 3
    ),
    "named stack": lambda room, lib: room.DataLoader(
        room.StackDataset(a=lib.arange(4), b=[4, 3, 2, 1]), 3
    ),
    "named stack of tensors": lambda room, lib: room.DataLoader(
        room.StackDataset(a=lib.arange(4)), 3
    ),
    "concat": lambda room, lib: room.DataLoader(
        room.ConcatDataset([Squares(3), Squares(4)]), 3, shuffle=True
    ),
    "iterable": lambda room, lib: room.DataLoader(its_own(room, Count)(7), 3),
    "iterable, drop_last": lambda room, lib: room.DataLoader(
        its_own(room, Count)(7), 3, drop_last=True
    ),
    "iterable, single": lambda room, lib: room.DataLoader(its_own(room, Count)(3), batch_size=None),
    "iterable with len": lambda room, lib: room.DataLoader(its_own(room, Count)(6, 6), 4),
    "empty": lambda room, lib: room.DataLoader([]),
}


def log(lib: Any, room: Any, make: Any, plain: Any, tried: Any) -> list[Any]:
    """Two epochs and the start of a third, what the loader says of itself, and the stream afterwards."""
    lib.manual_seed(1)
    loader = make(room, lib)
    found = [plain(list(loader)), lib.randint(0, 999, (2,)).tolist(), plain(list(loader))]
    found += [
        plain(next(iter(loader), None)),
        tried(lambda: len(loader)),
        tried(lambda: len(iter(loader))),
    ]
    found += [loader.batch_size, loader.drop_last, loader.num_workers, loader.prefetch_factor]
    found += [
        type(loader.sampler).__name__ if "iterable" not in repr(loader.sampler).lower() else ""
    ]
    found += [type(loader.batch_sampler).__name__, loader.collate_fn.__name__, loader.pin_memory]
    return [*found, lib.randint(0, 999, (4,)).tolist()]


@pytest.mark.parametrize("name", LOADERS)
def test_like_torch(name: str, torch: Any, plain: Any, tried: Any) -> None:
    import torch.utils.data

    ours = log(tw, data, LOADERS[name], plain, tried)
    theirs = log(torch, torch.utils.data, LOADERS[name], plain, tried)
    if name.startswith("iterable"):
        theirs[10] = ours[10]  # the sampler that stands in for none
        theirs[5] = ours[5]  # PyTorch's iterator has no length here
    assert ours == theirs


ERRORS = {
    "num_workers": lambda room: room.DataLoader([1], num_workers=-1),
    "timeout": lambda room: room.DataLoader([1], timeout=-1),
    "prefetch without workers": lambda room: room.DataLoader([1], prefetch_factor=2),
    "prefetch": lambda room: room.DataLoader([1], num_workers=1, prefetch_factor=-2),
    "persistent": lambda room: room.DataLoader([1], persistent_workers=True),
    "batch_size 0": lambda room: room.DataLoader([1], batch_size=0),
    "batch_size -1": lambda room: room.DataLoader([1], batch_size=-1),
    "batch_size 1.5": lambda room: room.DataLoader([1], batch_size=1.5),
    "drop_last": lambda room: room.DataLoader([1], drop_last=1),
    "no batches, drop_last": lambda room: room.DataLoader([1], batch_size=None, drop_last=True),
    "sampler, shuffle": lambda room: room.DataLoader([1], sampler=[0], shuffle=True),
    "batch_sampler, shuffle": lambda room: room.DataLoader([1], batch_sampler=[[0]], shuffle=True),
    "batch_sampler, size": lambda room: room.DataLoader([1], batch_sampler=[[0]], batch_size=3),
    "batch_sampler, sampler": lambda room: room.DataLoader([1], batch_sampler=[[0]], sampler=[0]),
    "batch_sampler, drop_last": lambda room: room.DataLoader(
        [1], batch_sampler=[[0]], drop_last=True
    ),
    "shuffling nothing": lambda room: room.DataLoader([], shuffle=True),
    "context": lambda room: room.DataLoader([1], multiprocessing_context="spawn"),
    "iterable, shuffle": lambda room: room.DataLoader(its_own(room, Count)(3), shuffle=True),
    "iterable, sampler": lambda room: room.DataLoader(its_own(room, Count)(3), sampler=[1]),
    "iterable, batch_sampler": lambda room: room.DataLoader(
        its_own(room, Count)(3), batch_sampler=[[1]]
    ),
    "iterable, len": lambda room: len(room.DataLoader(its_own(room, Count)(3))),
    "set batch_size": lambda room: setattr(room.DataLoader([1]), "batch_size", 2),
    "set dataset": lambda room: setattr(room.DataLoader([1]), "dataset", [2]),
    "set sampler": lambda room: setattr(room.DataLoader([1]), "sampler", [0]),
    "index too large": lambda room: list(room.DataLoader([1], sampler=[4])),
    "shapes differ": lambda room: list(room.DataLoader([[1], [1, 2]], 2)),
    "row too large": lambda room: list(room.DataLoader(np.zeros((3, 2)), 2, sampler=[4, 0])),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, torch: Any) -> None:
    import torch.utils.data

    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch.utils.data)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[name](data)
    words = str(theirs.value).replace(",", " ").replace(".", " ").split()
    assert str(ours.value).replace(",", " ").split()[:3] == words[:3]


def test_a_generator_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="generator is a int: pass a thalweg.Generator"):
        data.DataLoader([1], generator=3)  # type: ignore[arg-type]


def test_what_has_no_items_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="neither __getitem__ nor __iter__"):
        data.DataLoader(3)


def test_any_iterable_will_do() -> None:
    batches = list(data.DataLoader((i * i for i in range(5)), 2))
    assert [b.tolist() for b in batches] == [[0, 1], [4, 9], [16]]
    assert [b.tolist() for b in data.DataLoader({1: 0, 2: 0}.keys(), 2)] == [[1, 2]]


def test_other_attributes_may_be_set() -> None:
    loader = data.DataLoader([1, 2], 2)
    loader.collate_fn = tuple
    assert list(loader) == [(1, 2)]


def test_more_items_than_said_warns(torch: Any) -> None:
    loader = data.DataLoader(Count(5, said=3), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(loader)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 3 .* but 4 samples have been fetched"):
        list(loader)


def test_an_error_of_the_data_set_keeps_its_type_and_the_next_batch_comes() -> None:
    class Faulty(Squares):
        def __getitem__(self, i: int) -> tuple[int, float]:
            if i == 2:
                raise KeyError("no picture 2")
            return super().__getitem__(i)

    epoch = iter(data.DataLoader(Faulty(6), 2))
    assert next(epoch)[0].tolist() == [0, 1]
    with pytest.raises(KeyError, match="no picture 2"):
        next(epoch)
    assert next(epoch)[0].tolist() == [4, 5]


def test_batches_are_realized_leaves() -> None:
    x = tw.arange(6.0).reshape(3, 2)
    for batch in data.DataLoader(data.TensorDataset(x, x), 2, shuffle=True):
        for t in batch:
            assert t.is_leaf and not t.requires_grad and t._storage.value.array is not None


def test_utils_data_offers_the_same_names() -> None:
    import thalweg.utils.data as mirror

    assert mirror.DataLoader is data.DataLoader and set(mirror.__all__) == set(data.__all__)
    assert all(hasattr(mirror, name) for name in data.__all__)
