"""PyTorch's files here and ours there: the same things, the same sharing, the same pickle to the byte."""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg.serialization import LoadError

torch = pytest.importorskip("torch")

DTYPES = [d.name for d in tw.ir.dtype.ALL]


def written(m: Any, thing: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    m.save(thing, file, **options)
    file.seek(0)
    return file


def same(mine: Any, theirs: Any, where: str = "") -> None:
    """Equal in everything that a file keeps."""
    if isinstance(theirs, torch.Tensor):
        kind = tw.nn.Parameter if isinstance(theirs, torch.nn.Parameter) else tw.Tensor
        assert isinstance(mine, kind), where
        assert repr(mine.dtype).split(".")[1] == repr(theirs.dtype).split(".")[1], where
        assert tuple(mine.shape) == tuple(theirs.shape), where
        assert mine.stride() == theirs.stride() and mine.requires_grad == theirs.requires_grad, (
            where
        )
        assert mine.storage_offset() == theirs.storage_offset(), where
        assert repr(mine.tolist()) == repr(theirs.tolist()), where
    elif isinstance(theirs, dict):
        assert type(mine) is type(theirs) and list(mine) == list(theirs), where
        for key in theirs:
            same(mine[key], theirs[key], f"{where}[{key!r}]")
        assert getattr(mine, "_metadata", None) == getattr(theirs, "_metadata", None)
    elif isinstance(theirs, list | tuple) and not isinstance(theirs, torch.Size):
        assert type(mine) is type(theirs) and len(mine) == len(theirs), where
        for number, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            same(a, b, f"{where}[{number}]")
    else:
        assert repr(mine).replace("thalweg", "torch") == repr(theirs), where


def _types(m: Any) -> Any:
    made = {}
    for name in DTYPES:
        for shape in ((), (0,), (3,), (2, 0, 3), (2, 3)):
            made[f"{name} {shape}"] = m.ones(shape, dtype=getattr(m, name))
    return made


def _views(m: Any) -> Any:
    x = m.arange(12.0).reshape(3, 4)
    return {
        "x": x, "t": x.t(), "row": x[1], "part": x[1:, ::2], "wide": m.ones(1).expand(3), "again": [x, x],
        "empty": x[:0],
    }  # fmt: skip


def _things(m: Any) -> Any:
    return {
        "numbers": [1, -(2**80), 2**31, 0.1, float("inf"), True, None, 1j, 300, 70_000],
        "text": ["", "ä\n\0", "a" * 300],
        "bytes": b"a\xff",
        "size": m.Size([2, 3]),
        "types": [m.float32, m.int8, m.bool, m.uint16, m.bfloat16, m.strided],
        3: (1, (2, ()), [], {}, (1, 2, 3, 4)),
        "ordered": OrderedDict([("b", 1), ("a", (None,))]),
        "set": {1},
    }


def _leaves(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    p = m.nn.Parameter(m.arange(3.0))
    q = m.nn.Parameter(m.zeros(1), requires_grad=False)
    q.note = {"a": 1}
    x = m.zeros(2)
    x.note = [1, "text"]
    return {"w": w, "result": w * 2, "p": p, "tied": p, "q": q, "x": x}


def _network(m: Any) -> Any:
    net = m.nn.Sequential(
        OrderedDict(
            stem=m.nn.Sequential(
                m.nn.Conv2d(2, 4, 3, padding=1, bias=False), m.nn.BatchNorm2d(4), m.nn.ReLU()
            ),
            pool=m.nn.MaxPool2d(2),
            flat=m.nn.Flatten(),
            head=m.nn.Linear(16, 3),
        )
    )
    with m.no_grad():
        for number, p in enumerate(net.parameters()):
            p.copy_(
                m.arange(float(p.numel())).reshape(p.shape).sub(number).mul(0.125).remainder(1.0)
            )
    return net


def _trained(m: Any) -> Any:
    net = _network(m)
    made = {
        "Adam": m.optim.Adam(net.parameters(), lr=0.125),
        "SGD": m.optim.SGD(
            [{"params": net.stem.parameters()}, {"params": net.head.parameters(), "lr": 0.5}],
            lr=0.25,
            momentum=0.5,
        ),
    }
    schedules = {
        "StepLR": m.optim.lr_scheduler.StepLR(made["SGD"], 2),
        "CosineAnnealingLR": m.optim.lr_scheduler.CosineAnnealingLR(made["Adam"], 5),
    }
    for p in net.parameters():
        p.grad = m.zeros_like(p)
    for optimizer in made.values():
        optimizer.step()
    for schedule in schedules.values():
        schedule.step()
    return {
        "epoch": 3,
        "model": net.state_dict(),
        "optimizers": {name: o.state_dict() for name, o in made.items()},
        "schedules": {name: s.state_dict() for name, s in schedules.items()},
    }


MAKERS: dict[str, Callable[[Any], Any]] = {
    f.__name__.strip("_"): f for f in (_types, _views, _things, _leaves, _trained)
}


@pytest.mark.parametrize("name", MAKERS)
def test_ours_there(name: str) -> None:
    mine = MAKERS[name](tw)
    file = written(tw, mine)
    theirs = torch.load(file, weights_only=True)
    same(tw.load(written(tw, mine)), theirs)


@pytest.mark.parametrize("name", MAKERS)
def test_theirs_here(name: str) -> None:
    theirs = MAKERS[name](torch)
    same(tw.load(written(torch, theirs)), torch.load(written(torch, theirs)))


@pytest.mark.parametrize("name", MAKERS)
def test_theirs_of_before_the_archives_here(name: str) -> None:
    theirs = MAKERS[name](torch)
    file = written(torch, theirs, _use_new_zipfile_serialization=False)
    same(tw.load(file), torch.load(written(torch, theirs)))
    content = file.getvalue()
    for length in range(1, len(content), max(len(content) // 40, 1)):
        with pytest.raises(LoadError):
            tw.load(io.BytesIO(content[:length]))


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_pickle_and_the_same_members(name: str) -> None:
    archives = [zipfile.ZipFile(written(m, MAKERS[name](m))) for m in (tw, torch)]
    mine, theirs = archives
    assert mine.read("archive/data.pkl") == theirs.read("archive/data.pkl")
    assert mine.namelist() == theirs.namelist()
    for member in theirs.namelist():
        if not member.endswith("serialization_id") and name != "trained":
            assert mine.read(member) == theirs.read(member), member


def test_the_folder_of_the_archive_is_named_as_there(tmp_path: Any) -> None:
    for number, file in enumerate(("a.pt", "b", "c.tar.gz", "d.", "ä.pt", "e f.pth")):
        names = []
        for m in (tw, torch):
            m.save({}, tmp_path / file)
            with zipfile.ZipFile(tmp_path / file) as archive:
                names.append(archive.namelist()[0])
        assert names[0] == names[1], (number, file)


def test_sharing_is_kept_both_ways() -> None:
    for here, there in ((tw, torch), (torch, tw)):
        found = there.load(written(here, _views(here)))
        found["x"][1, 2] = 50
        assert found["t"][2, 1].item() == 50 and found["row"].tolist() == [4, 5, 50, 7]
        assert found["part"].tolist() == [[4, 50], [8, 10]] and found["again"][1] is found["x"]
        assert found["t"].data_ptr() == found["x"].data_ptr()
        assert found["part"].data_ptr() - found["x"].data_ptr() == 16


def test_a_network_goes_on_where_the_other_stopped() -> None:
    theirs, mine = _network(torch), _network(tw)
    x = [
        [
            [[((i * 7 + c) % 5) / 4 for i in range(4 * r, 4 * r + 4)] for r in range(4)]
            for c in range(2)
        ]
    ] * 3
    theirs.train()(torch.tensor(x))  # running statistics of its own
    state = tw.load(written(torch, theirs.state_dict()))
    assert str(mine.load_state_dict(state)) == "<All keys matched successfully>"
    assert mine.stem[1].num_batches_tracked.item() == 1
    ours, other = mine.eval()(tw.tensor(x)), theirs.eval()(torch.tensor(x))
    assert torch.allclose(torch.tensor(ours.tolist()), other, atol=1e-5)
    back = _network(torch)
    back.load_state_dict(torch.load(written(tw, mine.state_dict()), weights_only=True))
    assert torch.equal(back.eval()(torch.tensor(x)), other)
    del state["head.bias"]
    state["more"] = tw.ones(1)
    with pytest.raises(RuntimeError, match=r'Missing key.*"head.bias"[^$]*Unexpected key.*"more"'):
        mine.load_state_dict(state)


def test_loaded_parameters_are_assigned_as_they_are() -> None:
    state = tw.load(written(torch, _network(torch).state_dict()))
    net = _network(tw)
    net.load_state_dict(state, assign=True)
    assert net.head.weight.data_ptr() == state["head.weight"].data_ptr()
    assert all(t._view is None for t in state.values())


def test_optimizers_go_on() -> None:
    saved = _trained(torch)
    found = tw.load(written(torch, saved))
    net = _network(tw)
    optimizer = tw.optim.Adam(net.parameters())
    optimizer.load_state_dict(found["optimizers"]["Adam"])
    assert optimizer.param_groups[0]["lr"] == saved["optimizers"]["Adam"]["param_groups"][0]["lr"]
    assert optimizer.state[net.head.bias]["step"].item() == 1


@pytest.mark.filterwarnings("ignore:TypedStorage:UserWarning")
def test_storages() -> None:
    for here, there in ((tw, torch), (torch, tw)):
        found = there.load(written(here, [here.arange(3.0).untyped_storage(), here.ones(1)]))
        assert list(found[0].tolist()) == torch.arange(3.0).untyped_storage().tolist()


REFUSED = {
    "torch.nn.modules.linear.Linear": lambda: torch.nn.Linear(1, 1),
    "torch._utils._rebuild_sparse_tensor": lambda: torch.ones(2).to_sparse(),
    "float8_e5m2": lambda: torch.ones(2).to(torch.float8_e5m2),
    "posix.system": lambda: __import__("os").system,
    "meta": lambda: torch.ones(2, device="meta"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name: str) -> None:
    with pytest.raises(LoadError, match=name):
        tw.load(written(torch, REFUSED[name]()))
