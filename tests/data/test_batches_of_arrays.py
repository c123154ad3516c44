"""Array-backed data: a batch is gathered at once, and never shares memory that somebody may write to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import data
from thalweg.data.fetch import gatherer


class Watched(data.TensorDataset):
    """Changes how items are given."""

    def __getitem__(self, index: Any) -> Any:
        return tuple(-t for t in super().__getitem__(index))


class Choosy(data.Subset[Any]):
    """Changes how a batch's items are given."""

    def __getitems__(self, indices: Any) -> list[Any]:
        return [7 for _ in indices]


x, y = tw.arange(12.0).reshape(6, 2), tw.arange(6)
WHOLE = {
    "tensor": x,
    "array": np.arange(6.0),
    "pairs": data.TensorDataset(x, y),
    "subset": data.Subset(data.TensorDataset(x, y), [5, 3, 1, -1]),
    "subset of a subset": data.Subset(data.Subset(x, [5, 3, 1, 0]), [1, 0, 2]),
    "stack": data.StackDataset(x, data.TensorDataset(x, y)),
    "named stack": data.StackDataset(image=x, label=y),
    "transposed": tw.arange(12.0).reshape(2, 6).t(),
    "column": x[:, 1],
    "every other row": x[::2],
    "fortran array": np.asfortranarray(np.arange(12.0).reshape(6, 2)),
    "backward array": np.arange(6)[::-1],
    "shared": tw.from_numpy(np.arange(12.0).reshape(6, 2)),
    "part of shared": tw.from_numpy(np.arange(12.0).reshape(6, 2))[1:5],
    "bools": tw.tensor([True, False, True]),
    "no columns": tw.zeros(4, 0),
}  # fmt: skip
BY_ITEM = {
    "list": [1, 2, 3],
    "changed items": Watched(x, y),
    "changed batches": Choosy(x, [1, 2, 3]),
    "subset of changed items": data.Subset(Watched(x, y), [1, 2, 3]),
    "text array": np.array(["a", "b"]),
    "trainable": tw.ones(3, requires_grad=True),
    "stack with a list": data.StackDataset(x, [0] * 6),
}


@pytest.mark.parametrize("name", WHOLE)
def test_gathering_gives_what_collating_items_gives(name: str, plain: Callable[[Any], Any]) -> None:
    source = WHOLE[name]
    gather = gatherer(source)
    assert gather is not None
    n = len(source)
    for rows in ([0, 1, 2], [1, 2], [n - 1], [2, 0, 0], [-1, 0], [n - 2, n - 1], list(range(n))):
        assert plain(gather(rows)) == plain(data.default_collate([source[i] for i in rows]))


@pytest.mark.parametrize("name", BY_ITEM)
def test_what_must_go_item_by_item(name: str, plain: Callable[[Any], Any]) -> None:
    source = BY_ITEM[name]
    assert gatherer(source) is None
    batch = next(iter(data.DataLoader(source, 2)))
    items = source.__getitems__([0, 1]) if name == "changed batches" else [source[0], source[1]]
    assert plain(batch) == plain(data.default_collate(items))


def test_items_are_not_touched_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Any, index: Any) -> Any:
        raise AssertionError(f"item {index} was asked for")

    monkeypatch.setattr(tw.Tensor, "__getitem__", never)
    for shuffle in (False, True):
        assert len(list(data.DataLoader(data.TensorDataset(x, y), 4, shuffle=shuffle))) == 2


def test_a_dataset_offers_whole_batches() -> None:
    asked = []

    class Rows(data.Dataset[int]):
        def __len__(self) -> int:
            return 5

        def __getitems__(self, indices: list[int]) -> list[int]:
            asked.append(indices)
            return [10 * i for i in indices]

    assert [b.tolist() for b in data.DataLoader(Rows(), 2)] == [[0, 10], [20, 30], [40]]
    assert asked == [[0, 1], [2, 3], [4]]


def test_consecutive_rows_are_not_copied() -> None:
    rows = tw.arange(12.0).reshape(6, 2).clone()
    batch = next(iter(data.DataLoader(rows, 4)))
    assert np.shares_memory(batch._array(), rows._array())


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_writing_into_a_batch_leaves_the_data(shared: bool, shuffle: bool) -> None:
    rows = tw.from_numpy(np.arange(12.0).reshape(6, 2)) if shared else tw.arange(12.0).reshape(6, 2)
    before = rows.tolist()
    for (batch,) in data.DataLoader(data.TensorDataset(rows), 2, shuffle=shuffle):
        batch[0] = -1
        batch.mul_(2)
        batch.numpy()[:] = 5
        batch[:, 0] = 3
    assert rows.tolist() == before


@pytest.mark.parametrize("shared", [False, True])
def test_writing_into_the_data_leaves_batches(shared: bool) -> None:
    rows = (
        tw.from_numpy(np.arange(12.0).reshape(6, 2))
        if shared
        else tw.arange(12.0).reshape(6, 2).clone()
    )
    first = next(iter(data.DataLoader(rows, 2)))
    rows[0] = -1
    rows.add_(100)
    rows.numpy()[:] = 9
    assert first.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert next(iter(data.DataLoader(rows, 2))).tolist() == [[9.0, 9.0]] * 2


def test_an_array_is_read_when_the_batch_is_made() -> None:
    array = np.zeros((4, 1))
    epoch = iter(data.DataLoader(array, 2))
    first = next(epoch)
    array[:] = 1
    assert first.tolist() == [[0.0], [0.0]] and next(epoch).tolist() == [[1.0], [1.0]]


def test_memory_mapped_arrays(tmp_path: Path) -> None:
    np.arange(20, dtype=np.float32).reshape(10, 2).tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", np.float32, "r", shape=(10, 2))
    total = sum(batch.sum().item() for batch in data.DataLoader(mapped, 4, shuffle=True))
    assert total == sum(range(20))


@pytest.mark.parametrize("index", [6, -7])
def test_a_row_out_of_range(index: int) -> None:
    with pytest.raises(
        IndexError, match=f"index {index} is out of bounds for dimension 0 with size 6"
    ):
        next(iter(data.DataLoader(x, 2, sampler=[index, 0])))


def test_indices_of_other_kinds() -> None:
    batches = [
        tw.tensor([1, 0]),
        [tw.tensor(1), tw.tensor(0)],
        np.array([1, 0]),
        [np.int64(1), np.int32(0)],
        (1, 0),
    ]
    for batch in data.DataLoader(x, batch_sampler=batches):
        assert batch.tolist() == [[2.0, 3.0], [0.0, 1.0]]


def test_a_pending_tensor_is_computed_first() -> None:
    w = tw.ones(2, requires_grad=True)
    with tw.no_grad():
        rows = tw.arange(6.0).reshape(3, 2) * w
    assert data.DataLoader(rows, 3).__iter__().__next__().tolist() == [
        [0.0, 1.0],
        [2.0, 3.0],
        [4.0, 5.0],
    ]
