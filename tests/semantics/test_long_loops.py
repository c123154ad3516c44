"""A loop that goes on and on holds no more memory and makes no more programs; THALWEG_LONG=1 runs 100,000 steps."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections import deque

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.ir.aval import Aval
from thalweg.runtime.program import Program
from thalweg.runtime.trace import trie

STEPS = 100_000 if os.environ.get("THALWEG_LONG") else 3_000
WARM = 500


@pytest.fixture(autouse=True)
def fresh_recorder():
    tw.clear_caches()
    yield
    tw.clear_caches()


def step_of_a_small_network():
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    opt = tw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x, y = tw.randn(8, 3), tw.randn(8, 1)

    def step():
        loss = nn.functional.mse_loss(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step


def keeps_the_last():
    step, losses = step_of_a_small_network(), deque(maxlen=10)
    return lambda: losses.append(step().detach())


def adds_items():
    step, total = step_of_a_small_network(), [0.0]

    def add():
        total[0] += step().item()

    return add


def adds_tensors():
    step, total = step_of_a_small_network(), [tw.zeros(())]

    def add():
        total[0] += step().detach()

    return add


def reads_now_and_then():
    step, count = step_of_a_small_network(), [0]

    def read():
        loss = step()
        count[0] += 1
        if count[0] % 100 == 0:
            loss.item()

    return read


@pytest.mark.parametrize(
    "loop", [keeps_the_last, adds_items, adds_tensors, reads_now_and_then], ids=lambda f: f.__name__
)
def test_memory_and_programs_stay_as_they_are(loop, monkeypatch):
    ran = set()
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda self, *args: ran.add(self) or run(self, *args))
    step = loop()
    for _ in range(WARM):
        step()
    gc.collect()
    known = set(ran)
    tracemalloc.start()
    try:
        for _ in range(WARM):
            step()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(STEPS // 20):
            step()
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    resident = resident_bytes()
    for _ in range(STEPS):
        step()
    gc.collect()
    assert ran == known
    assert traced < 50_000
    assert resident_bytes() - resident < 1 << 20


def resident_bytes() -> int:
    """What the process holds in memory; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def shapes_that_never_repeat():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    opt = tw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step(batch):
        loss = nn.functional.mse_loss(net(tw.ones(batch, 3)), tw.zeros(batch, 1))
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss.item()

    return step


@pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
@pytest.mark.parametrize("tier", ["interpret", "native"])
def test_shapes_that_never_repeat_are_forgotten(tier, monkeypatch):
    """What is kept comes and goes, between two times when all is forgotten; it never grows from one to the next."""
    monkeypatch.setattr("thalweg.runtime.trace._MAX_INSTRUCTIONS", 3_000)
    monkeypatch.setattr("thalweg.ir.aval._MOST_RECENT", 200)
    batches = 10_000 if os.environ.get("THALWEG_LONG") else 450
    step, known, resident = shapes_that_never_repeat(), [], []
    with tw.tier(tier):
        for batch in range(1, batches + 1):
            before = trie.instructions
            step(batch)
            if trie.instructions < before:  # forgotten just now
                gc.collect()
                known.append(len(gc.get_objects()))
                resident.append(resident_bytes())
    assert len(known) >= batches // 150
    assert known[-1] - known[0] < 500
    assert resident[-1] - resident[0] < 4 << 20
    assert len(Aval._living) < 2_000
