"""What is recorded, when it runs, and what is left when it fails."""

from __future__ import annotations

import os
import signal
import threading
import warnings
import weakref

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.ir.aval import WEAK_FLOAT
from thalweg.ops.movement import strided_write
from thalweg.runtime import trace as trace_module
from thalweg.runtime.program import Program
from thalweg.runtime.state import state
from thalweg.runtime.trace import Trace, trie
from thalweg.runtime.value import Value

F = nn.functional


@pytest.fixture(autouse=True)
def fresh_recorder():
    tw.clear_caches()
    yield
    tw.clear_caches()


def pending(t):
    return t._storage.value.array is None


def count_runs(monkeypatch):
    runs = []
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda self, *args: runs.append(self) or run(self, *args))
    return runs


@pytest.mark.own_tier
def test_data_is_computed_at_once_and_trainable_operands_are_recorded():
    x, w = tw.ones(2, 3), tw.ones(3, 2, requires_grad=True)
    assert not pending(x * 2 + x[0])
    y = x @ w
    assert pending(y) and y.shape == (2, 2)
    assert y.tolist() == [[3.0, 3.0], [3.0, 3.0]] and not pending(y)


def test_a_parameter_is_recorded_under_no_grad_too():
    w = nn.Parameter(tw.ones(3))
    with tw.no_grad():
        assert pending(w * 2)


