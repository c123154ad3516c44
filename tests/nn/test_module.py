"""Module: what it registers, finds, copies, prints; the scenarios run on PyTorch too, where installed."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
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


def net(lib: Any) -> Any:
    class Block(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = lib.nn.Linear(3, 2)
            self.norm = lib.nn.BatchNorm1d(2)

        def forward(self, x: Any) -> Any:
            return self.norm(self.fc(x))

    class Net(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = Block()
            self.b = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.ReLU(), Block())
            self.register_buffer("seen", lib.zeros(1))
            self.register_buffer("scratch", lib.ones(2), persistent=False)
            self.scale = lib.nn.Parameter(lib.ones(2))
            self.tied = self.a.fc
            self.register_parameter("absent", None)
            self.register_buffer("no_buffer", None)
            self.register_module("no_module", None)

    return Net()


def walking(lib: Any) -> list[Any]:
    m = net(lib)
    log: list[Any] = [[n for n, _ in m.named_parameters()], [n for n, _ in m.named_buffers()]]
    log += [[n for n, _ in m.named_parameters(remove_duplicate=False)]]
    log += [[n for n, _ in m.named_parameters("pre", recurse=False)]]
    log += [[(n, type(c).__name__) for n, c in m.named_modules()]]
    log += [[n for n, _ in m.named_modules(prefix="p", remove_duplicate=False)]]
    log += [[n for n, _ in m.named_children()], len(list(m.children())), len(list(m.modules()))]
    log += [len(list(m.parameters())), len(list(m.buffers())), len(list(m.buffers(recurse=False)))]
    log += [list(m.state_dict()), list(m.state_dict(prefix="x.")), repr(m)]
    return log


def finding(lib: Any) -> list[Any]:
    m = net(lib)
    log = [m.get_submodule("") is m, m.get_submodule("b.2.fc") is m.b[2].fc]
    log += [
        m.get_parameter("b.0.weight") is m.b[0].weight,
        m.get_buffer("a.norm.running_var") is m.a.norm.running_var,
    ]
    for action in (
        lambda: m.get_submodule("b.9"),
        lambda: m.get_submodule("scale"),
        lambda: m.get_parameter("seen"),
        lambda: m.get_parameter("a.nothing"),
        lambda: m.get_buffer("scale"),
        lambda: m.set_submodule("", m),
        lambda: m.set_submodule("scale", lib.nn.ReLU()),
        lambda: m.set_submodule("b.new.thing", lib.nn.ReLU()),
        lambda: m.set_submodule("fresh", lib.nn.ReLU(), strict=True),
        lambda: m.missing,
        lambda: delattr(m, "missing"),
    ):
        log.append(outcome(action))
    m.set_submodule("b.1", lib.nn.Tanh())
    m.set_submodule("fresh", lib.nn.ReLU())
    return [*log, repr(m)]


def attributes(lib: Any) -> list[Any]:
    m = lib.nn.Linear(2, 2)
    log = []
    for name, value in (
        ("weight", lib.zeros(2, 2)),
        ("weight", 3),
        ("weight", lib.nn.ReLU()),
        ("bias", "text"),
    ):
        log.append(
            outcome(lambda name=name, value=value: setattr(m, name, value)).replace(
                "nn.modules.", "nn."
            )
        )
    m.bias = None
    log += [m.bias, list(m._parameters), [n for n, _ in m.named_parameters()]]
    m.bias = lib.nn.Parameter(lib.ones(2))
    m.extra = 1
    m.extra = lib.nn.Parameter(lib.ones(3))
    log += [list(m._parameters), "extra" in m.state_dict()]
    m.extra = (
        lib.nn.ReLU()
        if outcome(lambda: setattr(m, "extra", lib.nn.ReLU())).startswith("None")
        else None
    )
    del m.extra
    log.append(hasattr(m, "extra"))
    m.child = lib.nn.ReLU()
    log.append(outcome(lambda: setattr(m, "child", lib.zeros(1))))
    m.child = None
    log += [m.child, repr(m)]
    m.child = lib.nn.Parameter(lib.zeros(1))
    log += [list(m._modules), list(m._parameters)]
    m.child = None
    m.register_buffer("stat", lib.zeros(2))
    m.stat = lib.ones(3)
    log += [list(m._buffers), m.stat.tolist(), outcome(lambda: setattr(m, "stat", 5))]
    m.stat = None
    log += [m.stat, list(m.state_dict())]
    m.stat = lib.nn.Parameter(lib.ones(1))
    log += [list(m._buffers), list(m._parameters), list(m.state_dict())]
    m.typed = lib.nn.Buffer(lib.ones(1))
    m.hidden = lib.nn.Buffer(lib.ones(1), persistent=False)
    return [*log, list(m._buffers), list(m.state_dict())]


def registering(lib: Any) -> list[Any]:
    m = lib.nn.Module()
    one = lib.nn.Parameter(lib.ones(1))
    grown = one * 2
    actions = (
        lambda: m.register_parameter("a.b", one),
        lambda: m.register_parameter("", one),
        lambda: m.register_parameter("forward", one),
        lambda: m.register_parameter(3, one),
        lambda: m.register_parameter("x", 3),
        lambda: m.register_parameter("x", grown),
        lambda: m.register_buffer("a.b", None),
        lambda: m.register_buffer("", None),
        lambda: m.register_buffer("eval", None),
        lambda: m.register_buffer(3, None),
        lambda: m.register_buffer("x", 3),
        lambda: m.add_module("a.b", None),
        lambda: m.add_module("", None),
        lambda: m.add_module("train", None),
        lambda: m.add_module(3, None),
        lambda: m.add_module("x", 3),
        lambda: m.train("yes"),
        lambda: lib.nn.Module(3),
        lambda: lib.nn.Module(a=3),
    )
    return [outcome(a).partition(":")[0] for a in actions]


def before_init(lib: Any) -> list[Any]:
    class Early(lib.nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = value
            super().__init__()

    given = (lib.nn.Parameter(lib.ones(1)), lib.nn.ReLU(), lib.nn.Buffer(lib.ones(1)))
    return [
        *(outcome(lambda v=v: Early(v)) for v in given),
        Early(3).value,
        repr(Early(lib.ones(1)).value),
    ]


def calling(lib: Any) -> list[Any]:
    class Echo(lib.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    m = Echo()
    plain = outcome(lambda: lib.nn.Module()(1)).partition(":")[0]
    return [
        m(),
        m(1),
        m(1, 2),
        m(k=3),
        m(1, k=3),
        m((1, 2)),
        plain,
        outcome(lambda: lib.nn.Linear(2, 2)()).partition(":")[0],
    ]


def modes(lib: Any) -> list[Any]:
    m = net(lib)
    order: list[str] = []
    m.apply(lambda module: order.append(type(module).__name__))
    log: list[Any] = [order, m.eval() is m, [c.training for c in m.modules()], m.train().training]
    log += [m.b.eval().training, m.training, m.a.training]
    m.requires_grad_(False)
    log.append([p.requires_grad for p in m.parameters()])
    m.a.requires_grad_()
    log.append([n for n, p in m.named_parameters() if p.requires_grad])
    m.a.fc.weight.grad = lib.ones(2, 3)
    m.zero_grad(set_to_none=False)
    log.append(m.a.fc.weight.grad.tolist())
    m.zero_grad()
    return [*log, m.a.fc.weight.grad]


def types(lib: Any) -> list[Any]:
    m = net(lib)
    kept = m.a.fc.weight
    m.a.fc.weight.grad = lib.ones(2, 3)
    m.double()
    name = lambda t: str(t.dtype).partition(".")[2]  # noqa: E731
    log = [name(v) for v in m.state_dict().values()] + [name(kept.grad), m.a.fc.weight is kept]
    log += [
        name(m.scratch),
        m.cpu() is m,
        name(m.to(lib.float32).scale),
        name(m.to("cpu", lib.float64).scale),
    ]
    log += [
        name(m.to(dtype=lib.float32).scale),
        name(m.to(lib.ones(1, dtype=lib.float64)).scale),
        name(m.float().scale),
    ]
    log += [m.type(lib.float64) is m, name(m.a.norm.num_batches_tracked)]
    log += [
        outcome(lambda: m.to(lib.int64)),
        outcome(lambda: m.to(lib.ones(1, dtype=lib.int64))).partition(":")[0],
    ]
    return [*log, outcome(lambda: m.cuda()).partition(":")[0] in ("RuntimeError", "AssertionError")]


def copying(lib: Any) -> list[Any]:
    m = net(lib)
    log = []
    for twin in (
        copy.deepcopy(m),
        pickle.loads(pickle.dumps(lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2)))),
    ):
        names = [n for n, _ in twin.named_parameters()]
        log.append(
            (
                names,
                [
                    t.shape == s.shape
                    for t, s in zip(twin.parameters(), twin.parameters(), strict=True)
                ],
            )
        )
    twin = copy.deepcopy(m)
    log += [twin.tied is twin.a.fc, twin.tied.weight is twin.a.fc.weight, twin.scale is not m.scale]
    log += [
        type(twin.scale).__name__,
        twin.scale.requires_grad,
        twin._parameters["scale"] is twin.scale,
    ]
    with lib.no_grad():
        twin.a.fc.weight.fill_(5)
    log += [
        m.a.fc.weight.tolist() == twin.a.fc.weight.tolist(),
        twin._parameters["absent"],
        twin.no_buffer,
    ]
    twin.scale = lib.nn.Parameter(lib.zeros(2))
    return [*log, m.scale.tolist(), twin.scale.tolist(), list(twin.state_dict())]


def raw_dictionaries(lib: Any) -> list[Any]:
    m = lib.nn.Linear(2, 2)
    fresh = lib.nn.Parameter(lib.zeros(2, 2))
    m._parameters["weight"] = fresh
    log = [m.weight is fresh]
    del m._parameters["weight"]
    log.append(hasattr(m, "weight"))
    m.weight = lib.ones(2, 2)
    log += [list(m._parameters), m.weight.tolist(), m(lib.ones(1, 2)).shape == (1, 2)]
    m._parameters = {"only": fresh}
    log += [m.only is fresh, hasattr(m, "bias"), [n for n, _ in m.named_parameters()]]
    m._parameters.update(more=fresh)
    log += [
        m.more is fresh,
        m._parameters.pop("more") is fresh,
        hasattr(m, "more"),
        m._parameters.setdefault("only") is fresh,
    ]
    m._parameters.clear()
    m._buffers["b"] = fresh.data
    m._modules["c"] = lib.nn.ReLU()
    return [*log, hasattr(m, "only"), m.b.tolist(), repr(m.c), isinstance(m._modules, dict)]


def directory(lib: Any) -> list[Any]:
    m = lib.nn.Sequential(lib.nn.Linear(1, 1))
    m.register_buffer("stat", lib.zeros(1))
    m.one = lib.nn.Parameter(lib.zeros(1))
    names = dir(m)
    return [
        [n in names for n in ("stat", "one", "forward", "training", "0")],
        names == sorted(names),
    ]


def call_super_init(lib: Any) -> list[Any]:
    class Other:
        def __init__(self, **kwargs: Any) -> None:
            self.seen = kwargs

    class Both(lib.nn.Module, Other):
        call_super_init = True

    return [Both(x=3).seen]


SCENARIOS = [
    walking, finding, attributes, registering, before_init, calling, modes, types, copying, raw_dictionaries,
    directory, call_super_init,
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_does_what_torch_does(scenario: Any, same_as_torch: Any) -> None:
    same_as_torch(scenario)


def test_registers_what_is_assigned() -> None:
    m = net(tw)
    assert [n for n, _ in m.named_parameters()] == [
        "scale", "a.fc.weight", "a.fc.bias", "a.norm.weight", "a.norm.bias", "b.0.weight", "b.0.bias",
        "b.2.fc.weight", "b.2.fc.bias", "b.2.norm.weight", "b.2.norm.bias",
    ]  # fmt: skip
    assert "scratch" not in m.state_dict() and "seen" in m.state_dict()
    assert m.tied.weight is m.a.fc.weight and "tied.weight" in m.state_dict()


def test_plain_list_registers_nothing() -> None:
    m = nn.Module()
    m.layers = [nn.Linear(1, 1)]
    assert list(m.parameters()) == []


def test_tensor_over_parameter_is_refused() -> None:
    m = nn.Linear(2, 2)
    with pytest.raises(
        TypeError, match="cannot assign 'thalweg.FloatTensor' as parameter 'weight'"
    ):
        m.weight = tw.zeros(2, 2)  # type: ignore[assignment]
    assert isinstance(m.weight, nn.Parameter)


def test_missing_super_init_is_said() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.ReLU()

    with pytest.raises(
        AttributeError, match=r"cannot assign module before Module.__init__\(\) call"
    ):
        Early()


def test_unknown_attribute_names_class_and_attribute() -> None:
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018


def test_attribute_and_registry_are_one() -> None:
    m = nn.Linear(2, 2)
    assert m.__dict__["weight"] is m._parameters["weight"]
    m._parameters["weight"] = other = nn.Parameter(tw.zeros(2, 2))
    assert m.weight is other
    del m.weight
    assert "weight" not in m._parameters and not hasattr(m, "weight")


def test_property_that_fails_falls_back_on_the_registry() -> None:
    class Odd(nn.Module):
        @property
        def weight(self) -> Any:
            raise AttributeError("not here")

    m = Odd()
    m._parameters["weight"] = held = nn.Parameter(tw.ones(1))
    assert m.weight is held


def test_module_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        seen = weakref.ref(m[0].weight)
        del m
        assert seen() is None
    finally:
        gc.enable()


def test_repr_nests_and_folds_repeats() -> None:
    m = nn.Sequential(
        OrderedDict(
            body=nn.ModuleList([nn.Sequential(nn.Linear(1, 1)) for _ in range(3)] + [nn.ReLU()]),
            head=nn.ReLU(),
        )
    )
    assert repr(m) == (
        "Sequential(\n"
        "  (body): ModuleList(\n"
        "    (0-2): 3 x Sequential(\n"
        "      (0): Linear(in_features=1, out_features=1, bias=True)\n"
        "    )\n"
        "    (3): ReLU()\n"
        "  )\n"
        "  (head): ReLU()\n"
        ")"
    )


def test_devices_and_types_that_do_not_exist() -> None:
    m = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match=r"\w+: .*: "):
        m.cuda()
    assert m.compile() is None and m.cpu() is m
    with pytest.raises(RuntimeError, match="cuda"):
        m.to("cuda")


def test_parameter_shares_memory_and_prints() -> None:
    source = tw.zeros(2)
    p = nn.Parameter(source)
    with tw.no_grad():
        p[0] = 3.0
    assert source.tolist() == [3.0, 0.0] and p.requires_grad and p.is_leaf
    assert repr(p) == "Parameter containing:\ntensor([3., 0.], requires_grad=True)"
    assert not nn.Parameter(source, requires_grad=False).requires_grad
    assert isinstance(copy.deepcopy(p), nn.Parameter) and copy.deepcopy(p).tolist() == [3.0, 0.0]
    again = pickle.loads(pickle.dumps(p))
    assert isinstance(again, nn.Parameter) and again.tolist() == p.tolist() and again.requires_grad
    assert type(p * 1) is tw.Tensor and type(p.data) is tw.Tensor


def test_parameter_refuses_integers_and_other_things() -> None:
    with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
        nn.Parameter(tw.tensor([1, 2]))
    assert not nn.Parameter(tw.tensor([1, 2]), requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="must be a Tensor"):
        nn.Parameter([1.0])  # type: ignore[arg-type]


def test_buffer_subclass_round_trips() -> None:
    b = nn.Buffer(tw.ones(2), persistent=False)
    for twin in (copy.deepcopy(b), pickle.loads(pickle.dumps(b))):
        assert isinstance(twin, nn.Buffer) and twin.tolist() == [1.0, 1.0] and not twin.persistent
