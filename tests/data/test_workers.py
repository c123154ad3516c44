"""Worker threads: the same batches in the same order, errors with their own traceback, and a clean end."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import data

ROOT = Path(__file__).resolve().parents[2]


def alive() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    end = time.monotonic() + 5
    while alive() and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive()


class Slow(data.Dataset[int]):
    """i, after a while that is longest for the first of each four."""

    def __init__(self, n: int) -> None:
        self.n, self.seen = n, []  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> int:
        time.sleep(0.004 if i % 4 == 0 else 0.001)
        self.seen.append(i)
        return i


class Mine(data.IterableDataset[tuple[int, int]]):
    """(worker, k) for as many k as that worker has."""

    counts = (3, 9, 5)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        info = data.get_worker_info()
        assert info is not None
        return iter([(info.id, k) for k in range(self.counts[info.id])])


class Faulty(data.Dataset[int]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> int:
        if i == 3:
            return self.broken_picture(i)
        return i

    def broken_picture(self, i: int) -> int:
        raise LookupError(f"picture {i} is broken")


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("persistent", [False, True])
def test_same_batches_in_the_same_order(workers: int, persistent: bool) -> None:
    def batches(**options: Any) -> list[Any]:
        tw.manual_seed(3)
        loader = data.DataLoader(Slow(21), 2, shuffle=True, **options)
        return [b.tolist() for _ in range(3) for b in loader]

    expected = batches()
    found = batches(num_workers=workers, persistent_workers=persistent)
    same = 11 if persistent else 33  # lasting workers draw one seed less an epoch, as PyTorch's do
    assert found[:same] == expected[:same] and len(found) == 33
    assert sorted(sum(found[11:22], [])) == list(range(21))


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, None])
def test_iterable_datasets_take_turns_as_in_torch(
    workers: int, size: int | None, torch: Any
) -> None:
    import torch.utils.data

    class Theirs(torch.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            info = torch.utils.data.get_worker_info()
            return iter([(info.id, k) for k in range(Mine.counts[info.id])])

    options: dict[str, Any] = {"batch_size": size, "num_workers": workers}
    ours = [
        b if size is None else [t.tolist() for t in b] for b in data.DataLoader(Mine(), **options)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about the number of processes
        theirs = torch.utils.data.DataLoader(Theirs(), multiprocessing_context="fork", **options)
        expected = [b if size is None else [t.tolist() for t in b] for b in theirs]
    assert ours == expected


@pytest.mark.parametrize("persistent", [False, True])
def test_the_random_stream_stays_in_step_with_torch(persistent: bool, torch: Any) -> None:
    import torch.utils.data

    found = []
    for lib, room in ((tw, data), (torch, torch.utils.data)):
        lib.manual_seed(5)
        loader = room.DataLoader(
            range(10),
            3,
            shuffle=True,
            num_workers=2,
            persistent_workers=persistent,
            prefetch_factor=1,
        )
        found.append(
            [[b.tolist() for b in loader] + lib.randint(0, 99, (2,)).tolist() for _ in range(3)]
        )
    assert found[0] == found[1]


class Drawn:
    """What item i draws, from the default stream."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib

    def __len__(self) -> int:
        return 9

    def __getitem__(self, i: int) -> Any:
        first = self.lib.rand(2)
        return first, self.lib.randn(1), self.lib.initial_seed()


def test_workers_draw_from_streams_of_their_own_as_in_torch(torch: Any) -> None:
    import torch.utils.data

    found = []
    for lib, room in ((tw, data), (torch, torch.utils.data)):
        lib.manual_seed(5)
        rows = [[t.tolist() for t in row] for row in room.DataLoader(Drawn(lib), 2, num_workers=2)]
        found.append([rows, lib.randint(0, 99, (3,)).tolist()])
    for ours, theirs in zip(found[0][0], found[1][0], strict=True):
        assert ours[0] == theirs[0] and ours[2] == theirs[2]
        assert np.allclose(ours[1], theirs[1], rtol=1e-6)
    assert found[0][1] == found[1][1]


def test_a_worker_that_draws_does_not_disturb_the_main_stream() -> None:
    found = []
    for workers in (1, 3):
        tw.manual_seed(0)
        for _ in data.DataLoader(Drawn(tw), 1, num_workers=workers):
            tw.rand(1)
        found.append(tw.rand(3).tolist())
    assert found[0] == found[1]


