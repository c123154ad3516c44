"""default_collate and default_convert give what PyTorch's give."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import data

Pair = collections.namedtuple("Pair", "a b")


class Row(list):  # type: ignore[type-arg]
    """A list of another class."""


def items(lib: Any) -> dict[str, Any]:
    """Batches and items, by name."""
    t = lib.tensor
    return {
        "ints": [1, 2],
        "floats": [1.5, 2],
        "ints and floats": [1, 2.5],
        "bools": [True, False],
        "strings": ["a", "b"],
        "bytes": [b"a", b"c"],
        "pairs": [(1, 2.0), (3, 4.0)],
        "lists": [[1, 2], [3, 4]],
        "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "named tuples": [Pair(1, 2.0), Pair(3, 4.0)],
        "arrays": [np.zeros(2), np.ones(2)],
        "float32 arrays": [np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)],
        "float32 scalars": [np.float32(1), np.float32(2)],
        "float64 scalars": [np.float64(1), np.float64(2)],
        "int16 scalars": [np.int16(1), np.int16(2)],
        "bool scalars": [np.bool_(True), np.bool_(False)],
        "0-d arrays": [np.array(1), np.array(2)],
        "strided arrays": [np.arange(6.0).reshape(2, 3).T, np.ones((3, 2))],
        "tensors": [t([0.0, 1.0]), t([2.0, 3.0])],
        "0-d tensors": [t(1), t(2)],
        "0-d bool tensors": [t(True), t(False)],
        "views": list(t([[1.0, 2.0], [3.0, 4.0]]).t()),
        "empty tensors": [lib.zeros(0), lib.zeros(0)],
        "ordered dicts": [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
        "default dicts": [collections.defaultdict(int, a=1)] * 2,
        "another key": [{"a": 1}, {"a": 1, "b": 2}],
        "lists of another class": [Row([1, 2]), Row([3, 4])],
        "ranges": [range(2), range(3, 5)],
        "empty tuples": [(), ()],
        "nested": [((1, [2.0, "x"]), {"k": np.zeros(1)}), ((4, [5.0, "y"]), {"k": np.ones(1)})],
        "strings of numpy": [np.str_("a"), np.str_("b")],
        "array, then tensor": [np.zeros(1), t([1.0], dtype=lib.float64)],
        "no batch": [],
        "None": [None, None],
        "object": [object()],
        "a set": [{1, 2}],
        "complex numbers": [1j],
        "text arrays": [np.array(["a", "b"])],
        "object arrays": [np.array([None])],
        "lengths differ": [(1,), (2, 3)],
        "shapes differ": [t([0.0]), t([0.0, 1.0])],
        "array shapes differ": [np.zeros(2), np.zeros(3)],
        "keys differ": [{"a": 1}, {"b": 1}],
        "tensor, then array": [t([0.0]), np.zeros(1)],
        "number, then text": [1, "a"],
    }


NAMES = list(items(tw))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_like_torch(name: str, function: str, torch: Any, tried: Any) -> None:
    import torch.utils.data

    ours, theirs = items(tw)[name], items(torch)[name]
    if function == "default_convert" and name in ("object", "text arrays", "object arrays"):
        assert type(data.default_convert(ours)[0]) is type(
            torch.utils.data.default_convert(theirs)[0]
        )
        return
    expected = tried(lambda: getattr(torch.utils.data, function)(theirs))
    assert tried(lambda: getattr(data, function)(ours)) == expected


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ([None], TypeError, "batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>"),
        ([np.array(["a"])], TypeError, "found <U1"),
        ([(1,), (2, 3)], RuntimeError, "each element in list of batch should be of equal size.*lengths .1, 2."),
        ([np.zeros(2), np.zeros(3)], RuntimeError, r"stack expects each tensor.*got \[2\] at entry 0 and \[3\] at entry 1"),
        ([], IndexError, "the batch is empty"),
    ],
)  # fmt: skip
def test_error_texts(batch: list[Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        data.default_collate(batch)


def test_collating_does_not_alias_the_items() -> None:
    item = np.zeros(3)
    batch = data.default_collate([item, item])
    item[:] = 7
    assert batch.tolist() == [[0.0] * 3] * 2


def test_a_batch_of_results_stays_on_the_tape() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    batch = data.default_collate([w * 3, w * 4])
    batch.sum().backward()
    assert w.grad.tolist() == [7.0, 7.0]


def test_convert_shares_memory() -> None:
    array = np.zeros(2)
    converted = data.default_convert({"x": array})["x"]
    array[0] = 5
    assert converted.tolist() == [5.0, 0.0]


@pytest.mark.parametrize("memory", ["own", "of an array", "computed"])
def test_rows_of_one_tensor(memory: str) -> None:
    numbers = np.arange(61.0)[:60].reshape(10, 2, 3)
    source = {
        "own": lambda: tw.tensor(numbers),
        "of an array": lambda: tw.from_numpy(numbers),
        "computed": lambda: tw.tensor(numbers) * 1,
    }[memory]()
    flat = source.reshape(-1)
    for parts in (
        [source[i] for i in (3, 0, 9, 3)],
        [source[i, 1] for i in (3, 9)],
        [source[i, 0, 2] for i in (3, 9)],
        [source[i : i + 2] for i in (0, 3, 8)],  # 3 is not a multiple of 2 rows
        [flat[i : i + 4] for i in (56, 4)],
        [flat[i : i + 7] for i in (0, 49, 53)],
        [source[i].T for i in (3, 0)],
        [source[3], source.clone()[0]],
        [source[i, :0] for i in (3, 0)],
        [source[i][:, ::2] for i in (3, 0)],
    ):
        found = data.default_collate(parts)
        assert found.tolist() == [p.tolist() for p in parts] and found.dtype is tw.float64
        assert found.shape == (len(parts), *parts[0].shape)
    found = data.default_collate([source[1], source[2]])
    source[1] = 7.0
    if memory == "of an array":
        assert numbers[1, 0, 0] == 7 and data.default_collate([source[1]]).tolist()[0][0][0] == 7
    assert found[0].tolist() != source[1].tolist()


def test_whole_numbers_of_all_sizes() -> None:
    for batch in ([0, -(2**63), 2**63 - 1], [True, False], [1, 2.5], [1, True]):
        assert data.default_collate(batch).tolist() == tw.tensor(batch).tolist()
        assert data.default_collate(batch).dtype is tw.tensor(batch).dtype
    for batch in ([1, 2**63], [-(2**63) - 1, 0]):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            data.default_collate(batch)
