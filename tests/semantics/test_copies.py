"""Pickles and deep copies of what a training is made of: it goes on as the original does."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw


def _pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def _pickled_as_5(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol=5))


WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": _pickled, "pickle 5": _pickled_as_5, "deepcopy": copy.deepcopy,
}  # fmt: skip


@pytest.fixture(params=WAYS)
def twin(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return WAYS[request.param]


def test_tensors_over_one_storage_stay_so(twin: Any) -> None:
    x = tw.arange(6.0).reshape(2, 3)
    found = twin({"x": x, "row": x[1], "t": x.t(), "again": x, "wide": x[:1].expand(4, 3)})
    assert found["again"] is found["x"]
    found["x"][1, 0] = 50
    assert found["row"].tolist() == [50, 4, 5] and found["t"].tolist() == [[0, 50], [1, 4], [2, 5]]
    assert found["t"].stride() == (1, 3) and found["wide"].stride() == (0, 1)
    assert found["row"].data_ptr() - found["x"].data_ptr() == 12
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_tensors_shared_with_numpy_are_copied(twin: Any) -> None:
    x = tw.zeros(3)
    array = x.numpy()
    found = twin(x)
    array[0] = 5
    assert found.tolist() == [0, 0, 0]
    found += 1
    assert x.tolist() == [5, 0, 0]


def test_parameters_keep_class_flags_and_ties(twin: Any) -> None:
    p = tw.nn.Parameter(tw.arange(3.0), requires_grad=False)
    found = twin([p, p, tw.nn.Buffer(tw.ones(2), persistent=False)])
    assert type(found[0]) is tw.nn.Parameter and not found[0].requires_grad and found[1] is found[0]
    assert type(found[2]) is tw.nn.Buffer and not found[2].persistent


def test_attributes_of_parameters_are_pickled() -> None:
    p = tw.nn.Parameter(tw.ones(1))
    p.note = {"a": 1}
    assert _pickled(p).note == {"a": 1}


def test_results_are_pickled_as_leaves() -> None:
    w = tw.ones(2, requires_grad=True)
    found = _pickled(w * 2)
    assert found.is_leaf and found.requires_grad and found.tolist() == [2, 2]


class Tied(tw.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = tw.nn.Conv2d(1, 2, 2)
        self.norm = tw.nn.BatchNorm2d(2)
        self.first = tw.nn.Linear(8, 8)
        self.second = tw.nn.Linear(8, 8)
        self.second.weight = self.first.weight
        self.register_buffer("scale", tw.ones(1), persistent=False)
        self.layers = tw.nn.ModuleDict({"a": tw.nn.Dropout(0.5)})
        self.weights = tw.nn.ParameterList([tw.nn.Parameter(tw.ones(2))])

    def forward(self, x: Any) -> Any:
        x = self.norm(self.conv(x)).flatten(1)
        return (
            self.layers["a"](self.second(self.first(x).relu())) * self.scale + self.weights[0].sum()
        )


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: tw.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: tw.optim.Adam(p, lr=0.01, amsgrad=True),
    "Adagrad": lambda p: tw.optim.Adagrad(p, lr=0.1),
}
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: tw.optim.lr_scheduler.StepLR(o, 2, 0.5),
    "CosineAnnealingLR": lambda o: tw.optim.lr_scheduler.CosineAnnealingLR(o, 7),
    "ExponentialLR": lambda o: tw.optim.lr_scheduler.ExponentialLR(o, 0.5),
}


def _trains(net: Any, optimizer: Any, schedule: Any) -> list[float]:
    losses = []
    tw.manual_seed(0)
    for _ in range(3):
        optimizer.zero_grad()
        loss = net(tw.rand(4, 1, 3, 3)).square().mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_goes_on(optimizer: str, schedule: str, twin: Any) -> None:
    tw.manual_seed(1)
    net = Tied()
    made = OPTIMIZERS[optimizer](net.parameters())
    parts = (net, made, SCHEDULES[schedule](made))
    with tw.tier("interpret"):  # one tier, to the last bit: a copy's losses are the original's
        _trains(*parts)
        made.zero_grad()
        again = twin(parts)
        expected = _trains(*parts)
        assert again[0].first.weight is again[0].second.weight
        ours = {id(p) for p in again[0].parameters()}
        assert {id(p) for p in again[1].param_groups[0]["params"]} == ours
        assert again[2].optimizer is again[1]
        assert _trains(*again) == expected


def test_generators_go_on(twin: Any) -> None:
    generator = tw.Generator().manual_seed(7)
    tw.rand(3, generator=generator)
    again = twin(generator)
    assert again.initial_seed() == 7
    assert tw.randn(5, generator=again).tolist() == tw.randn(5, generator=generator).tolist()


@pytest.mark.parametrize(
    "thing", [tw.float32, tw.Size([1, 2]), tw.device("cpu"), tw.nn.MSELoss()], ids=str
)
def test_small_things(thing: Any, twin: Any) -> None:
    found = twin(thing)
    assert type(found) is type(thing) and repr(found) == repr(thing)
    assert isinstance(thing, tw.nn.Module) or found == thing


def _answers(requests: Any, answers: Any) -> None:
    net, x = requests.get()
    answers.put((net(x).detach(), {"rows": [x[0], x[1]]}, net.state_dict()))


def test_processes_that_are_spawned_send_tensors_and_modules() -> None:
    context = multiprocessing.get_context("spawn")
    requests, answers = context.Queue(), context.Queue()
    process = context.Process(target=_answers, args=(requests, answers))
    process.start()
    net, x = tw.nn.Linear(2, 3), tw.arange(4.0).reshape(2, 2)
    requests.put((net, x))
    result, nest, state = answers.get(timeout=60)
    process.join(60)
    assert process.exitcode == 0
    assert result.tolist() == net(x).tolist() and nest["rows"][1].tolist() == [2, 3]
    assert state["weight"].tolist() == net.weight.tolist()
