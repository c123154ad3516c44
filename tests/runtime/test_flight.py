"""Programs in flight: what a loop reads, writes, breaks off and forks while one is on its way."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.runtime import commands, native
from thalweg.runtime.flight import Job, flight

F = nn.functional
pytestmark = pytest.mark.skipif(not commands.can_sleep(), reason="no workers on this system")


@pytest.fixture(autouse=True)
def everything_flies(monkeypatch):
    """Small programs too, with a worker at hand; and memory of any size is given away."""
    monkeypatch.setattr(native, "_LIGHT", 0)
    monkeypatch.setattr(native, "LARGE", 0)
    threads = tw.get_num_threads()
    tw.clear_caches()
    tw.set_num_threads(2)
    with tw.tier("native"):
        yield
    tw.set_num_threads(threads)
    tw.clear_caches()


class Training:
    """A network on data of its own, and a step of it."""

    def __init__(self, optimizer=tw.optim.SGD, **settings):
        tw.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
        self.optimizer = optimizer(self.net.parameters(), lr=0.1, **settings)
        self.x, self.y = tw.randn(16, 20), tw.randint(0, 5, (16,))

    def step(self):
        loss = F.cross_entropy(self.net(self.x), self.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def cut(self):
        """What a next step begins with: the trace is cut, and its program flies."""
        return self.net(self.x)

    def parameters(self):
        return [p.detach().numpy().copy() for p in self.net.parameters()]


def flying(t):
    return isinstance(t._storage.value.trace, Job) and not t._storage.value.trace.landed


def same(found, expected):
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_cut_lets_the_program_fly_and_a_read_waits_for_it():
    training = Training()
    loss = training.step()
    training.cut()
    assert flying(training.net[0].weight) and flying(loss) and flight.job is not None
    assert loss.item() > 0
    assert loss._storage.value.trace is None
    tw.synchronize()
    assert flight.job is None and not flying(training.net[0].weight)


@pytest.mark.parametrize("optimizer", [tw.optim.SGD, tw.optim.AdamW])
def test_the_same_bits_as_without(optimizer):
    def curve(threads):
        tw.set_num_threads(threads)
        training = Training(optimizer)
        losses = [training.step() for _ in range(30)]
        return [loss.item() for loss in losses], training.parameters()

    (losses, parameters), (others, other_parameters) = curve(2), curve(1)
    assert losses == others and same(parameters, other_parameters)


def test_synchronize_waits():
    training = Training()
    training.step()
    training.cut()
    job = flight.job
    assert job is not None
    tw.synchronize()
    assert job.landed and flight.job is None


def test_a_loop_holds_one_step_only():
    training = Training()
    training.step()
    training.cut()
    first = flight.job
    training.step()
    training.cut()
    assert first.landed and first.inputs is None and first.arrays is None and not first.values


def addresses(tensors):
    return [t._storage.value.array.ctypes.data for t in tensors]


@pytest.mark.parametrize("optimizer", [tw.optim.SGD, tw.optim.AdamW])
def test_parameters_and_state_stay_where_they_are(optimizer):
    training = Training(optimizer)
    for _ in range(2):
        training.step()
    tw.synchronize()
    held = [*training.net.parameters()]
    for state in training.optimizer.state.values():
        held += [t for t in state.values() if t.ndim]
    for read in (tw.synchronize, training.cut, lambda: training.step().item()):
        for _ in range(2):
            before = addresses(held)
            training.step()
            read()
            tw.synchronize()
        weights = [n for n, t in enumerate(held) if t.ndim == 2]  # a bias's step is part of a sum
        assert weights and all(addresses(held)[n] == before[n] for n in weights)


def test_what_somebody_holds_is_not_given_away():
    training = Training()
    training.step()
    before = training.parameters()
    copied = copy.deepcopy(training.net)
    values = [p._storage.value for p in training.net.parameters()]
    arrays = [p._storage.value.array for p in training.net.parameters()]
    training.step()
    training.cut()
    after = training.parameters()
    assert not same(after, before) and same(arrays, before)
    assert same([v.get() for v in values], before)
    assert same([p.detach().numpy() for p in copied.parameters()], before)


def test_a_view_in_numpy_is_not_written_over_by_a_program():
    training = Training()
    training.step()
    array = training.net[0].weight.detach().numpy()
    before = array.copy()
    expected = Training()
    expected.step(), expected.step()
    training.step()
    training.cut()
    assert same(training.parameters(), expected.parameters())
    assert np.array_equal(array, training.parameters()[0]) and not np.array_equal(array, before)


def test_a_retained_graph_keeps_the_old_weights():
    def second_gradient():
        training = Training()
        training.step()
        loss = F.cross_entropy(training.net(training.x), training.y)
        training.optimizer.zero_grad()
        loss.backward(retain_graph=True)
        training.optimizer.step()
        training.cut()
        tw.synchronize()
        training.optimizer.zero_grad()
        loss.backward()
        return [p.grad.tolist() for p in training.net.parameters()]

    found = second_gradient()
    with tw.tier("interpret"):
        expected = second_gradient()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_job_that_was_given_but_not_begun_is_begun_by_whoever_reads(monkeypatch):
    expected = [Training(), Training()]
    expected[0].step()
    for _ in range(2):
        expected[1].step()
    wanted = [t.parameters() for t in expected]
    training = Training()
    training.step()
    tw.synchronize()
    weight = addresses([training.net[0].weight])
    begin = Job.begin
    monkeypatch.setattr(Job, "begin", lambda self: None)  # as if Ctrl-C came before it
    training.step()
    training.cut()
    assert flight.job is None
    monkeypatch.setattr(Job, "begin", begin)
    other = Training()
    other.step()
    assert same(other.parameters(), wanted[0])  # the same program runs between
    assert addresses([training.net[0].weight]) == weight  # run twice, it would step twice
    assert same(training.parameters(), wanted[1])
    assert training.step().item() > 0


class Counting(Training):
    """Reads after each step how many it got right, as textbooks do."""

    def step(self):
        scores = self.net(self.x)
        loss = F.cross_entropy(scores, self.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return (scores.argmax(1) == self.y).sum().item()


def test_what_is_read_after_a_step_is_waited_for_and_no_more():
    training = Counting()
    expected = [Training() for _ in range(5)]
    found = []
    for _ in range(5):
        found.append(training.step())
        assert flight.job is not None and flying(training.net[0].weight)
    for n, other in enumerate(expected):
        for _ in range(n):
            other.step()
        with tw.tier("interpret"):
            assert found[n] == int((other.net(other.x).argmax(1) == other.y).sum())
    expected[-1].step()
    assert same(training.parameters(), expected[-1].parameters())


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_same_bits_where_a_read_waits_for_a_part(threads):
    alone, training = Counting(tw.optim.AdamW), Counting(tw.optim.AdamW)
    tw.set_num_threads(1)
    expected = [alone.step() for _ in range(30)]
    tw.set_num_threads(threads)
    assert [training.step() for _ in range(30)] == expected
    assert same(training.parameters(), alone.parameters())


def test_parameters_may_be_read_one_after_another_while_the_rest_flies():
    expected = Training()
    expected.step()
    training = Training()
    training.step()
    training.cut()
    for mine, other in zip(training.net.parameters(), expected.parameters(), strict=True):
        assert np.array_equal(mine.tolist(), other)


def test_a_check_that_fails_after_what_was_read_takes_back_its_step():
    training = Wrong()
    training.step()
    before = training.parameters()
    hidden = training.net[0](training.x)
    loss = training.step(wrong=7)
    inside = hidden.sum()
    expected = inside.item()  # needs no label: it is there before the check
    by_hand = np.asarray(training.x) @ before[0].T + before[1]
    assert np.isclose(expected, by_hand.sum())
    with pytest.raises(IndexError, match="out of bounds"):
        loss.item()
    assert same(training.parameters(), before)
    assert inside.item() == expected


@pytest.mark.parametrize(
    "look",
    [
        lambda w: w.detach().numpy().copy(),
        lambda w: np.array(w.tolist(), np.float32),
        lambda w: w.detach().clone().numpy(),
        lambda w: w.t().detach().numpy().T.copy(),
        lambda w: np.stack([row.detach().numpy() for row in w]),
        lambda w: copy.deepcopy(w).detach().numpy(),
        lambda w: pickle.loads(pickle.dumps(w.detach())).numpy(),
        lambda w: (w + 0).detach().numpy(),
        lambda w: w.data[:].numpy().copy(),
        lambda w: np.asarray(w.detach()),
        lambda w: tw.utils.data.TensorDataset(w.detach())[0:30][0].numpy(),
        lambda w: next(iter(tw.utils.data.DataLoader(w.detach(), 30))).numpy(),
        lambda w: w.detach()[tw.arange(30)].numpy(),
    ],
)
def test_whoever_looks_into_a_parameter_in_flight_sees_the_new_one(look):
    expected = Training()
    expected.step()
    after = expected.parameters()
    training = Training()
    training.step()
    training.cut()
    assert flying(training.net[0].weight)
    assert np.array_equal(look(training.net[0].weight), after[0])


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.data.__setitem__(0, 1.0),
        lambda w: w.data[2:4].mul_(3),
        lambda w: w.data.copy_(w.data * 2),
        lambda w: w.detach().numpy().__setitem__((slice(0, 2), 1), 7.0),
        lambda w: w.data.t()[1].add_(1),
    ],
)
def test_writes_into_a_parameter_in_flight_come_after_it(write):
    expected = Training()
    expected.step()
    tw.synchronize()
    write(expected.net[0].weight)
    tw.synchronize()
    training = Training()
    training.step()
    training.cut()
    assert flying(training.net[0].weight)
    write(training.net[0].weight)
    assert same(training.parameters(), expected.parameters())


class Wrong(Training):
    """Its labels come out of a computation, so that a wrong one is found by the run."""

    def step(self, wrong=0):
        scores = self.net(self.x)
        labels = self.y + ((scores.detach() * 0).sum().long() + wrong)
        loss = F.cross_entropy(scores, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


@pytest.mark.parametrize("optimizer", [tw.optim.SGD, tw.optim.Adam])
def test_a_check_that_fails_in_flight_takes_back_its_step_and_what_came_after(optimizer):
    training = Wrong(optimizer)
    training.step()
    before = training.parameters()
    loss = training.step(wrong=7)
    later = training.cut()
    assert flying(loss)
    with pytest.raises(IndexError, match="out of bounds") as caught:
        loss.item()
    assert any(f"{Path(__file__).name}" in note for note in caught.value.__notes__)
    assert same(training.parameters(), before)
    with pytest.raises(IndexError, match="out of bounds"):
        later.tolist()
    with pytest.raises(IndexError, match="out of bounds"):
        loss.item()
    assert training.step().item() > 0
    assert not same(training.parameters(), before)


def test_a_check_that_fails_in_flight_raises_at_the_next_cut_at_the_latest():
    training = Wrong()
    training.step()
    before = training.parameters()
    training.step(wrong=7)
    with pytest.raises(IndexError, match="out of bounds"):
        for _ in range(2):
            training.step()
    assert same(training.parameters(), before)
    good = Wrong()
    good.step()
    good.optimizer.zero_grad()
    training.optimizer.zero_grad()
    assert training.step().item() == good.step().item()
    assert same(training.parameters(), good.parameters())


def test_another_thread_reads_writes_nothing_and_gets_the_error():
    training = Wrong()
    training.step()
    training.cut()
    found = []

    def read():
        found.append(training.net[2].bias.tolist())

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(30)
    assert found == [training.net[2].bias.tolist()]
    before = training.parameters()
    loss = training.step(wrong=7)
    training.cut()

    def fail():
        with pytest.raises(IndexError, match="out of bounds"):
            loss.item()
        found.append("failed")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join(30)
    assert found[1:] == ["failed"]
    assert same(training.parameters(), before)


def test_threads_that_train_at_the_same_time():
    def train(n):
        try:
            with tw.tier("native"):
                training = trainings[n]
                for _ in range(40):
                    loss = training.step()
                curves[n] = loss.item()
        except Exception as error:
            curves[n] = error

    trainings = [Training() for _ in range(3)]
    curves = [None] * 3
    threads = [threading.Thread(target=train, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    alone = Training()
    for _ in range(40):
        loss = alone.step()
    assert curves == [loss.item()] * 3


def test_a_parameter_that_another_thread_trains_is_an_operand():
    training = Training()
    training.step()
    training.cut()
    expected = Training()
    expected.step()
    found = []

    def use():
        with tw.tier("native"), tw.no_grad():
            found.append((training.net[0].weight * 2).sum().item())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(30)
    assert found == [(expected.net[0].weight * 2).sum().item()]


def test_the_number_of_threads_changes_in_flight():
    expected = Training()
    for _ in range(6):
        expected.step()
    training = Training()
    for threads in (2, 1, 4, 2, 1, 3):
        tw.set_num_threads(threads)
        training.step()
    assert same(training.parameters(), expected.parameters())


def run_script(script):
    here = Path(__file__).parent
    paths = [str(Path(tw.__file__).parent.parent), str(here), os.environ.get("PYTHONPATH", "")]
    setup = (
        "import os, signal, sys, threading, time\n"
        "import numpy as np\n"
        "import thalweg as tw\n"
        "from test_flight import Counting, Training, Wrong, native, flight, same\n"
        "native._LIGHT = native.LARGE = 0\n"
        "tw.set_num_threads(2)\n"
        "tw.tier('native')\n"
        "signal.alarm(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", setup + script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_in_flight():
    run_script("""
