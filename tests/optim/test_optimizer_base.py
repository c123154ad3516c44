"""Groups, hooks, closures, files and failures of the base class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.runtime.program import Program


def parameter(*shape: int) -> Any:
    return tw.nn.Parameter(tw.ones(*shape))


def stepped(optimizer: Any, library: Any = tw) -> None:
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = library.ones_like(p)
    optimizer.step()


BAD_PARAMETERS = {
    "a tensor": lambda lib, p: p,
    "nothing": lambda lib, p: [],
    "a number": lambda lib, p: [3],
    "not a leaf": lambda lib, p: [p * 2],
    "a set": lambda lib, p: [{"params": {p}}],
    "twice": lambda lib, p: [{"params": [p]}, {"params": [p]}],
    "half named": lambda lib, p: [{"params": [("a", p), lib.nn.Parameter(lib.ones(2))]}],
    "one group named": lambda lib, p: [{"params": [("a", p)]}, {"params": [lib.nn.Parameter(lib.ones(2))]}],
    "no dict": lambda lib, p: [{"params": [p]}, [p]],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name):
    with pytest.raises((TypeError, ValueError)):
        tw.optim.SGD(BAD_PARAMETERS[name](tw, parameter(2)), lr=0.1)


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters_raise_as_in_pytorch(name, torch):
    kinds = []
    for library in (tw, torch):
        p = library.nn.Parameter(library.ones(2))
        with pytest.raises((TypeError, ValueError)) as caught:
            library.optim.SGD(BAD_PARAMETERS[name](library, p), lr=0.1)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_parameter_listed_twice_is_updated_twice(name, torch):
    results = []
    for library in (tw, torch):
        p = library.nn.Parameter(library.ones(2, dtype=library.float64))
        with pytest.warns(UserWarning, match="duplicate"):
            optimizer = getattr(library.optim, name)([p, p, p], lr=0.1)
        for _ in range(3):
            stepped(optimizer, library)
        results.append(p.tolist())
    assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_other_roads():
    p = parameter(2)
    with pytest.raises(RuntimeError, match="cannot be `True` together"):
        tw.optim.Adam([p], foreach=True, fused=True)
    with pytest.raises(RuntimeError, match="does not support"):
        tw.optim.Adam([p], fused=True, differentiable=True)
    for settings in ({"lr": tw.tensor(0.1)}, {"betas": (tw.tensor(0.1), tw.tensor(0.2))}):
        with pytest.raises(ValueError, match="as a Tensor is not supported"):
            tw.optim.Adam([p], foreach=True, **settings)
    stepped(tw.optim.Adam([p], fused=True, capturable=True))


def test_required_settings():
    class Mine(tw.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"rate": tw.optim.optimizer.required})

    with pytest.raises(ValueError, match="required optimization parameter rate"):
        Mine([parameter(2)])
    assert Mine([{"params": [parameter(2)], "rate": 3}]).param_groups[0]["rate"] == 3
    assert repr(tw.optim.optimizer.required) == "<required parameter>"
    with pytest.raises(TypeError, match="must be a dict"):
        tw.optim.SGD([parameter(2)]).add_param_group([1])


def test_named_parameters():
    net = tw.nn.Linear(2, 3)
    optimizer = tw.optim.SGD(net.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    plain = tw.optim.SGD(net.parameters(), lr=0.5).state_dict()
    optimizer.load_state_dict(plain)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_group_keeps_its_own_settings():
    group = {"params": parameter(2), "lr": 0.5, "mine": "kept"}
    optimizer = tw.optim.SGD([group], lr=0.1, momentum=0.9)
    assert (
        optimizer.param_groups[0] is group and group["momentum"] == 0.9 and group["mine"] == "kept"
    )
    optimizer.add_param_group({"params": (p for p in [parameter(3)])})
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1]
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [group["params"][0]]})


def test_parameters_without_gradient_stay():
    a, b = parameter(2), parameter(2)
    optimizer = tw.optim.SGD([a, b], lr=0.5, momentum=0.9)
    a.grad = tw.ones(2)
    optimizer.step()
    assert a.tolist() == [0.5, 0.5] and b.tolist() == [1, 1] and list(optimizer.state) == [a]
    tw.optim.Adam([b]).step()


def test_plain_sgd_keeps_no_state():
    optimizer = tw.optim.SGD([parameter(2)], lr=0.5)
    stepped(optimizer)
    assert len(optimizer.state) == 0 and optimizer.state_dict()["state"] == {}


def test_zero_grad():
    p = parameter(2)
    optimizer = tw.optim.SGD([p], lr=0.5)
    p.grad = tw.ones(2)
    held = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is held and held.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_called_with_grad_and_gives_the_loss():
    p = parameter(2)
    optimizer = tw.optim.SGD([p], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tw.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 2.0 and p.tolist() == [0, 0]
    assert optimizer.step() is None


def test_step_hooks():
    optimizer, seen = tw.optim.SGD([parameter(2)], lr=0.5), []
    before = optimizer.register_step_pre_hook(
        lambda o, args, kw: seen.append(("before", o, args, kw))
    )
    after = optimizer.register_step_post_hook(
        lambda o, args, kw: seen.append(("after", o, args, kw))
    )
    stepped(optimizer)
    assert seen == [("before", optimizer, (optimizer,), {}), ("after", optimizer, (optimizer,), {})]
    before.remove(), after.remove()
    stepped(optimizer)
    assert len(seen) == 2
    with optimizer.register_step_pre_hook(lambda o, args, kw: ((o, lambda: 7), kw)):
        assert optimizer.step() == 7
    with (
        optimizer.register_step_pre_hook(lambda o, args, kw: 3),
        pytest.raises(RuntimeError, match="pre hook"),
    ):
        optimizer.step()


def test_hooks_on_files():
    optimizer, seen = tw.optim.Adam([parameter(2)]), []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("save"))
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, d: seen.append(d["more"]))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["save", 1, "loaded"]


def test_what_does_not_fit_is_not_loaded():
    a, b, c = parameter(2), parameter(3), parameter(2)
    two = tw.optim.Adam([{"params": [a]}, {"params": [b]}])
    stepped(two)
    before = repr(two.state_dict())
    for other in (tw.optim.Adam([c]), tw.optim.Adam([{"params": [a, c]}, {"params": [b]}])):
        with pytest.raises(ValueError, match="loaded state dict"):
            two.load_state_dict(other.state_dict())
    assert repr(two.state_dict()) == before


def test_state_of_another_model_is_refused_at_the_step():
    big, small = tw.optim.Adam([parameter(3)]), tw.optim.Adam([parameter(1)])
    stepped(big)
    small.load_state_dict(big.state_dict())
    with pytest.raises(ValueError, match="another model"):
        stepped(small)
    assert small.param_groups[0]["params"][0].tolist() == [1]


def test_loading_copies_and_takes_the_parameters_type():
    source = tw.optim.Adam([parameter(2)])
    stepped(source)
    p = tw.nn.Parameter(tw.ones(2, dtype=tw.float64))
    target = tw.optim.Adam([p])
    target.load_state_dict(source.state_dict())
    assert (
        target.state[p]["exp_avg"].dtype is tw.float64
        and target.state[p]["step"].dtype is tw.float32
    )
    stepped(target)
    assert source.state[source.param_groups[0]["params"][0]]["step"].item() == 1.0


def test_counters_saved_as_numbers():
    optimizer = tw.optim.Adam([parameter(2)])
    stepped(optimizer)
    saved = optimizer.state_dict()
    saved["state"][0] = {**saved["state"][0], "step": 5}
    optimizer.load_state_dict(saved)
    stepped(optimizer)
    assert next(iter(optimizer.state.values()))["step"].item() == 6.0


@pytest.mark.parametrize(
    ("name", "settings"), [("SGD", {"momentum": 0.9}), ("Adam", {}), ("NAdam", {})]
)
def test_a_step_that_fails_leaves_everything(name, settings, monkeypatch):
    p = tw.nn.Parameter(tw.ones(3))
    optimizer = getattr(tw.optim, name)([p], lr=0.1, **settings)

    def failing_step() -> None:
        tw.synchronize()
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        with monkeypatch.context() as patch:
            patch.setattr(Program, "run", lambda *_: (_ for _ in ()).throw(MemoryError("full")))
            with pytest.raises(MemoryError):
                tw.synchronize()

    failing_step()
    assert p.tolist() == [1, 1, 1]
    for rounds in (1, 2):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        state = optimizer.state[p]
        assert "step" not in state or state["step"].item() == rounds
        held = {k: v.tolist() for k, v in state.items()}
        at = p.tolist()
        failing_step()
        assert p.tolist() == at and {k: v.tolist() for k, v in optimizer.state[p].items()} == held


def test_an_update_that_cannot_be_written_leaves_no_state():
    class Wrong(tw.optim.Adam):
        @staticmethod
        def update(gradient, parameter, state, hyper, flags):
            raise ValueError("no such update")

    p = parameter(2)
    optimizer = Wrong([p])
    p.grad = tw.ones(2)
    with pytest.raises(ValueError, match="no such update"):
        optimizer.step()
    assert p.tolist() == [1, 1] and not optimizer.state[p]


def test_a_users_optimizer_with_a_step_of_its_own():
    class Mine(tw.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @tw.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.add_(p.grad, alpha=-group["lr"])
                        self.state[p]["steps"] = self.state[p].get("steps", 0) + 1

    p, seen = parameter(2), []
    optimizer = Mine([p], 0.5)
    schedule = tw.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    stepped(optimizer)
    schedule.step()
    assert (
        p.tolist() == [0.5, 0.5]
        and seen == [1]
        and optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    )
    other = Mine([parameter(2)], 0.1)
    other.load_state_dict(optimizer.state_dict())
    assert next(iter(other.state.values())) == {"steps": 1}


def test_a_users_optimizer_by_an_update():
    class Signs(tw.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr, "maximize": False, "weight_decay": 0})

        @staticmethod
        def update(gradient, parameter, state, hyper, flags):
            return parameter - hyper["lr"].astype(parameter.dtype), {}

    p = parameter(2)
    stepped(Signs([p], 0.25))
    assert p.tolist() == [0.75, 0.75]


def test_training_a_network_follows_pytorch(torch):
    def losses(library: Any) -> list[float]:
        draw = np.random.default_rng(3)
        net = library.nn.Sequential(
            library.nn.Linear(4, 8), library.nn.Tanh(), library.nn.Linear(8, 1)
        ).double()
        with library.no_grad():
            for p in net.parameters():
                p.copy_(library.tensor(draw.normal(size=tuple(p.shape))))
        x, y = library.tensor(draw.normal(size=(16, 4))), library.tensor(draw.normal(size=(16, 1)))
        optimizer = library.optim.AdamW(net.parameters(), lr=0.05, weight_decay=0.1)
        schedule = library.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 60)
        seen = []
        for _ in range(60):
            loss = library.nn.functional.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            seen.append(loss.item())
        return seen

    np.testing.assert_allclose(losses(tw), losses(torch), rtol=1e-10)


def test_a_schedule_needs_no_new_plan():
    from thalweg.runtime.trace import trie

    for kind, settings in ((tw.optim.SGD, {"momentum": 0.9}), (tw.optim.AdamW, {})):
        optimizer = kind([parameter(3), parameter(2, 2)], lr=0.1, **settings)
        schedule = tw.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 40)
        known = set()
        for round_number in range(30):
            stepped(optimizer)
            schedule.step()
            tw.synchronize()
            if round_number == 5:
                known = set(trie.graphs)
        assert set(trie.graphs) == known
