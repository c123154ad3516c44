"""numpy() shares memory with a tensor and with nobody else, whether it hands out the tensor's own memory or a copy."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import thalweg as tw
from thalweg import data, nn


@pytest.fixture(params=["interpret", "native", "eager"], autouse=True)
def tier(request):
    with tw.tier(request.param):
        yield request.param


def made(how: str) -> tw.Tensor:
    """(4, 3): the same numbers, whose memory was made in different ways."""
    numbers = np.arange(12, dtype=np.float32).reshape(4, 3)
    w = nn.Parameter(tw.tensor(numbers))
    with tw.no_grad():
        return {
            "given": lambda: tw.tensor(numbers),
            "computed": lambda: tw.tensor(numbers) + 0,
            "recorded": lambda: w * 1,
            "transposed": lambda: tw.tensor(numbers.T.copy()).T,
            "a parameter": lambda: w.detach(),
        }[how]()


WAYS = ["given", "computed", "recorded", "transposed", "a parameter"]
EXPECTED = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize("how", WAYS)
def test_writing_to_one_changes_the_other(how):
    t = made(how)
    a = t.numpy()
    np.testing.assert_array_equal(a, EXPECTED)
    a[1] = 7
    assert t[1].tolist() == [7, 7, 7] and (t.numpy() == a).all()
    with tw.no_grad():
        t += 1
        t[0] = 5
    assert a[1].tolist() == [8, 8, 8] and a[0].tolist() == [5, 5, 5]
    del t
    assert a[2].tolist() == [7, 8, 9]
    held = made(how)
    view = held[1:].numpy()
    view[:] = 0
    del view
    held[0] = 1
    assert held.sum().item() == 3


HOLDERS = {
    "a copy": lambda t: t.clone(),
    "a deep copy": lambda t: copy.deepcopy(t),
    "a batch": lambda t: next(iter(data.DataLoader(t, 4))),
    "a record": lambda t: (nn.Parameter(tw.ones(3)) * t).detach(),
    "a result": lambda t: tw.stack([t.detach() * tw.ones(3)])[0],
    "another's data": lambda t: _with_data(t.detach().clone(), t),
    "an array of it": lambda t: np.array(t),
    "numbers": lambda t: tw.tensor(t.tolist()),
}


def _with_data(other, t):
    other.copy_(t)
    return other


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("how", WAYS)
def test_who_took_the_values_before_keeps_them(how, holder):
    t = made(how)
    kept = HOLDERS[holder](t)
    a = t.numpy()
    a[:] = -1
    np.testing.assert_array_equal(np.asarray(kept), EXPECTED)
    assert (t == -1).all().item()


@pytest.mark.parametrize("how", WAYS)
def test_backward_uses_the_values_of_its_forward(how):
    t = made(how)
    w = tw.ones(3, requires_grad=True)
    loss = (w * t).sum()
    t.numpy()[:] = 100
    loss.backward()
    assert loss.item() == EXPECTED.sum() and w.grad.tolist() == EXPECTED.sum(0).tolist()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_an_exported_parameter_shows_each_step(kind):
    net = nn.Linear(3, 2)
    optimizer = getattr(tw.optim, kind)(net.parameters(), lr=0.1)
    x, shown = tw.ones(4, 3), None
    for round_number in range(6):
        if round_number == 2:
            shown = net.weight.detach().numpy()
        before = None if shown is None else shown.copy()
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        if shown is not None:
            np.testing.assert_array_equal(shown, net.weight.detach().clone().numpy())
            assert (shown < before).all()


@pytest.mark.own_tier
def test_large_memory_is_handed_out_and_not_copied():
    t = tw.tensor(np.ones((300, 300), np.float32)) + 1
    place = t._storage.value.array.ctypes.data
    kept = t.clone()
    a = kept.numpy()
    assert a.ctypes.data != place and (a == 2).all()  # two tensors held it: a copy
    del kept, a
    assert t.numpy().ctypes.data == place


def test_memory_given_to_numpy_outlives_the_tensor():
    a = (tw.ones(500, 500) + 1).numpy()
    for _ in range(5):
        tw.ones(500, 500) * 3
    assert (a == 2).all()
