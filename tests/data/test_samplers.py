"""Samplers draw what PyTorch draws, and leave the stream where it leaves it."""

from __future__ import annotations

from typing import Any

import pytest

import thalweg as tw
from thalweg import data

CASES = {
    "sequential": lambda room, gen: room.SequentialSampler(range(10)),
    "random": lambda room, gen: room.RandomSampler(range(10)),
    "random, own stream": lambda room, gen: room.RandomSampler(range(10), generator=gen),
    "random, fewer": lambda room, gen: room.RandomSampler(range(10), num_samples=4, generator=gen),
    "random, more": lambda room, gen: room.RandomSampler(range(10), num_samples=25, generator=gen),
    "random, twice": lambda room, gen: room.RandomSampler(range(10), num_samples=20, generator=gen),
    "replacement": lambda room, gen: room.RandomSampler(range(10), True, generator=gen),
    "replacement, 70": lambda room, gen: room.RandomSampler(range(10), True, 70, generator=gen),
    "replacement, 64": lambda room, gen: room.RandomSampler(range(10), True, 64),
    "subset": lambda room, gen: room.SubsetRandomSampler([3, 1, 4, 1, 5], generator=gen),
    "subset, default": lambda room, gen: room.SubsetRandomSampler([3, 1, 4, 1, 5]),
    "weighted": lambda room, gen: room.WeightedRandomSampler([0.1, 0.7, 0.2], 20, generator=gen),
    "weighted, once each": lambda room, gen: room.WeightedRandomSampler([1, 2, 3, 4.0], 4, False),
    "batches": lambda room, gen: room.BatchSampler(
        room.RandomSampler(range(10), generator=gen), 3, False
    ),
    "batches, whole": lambda room, gen: room.BatchSampler(
        room.RandomSampler(range(10), generator=gen), 3, True
    ),
}


def log(lib: Any, room: Any, make: Any) -> list[Any]:
    """Two epochs of a sampler, its length, and what both streams give next."""
    lib.manual_seed(7)
    gen = lib.Generator()
    gen.manual_seed(11)
    sampler = make(room, gen)
    steps: list[Any] = [list(sampler), len(sampler)]
    steps += [next(iter(sampler)), list(sampler)]
    return [
        *steps,
        lib.randint(0, 1000, (3,)).tolist(),
        lib.randint(0, 1000, (3,), generator=gen).tolist(),
    ]


@pytest.mark.parametrize("name", CASES)
def test_samplers_match_torch(name: str, torch: Any) -> None:
    import torch.utils.data

    assert log(tw, data, CASES[name]) == log(torch, torch.utils.data, CASES[name])


def test_random_sampler_gives_each_index_once() -> None:
    assert sorted(data.RandomSampler(range(50))) == list(range(50))
    drawn = list(data.RandomSampler(range(5), num_samples=12))
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5)) and len(drawn) == 12


def test_random_sampler_follows_the_length_of_its_source() -> None:
    source = [1, 2, 3]
    sampler = data.RandomSampler(source)
    source.append(4)
    assert len(sampler) == 4 and sorted(sampler) == [0, 1, 2, 3]


def test_batch_sampler() -> None:
    assert list(data.BatchSampler("abcde", 2, False)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(data.BatchSampler("abcde", 2, True)) == [["a", "b"], ["c", "d"]]
    assert (
        len(data.BatchSampler("abcde", 2, False)) == 3
        and len(data.BatchSampler("abcde", 2, True)) == 2
    )


ERRORS = {
    "no items": lambda room: room.RandomSampler([]),
    "replacement no bool": lambda room: room.RandomSampler(range(3), replacement=3),
    "num_samples 0": lambda room: room.RandomSampler(range(3), num_samples=0),
    "num_samples 1.5": lambda room: room.RandomSampler(range(3), num_samples=1.5),
    "num_samples True": lambda room: room.WeightedRandomSampler([1, 2], True),
    "weighted replacement": lambda room: room.WeightedRandomSampler([1, 2], 3, 3),
    "weights 2-d": lambda room: room.WeightedRandomSampler([[1, 2]], 3),
    "too many without replacement": lambda room: list(
        room.WeightedRandomSampler([1, 2.0], 3, False)
    ),
    "batch_size 0": lambda room: room.BatchSampler(range(3), 0, True),
    "batch_size True": lambda room: room.BatchSampler(range(3), True, True),
    "drop_last no bool": lambda room: room.BatchSampler(range(3), 2, 3),
}


@pytest.mark.parametrize("name", ERRORS)
def test_sampler_errors(name: str, torch: Any) -> None:
    import torch.utils.data

    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch.utils.data)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[name](data)
    assert str(ours.value).startswith(str(theirs.value).split(",")[0])


def test_a_sampler_without_iter_says_so() -> None:
    with pytest.raises(NotImplementedError, match="defines __iter__"):
        iter(data.Sampler())


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_samples": 7},
        {"num_samples": 25},
        {"replacement": True, "num_samples": 75},
    ],
)
def test_batches_as_arrays_are_those_as_lists(settings: dict[str, Any], drop_last: bool) -> None:
    def batches(of: str) -> list[list[int]]:
        source = tw.Generator().manual_seed(3)
        sampler = data.RandomSampler(range(10), generator=source, **settings)
        found = data.BatchSampler(sampler, 4, drop_last)
        every = list(found) if of == "lists" else [rows.tolist() for rows in found.arrays()]
        return [*every, source.permutation(5).tolist()]

    assert batches("arrays") == batches("lists")


def test_a_data_set_never_sees_arrays_of_indices() -> None:
    class Strict:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: Any) -> int:
            assert type(index) is int
            return index

    class StrictRows(Strict):
        def __getitems__(self, indices: Any) -> list[int]:
            assert type(indices) is list and {type(i) for i in indices} == {int}
            return indices

    for source in (Strict(), StrictRows()):
        found = [b.tolist() for b in data.DataLoader(source, 4, shuffle=True)]
        assert sorted(sum(found, [])) == list(range(10))