def test_workers_run_ahead_but_not_too_far() -> None:
    d = Slow(40)
    epoch = iter(data.DataLoader(d, 1, num_workers=2, prefetch_factor=3))
    next(epoch)
    time.sleep(0.3)
    assert 6 <= len(d.seen) <= 8


def test_out_of_order() -> None:
    loader = data.DataLoader(Slow(16), 1, num_workers=4, in_order=False)
    assert sorted(b.item() for b in loader) == list(range(16))


def test_an_error_keeps_its_type_and_its_own_traceback() -> None:
    epoch = iter(data.DataLoader(Faulty(), 2, num_workers=2))
    assert next(epoch).tolist() == [0, 1]
    with pytest.raises(LookupError, match="picture 3 is broken") as caught:
        next(epoch)
    text = "".join(traceback.format_exception(caught.value))
    assert "in broken_picture" in text and "return self.broken_picture(i)" in text
    assert "raised in DataLoader worker 1 while it made batch 1" in text
    assert [b.tolist() for b in epoch] == [[4, 5], [6, 7]]


def test_an_error_in_collate_and_in_the_iterator_of_the_data() -> None:
    def refuse(items: list[Any]) -> Any:
        raise ZeroDivisionError("collate")

    with pytest.raises(ZeroDivisionError, match="collate"):
        list(data.DataLoader([1, 2], 2, num_workers=1, collate_fn=refuse))

    class Bad(data.IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise OSError("the file ends here")

    epoch = iter(data.DataLoader(Bad(), 1, num_workers=1))
    assert next(epoch).tolist() == [1]
    with pytest.raises(OSError, match="the file ends here"):
        next(epoch)


def test_worker_info_and_init() -> None:
    class Info(data.Dataset[Any]):
        offset = 0

        def __len__(self) -> int:
            return 6

        def __getitem__(self, i: int) -> tuple[int, int, int, int]:
            info = data.get_worker_info()
            assert info is not None and info.dataset is self
            return info.id, info.num_workers, self.offset, info.seed

    def init(worker: int) -> None:
        info = data.get_worker_info()
        assert info is not None and info.id == worker
        info.dataset.offset = 100 * worker

    d = Info()
    tw.manual_seed(0)
    rows = [
        [t.item() for t in row] for row in data.DataLoader(d, 1, num_workers=2, worker_init_fn=init)
    ]
    tw.manual_seed(0)
    seed = tw.empty((), dtype=tw.int64).random_().item()
    assert rows == [[k % 2, 2, 100 * (k % 2), seed + k % 2] for k in range(6)]
    assert d.offset == 0 and data.get_worker_info() is None


def test_an_error_in_worker_init() -> None:
    def init(worker: int) -> None:
        raise PermissionError("no disk")

    epoch = iter(data.DataLoader([1, 2], num_workers=1, worker_init_fn=init))
    with pytest.raises(PermissionError, match="no disk") as caught:
        next(epoch)
    with pytest.raises(
        RuntimeError, match="worker_init_fn failed in DataLoader worker 0: PermissionError"
    ):
        next(epoch)
    assert "raised in worker_init_fn of DataLoader worker 0" in caught.value.__notes__


def test_each_worker_splits_an_iterable_dataset_by_its_own_copy() -> None:
    class Span(data.IterableDataset[int]):
        start, stop = 0, 10

        def __iter__(self) -> Iterator[int]:
            return iter(range(self.start, self.stop))

    def halve(worker: int) -> None:
        info = data.get_worker_info()
        assert info is not None
        info.dataset.start, info.dataset.stop = 5 * worker, 5 * worker + 5

    loader = data.DataLoader(Span(), None, num_workers=2, worker_init_fn=halve)
    assert sorted(loader) == list(range(10))


def test_persistent_workers_are_the_same_threads() -> None:
    class Who(data.Dataset[int]):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> int:
            return threading.get_ident()

    starts: list[int] = []
    loader = data.DataLoader(
        Who(), 1, num_workers=2, persistent_workers=True, worker_init_fn=starts.append
    )
    epochs = [{b.item() for b in loader} for _ in range(3)]
    assert epochs[0] == epochs[1] == epochs[2] and sorted(starts) == [0, 1] and len(alive()) == 2
    del loader


def test_a_persistent_epoch_left_in_the_middle_starts_anew() -> None:
    loader = data.DataLoader(Slow(12), 2, num_workers=2, persistent_workers=True)
    for batch in loader:
        assert batch.tolist() == [0, 1]
        break
    assert [b.tolist() for b in loader] == [[k, k + 1] for k in range(0, 12, 2)]


def test_an_epoch_left_in_the_middle_leaves_no_thread() -> None:
    for batch in data.DataLoader(Slow(1000), 4, num_workers=3):
        assert batch.tolist() == [0, 1, 2, 3]
        break
    assert not alive()


def test_a_finished_epoch_leaves_no_thread() -> None:
    epoch = iter(data.DataLoader([1, 2, 3], num_workers=2))
    assert len(list(epoch)) == 3 and not alive()
    with pytest.raises(StopIteration):
        next(epoch)


def test_timeout() -> None:
    go_on = threading.Event()

    class Stuck(data.Dataset[int]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> int:
            go_on.wait(5)
            return i

    epoch = iter(data.DataLoader(Stuck(), num_workers=1, timeout=0.05))
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.05 seconds"):
        next(epoch)
    go_on.set()
    assert next(epoch).item() == 0


def test_two_epochs_at_once() -> None:
    loader = data.DataLoader(range(6), 2, num_workers=2)
    assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)] == [
        ([k, k + 1], [k, k + 1]) for k in (0, 2, 4)
    ]


