"""Schedules give PyTorch's rates to the last bit, alone, chained, resumed and saved."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")

STEPS = 60

SCHEDULES: dict[str, Any] = {
    "lambda": lambda S, o: S.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda S, o: S.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda S, o: S.MultiplicativeLR(o, lambda e: 0.9 + 0.01 * (e % 3)),
    "step": lambda S, o: S.StepLR(o, 3, 0.3),
    "multistep": lambda S, o: S.MultiStepLR(o, [2, 5, 5, 11], 0.3),
    "constant": lambda S, o: S.ConstantLR(o, 0.3, 4),
    "linear": lambda S, o: S.LinearLR(o, 0.1, 0.7, 7),
    "linear, defaults": lambda S, o: S.LinearLR(o),
    "exponential": lambda S, o: S.ExponentialLR(o, 0.93),
    "polynomial": lambda S, o: S.PolynomialLR(o, 9, 1.7),
    "cosine": lambda S, o: S.CosineAnnealingLR(o, 7, 0.01),
    "cosine, once": lambda S, o: S.CosineAnnealingLR(o, STEPS),
    "restarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 4, 2, 0.001),
    "restarts of one length": lambda S, o: S.CosineAnnealingWarmRestarts(o, 5),
    "one cycle": lambda S, o: S.OneCycleLR(o, 0.8, STEPS),
    "one cycle by epochs": lambda S, o: S.OneCycleLR(o, [0.8, 0.3], epochs=6, steps_per_epoch=10),
    "one cycle in lines": lambda S, o: S.OneCycleLR(o, 0.8, STEPS, anneal_strategy="linear"),
    "one cycle, own factors": lambda S, o: S.OneCycleLR(
        o, 0.4, STEPS + 2, 0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100
    ),
    "one cycle in three": lambda S, o: S.OneCycleLR(o, 0.8, STEPS, three_phase=True, pct_start=0.4),
    "one cycle, no momentum": lambda S, o: S.OneCycleLR(o, 0.8, STEPS, cycle_momentum=False),
    "cyclic": lambda S, o: S.CyclicLR(o, 0.01, 0.3, 4, 7),
    "cyclic, halving": lambda S, o: S.CyclicLR(o, [0.01, 0.02], 0.3, 5, mode="triangular2"),
    "cyclic, shrinking": lambda S, o: S.CyclicLR(o, 0.01, 0.3, 5, mode="exp_range", gamma=0.97),
    "cyclic, own scale": lambda S, o: S.CyclicLR(
        o, 0.01, 0.3, 5, scale_fn=lambda x: 1 / x, cycle_momentum=False
    ),
    "sequence": lambda S, o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 3), S.CosineAnnealingLR(o, 9), S.ExponentialLR(o, 0.9)], [3, 12]
    ),
    "warm-up and cosine": lambda S, o: S.SequentialLR(
        o, [S.LinearLR(o, 0.01, total_iters=10), S.CosineAnnealingLR(o, 50)], [10]
    ),
    "chain": lambda S, o: S.ChainedScheduler(
        [S.LinearLR(o, 0.2, total_iters=6), S.StepLR(o, 5, 0.5), S.ExponentialLR(o, 0.97)]
    ),
    "sequence in a sequence": lambda S, o: S.SequentialLR(
        o, [S.SequentialLR(o, [S.StepLR(o, 2), S.StepLR(o, 1)], [3]), S.ExponentialLR(o, 0.5)], [6]
    ),
}
BOTH_OPTIMIZERS = ("SGD", "AdamW")


@pytest.fixture
def optimizer(weights):
    def make(library: Any, name: str = "SGD", **settings: Any) -> Any:
        a, b, c = weights(library)
        groups = [{"params": [a, b]}, {"params": [c], "lr": 0.03}]
        if name == "SGD":
            settings.setdefault("momentum", 0.9)
        return getattr(library.optim, name)(groups, lr=0.1, **settings)

    return make


def settings_of(optimizer: Any) -> list[Any]:
    names = ("lr", "initial_lr", "max_lr", "min_lr", "momentum", "betas", "max_momentum")
    return [[g.get(name) for name in names] for g in optimizer.param_groups]


def run(schedule: Any, optimizer: Any, steps: int) -> list[Any]:
    def shown() -> Any:
        epoch = getattr(schedule, "last_epoch", None)  # a chain has none
        return list(schedule.get_last_lr()), settings_of(optimizer), epoch

    seen = [shown()]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        seen.append(shown())
    return seen


@pytest.fixture(params=SCHEDULES)
def make(request):
    return SCHEDULES[request.param]


@pytest.mark.parametrize("name", BOTH_OPTIMIZERS)
def test_the_rates_of_pytorch_to_the_last_bit(make, optimizer, torch, name):
    mine, theirs = optimizer(tw, name), optimizer(torch, name)
    found = run(make(tw.optim.lr_scheduler, mine), mine, STEPS - 1)
    assert found == run(make(torch.optim.lr_scheduler, theirs), theirs, STEPS - 1)


def test_the_state_of_pytorch(make, optimizer, torch):
    mine, theirs = optimizer(tw), optimizer(torch)
    a, b = make(tw.optim.lr_scheduler, mine), make(torch.optim.lr_scheduler, theirs)
    run(a, mine, 6), run(b, theirs, 6)
    assert a.state_dict() == b.state_dict()


def test_a_saved_schedule_goes_on(make, optimizer):
    whole, first, second = optimizer(tw), optimizer(tw), optimizer(tw)
    expected = run(make(tw.optim.lr_scheduler, whole), whole, 30)
    started = make(tw.optim.lr_scheduler, first)
    run(started, first, 13)
    resumed = make(tw.optim.lr_scheduler, second)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(pickle.loads(pickle.dumps(started.state_dict())))
    assert run(resumed, second, 17) == expected[13:]


def test_a_saved_schedule_goes_through_a_file(optimizer, tmp_path):
    o = optimizer(tw)
    for name, make in SCHEDULES.items():
        if name in ("lambda", "lambdas", "multiplicative", "cyclic, own scale"):  # functions
            continue
        schedule = make(tw.optim.lr_scheduler, o)
        run(schedule, o, 5)
        tw.save(schedule.state_dict(), tmp_path / "schedule")
        assert tw.load(tmp_path / "schedule") == schedule.state_dict(), name


@pytest.mark.parametrize(
    "name", ["step", "multistep", "linear", "exponential", "polynomial", "cosine", "restarts"]
)
def test_resuming_by_last_epoch(name, optimizer, torch):
    def resumed(library: Any) -> list[Any]:
        S, o = library.optim.lr_scheduler, optimizer(library)
        run(SCHEDULES[name](S, o), o, 5)
        again = {
            "step": lambda: S.StepLR(o, 3, 0.3, last_epoch=5),
            "multistep": lambda: S.MultiStepLR(o, [2, 5, 5, 11], 0.3, last_epoch=5),
            "linear": lambda: S.LinearLR(o, 0.1, 0.7, 7, last_epoch=5),
            "exponential": lambda: S.ExponentialLR(o, 0.93, last_epoch=5),
            "polynomial": lambda: S.PolynomialLR(o, 9, 1.7, last_epoch=5),
            "cosine": lambda: S.CosineAnnealingLR(o, 7, 0.01, last_epoch=5),
            "restarts": lambda: S.CosineAnnealingWarmRestarts(o, 4, 2, 0.001, last_epoch=5),
        }[name]()
        return run(again, o, 10)

    assert resumed(tw) == resumed(torch)


@pytest.mark.parametrize(
    "name", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine",
             "lambda", "restarts"]
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_stepping_to_an_epoch(name, optimizer, torch):
    def jumps(library: Any) -> list[Any]:
        o = optimizer(library)
        schedule = SCHEDULES[name](library.optim.lr_scheduler, o)
        seen = []
        for epoch in (7, 3, 12, 0):
            schedule.step(epoch)
            seen.append((schedule.last_epoch, schedule.get_last_lr()))
        return seen

    assert jumps(tw) == jumps(torch)


METRICS = [1.0, 0.8, 0.8, 0.79999, 0.9, 0.9, 0.7, 0.7, 0.7, 0.7, math.nan]
METRICS += [0.7, 0.7, 0.7, 0.7, -1.0, -1.0, -1, -1]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("kind", ["rel", "abs"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"patience": 0, "threshold": 0.05},
        {"cooldown": 2, "min_lr": [0.02, 0.0]},
        {"patience": 0, "cooldown": 2, "factor": 0.3},
        {"eps": 0.01},
    ],
)
def test_on_a_plateau(mode, kind, more, optimizer, torch):
    def rates(library: Any) -> list[Any]:
        o = optimizer(library)
        settings = {"factor": 0.5, "patience": 2, "threshold": 0.01, "threshold_mode": kind, **more}
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(o, mode, **settings)
        seen = []
        for k, metric in enumerate(METRICS * 2):
            schedule.step(library.tensor(metric, dtype=library.float64) if k % 2 else metric)
            seen.append((schedule.get_last_lr(), schedule.num_bad_epochs, schedule.in_cooldown))
        return [seen, schedule.state_dict()]

    assert rates(tw) == rates(torch)


def test_a_plateau_looks_at_tensors_and_resumes(optimizer):
    o = optimizer(tw)
    schedule = tw.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0)
    schedule.step(tw.tensor(1.0))
    schedule.step(tw.tensor(1.0))
    assert schedule.get_last_lr() == pytest.approx([0.01, 0.003])
    other = tw.optim.lr_scheduler.ReduceLROnPlateau(o, "max")
    other.load_state_dict(schedule.state_dict())
    assert other.mode == "min" and other.best == 1.0 and other.last_epoch == 2
    twin = optimizer(tw)
    resumed = tw.optim.lr_scheduler.ReduceLROnPlateau(twin)
    twin.load_state_dict(o.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    for metric in METRICS:
        schedule.step(metric), resumed.step(metric)
        assert settings_of(twin) == settings_of(o)


def test_a_new_group_on_a_plateau(optimizer):
    o = optimizer(tw)
    schedule = tw.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.0, 0.0])
    free = tw.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0)
    o.add_param_group({"params": [tw.nn.Parameter(tw.zeros(2))]})
    free.step(1.0), free.step(1.0)
    assert len(free.get_last_lr()) == 3
    schedule.step(1.0)
    with pytest.raises(RuntimeError, match="number of param groups"):
        schedule.step(1.0)


def test_a_tensor_as_rate_is_filled_in_place(weights):
    rate = tw.tensor(0.5)
    o = tw.optim.SGD(weights(tw), lr=rate)
    schedule = tw.optim.lr_scheduler.ExponentialLR(o, 0.5)
    o.step(), schedule.step()
    assert o.param_groups[0]["lr"] is rate and rate.item() == 0.25
    seen = schedule.get_last_lr()[0]
    o.step(), schedule.step()
    assert seen.item() == 0.25 and o.param_groups[0]["initial_lr"].item() == 0.5


def test_warnings(optimizer):
    S = tw.optim.lr_scheduler
    schedule = S.StepLR(optimizer(tw), 2)
    with pytest.warns(UserWarning, match="get_last_lr"):
        schedule.get_lr()
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        schedule.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        schedule.step(4)
    o = optimizer(tw)
    replaced = S.StepLR(o, 2)
    o.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        replaced.step()


def test_a_user_schedule(optimizer):
    class Halving(tw.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            if self.last_epoch == 0:
                return [g["lr"] for g in self.optimizer.param_groups]
            return [g["lr"] / 2 for g in self.optimizer.param_groups]

    o = optimizer(tw)
    schedule = Halving(o)
    assert [lr for (lr, _), _, _ in run(schedule, o, 2)] == [0.1, 0.05, 0.025]


def test_callable_objects_are_saved_and_functions_are_not(optimizer):
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, epoch: float) -> float:
            return self.factor**epoch

    S, o = tw.optim.lr_scheduler, optimizer(tw)
    saved = S.LambdaLR(o, [Scale(0.5), lambda e: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"factor": 0.5}, None]
    fresh = S.LambdaLR(o, [Scale(0.1), lambda e: 1.0])
    fresh.load_state_dict(saved)
    assert fresh.lr_lambdas[0](1) == 0.5
    cyclic = S.CyclicLR(o, 0.1, 0.2, scale_fn=Scale(0.5))
    assert cyclic.state_dict()["_scale_fn_custom"] == {"factor": 0.5}
    other = S.CyclicLR(o, 0.1, 0.2, scale_fn=Scale(0.9))
    other.load_state_dict(cyclic.state_dict())
    assert other.scale_fn(2) == 0.25


def test_copies_go_their_own_way(optimizer):
    o = optimizer(tw)
    schedule = tw.optim.lr_scheduler.ExponentialLR(o, 0.5)
    twin = copy.deepcopy(schedule)
    o.step(), schedule.step()
    assert twin.get_last_lr() == [0.1, 0.03] and twin.optimizer is not o


ERRORS: list[tuple[type[Exception], Any]] = [
    (TypeError, lambda S, o: S.StepLR([1], 3)),
    (TypeError, lambda S, o: S.OneCycleLR([1], 3, 4)),
    (TypeError, lambda S, o: S.CyclicLR([1], 3, 4)),
    (TypeError, lambda S, o: S.ReduceLROnPlateau([1])),
    (KeyError, lambda S, o: S.StepLR(o, 3, last_epoch=4)),
    (ValueError, lambda S, o: S.LambdaLR(o, [lambda e: 1.0])),
    (TypeError, lambda S, o: S.MultiplicativeLR(o, 3)),
    (ValueError, lambda S, o: S.ConstantLR(o, 1.5)),
    (ValueError, lambda S, o: S.LinearLR(o, 0.0)),
    (ValueError, lambda S, o: S.LinearLR(o, 0.5, 2.0)),
    (ValueError, lambda S, o: S.CosineAnnealingWarmRestarts(o, 0)),
    (ValueError, lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, 0)),
    (ValueError, lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, eta_min="1")),
    (ValueError, lambda S, o: S.CosineAnnealingWarmRestarts(o, 3).step(-1)),
    (ValueError, lambda S, o: S.CyclicLR(o, 0.1, 0.2, mode="square")),
    (ValueError, lambda S, o: S.CyclicLR(o, [0.1], 0.2)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1, 0)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=2)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1, epochs=2, steps_per_epoch=0)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1, 9, pct_start=2.0)),
    (ValueError, lambda S, o: S.OneCycleLR(o, 0.1, 9, anneal_strategy="log")),
    (ValueError, lambda S, o: S.OneCycleLR(o, [0.1], 9)),
    (ValueError, lambda S, o: [run(S.OneCycleLR(o, 0.1, 2), o, 4)]),
    (ValueError, lambda S, o: S.ReduceLROnPlateau(o, factor=1.0)),
    (ValueError, lambda S, o: S.ReduceLROnPlateau(o, "least")),
    (ValueError, lambda S, o: S.ReduceLROnPlateau(o, threshold_mode="log")),
    (ValueError, lambda S, o: S.ReduceLROnPlateau(o, min_lr=[0.1])),
    (ValueError, lambda S, o: S.SequentialLR(o, [], [])),
    (ValueError, lambda S, o: S.SequentialLR(o, [S.StepLR(o, 1)], [3])),
    (ValueError, lambda S, o: S.SequentialLR(o, [S.StepLR(o, 3), S.StepLR(o, 3)], [1, 2])),
    (TypeError, lambda S, o: S.SequentialLR(o, [3], [])),
    (ValueError, lambda S, o: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], [])),
    (ValueError, lambda S, o: S.SequentialLR(copy.deepcopy(o), [S.StepLR(o, 1)], [])),
    (ValueError, lambda S, o: S.ChainedScheduler([])),
    (ValueError, lambda S, o: S.ChainedScheduler([S.ReduceLROnPlateau(o)])),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number, optimizer, request):
    kind, cause = ERRORS[number]
    with pytest.raises(kind):
        cause(tw.optim.lr_scheduler, optimizer(tw))


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_are_pytorch_s(number, optimizer, torch):
    kind, cause = ERRORS[number]
    with pytest.raises(kind):
        cause(torch.optim.lr_scheduler, optimizer(torch))


def test_one_cycle_names_its_length_at_its_end(optimizer):
    o = optimizer(tw)
    with pytest.raises(ValueError, match="total"):
        run(tw.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=5), o, 6)


def test_momentum_cannot_be_cycled_where_there_is_none(weights):
    o = tw.optim.Adagrad(weights(tw))
    for kind in (tw.optim.lr_scheduler.OneCycleLR, tw.optim.lr_scheduler.CyclicLR):
        with pytest.raises(ValueError, match="must support momentum"):
            kind(o, 0.1, 9)


def test_a_schedule_steers_the_step():
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
