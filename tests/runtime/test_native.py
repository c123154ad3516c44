"""Native programs in use: when they are made, what happens when something fails, threads, forks, the cache."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import cache, emit, link, nest, schedule
from thalweg.compiler.loops import Kernel, Load, Store
from thalweg.ir.dtype import float32
from thalweg.runtime import arena as arena_module
from thalweg.runtime import blas, native
from thalweg.runtime.program import Program
from thalweg.runtime.state import state


def network(seed: int = 0):
    tw.manual_seed(seed)
    net = nn.Sequential(nn.Linear(20, 300), nn.Tanh(), nn.LayerNorm(300), nn.Linear(300, 7))
    x, y = tw.randn(600, 20), tw.randint(0, 7, (600,))
    optimizer = tw.optim.Adam(net.parameters(), lr=0.01)

    def step():
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return net, step


def trained(rounds: int = 4) -> list[np.ndarray]:
    net, step = network()
    for _ in range(rounds):
        loss = step()
    return [loss.detach().numpy(), *[p.detach().numpy().copy() for p in net.parameters()]]


def same_bits(found, expected) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.fixture
def fresh_threads():
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


def test_auto_goes_over_at_the_third_round_of_a_training_loop(monkeypatch):
    made = []
    init = native.NativeProgram.__init__
    monkeypatch.setattr(
        native.NativeProgram,
        "__init__",
        lambda self, *args, **settings: made.append(self) or init(self, *args, **settings),
    )
    tw.clear_caches()
    with tw.tier("auto"):
        _, step = network()
        counts = []
        for _ in range(6):
            step()
            counts.append(len(made))
        tw.synchronize()
    # the first step begins without optimizer state, so the loop's own program is first met in the second
    assert counts[:3] == [0, 0, 0] and counts[-1] == 1


def test_the_interpreter_agrees():
    with tw.tier("interpret"):
        expected = trained()
    with tw.tier("native"):
        found = trained()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)


def test_the_same_bits_for_any_number_of_threads(fresh_threads):
    results = []
    for threads in (1, 2, 4, 8):
        tw.set_num_threads(threads)
        with tw.tier("native"):
            results.append(trained())
    assert all(same_bits(r, results[0]) for r in results)


def test_the_number_of_threads(fresh_threads):
    tw.set_num_threads(1)
    assert {lib.num_threads for lib in blas._of_numpy()} == {1}
    tw.set_num_threads(3)
    assert tw.get_num_threads() == 3
    for bad in (0, -1, 1.5, True):
        with pytest.raises(RuntimeError, match="positive integer"):
            tw.set_num_threads(bad)


PASSES = [
    (native, "schedule"), (schedule, "kernel_step"), (nest._Nest, "write"), (cache, "emit"), (emit._Emitter, "module"),
    (link, "to_object"), (link, "load_object"), (native, "lay_out"), (native, "contraction_command"),
]  # fmt: skip


@pytest.mark.own_tier
@pytest.mark.parametrize(("where", "name"), PASSES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_failing_pass_is_logged_once_and_the_interpreter_goes_on(
    where, name, monkeypatch, caplog
):
    with tw.tier("interpret"):
        expected = trained()

    def fail(*args, **kwargs):
        raise ZeroDivisionError("forced")

    monkeypatch.setenv("THALWEG_CACHE", "off")
    cache.directory.cache_clear()
    monkeypatch.setattr(cache, "_known", type(cache._known)())
    monkeypatch.setattr(where, name, fail)
    tw.clear_caches()
    with caplog.at_level(logging.WARNING, "thalweg"), tw.tier("native"):
        assert same_bits(trained(), expected)
        messages = [r.getMessage() for r in caplog.records]
        assert messages and all(
            "stays on the interpreter" in m and "test_native.py" in m for m in messages
        )
        caplog.clear()
        assert same_bits(trained(), expected) and not caplog.records
    monkeypatch.undo()
    cache.directory.cache_clear()
    tw.clear_caches()


def test_what_llvm_refuses_is_one_error():
    with pytest.raises(link.LinkError, match="invalid module"):
        link.to_object("define void @f() { ret i32 0 }")
    with pytest.raises(link.LinkError, match="invalid module"):
        link.to_object("no module at all")


def test_a_failure_in_the_middle_of_a_program_leaves_everything(monkeypatch):
    with tw.tier("native"):
        net, step = network()
        step()
        tw.synchronize()
        before = [p.detach().numpy().copy() for p in net.parameters()]
        step()
        program_run = Program.run

        def fail(self, *args):
            raise MemoryError("full")

        monkeypatch.setattr(Program, "run", fail)
        with pytest.raises(MemoryError):
            tw.synchronize()
        monkeypatch.setattr(Program, "run", program_run)
        assert same_bits([p.detach().numpy() for p in net.parameters()], before)
        step()
        assert not same_bits([p.detach().numpy() for p in net.parameters()], before)


@pytest.mark.parametrize("label", [3, -1])
def test_a_wrong_class_number_is_the_interpreters_error(label):
    w = nn.Parameter(tw.randn(5, 3))
    with tw.tier("native"):
        nothing = (w * 0).sum().long()  # so that the labels are not known when the loss is recorded
        good = nn.functional.cross_entropy(w * 2, tw.tensor([0, 1, 2, 2, 0]) + nothing)
        assert good.item() > 0
        loss = nn.functional.cross_entropy(w * 2, tw.tensor([0, 1, label, 2, 0]) + nothing)
        with pytest.raises(IndexError, match=f"Target {label} is out of bounds") as caught:
            loss.item()
        assert any("test_native.py" in note for note in caught.value.__notes__)
        assert good.item() > 0


@pytest.mark.parametrize("classes", [1, 3, 40])
def test_what_is_taken_is_the_element_itself(classes):
    labels = np.arange(6) % classes
    scores = np.full((6, classes), 2.0, np.float32)
    taken = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0], np.float32)
    scores[np.arange(6), labels] = taken
    for kind in (tw.float32, tw.float64):
        p = nn.Parameter(tw.tensor(scores).to(kind))
        with tw.tier("native"):
            losses = nn.functional.nll_loss(p, tw.tensor(labels), reduction="none")
            found = (-losses).detach().numpy()
        np.testing.assert_array_equal(found, taken.astype(kind.numpy))
        assert np.signbit(found[:4]).tolist() == np.signbit(taken[:4]).tolist()


def test_new_sizes_compile_nothing(monkeypatch):
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    def step(n: int) -> float:
        net.zero_grad()
        loss = nn.functional.cross_entropy(net(tw.randn(n, 4)), tw.randint(0, 3, (n,)))
        loss.backward()
        return loss.item()

    with tw.tier("native"):
        step(16)
        step(17)
        compiled = []
        load = cache._load
        monkeypatch.setattr(cache, "_load", lambda *args: compiled.append(args) or load(*args))
        for n in (5, 31, 100, 257):
            step(n)
        tw.synchronize()
    assert not compiled


def test_two_python_threads_at_once():
    with tw.tier("native"):
        expected = trained()
    found: list[list[np.ndarray]] = []

    def work():
        with tw.tier("native"):
            net, step = network_of_this_thread()
            for _ in range(4):
                step()
            found.append([p.detach().numpy().copy() for p in net.parameters()])

    make = threading.Lock()

    def network_of_this_thread():
        with make:  # the seed is the process's
            return network()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(found) == 3 and all(same_bits(f, expected[1:]) for f in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_trains():
    script = (
        "import os, signal, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import thalweg as tw\n"
        "sys.path.insert(0, os.environ['HERE'])\n"
        "from test_native import trained, same_bits\n"
        "tw.tier('native')\n"
        "tw.set_num_threads(2)\n"
        "expected = trained()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(30)\n"
        "    os._exit(0 if same_bits(trained(), expected) else 1)\n"
        "_, status = os.waitpid(pid, 0)\n"
        "assert status == 0, status\n"
        "assert same_bits(trained(), expected)\n"
    )
    run_script(script)


def test_shutdown_while_workers_wait():
    run_script("from test_native import *\ntw.set_num_threads(4)\ntw.tier('native')\ntrained()\n")


def run_script(script: str, **environment: str) -> str:
    here = str(Path(__file__).parent)
    paths = os.pathsep.join(
        [here, str(Path(tw.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    )
    variables = {**os.environ, "HERE": here, "PYTHONPATH": paths, **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COPY = Kernel(
    1, 0, False, (Load(0, float32, "step", False), Store(1, float32, 0, "step", False))
)  # fmt: skip


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path / "kernels"))
    cache.directory.cache_clear()
    yield tmp_path / "kernels"
    cache.directory.cache_clear()


def compiled_again(monkeypatch) -> bool:
    """Whether the copy kernel has to be compiled when memory has forgotten it."""
    compiled = []
    to_object = link.to_object
    monkeypatch.setattr(cache, "_known", type(cache._known)())
    monkeypatch.setattr(link, "to_object", lambda text: compiled.append(text) or to_object(text))
    assert cache.routines([COPY])[0].address != 0
    monkeypatch.setattr(link, "to_object", to_object)
    return bool(compiled)


def test_the_cache_on_disk(cache_folder, monkeypatch):
    assert compiled_again(monkeypatch)
    assert oct(cache_folder.stat().st_mode & 0o777) == "0o700"
    assert not compiled_again(monkeypatch)
    (file,) = cache_folder.iterdir()
    whole = file.read_bytes()
    for damaged in (
        b"",
        whole[:40],
        whole[:-1],
        whole[:50] + b"x" + whole[51:],
        b"\0" * len(whole),
    ):
        file.write_bytes(damaged)
        assert compiled_again(monkeypatch)
        assert file.read_bytes() == whole
    assert not compiled_again(monkeypatch)


def test_the_cache_can_be_turned_off(monkeypatch):
    for value in ("", "off", "0"):
        monkeypatch.setenv("THALWEG_CACHE", value)
        cache.directory.cache_clear()
        assert cache.directory() is None and compiled_again(monkeypatch)
    cache.directory.cache_clear()


def test_the_cache_drops_its_oldest(cache_folder, monkeypatch):
    cache_folder.mkdir()
    for n in range(10):
        (cache_folder / f"f{n}").write_bytes(b"old")
        os.utime(cache_folder / f"f{n}", (n, n))
    monkeypatch.setattr(cache, "_MOST_FILES", 6)
    cache.directory.cache_clear()
    assert cache.directory() == cache_folder
    assert sorted(p.name for p in cache_folder.iterdir()) == ["f7", "f8", "f9"]


def test_a_folder_that_cannot_be_written_is_no_cache(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("THALWEG_CACHE", str(file / "below"))
    cache.directory.cache_clear()
    assert cache.directory() is None and compiled_again(monkeypatch)
    cache.directory.cache_clear()


def test_a_native_program_holds_no_results():
    """What a program made is freed when the user lets go of it."""
    import gc
    import weakref

    w = nn.Parameter(tw.ones(50, 50))
    with tw.tier("native"):
        y = (w * 2).sort().values + 1
        y.sum().item()
        array = y.detach()._storage.value.array
        alive = weakref.ref(array)
        del y, array
        state.trace.run()
        gc.collect()
        assert alive() is None


def test_slices_that_move_get_programs_of_their_own(monkeypatch):
    """A number that a plan builds on is looked at in each call."""
    w = nn.Parameter(tw.arange(40.0).reshape(20, 2))
    made = []
    init = native.NativeProgram.__init__

    def note(self, *args, **kwargs):
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(native.NativeProgram, "__init__", note)
    with tw.tier("native"):
        for start in (3, 5, 3, 7, 9, 11, 13, 2, 5):
            part = (w * 2)[start : start + 4] * 3
            np.testing.assert_array_equal(
                part.detach().numpy(), 6 * np.arange(40.0).reshape(20, 2)[start : start + 4]
            )
    assert len(made) <= 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_another_thread_runs_a_program():
    script = (
        "import os, signal, sys, threading, time, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import thalweg as tw\n"
        "sys.path.insert(0, os.environ['HERE'])\n"
        "from test_native import trained\n"
        "from thalweg.runtime.flight import flight\n"
        "tw.tier('native')\n"
        "trained()\n"
        "inside, over = threading.Event(), []\n"
        "def hold():\n"
        "    with flight.lock:\n"
        "        inside.set()\n"
        "        time.sleep(0.3)\n"
        "        over.append(True)\n"
        "thread = threading.Thread(target=hold)\n"
        "thread.start()\n"
        "inside.wait()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(30)\n"
        "    trained()\n"
        "    os._exit(0)\n"
        "assert over\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    run_script(script)


def test_more_kernels_than_memory_keeps(monkeypatch):
    monkeypatch.setattr(cache, "_known", type(cache._known)())
    monkeypatch.setattr(cache, "_MOST_KERNELS", 2)
    with tw.tier("interpret"):
        expected = trained()
    with tw.tier("native"):
        tw.clear_caches()
        found = trained()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    assert len(cache._known) <= 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_another_threads_trace_runs():
    script = (
        "import os, signal, threading, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import thalweg as tw\n"
        "from thalweg.runtime.state import state\n"
        "found, inside, go_on = [], threading.Event(), threading.Event()\n"
        "def hold():\n"
        "    found.append(tw.nn.Parameter(tw.ones(3)) * 2)\n"
        "    with state.trace.lock:\n"
        "        inside.set()\n"
        "        go_on.wait()\n"
        "thread = threading.Thread(target=hold)\n"
        "thread.start()\n"
        "inside.wait()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(30)\n"
        "    os._exit(0 if found[0].tolist() == [2.0, 2.0, 2.0] else 1)\n"
        "go_on.set()\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    run_script(script)


def test_memory_of_large_results_is_used_again_but_never_while_held():
    w = nn.Parameter(tw.ones(300, 300))
    with tw.tier("native"):
        kept = [(w * k).detach().numpy() for k in range(4)]
        assert len({a.ctypes.data for a in kept}) == 4
        for k, a in enumerate(kept):
            assert (a == k).all()
        row = kept[1][2:3]  # a view holds its base
        del a, kept
        places = set()
        for k in range(10):
            places.add((w * (k + 5)).detach().numpy().ctypes.data)
        assert len(places) <= 3 and row.tolist() == [[1.0] * 300]


@pytest.mark.parametrize("tier", ["interpret", "native"])
@pytest.mark.parametrize("label", [3, -1])
def test_a_wrong_class_number_is_found_where_nobody_reads_the_loss(label, tier):
    tw.clear_caches()
    with tw.tier(tier):
        w = nn.Parameter(tw.randn(2, 3))
        unknown = tw.tensor([0, label]) + (w * 0).sum().long()
        nn.functional.cross_entropy(w * 2, unknown).backward()
        with pytest.raises(IndexError, match=f"Target {label} is out of bounds"):
            w.grad.tolist()


def test_a_larger_arena_leaves_none_of_the_smaller_ones(monkeypatch):
    monkeypatch.setattr(arena_module, "arena", arena_module.Arena())
    monkeypatch.setattr(native, "arena", arena_module.arena)
    arena, blocks = arena_module.arena, []

    def run(batch: int) -> None:
        weight = nn.Parameter(tw.ones(batch, 100))
        (weight.tanh() @ tw.ones(100, 50)).tanh().sum().backward()
        assert weight.grad is not None
        weight.grad.numpy()
        if not blocks or blocks[-1]() is not arena.block.base:
            blocks.append(weakref.ref(arena.block.base))

    with tw.tier("native"):
        tw.clear_caches()
        for batch in (10, 100, 1000, 3000):
            run(batch)
        run(10)
    assert len(blocks) >= 3
    assert [b() is not None for b in blocks] == [False] * (len(blocks) - 1) + [True]
