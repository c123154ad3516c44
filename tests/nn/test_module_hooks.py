"""Hooks of modules: order, arguments, replacements, removal, errors."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn import hooks


def outcome(action: Callable[[], Any]) -> str:
    """The type and text of the error that ``action`` raises, or what it gives back."""
    try:
        return repr(action())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def module_of(lib: Any) -> Any:
    class Scale(lib.nn.Module):
        def forward(self, x: Any, factor: float = 2.0) -> Any:
            if factor == 0:
                raise ValueError("no scale")
            return x * factor

    return Scale()


def forward_hooks(lib: Any) -> list[Any]:
    m, log = module_of(lib), []
    x = lib.ones(1)
    m.register_forward_hook(lambda mod, args, out: log.append(("a", len(args), out.tolist())))
    m.register_forward_hook(lambda mod, args, out: out + 1, prepend=True)
    last = m.register_forward_hook(
        lambda mod, args, kwargs, out: log.append((sorted(kwargs), out.tolist())) or out * 10,
        with_kwargs=True,
    )
    log += [m(x).tolist(), m(x, factor=3.0).tolist()]
    last.remove()
    log += [m(x).tolist()]
    with m.register_forward_hook(lambda mod, args, out: -out):
        log.append(m(x).tolist())
    return [*log, m(x).tolist()]


def pre_hooks(lib: Any) -> list[Any]:
    m, log = module_of(lib), []
    x = lib.ones(1)
    m.register_forward_pre_hook(lambda mod, args: args[0] + 1)
    m.register_forward_pre_hook(lambda mod, args: (args[0] * 10,), prepend=True)
    log.append(m(x).tolist())
    extra = m.register_forward_pre_hook(
        lambda mod, args, kwargs: (args, {"factor": 5.0}), with_kwargs=True
    )
    log.append(m(x).tolist())
    extra.remove()
    m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
    return [*log, outcome(lambda: m(x))]


def always_called(lib: Any) -> list[Any]:
    m, log = module_of(lib), []
    m.register_forward_hook(lambda mod, args, out: log.append(("sometimes", out is None)))
    m.register_forward_hook(
        lambda mod, args, out: log.append(("always", out is None)), always_call=True
    )

    def failing(mod: Any, args: Any, out: Any) -> None:
        raise KeyError("hook")

    log.append(outcome(lambda: m(lib.ones(1), 0)))
    m(lib.ones(1))
    m.register_forward_hook(failing, always_call=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        log.append(outcome(lambda: m(lib.ones(1), 0)))
    return [*log, len(seen)]


def global_hooks(lib: Any) -> list[Any]:
    place = lib.nn.hooks if hasattr(lib.nn, "hooks") else lib.nn.modules.module
    m, log = module_of(lib), []
    x = lib.ones(1)
    handles = [
        place.register_module_forward_pre_hook(lambda mod, args: log.append("pre")),
        place.register_module_forward_hook(lambda mod, args, out: log.append("post") or out + 1),
        place.register_module_forward_hook(
            lambda mod, args, kwargs, out: log.append(sorted(kwargs)), with_kwargs=True
        ),
        place.register_module_forward_hook(
            lambda mod, args, out: log.append(out is None), always_call=True
        ),
    ]
    m.register_forward_hook(lambda mod, args, out: log.append("own") or out * 10)
    log += [m(x, factor=2.0).tolist(), outcome(lambda: m(x, factor=0))]
    for handle in handles:
        handle.remove()
    return [*log, m(x).tolist()]


def registration_hooks(lib: Any) -> list[Any]:
    place = lib.nn.hooks if hasattr(lib.nn, "hooks") else lib.nn.modules.module
    log: list[Any] = []
    handles = [
        place.register_module_parameter_registration_hook(
            lambda m, name, p: log.append(("p", name))
        ),
        place.register_module_buffer_registration_hook(lambda m, name, b: log.append(("b", name))),
        place.register_module_module_registration_hook(
            lambda m, name, c: log.append(("m", name)) or lib.nn.Tanh()
        ),
    ]
    try:
        m = lib.nn.Sequential(lib.nn.BatchNorm1d(1))
        m.x = lib.nn.ReLU()
    finally:
        for handle in handles:
            handle.remove()
    return [*log, repr(m)]


def backward_hooks(lib: Any) -> list[Any]:
    m = lib.nn.Linear(2, 1, bias=False)
    with lib.no_grad():
        m.weight.fill_(2.0)
    log: list[Any] = []
    shown = lambda grads: [None if g is None else g.tolist() for g in grads]  # noqa: E731
    handle = m.register_full_backward_hook(
        lambda mod, gin, gout: log.append((shown(gin), shown(gout)))
    )
    m.register_full_backward_pre_hook(lambda mod, gout: log.append(("pre", shown(gout))))
    x = lib.ones(3, 2, requires_grad=True)
    y = m(x)
    log.append(type(y.grad_fn).__name__)
    y.sum().backward()
    log += [x.grad.tolist(), m.weight.grad.tolist()]
    handle.remove()
    m.register_full_backward_hook(lambda mod, gin, gout: (gin[0] * 10,))
    m.register_full_backward_pre_hook(lambda mod, gout: (gout[0] * 3,), prepend=True)
    x.grad = m.weight.grad = None
    m(x).sum().backward()
    return [*log, x.grad.tolist(), m.weight.grad.tolist()]


def several_tensors(lib: Any) -> list[Any]:
    class Pair(lib.nn.Module):
        def forward(self, a: Any, label: str, b: Any) -> Any:
            return a * 2, b * 3, label

    m, log = Pair(), []
    shown = lambda grads: [None if g is None else g.tolist() for g in grads]  # noqa: E731
    m.register_full_backward_hook(lambda mod, gin, gout: log.append((shown(gin), shown(gout))))
    a, b = lib.ones(1, requires_grad=True), lib.ones(1, requires_grad=True)
    one, two, label = m(a, "x", b)
    (one + two).sum().backward()
    log += [a.grad.tolist(), b.grad.tolist(), label]
    with lib.no_grad():
        m(a, "x", b)
    return log


SCENARIOS = [
    forward_hooks, pre_hooks, always_called, global_hooks, registration_hooks, backward_hooks,
    several_tensors,
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_does_what_torch_does(scenario: Any, same_as_torch: Any) -> None:
    same_as_torch(scenario)


def test_replaced_output() -> None:
    m = nn.Identity()
    handle = m.register_forward_hook(lambda mod, args, out: out + 1)
    assert m(tw.zeros(1)).tolist() == [1.0]
    handle.remove()
    assert m(tw.zeros(1)).tolist() == [0.0]


def test_short_way_comes_back_after_the_last_hook_is_removed() -> None:
    m = nn.Identity()
    handle = m.register_forward_pre_hook(lambda mod, args: None)
    assert m._hooked
    handle.remove()
    m(1)
    assert not m._hooked and not hooks.everywhere.any


def test_wrong_number_of_gradients_is_said() -> None:
    m = nn.Identity()
    m.register_full_backward_hook(lambda mod, gin, gout: (gin[0], gin[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        m(tw.ones(1, requires_grad=True)).sum().backward()


def test_input_without_gradient() -> None:
    m, seen = nn.Linear(1, 1), []
    handle = m.register_full_backward_hook(
        lambda mod, gin, gout: seen.append((gin, gout[0].tolist()))
    )
    m(tw.ones(1, 1)).sum().backward()
    assert seen == [((None,), [[1.0]])] and m.weight.grad is not None
    handle.remove()
    m.register_full_backward_hook(lambda mod, gin, gout: (gout[0],))
    with pytest.raises(RuntimeError, match="no input requires gradient"):
        m(tw.ones(1, 1)).sum().backward()


def test_output_that_is_no_tensor_warns() -> None:
    class Box(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"x": x}

    m = Box()
    m.register_full_backward_hook(lambda mod, gin, gout: None)
    with pytest.warns(UserWarning, match="module output should be a Tensor"):
        m(tw.ones(1, requires_grad=True))


def test_hooks_are_copied_with_the_module() -> None:
    m = nn.Identity()
    m.register_forward_hook(lambda mod, args, out: out + 1)
    assert copy.deepcopy(m)(tw.zeros(1)).tolist() == [1.0]
