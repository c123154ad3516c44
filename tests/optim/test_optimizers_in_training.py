"""Optimizers in a loop with backward(): PyTorch's curves, state that goes on, rounds that fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
Make = Callable[[Any, Any], Any]

OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda m, p: m.optim.SGD(p, lr=0.1),
    "SGD momentum": lambda m, p: m.optim.SGD(p, lr=0.05, momentum=0.9),
    "SGD dampening": lambda m, p: m.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3),
    "SGD nesterov": lambda m, p: m.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
    "SGD decay": lambda m, p: m.optim.SGD(p, lr=0.1, weight_decay=0.1),
    "SGD maximize": lambda m, p: m.optim.SGD(p, lr=0.001, momentum=0.5, maximize=True),
    "Adam": lambda m, p: m.optim.Adam(p, lr=0.01),
    "Adam decay": lambda m, p: m.optim.Adam(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-6),
    "Adam amsgrad": lambda m, p: m.optim.Adam(p, lr=0.01, amsgrad=True),
    "Adam maximize": lambda m, p: m.optim.Adam(p, lr=0.001, maximize=True),
    "AdamW": lambda m, p: m.optim.AdamW(p, lr=0.01),
    "AdamW amsgrad": lambda m, p: m.optim.AdamW(p, lr=0.01, weight_decay=0.3, amsgrad=True),
    "RMSprop": lambda m, p: m.optim.RMSprop(p, lr=0.01),
    "RMSprop momentum": lambda m, p: m.optim.RMSprop(p, lr=0.005, momentum=0.9, weight_decay=0.01),
    "RMSprop centered": lambda m, p: m.optim.RMSprop(p, lr=0.005, alpha=0.9, centered=True, momentum=0.5),
    "RMSprop maximize": lambda m, p: m.optim.RMSprop(p, lr=0.001, maximize=True),
    "Adagrad": lambda m, p: m.optim.Adagrad(p, lr=0.1),
    "Adagrad decay": lambda m, p: m.optim.Adagrad(
        p, lr=0.1, lr_decay=0.02, weight_decay=0.01, initial_accumulator_value=0.1
    ),
    "Adagrad maximize": lambda m, p: m.optim.Adagrad(p, lr=0.01, maximize=True),
}  # fmt: skip

RNG = np.random.RandomState(0)
X, Y = RNG.randn(12, 3), RNG.randn(12, 2)
STARTS = (RNG.randn(3, 4), RNG.randn(4), RNG.randn(4, 2), np.asarray(RNG.randn()))


def _params(m: Any, kind: str = "float64") -> list[Any]:
    return [m.tensor(s.astype(kind), requires_grad=True) for s in STARTS]


def _loss(m: Any, params: list[Any], kind: str = "float64") -> Any:
    a, b, c, d = params
    x, y = m.tensor(X.astype(kind)), m.tensor(Y.astype(kind))
    return (((x @ a + b).tanh() @ c + d - y) ** 2).mean()


def _run(m: Any, make: Make, steps: int = 50, kind: str = "float64") -> tuple[list[Any], Any]:
    params = _params(m, kind)
    optimizer = make(m, params)
    for _ in range(steps):
        optimizer.zero_grad()
        _loss(m, params, kind).backward()
        optimizer.step()
    return params, optimizer


def _close(mine: Any, theirs: Any, rtol: float = 1e-12, atol: float = 1e-14) -> None:
    np.testing.assert_allclose(
        np.asarray(mine.detach().tolist()), np.asarray(theirs.detach().tolist()), rtol, atol
    )


def _plain(item: Any) -> Any:
    """A state dict with tensors as (type, shape, numbers)."""
    if isinstance(item, dict):
        return {k: _plain(v) for k, v in item.items()}
    if isinstance(item, list | tuple):
        return type(item)(_plain(v) for v in item)
    if hasattr(item, "detach"):
        values = np.round(np.asarray(item.detach().tolist()), 9)
        return repr(item.dtype).split(".")[-1], tuple(item.shape), (values + 0.0).tolist()
    return item


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_in_float64(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, _ = _run(tw, OPTIMIZERS[name])
    theirs, _ = _run(torch, OPTIMIZERS[name])
    for a, b in zip(mine, theirs, strict=True):
        _close(a, b)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_in_float32(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, _ = _run(tw, OPTIMIZERS[name], kind="float32")
    theirs, _ = _run(torch, OPTIMIZERS[name], kind="float32")
    for a, b in zip(mine, theirs, strict=True):
        assert a.dtype is tw.float32
        _close(a, b, 1e-3, 1e-4)


def _converted(m: Any, state: Any) -> Any:
    """A state dict with its tensors as those of library ``m``."""
    if isinstance(state, dict):
        return {k: _converted(m, v) for k, v in state.items()}
    if isinstance(state, list):
        return [_converted(m, v) for v in state]
    return m.tensor(state.numpy().copy()) if hasattr(state, "numpy") else state


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_goes_over_to_pytorch_and_back(name: str) -> None:
    torch = pytest.importorskip("torch")
    for here, there in ((tw, torch), (torch, tw)):
        params, optimizer = _run(here, OPTIMIZERS[name], 5)
        others = [there.tensor(p.detach().numpy().copy(), requires_grad=True) for p in params]
        other = OPTIMIZERS[name](there, others)
        other.load_state_dict(_converted(there, optimizer.state_dict()))
        for _ in range(5):
            for m, ps, o in ((here, params, optimizer), (there, others, other)):
                o.zero_grad()
                _loss(m, ps).backward()
                o.step()
        for a, b in zip(params, others, strict=True):
            _close(a, b)


@pytest.fixture(params=["interpret", "native"])
def one_tier(request: pytest.FixtureRequest) -> Any:
    """Bits are compared on one tier: "auto" goes over to native in the middle."""
    with tw.tier(request.param):
        yield


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resuming_from_a_state_dict(name: str, one_tier: None) -> None:
    whole, _ = _run(tw, OPTIMIZERS[name], 10)
    params, optimizer = _run(tw, OPTIMIZERS[name], 5)
    state = copy.deepcopy(optimizer.state_dict())
    again = OPTIMIZERS[name](tw, params)
    again.load_state_dict(state)
    for _ in range(5):
        again.zero_grad()
        _loss(tw, params).backward()
        again.step()
    for a, b in zip(params, whole, strict=True):
        assert a.tolist() == b.tolist()


def _groups(m: Any) -> list[Any]:
    params = _params(m)
    optimizer = m.optim.SGD(
        [{"params": params[:2]}, {"params": params[2], "lr": 0.5, "momentum": 0.0}],
        lr=0.1,
        momentum=0.9,
    )
    log = []
    for step in range(6):
        if step == 2:
            optimizer.add_param_group({"params": [params[3]], "weight_decay": 0.1})
        if step == 4:
            optimizer.param_groups[0]["lr"] = 0.01
        optimizer.zero_grad()
        _loss(m, params).backward()
        optimizer.step()
        log += [p.tolist() for p in params]
    return [log, [len(g["params"]) for g in optimizer.param_groups], repr(optimizer)]


def test_groups_that_change_in_mid_training() -> None:
    torch = pytest.importorskip("torch")
    (found, *shape), (expected, *their_shape) = _groups(tw), _groups(torch)
    assert shape == their_shape
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_fails_changes_nothing(name: str) -> None:
    params, optimizer = _run(tw, OPTIMIZERS[name], 2)
    before = [p.tolist() for p in params]
    state = _plain(optimizer.state_dict())
    optimizer.zero_grad()
    _loss(tw, params).backward()
    params[1]._grad = tw.ones(7, dtype=tw.float64)
    with pytest.raises(Exception):  # noqa: B017  # which error is the tiers' affair: what counts is the state
        optimizer.step()
        tw.synchronize()
    assert [p.tolist() for p in params] == before
    assert _plain(optimizer.state_dict()) == state
    optimizer.zero_grad()
    _loss(tw, params).backward()
    optimizer.step()
    assert params[0].tolist() != before[0]


def test_a_failing_first_step_leaves_no_state_behind_that_counts() -> None:
    params = _params(tw)
    optimizer = tw.optim.Adam(params, lr=0.01)
    _loss(tw, params).backward()
    good, params[1]._grad = params[1]._grad, tw.ones(7, dtype=tw.float64)
    with pytest.raises(Exception):  # noqa: B017  # which error is the tiers' affair: what counts is the state
        optimizer.step()
        tw.synchronize()
    params[1]._grad = good
    optimizer.step()
    expected, _ = _run(tw, lambda m, p: m.optim.Adam(p, lr=0.01), 1)
    for a, b in zip(params, expected, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("good_rounds", [0, 1, 7])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_round_whose_labels_are_wrong_changes_nothing(
    name: str, good_rounds: int, one_tier: None
) -> None:
    params = _params(tw)
    optimizer = OPTIMIZERS[name](tw, params)
    x = tw.tensor(X)

    def run(labels: Any) -> float:
        scores = (x @ params[0] + params[1]).tanh() @ params[2] + params[3]
        loss = tw.nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    good = tw.tensor([0, 1] * 6)
    for _ in range(good_rounds):
        run(good)
    before = [p.tolist() for p in params]
    state = _plain(optimizer.state_dict()["state"]) if good_rounds else None
    with pytest.raises(IndexError):
        run(tw.tensor([0, 2] * 6))
    assert [p.tolist() for p in params] == before
    if good_rounds:
        assert _plain(optimizer.state_dict()["state"]) == state
    run(good)
    after = [p.tolist() for p in params]
    others = _params(tw)
    params, optimizer = others, OPTIMIZERS[name](tw, others)
    for _ in range(good_rounds + 1):
        run(good)
    assert after == [p.tolist() for p in others]


def test_a_step_by_hand_whose_rate_varies_builds_no_new_graphs() -> None:
    from thalweg.runtime.trace import trie

    w = tw.tensor([1.0, 2.0], dtype=tw.float64, requires_grad=True)
    counts, expected = [], np.array([1.0, 2.0])
    for k in range(30):
        w.grad = None
        (w * w).sum().backward()
        with tw.no_grad():
            w.add_(w.grad, alpha=-0.1 / (k + 1))
        expected -= 2 * expected * 0.1 / (k + 1)
        counts.append(len(trie.graphs))
    assert counts[-1] == counts[4]
    np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-12)


def test_the_gradient_of_a_step_before_stays_readable() -> None:
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    optimizer = tw.optim.SGD([w], lr=0.5)
    old = w.detach().clone()
    (w * w).sum().backward()
    held = w.grad
    optimizer.step()
    assert held is not None and held.tolist() == [2, 4]
    assert w.tolist() == [0, 0] and old.tolist() == [1, 2]
