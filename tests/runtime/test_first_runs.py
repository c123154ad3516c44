"""A program's first runs, edge by edge, and those after it was joined into one graph: the same bits, less work."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.ir.primitive import Primitive
from thalweg.runtime.interpreter import is_worth_it
from thalweg.runtime.parts import PartGraph
from thalweg.runtime.program import Program
from thalweg.runtime.trace import trie

pytestmark = pytest.mark.own_tier
F = nn.functional


@pytest.fixture(autouse=True)
def fresh_recorder():
    tw.clear_caches()
    with tw.tier("interpret"):
        yield
    tw.clear_caches()


def perceptron():
    net = nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.LayerNorm(5), nn.Linear(5, 3))
    x, y = tw.randn(7, 6), tw.tensor([0, 2, 1, 1, 0, 2, 2])
    return net, lambda: F.cross_entropy(net(x), y)


def tied_weights():
    """A leaf and an inner result that gradients reach several times, and one that gets none of a node's gradients."""
    net = nn.ParameterList([nn.Parameter(tw.randn(4, 4)), nn.Parameter(tw.randn(4))])
    x = tw.randn(3, 4)

    def loss():
        h = (x @ net[0] + net[1]).tanh()
        low, _ = (h @ net[0].t() + h).chunk(2, dim=1)
        return (low * low).sum() + net[1].exp().mean()

    return net, loss


def network_with_state():
    net = nn.LSTM(3, 4)
    x = tw.randn(5, 2, 3)
    return net, lambda: net(x)[0].square().mean()


def layers_on_images():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    x = tw.randn(3, 1, 6, 6)
    return net, lambda: net(x).logsumexp(1).sum()


def half_types():
    net, loss = perceptron()
    return net, lambda: loss().bfloat16() * 1.5 + sum(p.bfloat16().sum() for p in net.parameters())


@pytest.mark.parametrize(
    "network",
    [perceptron, tied_weights, network_with_state, layers_on_images, half_types],
    ids=lambda f: f.__name__,
)
def test_the_first_runs_give_the_bits_of_the_joined_program(network, monkeypatch):
    runs = record_of_runs(monkeypatch)
    tw.manual_seed(3)
    net, loss = network()
    start = {name: value.clone() for name, value in net.state_dict().items()}

    def three_steps():
        """From the same start, two of them onto the old gradients."""
        net.load_state_dict(start)
        optimizer = tw.optim.Adam(net.parameters(), lr=0.01)
        optimizer.zero_grad()
        seen = []
        for _ in range(3):
            value = loss()
            value.backward()
            optimizer.step()
            seen += [value.detach(), *[p.grad.clone() for p in net.parameters()]]
        return [s.detach().float().numpy().tobytes() for s in [*seen, *net.parameters()]]

    first = three_steps()
    assert all(run._run is None for run in runs)
    for _ in range(5):
        assert three_steps() == first
    assert runs[-1]._run is not None


def record_of_runs(monkeypatch):
    runs = []
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda self, *args: runs.append(self) or run(self, *args))
    return runs


def test_what_never_comes_again_is_neither_joined_nor_written(monkeypatch):
    runs = record_of_runs(monkeypatch)
    cell = nn.RNNCell(3, 4)
    for length in range(1, 8):
        state = tw.zeros(1, 4)
        for _ in range(length):
            state = cell(tw.ones(1, 3), state)
        cell.zero_grad()
        state.sum().backward()
        assert cell.weight_hh.grad is not None and cell.weight_hh.grad.isfinite().all()
    walks = [g for g in trie.graphs.values() if isinstance(g, PartGraph)]
    assert len(walks) == 7
    assert all(run._graph is None for run in runs)
    for walk in walks:
        with pytest.raises(AttributeError):
            object.__getattribute__(walk, "instrs")  # not written yet


def test_what_comes_again_is_joined_at_its_third_run(monkeypatch):
    runs = record_of_runs(monkeypatch)
    w = nn.Parameter(tw.ones(3))
    for n in range(3):
        assert (w * 2).tolist() == [2.0, 2.0, 2.0]
        assert runs[n] is runs[0]
        assert (runs[n]._run is not None) == (n == 2)


def test_what_comes_now_and_then_waits_longer_the_longer_it_is():
    assert is_worth_it(20, 8, 2, 2) and not is_worth_it(20, 8, 1, 1)
    assert is_worth_it(2_000, 8, 10, 9) and not is_worth_it(2_000, 8, 3, 2)
    assert not is_worth_it(2_000, 8, 10, 1) and is_worth_it(2_000, 8, 300, 1)
    assert is_worth_it(2_000, 10_000, 2, 2)  # its runs take longer than to compile it


def test_two_programs_that_alternate_come_again_soon(monkeypatch):
    runs = record_of_runs(monkeypatch)
    nets = [nn.Linear(3, 2), nn.Linear(3, 4)]
    for _ in range(5):
        for net in nets:
            net.zero_grad()
            net(tw.ones(2, 3)).square().sum().backward()
            assert net.bias.grad is not None and net.bias.grad.isfinite().all()
    assert runs[-1] is not runs[-2]
    assert runs[-1]._run is not None and runs[-2]._run is not None


def test_dead_edges_are_not_run_the_first_time_either(monkeypatch):
    exp = Primitive.registry["exp"]
    called = []
    monkeypatch.setattr(exp, "reference", lambda x: called.append(1) or np.exp(x))
    w = nn.Parameter(tw.ones(3))
    kept = w * 2
    w.exp()
    assert kept.tolist() == [2.0, 2.0, 2.0] and not called
    (w.exp() * 2).tolist()
    assert called


def test_an_error_tells_the_line_that_recorded_it_at_every_run():
    weight = nn.Parameter(tw.ones(4, 2))
    for _ in range(4):
        picked = F.embedding(tw.tensor([0, 9]), weight) * 2  # the line
        with pytest.raises(IndexError) as caught:
            picked.tolist()
        assert any("test_first_runs.py" in note for note in caught.value.__notes__)


def test_a_written_walk_that_differs_from_what_was_foreseen_is_an_error(monkeypatch):
    w = nn.Parameter(tw.ones(3))
    (w * 2).sum().backward()
    w.grad.tolist()
    (walk,) = [g for g in trie.graphs.values() if isinstance(g, PartGraph)]
    walk.results = ()
    with pytest.raises(AssertionError, match="foreseen"):
        len(walk.instrs)


def test_a_view_of_what_is_pending_is_multiplied_as_one_of_what_is_there():
    tw.manual_seed(1)
    w = nn.Parameter(tw.randn(4, 4, dtype=tw.float64))
    row = nn.Parameter(tw.randn(4, dtype=tw.float64))

    def products(cut):
        h = w.tanh()
        if cut:
            h.tolist()
        turned, part = h.t(), h[1:, ::2]
        return [(row @ turned).tolist(), (turned @ w).tolist(), (row[1:] @ part).tolist()]

    assert products(cut=False) == products(cut=True)