for _ in range(5):
    training = Training()
    training.step()
    training.cut()
    assert flight.job is not None
    pid = os.fork()
    found = training.parameters()
    training.step()
    if pid == 0:
        other = Training()
        other.step()
        os._exit(0 if same(other.parameters(), found) else 1)
    assert os.waitpid(pid, 0)[1] == 0
""")


def test_the_process_ends_in_flight():
    run_script("training = Training()\ntraining.step()\ntraining.cut()\n")
    run_script("training = Wrong()\ntraining.step()\ntraining.step(wrong=7)\ntraining.cut()\n")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer on this system")
@pytest.mark.parametrize("kind", ["Training", "Counting"])
def test_interrupts_at_any_moment_leave_whole_steps(kind):
    run_script(
        f"Training = {kind}"
        + """
import random
counts, reference = Training(), []
training, done = Training(), 0
random.seed(0)

def go():  # a function's call is inside the try; CPython 3.13 leaves a loop's jump back out of it
    global done
    for _ in range(100):  # Python ignores an interrupt that comes in a weak reference's callback
        training.step()
        done += 1

for _ in range(40):
    try:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.001))
        go()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        pass
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while len(reference) < done + 2:
        reference.append(counts.parameters())
        counts.step()
    now = training.parameters()
    found = [n for n in (done, done + 1) if same(now, reference[n])]
    assert found, done
    done = found[0]
assert done < 40 * 50, "hardly any interrupt came"
"""
    )
