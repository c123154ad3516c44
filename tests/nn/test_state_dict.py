"""Giving out a module's state and taking it in."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn


def outcome(action: Callable[[], Any]) -> str:
    """The type and text of the error that ``action`` raises, or what it gives back."""
    try:
        return repr(action())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def net(lib: Any) -> Any:
    return lib.nn.Sequential(
        lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2), lib.nn.Sequential(lib.nn.Linear(2, 1))
    )


def giving(lib: Any) -> list[Any]:
    m = net(lib)
    state = m.state_dict()
    log = [list(state), type(state).__name__, list(state._metadata.items())]
    log += [
        state["0.weight"].requires_grad,
        m.state_dict(keep_vars=True)["0.weight"] is m[0].weight,
    ]
    with lib.no_grad():
        m[0].bias.fill_(7.0)
    log += [state["0.bias"].tolist()]
    into: dict[str, Any] = {}
    log += [m.state_dict(destination=into, prefix="p.") is into, list(into)]
    return log


def taking(lib: Any) -> list[Any]:
    a, b = net(lib), net(lib)
    kept = b[0].weight
    log = [
        b.load_state_dict(a.state_dict()),
        b[0].weight is kept,
        (b[0].weight == a[0].weight).all().item(),
    ]
    state = a.state_dict()
    del state["0.weight"], state["2.0.bias"]
    state["extra"] = lib.ones(1)
    state["2.0.more"] = lib.ones(1)
    state["0.weight.deep"] = lib.ones(1)
    log += [outcome(lambda: b.load_state_dict(state)), b.load_state_dict(state, strict=False)]
    log += [
        b.load_state_dict(state, strict=False).missing_keys,
        str(b.load_state_dict(a.state_dict())),
    ]
    wrong = dict(a.state_dict())
    wrong["0.weight"] = lib.ones(3, 2)
    wrong["0.bias"] = 3
    log += [outcome(lambda: b.load_state_dict(wrong, strict=False))]
    log += [outcome(lambda: b.load_state_dict(3)), b[0].weight.shape == (2, 2)]
    return log


def assigning(lib: Any) -> list[Any]:
    m = net(lib)
    m[0].weight.requires_grad_(False)
    kept = m[0].weight
    state = {
        k: (v.double() if v.dtype == lib.float32 else v) for k, v in net(lib).state_dict().items()
    }
    m.load_state_dict(state)
    log = [str(m[0].weight.dtype), m[0].weight is kept]
    m.load_state_dict(state, assign=True)
    log += [
        str(m[0].weight.dtype),
        m[0].weight is kept,
        m[0].weight.requires_grad,
        m[0].bias.requires_grad,
    ]
    log += [
        type(m[0].weight).__name__,
        str(m[1].running_mean.dtype),
        m[1].running_mean is state["1.running_mean"],
    ]
    state["0.bias"] = own = lib.nn.Parameter(lib.ones(2))
    m.load_state_dict(state, assign=True)
    return [*log, m[0].bias is own]


def extra_state(lib: Any) -> list[Any]:
    class Counter(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

    m = lib.nn.Sequential(Counter(), lib.nn.Linear(1, 1))
    m[0].count = 5
    state = m.state_dict()
    log = [list(state), state["0._extra_state"]]
    twin = lib.nn.Sequential(Counter(), lib.nn.Linear(1, 1))
    log += [twin.load_state_dict(state), twin[0].count]
    del state["0._extra_state"]
    log += [outcome(lambda: twin.load_state_dict(state))]
    state["1._extra_state"] = 3
    return [*log, outcome(lambda: twin.load_state_dict(state))]


def hooks(lib: Any) -> list[Any]:
    m = net(lib)
    log: list[Any] = []
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("pre", prefix, keep)))
    post = m.register_state_dict_post_hook(
        lambda mod, state, prefix, meta: log.append(("post", len(state), meta))
    )
    m[0]._register_state_dict_hook(
        lambda mod, state, prefix, meta: state.pop(prefix + "bias") is None or None
    )
    log.append(list(m.state_dict()))
    post.remove()
    bad = m.register_state_dict_post_hook(lambda mod, state, prefix, meta: 3)
    log.append(outcome(lambda: m.state_dict()))
    bad.remove()
    m.register_load_state_dict_pre_hook(
        lambda mod, state, prefix, *rest: log.append((type(mod).__name__, prefix, len(rest)))
    )
    m[2]._register_load_state_dict_pre_hook(
        lambda state, prefix, *rest: state.update({prefix + "0.bias": state["b"]})
    )
    m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
    state = net(lib).state_dict()
    del state["0.weight"], state["2.0.bias"]
    log.append(outcome(lambda: m.load_state_dict(state)))
    m.register_load_state_dict_post_hook(lambda mod, keys: 3)
    return [*log, outcome(lambda: m.load_state_dict(net(lib).state_dict())).partition(":")[0]]


def old_forms(lib: Any) -> list[Any]:
    m = lib.nn.BatchNorm1d(2)
    state = m.state_dict()
    del state["num_batches_tracked"]
    del state._metadata
    log = [m.load_state_dict(state), m.num_batches_tracked.item()]
    m = lib.nn.Module()
    m.p = lib.nn.Parameter(lib.zeros(()))
    m.load_state_dict({"p": lib.ones(1)})
    return [*log, m.p.item()]


SCENARIOS = [giving, taking, assigning, extra_state, hooks, old_forms]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_does_what_torch_does(scenario: Any, same_as_torch: Any) -> None:
    same_as_torch(scenario)


def test_round_trip() -> None:
    a, b = net(tw), net(tw)
    assert repr(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    for mine, theirs in zip(b.state_dict().values(), a.state_dict().values(), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_all_that_is_wrong_is_listed() -> None:
    state = net(tw).state_dict()
    state["0.weight"] = tw.zeros(3, 2)
    state["other"] = state.pop("0.bias")
    with pytest.raises(RuntimeError) as caught:
        net(tw).load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "0.bias". \n'
        '\tUnexpected key(s) in state_dict: "other". \n'
        "\tsize mismatch for 0.weight: copying a param with shape thalweg.Size([3, 2]) from checkpoint, "
        "the shape in current model is thalweg.Size([2, 2])."
    )


def test_state_keeps_the_values_of_its_moment_when_copied() -> None:
    m = nn.Linear(1, 1)
    live, kept = m.state_dict(), copy.deepcopy(m.state_dict())
    with tw.no_grad():
        m.weight.fill_(3.0)
    assert live["weight"].tolist() == [[3.0]] and kept["weight"].tolist() != [[3.0]]
    assert kept._metadata == live._metadata  # type: ignore[attr-defined]


def test_public_load_hook_gets_the_copy_it_is_called_for() -> None:
    m = nn.Linear(1, 1)
    seen: list[Any] = []
    m.register_load_state_dict_pre_hook(lambda mod, *rest: seen.append(mod))
    twin = copy.deepcopy(m)
    twin.load_state_dict(m.state_dict())
    assert seen == [twin]


def test_extra_state_must_be_overridden_to_be_called() -> None:
    for call in (lambda: nn.ReLU().get_extra_state(), lambda: nn.ReLU().set_extra_state(1)):
        with pytest.raises(RuntimeError, match="override it"):
            call()


def test_module_pickles() -> None:
    m = net(tw)
    twin = pickle.loads(pickle.dumps(m))
    assert repr(twin) == repr(m) and twin[0]._parameters["weight"] is twin[0].weight
    assert twin.state_dict()["0.weight"].tolist() == m.state_dict()["0.weight"].tolist()
    assert isinstance(twin[0].weight, nn.Parameter) and twin[0].weight.requires_grad
