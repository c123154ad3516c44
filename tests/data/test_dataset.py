"""Data sets made of tensors and of other data sets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import data


class Count(data.IterableDataset[int]):
    """0 up to n."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))


def test_tensor_dataset() -> None:
    x, y = tw.arange(6.0).reshape(3, 2), tw.tensor([5, 6, 7])
    d = data.TensorDataset(x, y)
    row, label = d[1]
    assert len(d) == 3 and row.tolist() == [2.0, 3.0] and label.item() == 6 and d.tensors[0] is x
    assert [part.tolist() for part in d[1:]] == [[[2.0, 3.0], [4.0, 5.0]], [6, 7]]
    assert len(list(d)) == 3


def test_tensor_dataset_of_arrays_shares_their_memory() -> None:
    x = np.zeros((3, 2), np.float32)
    d = data.TensorDataset(x, np.arange(3)[::-1])
    x[2, 0] = 9
    assert d[2][0].tolist() == [9.0, 0.0] and d[0][1].item() == 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: data.TensorDataset(tw.zeros(3), tw.zeros(4)),
            AssertionError,
            r"Size mismatch.*\[3, 4\]",
        ),
        (lambda: data.TensorDataset(tw.tensor(3.0)), IndexError, "no dimensions: argument 0"),
        (lambda: data.TensorDataset([1, 2]), TypeError, "argument 0 is a list"),
        (lambda: data.TensorDataset(), ValueError, "at least one"),
        (lambda: data.ConcatDataset([]), AssertionError, "empty iterable"),
        (
            lambda: data.ConcatDataset([Count(3)]),
            AssertionError,
            "does not support IterableDataset",
        ),
        (lambda: data.ConcatDataset([[1], [2, 3]])[5], IndexError, "index 5 is out of range for 3"),
        (
            lambda: data.ConcatDataset([[1], [2, 3]])[-5],
            ValueError,
            "should not exceed dataset length",
        ),
        (
            lambda: list(data.ChainDataset([[1]])),
            AssertionError,
            "only supports IterableDataset, got a list",
        ),
        (lambda: data.StackDataset(), ValueError, "At least one"),
        (lambda: data.StackDataset([1, 2], [3]), ValueError, r"Size mismatch.*\[2, 1\]"),
        (lambda: data.StackDataset([1], a=[3]), ValueError, "both types are given"),
        (lambda: data.Dataset()[0], NotImplementedError, "should implement __getitem__"),
        (lambda: len(data.Dataset()), TypeError, "no len"),
        (lambda: data.IterableDataset(), TypeError, "abstract"),
    ],
)
def test_errors(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_concat_and_chain() -> None:
    d = data.ConcatDataset([[1], [2, 3], [], [4]])
    assert [d[i] for i in (*range(4), -1, -4)] == [1, 2, 3, 4, 4, 1]
    assert list(d) == [1, 2, 3, 4] and d.cumulative_sizes == [1, 3, 3, 4]
    added = data.TensorDataset(tw.zeros(2)) + data.TensorDataset(tw.ones(3))
    assert isinstance(added, data.ConcatDataset) and len(added) == 5 and added[3][0].item() == 1
    chained = Count(2) + Count(3)
    assert isinstance(chained, data.ChainDataset) and list(chained) == [0, 1, 0, 1, 2]
    with pytest.raises(TypeError):
        len(chained)


def test_stack() -> None:
    d = data.StackDataset([1, 2], [3, 4])
    assert d[1] == (2, 4) and len(d) == 2 and d.__getitems__([1, 0]) == [(2, 4), (1, 3)]
    named = data.StackDataset(a=[1, 2], b=[3, 4])
    assert named[0] == {"a": 1, "b": 3} and named.__getitems__([1]) == [{"a": 2, "b": 4}]


def test_subset() -> None:
    inner = data.Subset([10, 20, 30, 40], [3, 1])
    assert list(inner) == [40, 20] and len(inner) == 2 and inner[-1] == 20
    assert inner.__getitems__([1, 1]) == [20, 20]
    outer = data.Subset(inner, [1])
    assert outer[0] == 20
    rows = data.Subset(tw.arange(4) * 10, [3, 1])
    assert rows[[0, 1]].tolist() == [30, 10]


def test_getitems_of_the_wrong_length_is_an_error() -> None:
    class Short(data.Dataset[int]):
        def __len__(self) -> int:
            return 4

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [0]

    with pytest.raises(ValueError, match="expected 4 items, got 1"):
        next(iter(data.DataLoader(Short(), 4)))


SPLITS = [[5, 5], [10, 0], [0.5, 0.5], [0.33, 0.33, 0.34], [0.95, 0.05], [0.25] * 4, [3, 3, 4]]


@pytest.mark.parametrize("lengths", SPLITS, ids=str)
def test_random_split_matches_torch(lengths: list[Any], torch: Any) -> None:
    import torch.utils.data

    found = []
    for lib, room in ((tw, data), (torch, torch.utils.data)):
        lib.manual_seed(3)
        gen = lib.Generator()
        gen.manual_seed(4)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            parts = room.random_split(range(10), lengths)
            own = room.random_split(range(10), lengths, generator=gen)
        found.append(
            [[p.indices for p in (*parts, *own)], lib.randint(0, 99, (4,)).tolist(), len(caught)]
        )
        assert [str(w.message) for w in caught] == [
            f"Length of split at index {k} is 0. This might result in an empty dataset."
            for k, p in [*enumerate(parts), *enumerate(own)]
            if isinstance(lengths[k], float) and not len(p)
        ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([3, 3], "Sum of input lengths does not equal.*10 items"),
        ([0.5, 0.6], "Sum of input lengths"),
        ([0.3, 0.4], "Sum of input lengths"),
        ([1.5, -0.5], "Fraction at index 0 is not between 0 and 1"),
    ],
)
def test_random_split_errors(lengths: list[Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        data.random_split(range(10), lengths)


def test_random_split_parts_do_not_overlap() -> None:
    parts = data.random_split(range(100), [0.6, 0.3, 0.1])
    assert [len(p) for p in parts] == [60, 30, 10]
    assert sorted(i for p in parts for i in p) == list(range(100))
