"""Every optimizer follows PyTorch's, in every setting it branches on."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import thalweg as tw

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "foreach": True}),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.8, 0.6), "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "centered": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
    ),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.6, "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {"lr": 0.05}),
    ("ASGD", {"lr": 0.05, "lambd": 0.1, "t0": 10.0, "alpha": 0.5, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.1}),
    ("Adafactor", {"eps": (1e-3, 0.5), "d": 2.0, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"etas": (0.3, 1.7), "step_sizes": (0.005, 0.1), "maximize": True}),
]
NAMES = sorted({name for name, _ in CASES})


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def case(request):
    return request.param


def gradients(steps: int) -> list[list[np.ndarray[Any, Any]]]:
    draw = np.random.default_rng(7)
    return [[draw.normal(size=shape) for shape in [(3, 4), (4,), ()]] for _ in range(steps)]


def train(library: Any, optimizer: Any, given: list[Any], skip: bool = True) -> None:
    """Steps with fixed gradients; at every third the second parameter has none."""
    params = [p for g in optimizer.param_groups for p in g["params"]]
    for i, grads in enumerate(given):
        for k, (p, g) in enumerate(zip(params, grads, strict=True)):
            p.grad = None if skip and k == 1 and i % 3 == 1 else library.tensor(g, dtype=p.dtype)
        optimizer.step()


def flat(optimizer: Any) -> dict[str, Any]:
    """Parameters and states by name, as arrays."""
    found = {}
    for i, p in enumerate(p for g in optimizer.param_groups for p in g["params"]):
        found[f"{i}"] = p.detach().numpy()
        for name, value in sorted(optimizer.state.get(p, {}).items()):
            found[f"{i} {name}"] = value.numpy()
    return found


def assert_close(
    found: dict[str, Any], expected: dict[str, Any], rtol: float, atol: float = 0.0
) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape, name
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [("float64", 1e-12, 1e-14), ("float32", 2e-5, 2e-6)]
)
def test_fifty_steps_as_pytorch(case, dtype, rtol, atol, weights, torch):
    name, settings = case
    results = []
    for library in (tw, torch):
        a, b, c = weights(library, dtype)
        optimizer = getattr(library.optim, name)(
            [{"params": [a, b]}, {"params": c, "lr": 0.03}], **settings
        )
        train(library, optimizer, gradients(50))
        results.append(flat(optimizer))
    assert_close(*results, rtol, atol)


def test_one_step_in_float32_is_pytorch_s_to_an_ulp(case, weights, torch):
    name, settings = case
    results = []
    for library in (tw, torch):
        optimizer = getattr(library.optim, name)(weights(library, "float32"), **settings)
        train(library, optimizer, gradients(1))
        results.append(flat(optimizer))
    assert_close(*results, 4e-7, 6e-8)


def test_same_arguments_and_text_as_pytorch(case, weights, torch):
    name, settings = case
    texts = []
    for library in (tw, torch):
        a, b, c = weights(library)
        kind = getattr(library.optim, name)
        texts.append(
            [
                repr(kind([{"params": [a, b]}, {"params": c, "lr": 0.03}], **settings)),
                repr(kind([a])),
            ]
        )
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_parameters_as_pytorch(name, torch):
    import inspect

    def listed(kind: Any) -> Any:
        return [(p.name, p.default, p.kind) for p in inspect.signature(kind).parameters.values()]

    assert listed(getattr(tw.optim, name)) == listed(getattr(torch.optim, name))


def test_a_saved_optimizer_goes_on(case, weights):
    name, settings = case
    kind, given = getattr(tw.optim, name), gradients(12)
    whole = kind(weights(tw), **settings)
    train(tw, whole, given)
    first = kind(weights(tw), **settings)
    train(tw, first, given[:6])
    file = io.BytesIO()
    tw.save(first.state_dict(), file)
    file.seek(0)
    params = [p.detach().clone().requires_grad_() for g in first.param_groups for p in g["params"]]
    second = kind(params, lr=0.7)
    second.load_state_dict(tw.load(file))
    train(tw, second, given[6:])
    assert_close(flat(second), flat(whole), 0)


def test_a_state_dict_of_pytorch(case, weights, torch):
    name, settings = case
    theirs = getattr(torch.optim, name)(weights(torch), **settings)
    mine = getattr(tw.optim, name)(weights(tw), **settings)
    train(torch, theirs, gradients(6)), train(tw, mine, gradients(6))
    a, b = mine.state_dict(), theirs.state_dict()
    assert a["param_groups"] == b["param_groups"] and list(a["state"]) == list(b["state"])

    def converted(x: Any) -> Any:
        return tw.tensor(x.numpy()) if isinstance(x, torch.Tensor) else x

    state = {i: {k: converted(v) for k, v in s.items()} for i, s in b["state"].items()}
    params = [
        tw.nn.Parameter(converted(p.detach())) for g in theirs.param_groups for p in g["params"]
    ]
    fresh = getattr(tw.optim, name)(params, lr=0.9)
    fresh.load_state_dict({"state": state, "param_groups": b["param_groups"]})
    train(torch, theirs, gradients(3)), train(tw, fresh, gradients(3))
    assert_close(flat(fresh), flat(theirs), 1e-12, 1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_copies_go_their_own_way(name, weights):
    optimizer = getattr(tw.optim, name)(weights(tw))
    train(tw, optimizer, gradients(3))
    twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    before = flat(optimizer)
    for twin in twins:
        assert_close(flat(twin), before, 0)
        train(tw, twin, gradients(2))
        assert_close(flat(optimizer), before, 0)
    train(tw, optimizer, gradients(2))
    assert_close(flat(twins[0]), flat(optimizer), 0)
    assert_close(flat(twins[1]), flat(optimizer), 0)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_and_eager_steps_are_equal(name, weights):
    def outcome() -> dict[str, Any]:
        optimizer = getattr(tw.optim, name)(weights(tw))
        train(tw, optimizer, gradients(5))
        return flat(optimizer)

    with tw.tier("eager"):
        eager = outcome()
    sums = name == "Adafactor"  # whose order is the tier's own
    assert_close(outcome(), eager, 1e-14 * sums)


@pytest.mark.parametrize("name", NAMES)
def test_rates_as_tensors(name, weights):
    results = []
    for rate in (0.125, tw.tensor(0.125), tw.tensor([0.125], dtype=tw.float64)):
        optimizer = getattr(tw.optim, name)(weights(tw), lr=rate)
        train(tw, optimizer, gradients(4))
        results.append(flat(optimizer))
    assert_close(results[1], results[0], 0)
    assert_close(results[2], results[0], 0)


def test_switching_on_what_needs_state(weights):
    for name, setting in [("SGD", ("momentum", 0.9)), ("RMSprop", ("momentum", 0.9)),
                          ("RMSprop", ("centered", True)), ("Adam", ("amsgrad", True))]:  # fmt: skip
        optimizer = getattr(tw.optim, name)(weights(tw))
        train(tw, optimizer, gradients(2))
        optimizer.param_groups[0][setting[0]] = setting[1]
        train(tw, optimizer, gradients(2))
        assert all(np.isfinite(v).all() for v in flat(optimizer).values())


def test_steps_are_counted_once_for_all_that_stand_together(weights):
    optimizer = tw.optim.Adam(weights(tw))
    train(tw, optimizer, gradients(3), skip=False)
    held = {id(s["step"]._read()) for s in optimizer.state.values()}
    assert len(held) == 1 and {s["step"].item() for s in optimizer.state.values()} == {3.0}
    loaded = tw.optim.Adam(weights(tw))
    loaded.load_state_dict(optimizer.state_dict())
    assert len({id(s["step"]._read()) for s in loaded.state.values()}) == 1
    train(tw, loaded, gradients(1), skip=False)
    assert {s["step"].item() for s in optimizer.state.values()} == {3.0}


RANGES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": -1.0}), ("SGD", {"momentum": -1.0}), ("SGD", {"weight_decay": -1.0}),
    ("SGD", {"nesterov": True}), ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": -1.0}), ("Adam", {"eps": -1.0}), ("Adam", {"betas": (1.0, 0.9)}), ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"weight_decay": -1.0}), ("Adam", {"betas": (0, 0.9)}), ("AdamW", {"lr": -1.0}),
    ("Adamax", {"eps": -1.0}), ("NAdam", {"momentum_decay": -1.0}), ("RAdam", {"betas": (1.0, 0.9)}),
    ("RMSprop", {"alpha": -1.0}), ("RMSprop", {"momentum": -1.0}), ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}), ("Adadelta", {"rho": 1.5}), ("Adadelta", {"eps": -1.0}),
    ("AdamW", {"eps": -1.0}), ("RMSprop", {"weight_decay": -1.0}),
    ("Adafactor", {"lr": -1.0}), ("Adafactor", {"eps": (-1.0, 1e-3)}), ("Adafactor", {"eps": (None, -1.0)}),
    ("Adafactor", {"d": 0.5}), ("Adafactor", {"beta2_decay": 0.5}), ("Adafactor", {"weight_decay": -1.0}),
    ("SparseAdam", {"lr": 0.0}), ("SparseAdam", {"eps": 0.0}), ("SparseAdam", {"betas": (1.0, 0.9)}),
    ("LBFGS", {"lr": -1.0}), ("ASGD", {"weight_decay": -1.0}), ("Rprop", {"etas": (1.5, 1.2)}), ("Rprop", {"lr": -1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), RANGES)
def test_settings_out_of_range(name, settings, weights):
    with pytest.raises(ValueError, match="Invalid|Nesterov|betas|should be"):
        getattr(tw.optim, name)(weights(tw), **settings)


@pytest.mark.parametrize(("name", "settings"), RANGES)
def test_settings_out_of_range_in_pytorch(name, settings, weights, torch):
    texts = []
    for library in (tw, torch):
        with pytest.raises(ValueError) as caught:
            getattr(library.optim, name)(weights(library), **settings)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
