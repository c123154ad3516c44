"""Containers of modules and parameters."""

from __future__ import annotations

from collections import OrderedDict
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


def sequential(lib: Any) -> list[Any]:
    n = lib.nn
    m = n.Sequential(n.Linear(2, 3), n.ReLU(), n.Linear(3, 1))
    named = n.Sequential(
        OrderedDict([("one", n.ReLU()), ("two", n.Tanh()), ("three", n.Sigmoid())])
    )
    log: list[Any] = [
        repr(m),
        repr(named),
        len(m),
        m[-1],
        m[0:2],
        named[1:],
        named[-1],
        list(named),
    ]
    log += [
        outcome(lambda: m[7]),
        outcome(lambda: m["0"]).partition(":")[0],
        m(lib.ones(4, 2)).shape == (4, 1),
    ]
    m[1] = n.Tanh()
    log.append(repr(m))
    del m[0]
    log.append(repr(m))
    log += [
        m.append(n.ReLU()) is m,
        repr(m),
        m.insert(1, n.GELU()) is m,
        repr(m),
        repr(m.insert(-1, n.ELU())),
    ]
    log += [
        m.pop(0),
        repr(m),
        m.extend([n.ReLU(), n.ReLU()]) is m,
        repr(m),
        repr(m + named),
        len(m),
    ]
    log += [outcome(lambda: m + [n.ReLU()]), outcome(lambda: m.insert(99, n.ReLU()))]
    log += [outcome(lambda: m.insert(0, 3)).partition(":")[0]]
    m += n.Sequential(n.SiLU())
    log += [repr(m), repr(m * 2), repr(2 * n.Sequential(n.ReLU()))]
    small = n.Sequential(n.ReLU())
    small *= 3
    log += [
        repr(small),
        outcome(lambda: small * 0).partition(":")[0],
        outcome(lambda: small * "a").partition(":")[0],
    ]
    del named[1:]
    del small[0:2]
    named[0] = n.GELU()
    return [*log, repr(named), repr(small), n.Sequential()(5), repr(n.Sequential())]


def module_list(lib: Any) -> list[Any]:
    n = lib.nn
    m = n.ModuleList([n.Linear(1, 1) for _ in range(3)])
    log: list[Any] = [
        repr(m),
        len(m),
        m[-1] is m[2],
        repr(m[1:]),
        [k for k, _ in m.named_parameters()],
    ]
    m.append(n.ReLU())
    m.insert(0, n.Tanh())
    m.extend([n.ReLU(), n.ReLU()])
    m += [n.GELU()]
    log.append(repr(m))
    del m[0]
    del m[-2:]
    m[0] = n.Sigmoid()
    log += [repr(m), repr(m.pop(1)), repr(m + [n.ELU()]), repr(m.pop(slice(0, 2))), repr(m)]
    log += [outcome(lambda: m.extend(3)), outcome(lambda: m[99]), outcome(lambda: m.append(3))]
    log += [
        outcome(lambda: m(1)),
        repr(n.ModuleList()),
        repr(n.ModuleList([n.ModuleList([n.ReLU(), n.ReLU()])])),
    ]
    return log


def module_dict(lib: Any) -> list[Any]:
    n = lib.nn
    m = n.ModuleDict({"b": n.ReLU(), "a": n.Linear(1, 1)})
    m["c"] = n.Tanh()
    m.update([("d", n.GELU()), ["e", n.ELU()]])
    log: list[Any] = [
        repr(m),
        list(m),
        len(m),
        "a" in m,
        list(m.keys()),
        [k for k, _ in m.items()],
        len(m.values()),
    ]
    log += [repr(m.pop("b")), repr(m)]
    del m["c"]
    log += [
        outcome(lambda: m["zzz"]),
        outcome(lambda: m.update(3)),
        outcome(lambda: m.update([(1,)])).partition(":")[0],
    ]
    log += [
        outcome(lambda: m.update([3])).partition(":")[0],
        outcome(lambda: m.update({"keys": n.ReLU()})),
    ]
    m.clear()
    return [*log, repr(m), len(m)]


def parameter_list(lib: Any) -> list[Any]:
    n = lib.nn
    m = n.ParameterList([lib.ones(2, 3), n.Parameter(lib.zeros(1)), "text"])
    m.append(lib.ones(4))
    m.extend([lib.ones(1)])
    m += [lib.zeros(2)]
    log: list[Any] = [
        repr(m),
        len(m),
        [k for k, _ in m.named_parameters()],
        type(m[0]).__name__,
        m[2],
        m[-1].tolist(),
    ]
    m[0] = lib.zeros(1)
    log += [
        repr(m[0:2]),
        [len(p) for p in m[3:]],
        outcome(lambda: m[99]),
        outcome(lambda: m.extend(3)),
        outcome(lambda: m(1)),
    ]
    return log


def parameter_dict(lib: Any) -> list[Any]:
    n = lib.nn
    m = n.ParameterDict({"b": lib.ones(2), "a": n.Parameter(lib.zeros(1)), "c": 3})
    log: list[Any] = [
        repr(m).replace("FloatTensor", "?"),
        list(m),
        len(m),
        "a" in m,
        m["c"],
        type(m["b"]).__name__,
    ]
    log += [
        [k for k, _ in m.named_parameters()],
        m.get("zzz", 5),
        m.setdefault("d", lib.ones(1)).tolist(),
    ]
    log += [
        list(m.items())[0][0],
        len(list(m.values())),
        m.pop("c"),
        m.popitem()[0],
        list(reversed(m)),
    ]
    log += [
        sorted((m | n.ParameterDict({"z": lib.ones(1)})).keys()),
        list(m.copy()),
        list(m.fromkeys(["q"], 1).items()),
    ]
    m |= n.ParameterDict({"y": lib.ones(1)})
    del m["a"]
    log += [list(m), outcome(lambda: m.update(3)).partition(":")[0], outcome(lambda: m(1))]
    m.clear()
    return [*log, len(m), outcome(lambda: m.__setitem__(3, 1)).partition(":")[0]]


SCENARIOS = [sequential, module_list, module_dict, parameter_list, parameter_dict]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_does_what_torch_does(scenario: Any, same_as_torch: Any) -> None:
    same_as_torch(scenario)


def test_sequential_calls_in_order() -> None:
    class Add(nn.Module):
        def __init__(self, n: float) -> None:
            super().__init__()
            self.n = n

        def forward(self, x: float) -> float:
            return x * 10 + self.n

    assert nn.Sequential(Add(1), Add(2), Add(3))(0) == 123


def test_deleting_renumbers() -> None:
    m = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.GELU())
    del m[0]
    assert [k for k, _ in m.named_children()] == ["0", "1"] and isinstance(m[0], nn.Tanh)
    assert "2" not in m.__dict__


def test_list_registers_parameters() -> None:
    m = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
    assert [k for k, _ in m.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_parameter_dict_asks_for_its_keys_only() -> None:
    m = nn.ParameterDict({"a": tw.ones(1)})
    with pytest.raises(KeyError):
        m["training"]
    with pytest.raises(KeyError):
        nn.ParameterDict().popitem()