def test_what_a_worker_computes_is_realized() -> None:
    w = tw.nn.Parameter(tw.ones(2))

    def through(items: list[Any]) -> Any:
        with tw.no_grad():
            return w * float(items[0])

    for k, batch in enumerate(data.DataLoader([0, 1, 2], num_workers=2, collate_fn=through)):
        assert batch._storage.value.array is not None and batch.tolist() == [k, k]


def test_arrays_through_workers() -> None:
    x, y = np.random.default_rng(0).random((1000, 7)), np.arange(1000)
    tw.manual_seed(1)
    alone = list(data.DataLoader(data.TensorDataset(x, y), 64, shuffle=True))
    tw.manual_seed(1)
    helped = list(data.DataLoader(data.TensorDataset(x, y), 64, shuffle=True, num_workers=2))
    for (a, b), (c, d) in zip(alone, helped, strict=True):
        assert a.tolist() == c.tolist() and b.tolist() == d.tolist()


def _forked(parent: str, child: str, lock: str = "") -> None:
    """``parent``, then ``child`` in a fork of it, while another thread holds ``lock``; each has seconds, not minutes."""
    source = f"""
import os, signal, threading, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of a fork with threads
import thalweg as tw
from thalweg import data
from thalweg.runtime.generator import default_generator
{parent}
held, go = threading.Event(), threading.Event()
def hold():
    with {lock or "threading.Lock()"}:
        held.set()
        go.wait({0.2 if "generator" in lock else 30})
holder = threading.Thread(target=hold)
holder.start()
held.wait()
if not (pid := os.fork()):
    signal.alarm(10)
    code = 1
    try:
{textwrap.indent(child, " " * 8)}
        code = 7
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
go.set()
holder.join()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
if not {lock!r}:
    assert len(list(epoch)) == 99
"""
    done = subprocess.run(
        [sys.executable, "-c", source],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        env=_environment(),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("lock", ["", "epoch._crew._board.changed"])
@pytest.mark.parametrize(
    "use", ["next(epoch)", "epoch._crew.renew()", "epoch._crew.give(0, 0, [])"]
)
def test_a_fork_is_told_that_its_workers_stayed_behind(use: str, lock: str) -> None:
    told = f"""
try:
    {use}
except RuntimeError as error:
    assert "stayed in the parent of a fork" in str(error)
else:
    raise AssertionError("not told")
assert len(list(data.DataLoader(range(100), num_workers=2))) == 100
epoch._crew.stop()
del epoch
"""
    _forked("epoch = iter(data.DataLoader(range(100), num_workers=2)); next(epoch)", told, lock)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_in_the_middle_of_a_draw_can_draw() -> None:
    draw = "assert tw.rand(3).tolist() == [x.item() for x in tw.manual_seed(4) and tw.rand(3)]"
    _forked("tw.manual_seed(4)", draw, "default_generator._lock")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("place", ["while waiting", "in the loop's body", "persistent"])
def test_interrupt_ends_cleanly(place: str) -> None:
    source = f"""
import time
from thalweg import data
class Slow(data.Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        time.sleep({0.3 if place == "while waiting" else 0.001})
        return i
print("ready", flush=True)
for batch in data.DataLoader(Slow(), 4, num_workers=3, persistent_workers={place == "persistent"}):
    time.sleep({0 if place == "while waiting" else 5})
"""
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode in (-signal.SIGINT, 130)
    assert time.monotonic() - start < 4
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.count("Traceback") == 1
