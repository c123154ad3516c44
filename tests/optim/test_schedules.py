"""Learning-rate schedules: PyTorch's rates at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

# PyTorch warns where a schedule steps before its optimizer, which these tests do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore")
Make = Callable[[Any, Any], Any]
STEPS = 60

SCHEDULES: dict[str, Make] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda k: 0.95**k),
    "LambdaLR each": lambda s, o: s.LambdaLR(o, [lambda k: 1 / (1 + k), lambda k: 0.5**k]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda k: 0.9 + 0.001 * k),
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [5, 9, 9, 40], 0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.25, 8),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, 0.9, 12),
    "LinearLR default": lambda s, o: s.LinearLR(o),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 30, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 13, 0.001),
    "CosineAnnealingLR whole": lambda s, o: s.CosineAnnealingLR(o, STEPS),
    "warm restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.0001),
    "warm restarts, equal": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.4, total_steps=STEPS + 1),
    "OneCycleLR each": lambda s, o: s.OneCycleLR(o, [0.4, 0.1], epochs=7, steps_per_epoch=9),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, 0.4, total_steps=STEPS + 2, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100
    ),
    "OneCycleLR three": lambda s, o: s.OneCycleLR(o, 0.4, total_steps=STEPS + 1, three_phase=True),
    "OneCycleLR constant momentum": lambda s, o: s.OneCycleLR(
        o, 0.4, total_steps=STEPS + 1, cycle_momentum=False
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 6), s.ExponentialLR(o, 0.9), s.ConstantLR(o, 0.5, 4)], [6, 25]
    ),
    "warm-up and cosine": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.01, total_iters=10), s.CosineAnnealingLR(o, 50)], [10]
    ),
}  # fmt: skip


def _optimizer(m: Any, kind: str) -> Any:
    a, b = m.ones(2, requires_grad=True), m.ones(3, requires_grad=True)
    groups = [{"params": [a]}, {"params": [b], "lr": 0.02}]
    if kind == "SGD":
        return m.optim.SGD(groups, lr=0.1, momentum=0.9)
    return m.optim.AdamW(groups, lr=0.1)


def _shown(optimizer: Any) -> list[Any]:
    return [[g["lr"], g.get("momentum"), g.get("betas")] for g in optimizer.param_groups]


def _rates(m: Any, make: Make, kind: str, steps: int = STEPS) -> tuple[list[Any], Any, Any]:
    optimizer = _optimizer(m, kind)
    schedule = make(m.optim.lr_scheduler, optimizer)
    rates = [_shown(optimizer)]
    for _ in range(steps):
        schedule.step()
        rates.append([_shown(optimizer), schedule.get_last_lr(), schedule.last_epoch])
    return rates, optimizer, schedule


def _flat(item: Any) -> list[float]:
    if isinstance(item, list | tuple):
        return [x for part in item for x in _flat(part)]
    return [math.nan if item is None else float(item)]


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_sixty_steps(name: str, kind: str) -> None:
    torch = pytest.importorskip("torch")
    mine, _, _ = _rates(tw, SCHEDULES[name], kind)
    theirs, _, _ = _rates(torch, SCHEDULES[name], kind)
    for k, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert _flat(a) == pytest.approx(_flat(b), rel=1e-12, abs=1e-15, nan_ok=True), f"step {k}"


@pytest.mark.parametrize("name", SCHEDULES)
def test_resuming_from_a_state_dict(name: str) -> None:
    whole, _, _ = _rates(tw, SCHEDULES[name], "SGD", 40)
    _, optimizer, schedule = _rates(tw, SCHEDULES[name], "SGD", 17)
    state, groups = schedule.state_dict(), optimizer.state_dict()
    assert "optimizer" not in state
    fresh = _optimizer(tw, "SGD")
    again = SCHEDULES[name](tw.optim.lr_scheduler, fresh)
    fresh.load_state_dict(groups)
    again.load_state_dict(state)
    for k in range(18, 41):
        again.step()
        assert _flat([_shown(fresh), again.get_last_lr(), again.last_epoch]) == pytest.approx(
            _flat(whole[k]), rel=1e-12, nan_ok=True
        )


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "Lambda" not in n and "Mult" not in n])
def test_a_state_dict_can_be_saved(name: str, tmp_path: Any) -> None:
    _, _, schedule = _rates(tw, SCHEDULES[name], "SGD", 5)
    state = schedule.state_dict()
    tw.save(state, tmp_path / "schedule")
    found = tw.load(tmp_path / "schedule")
    assert set(found) == set(state)
    assert found["last_epoch"] == state["last_epoch"] and found["_last_lr"] == state["_last_lr"]


METRICS = [1.0, 0.9, 0.9, 0.91, 0.92, 0.8, 0.8, 0.8, 0.8, 0.8, 0.79999, 0.7, 0.71, 0.72, 0.73, 0.74]
PLATEAUS: dict[str, dict[str, Any]] = {
    "default": {"patience": 2},
    "abs": {"patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
    "max": {"mode": "max", "patience": 1, "factor": 0.5},
    "cooldown": {"patience": 0, "cooldown": 2, "factor": 0.3},
    "floor": {"patience": 0, "min_lr": [0.01, 0.001]},
    "eps": {"patience": 0, "eps": 0.005},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateau(name: str) -> None:
    torch = pytest.importorskip("torch")
    logs = []
    for m in (tw, torch):
        optimizer = _optimizer(m, "SGD")
        schedule = m.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
        log = []
        for k, metric in enumerate(METRICS * 2):
            schedule.step(m.tensor(metric) if k % 2 else metric)
            log.append(_flat([_shown(optimizer), schedule.get_last_lr(), schedule.num_bad_epochs]))
        logs.append(log)
    for a, b in zip(*logs, strict=True):
        assert a == pytest.approx(b, rel=1e-12, nan_ok=True)


def test_resuming_a_plateau() -> None:
    optimizer = _optimizer(tw, "SGD")
    schedule = tw.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    for metric in METRICS[:9]:
        schedule.step(metric)
    fresh = _optimizer(tw, "SGD")
    again = tw.optim.lr_scheduler.ReduceLROnPlateau(fresh, patience=2)
    fresh.load_state_dict(optimizer.state_dict())
    again.load_state_dict(schedule.state_dict())
    for metric in METRICS[9:]:
        schedule.step(metric)
        again.step(metric)
        assert _shown(fresh) == _shown(optimizer)


ERRORS: dict[str, Make] = {
    "no optimizer": lambda s, o: s.StepLR("optimizer", 3),
    "one-cycle without length": lambda s, o: s.OneCycleLR(o, 0.1),
    "one-cycle of 0 steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    "one-cycle share": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, pct_start=1.5),
    "one-cycle strategy": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, anneal_strategy="steep"),
    "one-cycle rates": lambda s, o: s.OneCycleLR(o, [0.1] * 3, total_steps=9),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda k: 1.0]),
    "restart after 0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "restart multiple": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 0),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="median"),
    "constant factor": lambda s, o: s.ConstantLR(o, 1.5),
    "linear start": lambda s, o: s.LinearLR(o, 0.0),
    "resuming without initial_lr": lambda s, o: s.StepLR(o, 3, last_epoch=4),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3), s.StepLR(o, 3)], [1, 2]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as expected:
        ERRORS[name](torch.optim.lr_scheduler, _optimizer(torch, "SGD"))
    with pytest.raises(expected.type):
        ERRORS[name](tw.optim.lr_scheduler, _optimizer(tw, "SGD"))


def test_one_cycle_ends() -> None:
    torch = pytest.importorskip("torch")
    for m in (tw, torch):
        _, _, schedule = _rates(m, lambda s, o: s.OneCycleLR(o, 0.1, total_steps=5), "SGD", 5)
        with pytest.raises(ValueError, match="total"):
            schedule.step()


def test_a_schedule_steers_the_step() -> None:
    w = tw.ones(1, requires_grad=True)
    optimizer = tw.optim.SGD([w], lr=1.0)
    schedule = tw.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    seen = []
    for _ in range(4):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        schedule.step()
        seen.append(w.item())
    assert seen == [0.0, -0.5, -0.75, -0.875]
