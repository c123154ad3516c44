"""The group of one process: what a program for many does when it is the only one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import thalweg as tw
from thalweg import distributed as dist
from thalweg import nn
from thalweg.nn.parallel import DistributedDataParallel

ENVIRONMENT = {"RANK": "0", "WORLD_SIZE": "1"}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo")
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_begin_and_end(alone: None) -> None:
    assert dist.is_initialized() and dist.get_backend() == "gloo"
    assert (dist.get_rank(), dist.get_world_size()) == (0, 1)
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo")
    dist.destroy_process_group()
    assert not dist.is_initialized()


def test_every_operation_gives_the_one_tensor(alone: None) -> None:
    x = tw.arange(3.0)
    for act in (dist.all_reduce, dist.broadcast, dist.reduce):
        act(x)
        work = act(x, async_op=True)
        assert work is not None and work.wait() and work.is_completed()
    assert x.tolist() == [0, 1, 2]
    moves: list[Callable[[Any], Any]] = [
        lambda y: dist.all_gather([y], x),
        lambda y: dist.gather(x, [y], dst=0),
        lambda y: dist.scatter(y, [x], src=0),
        lambda y: dist.reduce_scatter(y, [x]),
        lambda y: dist.reduce_scatter_tensor(y, x),
        lambda y: dist.all_gather_into_tensor(y, x),
    ]
    for move in moves:
        y = tw.zeros(3)
        move(y)
        assert y.tolist() == [0, 1, 2]
    things: list[Any] = [None]
    dist.all_gather_object(things, {"a": 1})
    dist.broadcast_object_list(things, src=0)
    assert things == [{"a": 1}] and dist.barrier() is None
    assert dist.new_group([0]).size() == 1


def test_a_model_trains_as_without_it(alone: None) -> None:
    tw.manual_seed(0)
    plain = nn.Linear(3, 2)
    shared = DistributedDataParallel(plain, device_ids=None, find_unused_parameters=True)
    with shared.no_sync():
        shared(tw.ones(4, 3)).sum().backward()
    assert plain.bias.grad is not None and plain.bias.grad.tolist() == [4, 4]
    assert list(shared.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="requires a gradient"):
        DistributedDataParallel(nn.ReLU())


ERRORS: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "no group": (ValueError, "not been initialized", lambda: dist.get_rank()),
    "nothing to forget": (AssertionError, "cannot be None", lambda: dist.destroy_process_group()),
    "nothing said": (ValueError, "RANK expected", lambda: dist.init_process_group("gloo")),
    "many": (
        RuntimeError,
        "rank 1 of 4 processes",
        lambda: dist.init_process_group("gloo", rank=1, world_size=4),
    ),
    "for CUDA": (RuntimeError, "'nccl'", lambda: dist.init_process_group("nccl")),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_without_a_group(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    kind, text, act = ERRORS[case]
    with pytest.raises(kind, match=text):
        act()


def test_errors_in_the_group(alone: None) -> None:
    x = tw.zeros(1)
    with pytest.raises(RuntimeError, match="rank: 1"):
        dist.broadcast(x, src=1)
    with pytest.raises(ValueError, match="a list of 2 for one process"):
        dist.all_gather([x, x], x)
    with pytest.raises(ValueError, match="gather: a list of none"):
        dist.gather(x, None, dst=0)
    with pytest.raises(ValueError, match=r"give \[0\]"):
        dist.new_group([0, 1])