def test_a_loop_that_has_come_round_is_one_program_a_step(monkeypatch):
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))
    opt = tw.optim.SGD(net.parameters(), lr=0.1)
    x, y = tw.randn(8, 4), tw.randn(8, 1)
    runs = count_runs(monkeypatch)
    for _ in range(20):
        loss = F.mse_loss(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    loss.item()
    assert len(runs) == 20
    assert len(set(map(id, runs[2:-1]))) == 1


@pytest.mark.parametrize("seen", [1, 3])
def test_reading_the_loss_costs_no_new_programs_once_known(monkeypatch, seen):
    net = nn.Linear(4, 1)
    opt = tw.optim.SGD(net.parameters(), lr=0.1)
    x, y = tw.randn(8, 4), tw.randn(8, 1)
    runs = count_runs(monkeypatch)
    for i in range(40):
        loss = F.mse_loss(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if i % seen == 0:
            loss.item()
    assert len(set(map(id, runs[20:]))) <= 2


def test_a_shape_error_comes_at_its_line_with_both_shapes():
    net = nn.Linear(3, 2)
    with pytest.raises(RuntimeError, match=r"input \(4, 5\), weight \(2, 3\)"):
        net(tw.ones(4, 5))
    assert net(tw.ones(4, 3)).shape == (4, 2)


def test_an_error_at_the_run_names_the_recorded_line_and_comes_again():
    table = nn.Embedding(4, 2)
    index = (nn.Parameter(tw.full((2,), 7.0)) * 1).long()
    out = F.embedding(index, table.weight)
    with pytest.raises(IndexError, match="7 among 4 rows") as caught:
        out.sum().item()
    assert any("test_recording.py" in note for note in caught.value.__notes__)
    with pytest.raises(IndexError):
        out.tolist()


def test_a_failed_trace_leaves_storages_as_they_were():
    w = nn.Parameter(tw.ones(3))
    buffer = tw.zeros(3)
    with tw.no_grad():
        w += 1
        buffer += w
        bad = F.embedding((w * 100).long(), w.reshape(3, 1))
    with pytest.raises(IndexError):
        bad.tolist()
    assert w.tolist() == [1.0, 1.0, 1.0] and buffer.tolist() == [0.0, 0.0, 0.0]
    with tw.no_grad():
        w += 1
    assert w.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.own_tier
def test_an_interrupt_loses_nothing(monkeypatch):
    w = nn.Parameter(tw.ones(3))
    with tw.no_grad():
        w += 1
    call, calls = Program.__call__, []

    def interrupted(self, inputs):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return call(self, inputs)

    monkeypatch.setattr(Program, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        w.tolist()
    assert w.tolist() == [2.0, 2.0, 2.0]


def test_an_error_while_recording_leaves_the_trace_usable():
    w, x = nn.Parameter(tw.ones(3, 2)), tw.ones(4, 3)
    first = x @ w
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        tw.ones(4, 5) @ w
    second = x @ w
    assert tw.equal(first, second) and first.tolist() == [[3.0, 3.0]] * 4


def test_dead_results_are_not_computed(monkeypatch):
    w = nn.Parameter(tw.ones(3))
    runs = count_runs(monkeypatch)
    kept = w * 2
    w.exp()
    kept.tolist()
    names = [i.primitive.name for i in runs[-1].graph.instrs]
    assert "mul" in names and "exp" not in names


def test_the_same_computation_is_done_once(monkeypatch):
    w = nn.Parameter(tw.ones(3))
    runs = count_runs(monkeypatch)
    total = w.exp() + w.exp()
    total.tolist()
    assert [i.primitive.name for i in runs[-1].graph.instrs].count("exp") == 1


def test_results_die_with_their_tensor(monkeypatch):
    w = nn.Parameter(tw.ones(1000))
    runs = count_runs(monkeypatch)
    y, kept = w * 2, w + 1
    value = weakref.ref(y._storage.value)
    del y
    kept.tolist()
    assert value() is None
    assert [i.primitive.name for i in runs[-1].graph.instrs] == ["cast", "add"]


def test_what_is_held_is_told_by_its_references():
    values = [Value(WEAK_FLOAT) for _ in range(4)]
    held = [values[1], [values[2]]]
    assert trace_module.held_elsewhere(values, trace_module.FREE) == (False, True, True, False)
    assert (
        trace_module.held_elsewhere(values, 0) == (True,) * 4
    )  # cannot be told: all count as held
    del held


def test_numbers_are_inputs_of_a_program_not_part_of_it(monkeypatch):
    w = nn.Parameter(tw.ones(3))
    runs = count_runs(monkeypatch)
    results = [(w * (0.5 + i)).sum().item() for i in range(5)]
    assert results == [1.5, 4.5, 7.5, 10.5, 13.5]
    assert len(set(map(id, runs))) == 1


@pytest.mark.parametrize("tier", ["interpret", "native"])
def test_writing_rows_one_by_one_copies_once(monkeypatch, tier):
    copies = []
    record = strided_write
    plain = record.reference

    def counted(*args, **statics):
        copies.append(1)
        return plain(*args, **statics)

    counted.donating = plain.donating
    monkeypatch.setattr(record, "reference", counted)
    w = nn.Parameter(tw.ones(4))
    out = tw.zeros(50, 4)
    with tw.tier(tier), tw.no_grad():
        for i in range(50):
            out[i] = w * i
        assert out[:, 0].tolist() == [float(i) for i in range(50)]
    assert len(copies) == 1


@pytest.mark.parametrize("tier", ["interpret", "native"])
def test_what_was_written_over_row_by_row_is_kept_where_it_is_read_again(tier):
    w = nn.Parameter(tw.ones(3))
    out = tw.zeros(4, 3)
    with tw.tier(tier), tw.no_grad():
        for i in range(4):
            out[i] = w * i
        kept = out.clone()
        out[0] = out[3]
        out[1:3] = out[2:4] + w
        assert kept[:, 0].tolist() == [0, 1, 2, 3]
        assert out[:, 0].tolist() == [3, 3, 4, 3]


def test_another_thread_reads_a_pending_result():
    w = nn.Parameter(tw.ones(3))
    y = w * 3
    found = []
    thread = threading.Thread(target=lambda: found.append((y + w).tolist()))
    thread.start()
    thread.join()
    assert found == [[4.0, 4.0, 4.0]]


def test_threads_record_by_themselves():
    def train(seed, results):
        w = nn.Parameter(tw.full((3,), float(seed)))
        opt = tw.optim.SGD([w], lr=0.1)
        for _ in range(30):
            opt.zero_grad()
            (w**2).sum().backward()
            opt.step()
        results[seed] = w.tolist()

    results = {}
    threads = [threading.Thread(target=train, args=(s, results)) for s in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for seed, found in results.items():
        np.testing.assert_allclose(found, [seed * 0.8**30] * 3, rtol=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_begins_anew():
    w = nn.Parameter(tw.ones(3))
    y = w * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(30)
        fine = y.tolist() == [2.0] * 3 and (w * 5).tolist() == [5.0] * 3
        os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert y.tolist() == [2.0] * 3


def test_a_loop_that_never_repeats_is_named_once():
    w = nn.Parameter(tw.ones(200))
    with pytest.warns(UserWarning, match="has not repeated itself in 50 rounds") as caught:
        for i in range(1, 120):
            w[:i].sum().backward()
            w.grad = None
            tw.synchronize()
    assert len(caught) == 1 and "test_recording.py" in str(caught[0].message)


@pytest.mark.own_tier
def test_tiers():
    with pytest.raises(ValueError, match="choose one of"):
        tw.tier("fast")
    w = nn.Parameter(tw.ones(2))
    with tw.tier("eager"):
        assert tw.current_tier() == "eager" and not pending(w * 2)
    assert tw.current_tier() == "auto" and pending(w * 2)


def test_the_trie_is_bounded(monkeypatch):
    monkeypatch.setattr("thalweg.runtime.trace._MAX_POSITIONS", 20)
    w = nn.Parameter(tw.ones(200))
    for i in range(1, 60):
        assert w[:i].sum().item() == i
    assert trie.size <= 21


def test_many_steps_do_not_grow_the_recorder():
    w = nn.Parameter(tw.ones(3))
    opt = tw.optim.SGD([w], lr=1e-3)
    for _ in range(300):
        opt.zero_grad()
        (w**2).sum().backward()
        opt.step()
    tw.synchronize()
    assert trie.size < 40
    assert isinstance(state.trace, Trace) and not state.trace.values


def test_reading_a_leaf_through_a_view_cuts_too(monkeypatch):
    w = tw.full((2, 3), 0.1, requires_grad=True)
    x = tw.ones(4, 3)
    runs = count_runs(monkeypatch)
    for _ in range(30):
        loss = (x @ w.t()).sum()
        w.grad = None
        loss.backward()
        with tw.no_grad():
            w -= 0.01 * w.grad
    tw.synchronize()
    assert len(runs) == 30
    np.testing.assert_allclose(w.detach().numpy(), 0.1 - 30 * 0.01 * 4, rtol=1e-5)
