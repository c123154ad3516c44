"""Addresses and storages: what looks at the same memory says so."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import numpy as np
import pytest

import thalweg as tw


def test_views_have_the_address_of_their_first_element() -> None:
    x = tw.arange(6.0).reshape(2, 3)
    start = x.data_ptr()
    assert (
        x.view(-1).data_ptr()
        == x.t().data_ptr()
        == x.detach().data_ptr()
        == x.data.data_ptr()
        == start
    )
    assert x[1].data_ptr() == start + 12 and x[:, 1:].data_ptr() == start + 4
    assert x.expand(4, 2, 3).data_ptr() == start
    assert x.long()[1].data_ptr() != x[1].data_ptr()
    assert tw.empty(0).data_ptr() == 0 and x[:0].data_ptr() == 0
    p = tw.nn.Parameter(x)
    assert p.data_ptr() == start


def test_copies_have_an_address_of_their_own() -> None:
    x = tw.arange(6.0)
    held = [
        x,
        x.clone(),
        x + 0,
        tw.tensor(x.tolist()),
        x[1:].clone(),
        x.numpy().copy(),
        tw.zeros(6),
    ]
    held += [tw.nn.Parameter(x.clone())]
    tensors = [h for h in held if isinstance(h, tw.Tensor)]
    assert len({t.data_ptr() for t in tensors}) == len(tensors)
    assert x.contiguous().data_ptr() == x.data_ptr() != x.reshape(2, 3).t().contiguous().data_ptr()


def test_an_address_stays_while_the_tensor_is_written() -> None:
    x = tw.zeros(3)
    before = x.data_ptr()
    other = tw.ones(3)
    for write in (
        lambda: x.add_(1),
        lambda: x.__setitem__(0, 5.0),
        lambda: x.copy_(other),
        lambda: x.zero_(),
    ):
        write()
        assert x.data_ptr() == before != other.data_ptr()
    x = x + 1
    assert x.data_ptr() != before


def test_a_parameter_keeps_its_address_while_it_trains() -> None:
    net = tw.nn.Linear(2, 1)
    places = [p.data_ptr() for p in net.parameters()]
    optimizer = tw.optim.SGD(net.parameters(), lr=0.1)
    before = net.weight.tolist()
    for _ in range(4):
        optimizer.zero_grad()
        net(tw.ones(3, 2)).sum().backward()
        optimizer.step()
    assert [p.data_ptr() for p in net.parameters()] == places
    np.testing.assert_allclose(net.weight.tolist(), np.array(before) - 4 * 0.1 * 3, rtol=1e-5)


def test_the_address_is_that_of_the_memory_shared_with_numpy() -> None:
    array = np.arange(6.0)
    x = tw.from_numpy(array)
    assert x.data_ptr() == array.ctypes.data and x[2:].data_ptr() == array[2:].ctypes.data
    y = tw.arange(4)
    before = y.data_ptr()
    assert y.numpy().ctypes.data == y.data_ptr() == before
    shared = y.numpy()
    y.add_(1)
    assert shared.ctypes.data == y.data_ptr() == before and shared.tolist() == [1, 2, 3, 4]


def test_asking_for_the_address_changes_nothing_for_others() -> None:
    x = tw.arange(3.0)
    y, w = x.clone(), tw.ones(3, requires_grad=True)
    loss = (w * x).sum()
    x.data_ptr()
    x.add_(100)
    loss.backward()
    assert y.tolist() == [0, 1, 2] and w.grad is not None and w.grad.tolist() == [0, 1, 2]
    shared = x.numpy()
    shared[0] = -1
    assert x.tolist() == [-1, 101, 102] and y.tolist() == [0, 1, 2]


def test_storages() -> None:
    x = tw.arange(6, dtype=tw.int16).reshape(2, 3)
    storage = x[1].untyped_storage()
    assert storage == x.untyped_storage() and storage != x.clone().untyped_storage()
    assert hash(storage) == hash(x.untyped_storage())
    assert (
        storage.data_ptr() == x.data_ptr()
        and storage.nbytes() == len(storage) == storage.size() == 12
    )
    assert storage[2] == 1 and storage.tolist() == [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert storage.device == tw.device("cpu") and storage.element_size() == 1
    assert repr(storage).endswith("[thalweg.storage.UntypedStorage(device=cpu) of size 12]")
    typed = x[1].storage()
    assert typed.tolist() == [0, 1, 2, 3, 4, 5] and len(typed) == 6 and typed.dtype is tw.int16
    assert typed.element_size() == 2 and typed.nbytes() == 12 and typed.untyped() == storage
    assert tw.is_storage(storage) and tw.is_storage(typed) and not tw.is_storage(x)
    assert x.element_size() == 2 and x.nbytes == 12 and x[1].nbytes == 6


def test_is_set_to() -> None:
    x = tw.arange(6.0).reshape(2, 3)
    assert x.is_set_to(x.view(2, 3)) and x[1].is_set_to(x[1])
    for other in (x.t(), x[1], x.clone(), x.view(3, 2)):
        assert not x.is_set_to(other)


def test_memory_that_nobody_pins() -> None:
    x = tw.ones(2)
    assert not x.is_pinned() and not x.untyped_storage().is_pinned()
    with pytest.raises(
        RuntimeError, match="Cannot access accelerator device when none is available"
    ):
        x.pin_memory()


def test_share_memory_keeps_values_views_and_gradients() -> None:
    net = tw.nn.Sequential(tw.nn.Linear(2, 2), tw.nn.BatchNorm1d(2))
    before = net.state_dict()["0.weight"].tolist()
    view = net[0].weight.data[0]
    assert not net[0].weight.is_shared()
    assert net.share_memory() is net
    assert all(t.is_shared() for t in net.state_dict().values())
    assert net[0].weight.tolist() == before and isinstance(net[0].weight, tw.nn.Parameter)
    net(tw.ones(3, 2)).sum().backward()
    with tw.no_grad():
        net[0].weight.fill_(2)
    assert view.tolist() == [2, 2] and view.untyped_storage().is_shared()
    x = tw.arange(3.0)
    assert x.share_memory_() is x and x.share_memory_().tolist() == [0, 1, 2]
    assert not x.clone().is_shared()


def _adds(t: Any, results: Any) -> None:
    t.add_(1)
    results.put(t[1:] * 2)


@pytest.mark.own_tier
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_processes_share_what_is_shared_and_send_the_rest() -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    shared, own = tw.zeros(3).share_memory_(), tw.zeros(3)
    for t in (shared, own):
        process = context.Process(target=_adds, args=(t, results))
        process.start()
        assert results.get(timeout=30).tolist() == [2, 2]
        process.join(30)
        assert process.exitcode == 0
    assert shared.tolist() == [1, 1, 1] and own.tolist() == [0, 0, 0]


SHARED = {
    "views": lambda m: (m.arange(6.0), lambda x: [x.view(2, 3), x[2:], x.t(), x.clone(), x + 1, x.detach(), x.data]),
    "reshapes": lambda m: (
        m.arange(6.0).reshape(2, 3).t(),
        lambda x: [x.reshape(-1), x.contiguous(), x.flatten(), x.unsqueeze(0), x.to(m.float32), x.double(), x.float()],
    ),
    "steps": lambda m: (m.zeros(2, 2), lambda x: [x.add_(1), x.expand(3, 2, 2), x[0], x.diagonal(), x.squeeze()]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_who_shares_with_whom_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")

    def sharing(m: Any) -> Any:
        x, make = SHARED[name](m)
        made = make(x)
        start = x.data_ptr()
        inside = [
            t.data_ptr() - start if t.untyped_storage() == x.untyped_storage() else None
            for t in made
        ]
        return inside, [
            t.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() for t in made
        ]

    assert sharing(tw) == sharing(torch)


def test_set_looks_at_other_memory() -> None:
    x, y = tw.arange(6.0), tw.zeros(2, 2)
    assert x.set_(y) is x and x.shape == (2, 2) and x.data_ptr() == y.data_ptr()
    y[0, 0] = 5
    assert x[0, 0].item() == 5
    x.set_(y.untyped_storage())
    assert x.tolist() == [5, 0, 0, 0]
    x.set_(y.storage(), 1, (3,), (1,))
    x[0] = 7
    assert y.tolist() == [[5, 7], [0, 0]]
    assert x.set_(y, 0, (2, 1), (1, 1)).tolist() == [[5], [7]]
    assert x.set_().tolist() == []
    with pytest.raises(RuntimeError, match="Could not set tensor of type"):
        x.set_(tw.ones(1, dtype=tw.int64))
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        tw.ones(2, requires_grad=True).set_(y)
    for offset, size, stride in (
        (3, (2,), (1,)),
        (0, (2, 2), (3, 1)),
        (-1, (1,), (1,)),
        (3, (2,), (-1,)),
    ):
        with pytest.raises(ValueError, match="outside of a storage of 4"):
            x.set_(y, offset, size, stride)


def test_writing_to_a_storage() -> None:
    x = tw.arange(6.0).view(2, 3).t()
    storage = x.storage()
    storage[0], storage[-1] = 9, 7
    storage[1:3] = 5
    assert x.tolist() == [[9, 3], [5, 4], [5, 7]]
    assert storage.fill_(2) is storage and x.sum().item() == 12
    layer = tw.nn.Linear(2, 1, bias=False)
    layer.weight.storage()[1] = 4.0
    assert layer.weight[0, 1].item() == 4 and layer.weight.requires_grad
    with pytest.raises(IndexError, match="out of range"):
        storage[6] = 1
