"""Who shares memory with whom: views, in-place writes, NumPy, copies."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

Scenario = Callable[[Any], Any]


def _slices(m: Any) -> Any:
    x = m.arange(12.0).reshape(3, 4)
    x[1] = 0
    x[:, 2] += 10
    x[0, ::2] *= -1
    return x


def _chained_views(m: Any) -> Any:
    x = m.zeros(4, 4)
    x.t()[1:][:, ::2].add_(1)
    x.view(2, 8)[1].fill_(7)
    return x


def _view_sees_base(m: Any) -> Any:
    x = m.arange(6.0)
    v, w = x.view(2, 3), x[1::2]
    x.mul_(2)
    x[5] = -1
    return v, w


def _base_sees_view(m: Any) -> Any:
    x = m.arange(6)
    v = x.reshape(3, 2).t()
    v[0] = m.tensor([9, 8, 7])
    v.unsqueeze(0).squeeze(0)[1, 0] = 100
    return x, v


def _reshape_copies(m: Any) -> Any:
    x = m.arange(6.0).reshape(2, 3)
    y = x.t().reshape(-1)
    y.zero_()
    return x, y


def _contiguous(m: Any) -> Any:
    x = m.arange(6.0).reshape(2, 3)
    same, other = x.contiguous(), x.t().contiguous()
    same[0, 0], other[1, 1] = 50, 60
    return x, other


def _clone_and_detach(m: Any) -> Any:
    x = m.arange(4.0, requires_grad=True)
    d, c = x.detach(), x.clone()
    d[0] = 9
    return x.detach().clone(), c.detach(), d.requires_grad, c.requires_grad


def _data(m: Any) -> Any:
    x = m.ones(3, requires_grad=True)
    x.data[1] = 5
    x.data.mul_(2)
    y = x.data
    x.data = m.tensor([1.0, 2.0, 3.0])
    y[0] = -7
    return x.data, y, x.requires_grad, x.data.requires_grad


def _data_of_another(m: Any) -> Any:
    a, b = m.zeros(2), m.ones(2)
    a.data = b
    b[0] = 4
    return a, b


def _expanded(m: Any) -> Any:
    x = m.arange(3.0)
    wide = x.expand(2, 3)
    x[0] = 8
    return wide, wide.clone(), wide.is_contiguous(), tuple(wide.stride())


def _parts(m: Any) -> Any:
    x = m.arange(10.0)
    a, b, c = x.split(4)
    a.zero_()
    x.chunk(2)[1].add_(100)
    for row in x.view(5, 2):
        row[0] = 1
    return x, b, c


def _diagonal(m: Any) -> Any:
    x = m.zeros(3, 3)
    x.diagonal().copy_(m.tensor([1.0, 2, 3]))
    x.narrow(0, 1, 1).select(1, 2).fill_(5)
    return x


def _copy(m: Any) -> Any:
    x = m.zeros(2, 3)
    x.copy_(m.arange(3))
    x[1].copy_(x[0].clone().flip(0))
    return x


def _overlapping(m: Any) -> Any:
    x = m.arange(6.0)
    x[1:] = x[:-1].clone()
    y = m.arange(4.0)
    y += y.flip(0)
    return x, y


def _pending(m: Any) -> Any:
    w = m.ones(3, requires_grad=True)
    y = (w * 2).detach()
    v = y[1:]
    v += 5
    y[0] = 1
    return y, v, w.detach()


def _swap(m: Any) -> Any:
    x = m.arange(4.0)
    a = x[:2].clone()
    x[:2] = x[2:]
    x[2:] = a
    return x


def _aliases(m: Any) -> Any:
    x = m.zeros(2)
    y = x
    y += 1
    z = y
    z = z + 1
    return x, y, z, y is x


def _masked(m: Any) -> Any:
    x = m.arange(6.0).reshape(2, 3)
    v = x[0]
    x[x > 2] = 0
    v[m.tensor([0, 2])] = m.tensor([7.0, 8.0])
    return x, v


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (_slices, _chained_views, _view_sees_base, _base_sees_view, _reshape_copies, _contiguous,
              _clone_and_detach, _data, _data_of_another, _expanded, _parts, _diagonal, _copy, _overlapping,
              _pending, _swap, _aliases, _masked)
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_who_sees_a_write(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = SCENARIOS[name](tw), SCENARIOS[name](torch)
    assert repr(mine).replace("thalweg", "torch") == repr(theirs)


# NumPy


def test_from_numpy_shares_both_ways() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = tw.from_numpy(array)
    array[0, 0] = 10
    assert x[0, 0].item() == 10
    x[1] = -1
    x.mul_(2)
    assert array.tolist() == [[20, 2, 4], [-2, -2, -2]]
    assert (x + 0).tolist() == array.tolist()


def test_from_numpy_of_a_strided_array() -> None:
    array = np.arange(12.0).reshape(3, 4)
    x = tw.from_numpy(array.T[::2])
    assert x.tolist() == array.T[::2].tolist()
    x[1, 2] = 99
    assert array[2, 2] == 99
    array[0] = 5
    assert x[:, 0].tolist() == [5, 5]


def test_what_was_computed_before_a_write_to_the_array_stays() -> None:
    array = np.ones(3)
    x = tw.from_numpy(array)
    w = tw.ones(3, dtype=tw.float64, requires_grad=True)
    product = x * w
    array[:] = 100
    assert product.tolist() == [1, 1, 1]
    product.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1, 1, 1]


def test_from_numpy_of_a_read_only_array() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    x = tw.from_numpy(array)
    assert (x * 2).tolist() == [0, 2, 4]
    with pytest.raises(RuntimeError, match="read-only"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="read-only"):
        x.add_(1)
    assert array.tolist() == [0, 1, 2]
    y = x.clone()
    y[0] = 1
    assert y.tolist() == [1, 1, 2] and array[0] == 0


def test_numpy_shares_both_ways() -> None:
    x = tw.zeros(2, 3)
    array = x.numpy()
    x[0, 1] = 4
    assert array[0, 1] == 4
    array[1] = 7
    assert x.tolist() == [[0, 4, 0], [7, 7, 7]]
    again = x.numpy()
    assert np.shares_memory(array, again)
    row = x[1].numpy()
    row[0] = -1
    assert array[1, 0] == -1 and x[1, 0].item() == -1


def test_an_export_that_is_gone_leaves_an_ordinary_tensor() -> None:
    x = tw.ones(3)
    array = x.numpy()
    assert x._storage.foreign is not None
    array[0] = 5
    part = array[1:]
    del array
    gc.collect()
    part[0] = 6
    assert x.tolist() == [5, 6, 1], "a slice of the array keeps the sharing alive"
    del part
    gc.collect()
    assert x.tolist() == [5, 6, 1]
    assert x._storage.foreign is None and x._storage.value is not None
    x += 1
    assert x.tolist() == [6, 7, 2]


def test_a_parameter_trains_on_while_its_array_is_held() -> None:
    layer = tw.nn.Linear(2, 1)
    held = layer.weight.detach().numpy()
    before = held.copy()
    optimizer = tw.optim.SGD(layer.parameters(), lr=0.1)
    layer(tw.ones(1, 2)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), before - 0.1, rtol=1e-6)
    np.testing.assert_allclose(held, before - 0.1, rtol=1e-6)


def test_numpy_refuses_the_tape() -> None:
    w = tw.ones(2, requires_grad=True)
    for t in (w, w * 2):
        with pytest.raises(RuntimeError, match="detach"):
            t.numpy()
        assert t.detach().numpy().shape == (2,)
        assert t.numpy(force=True).shape == (2,)


def test_array_is_a_copy_and_asarray_and_as_tensor_are_not() -> None:
    x = tw.zeros(2)
    copied, shared = np.array(x), np.asarray(x)
    copied[0] = 1
    assert x.tolist() == [0, 0]
    shared[0] = 2
    x[1] = 3
    assert x.tolist() == [2, 3] and shared.tolist() == [2, 3]
    source = np.zeros(2, np.float32)
    tw.as_tensor(source)[0] = 3
    assert source[0] == 3
    assert tw.as_tensor(x) is x
    assert np.asarray(x, dtype=np.int64).dtype == np.int64
    assert np.shares_memory(np.asarray(x, copy=False), shared)
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(x, dtype=np.int64, copy=False)


def test_asarray_of_what_requires_grad_is_refused_as_numpy_is() -> None:
    w = tw.ones(2, requires_grad=True)
    for read in (np.asarray, np.array):
        for t in (w, w * 2):
            with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
                read(t)
    with tw.no_grad():
        assert np.asarray(w).tolist() == [1, 1]


def test_numpy_functions_and_names() -> None:
    x = tw.arange(6.0).reshape(2, 3)
    assert np.sum(x) == 15 and np.mean(x, axis=0).tolist() == [1.5, 2.5, 3.5]
    assert x.sum(axis=1, keepdims=True).tolist() == [[3], [12]]
    assert tw.softmax(x, axis=1).shape == (2, 3) and x.argmax(axis=0).tolist() == [1, 1, 1]
    assert np.max(x) == 5 and x.max(axis=0).indices.tolist() == [1, 1, 1]
    assert x.sort(axis=1, descending=True)[0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert tw.cat([x, x], axis=1).shape == (2, 6) and tw.stack([x, x], axis=2).shape == (2, 3, 2)
    with pytest.raises(TypeError):
        x.sum(axes=0)


# Copies


def test_deepcopy() -> None:
    x = tw.arange(4.0, requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.tolist() == x.tolist() and y.requires_grad and y.is_leaf
    assert y.grad is not x.grad and y.grad.tolist() == [0, 2, 4, 6]
    with tw.no_grad():
        y[0] = 9
        y.grad.zero_()
    assert x.tolist() == [0, 1, 2, 3] and x.grad.tolist() == [0, 2, 4, 6]


def test_deepcopy_keeps_sharing_within() -> None:
    x = tw.zeros(4)
    nest = copy.deepcopy({"whole": x, "part": x[:2], "again": x})
    assert nest["again"] is nest["whole"]
    nest["whole"][0] = 1
    assert nest["part"].tolist() == [1, 0] and x[0].item() == 0


def test_deepcopy_of_a_result_is_refused() -> None:
    w = tw.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(w * 2)
    copy.deepcopy((w * 2).detach())[0] = 5


def test_shallow_copy_shares_memory() -> None:
    x = tw.zeros(2)
    y = copy.copy(x)
    y[0] = 1
    assert y is not x
    torch = pytest.importorskip("torch")
    a = torch.zeros(2)
    b = copy.copy(a)
    b[0] = 1
    assert (x[0].item() == 1) == (a[0].item() == 1)


@pytest.mark.parametrize(
    "name", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_pickle(name: str) -> None:
    for shape in ((), (0, 3), (2, 3)):
        x = tw.ones(shape, dtype=getattr(tw, name))
        y = pickle.loads(pickle.dumps(x))
        assert y.dtype is x.dtype and y.shape == x.shape and y.tolist() == x.tolist()
        if shape:
            y[:] = 0
            assert x.tolist() == tw.ones(shape, dtype=x.dtype).tolist()


def test_pickle_of_parameters_and_attributes() -> None:
    p = tw.nn.Parameter(tw.arange(3.0))
    q = pickle.loads(pickle.dumps(p))
    assert isinstance(q, tw.nn.Parameter) and q.requires_grad and q.tolist() == [0, 1, 2]
    x = tw.zeros(1)
    x.note = {"a": 1}
    assert pickle.loads(pickle.dumps(x)).note == {"a": 1}
    view = tw.arange(6.0)[::2]
    assert pickle.loads(pickle.dumps(view)).tolist() == [0, 2, 4]


def test_arbitrary_attributes() -> None:
    x = tw.zeros(2)
    x.g, x.note = tw.ones(2), "text"
    assert x.g.tolist() == [1, 1] and x.note == "text"
    assert not hasattr(x + 1, "note")
    assert copy.deepcopy(x).note == "text"
    del x.note
    with pytest.raises(AttributeError):
        _ = x.note


# Cost


def _copies_of_the_whole(n: int, write: Callable[[Any, int], None]) -> int:
    """How often the memory behind a tensor of n rows moved while each row was written."""
    out = tw.zeros(n, 4)
    moves, where = 0, None
    for t in range(n):
        write(out, t)
        address = out._storage.value.array.__array_interface__["data"][0]
        moves += address != where
        where = address
    assert out.tolist() == [[t + 1.0] * 4 for t in range(n)]
    return moves


@pytest.mark.own_tier
def test_writing_row_by_row_copies_a_bounded_number_of_times() -> None:
    def row(out: Any, t: int) -> None:
        out[t] = tw.full((4,), t + 1.0)

    def in_place(out: Any, t: int) -> None:
        out[t].add_(t + 1)

    for write in (row, in_place):
        assert _copies_of_the_whole(64, write) <= 3
        assert _copies_of_the_whole(256, write) <= 3


def test_a_value_that_somebody_holds_is_not_written_over() -> None:
    out = tw.zeros(3)
    snapshots = []
    for t in range(3):
        snapshots.append(out.clone())
        out[t] = t + 1
    assert [s.tolist() for s in snapshots] == [[0, 0, 0], [1, 0, 0], [1, 2, 0]]
    w = tw.ones(3, requires_grad=True)
    x = tw.zeros(3)
    x[0] = 2
    product = (x * w).sum()
    x[1] = 50
    product.backward()
    assert w.grad is not None and w.grad.tolist() == [2, 0, 0]
