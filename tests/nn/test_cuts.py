"""A trace is cut where an outermost module is called, once it is long, and where an exception leaves one."""

from __future__ import annotations

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.runtime.state import state
from thalweg.runtime.trace import LONG


def long_network(layers: int = 30) -> nn.Sequential:
    tw.manual_seed(0)
    return nn.Sequential(*[nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(layers)])


def test_evaluation_without_reading_is_cut_at_the_same_call_each_time():
    net, x = long_network(), tw.randn(2, 3)
    kept, lengths = [], []
    tw.synchronize()
    for _ in range(40):
        kept.append(net(x).detach())
        lengths.append(len(state.trace.values))
    period = lengths.index(lengths[0], 1)
    assert max(lengths) <= LONG + 60
    assert lengths == (lengths[:period] * 40)[:40]
    assert all(k.equal(kept[0]) for k in kept)


class OneByOne(nn.Module):
    """Calls layers itself, where a Sequential makes one operation of them."""

    def __init__(self, pairs) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer for pair in pairs for layer in pair])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_an_inner_call_is_no_place_to_cut():
    net, x = OneByOne(long_network(300)), tw.randn(2, 3)
    tw.synchronize()
    y = net(x)
    assert len(state.trace.values) == 600
    assert y._storage.value.array is None


def test_a_training_step_is_not_cut():
    net, x = long_network(150), tw.randn(2, 3)
    tw.synchronize()
    first = net(x).sum()
    first.backward()
    with tw.no_grad():
        net[0](x)
    assert first._storage.value.array is None


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.kept: list[tw.Tensor] = []

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        self.kept.append(self.inner(x))
        return self.inner(self.kept[-1].sum())


def test_an_exception_that_leaves_the_outermost_call_cuts():
    net = nn.Sequential(Broken())
    tw.synchronize()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="linear"):
            net(tw.randn(2, 3))
        assert not state.trace.values
    assert len(net[0].kept) == 3 and net[0].kept[0].shape == (2, 3)
