"""How tensors print: PyTorch's text, to the character."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw

DTYPES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
SHAPES = ((), (1,), (3,), (7,), (2, 3), (1, 1), (3, 1, 2), (2, 2, 2, 2), (30,), (4, 25))
EMPTY = ((0,), (0, 3), (2, 0), (1, 0, 4))


def _values(kind: str, shape: tuple[int, ...], seed: int) -> Any:
    rng = np.random.RandomState(seed)
    if kind == "bool":
        return np.asarray(rng.rand(*shape) < 0.5)
    if kind.startswith("float"):
        return np.asarray(rng.randn(*shape) * 10.0 ** rng.randint(-1, 2), kind)
    return np.asarray(rng.randint(0, 100, shape) - (0 if kind == "uint8" else 50)).astype(kind)


def _floats() -> dict[str, list[float]]:
    nan, inf = float("nan"), float("inf")
    return {
        "whole": [1, 2, -3],
        "whole and large": [1, 1e8],
        "whole and larger": [1e8 + 8, 2e8],
        "whole, wide": [1, 1001],
        "whole, just not wide": [1, 1000],
        "zero": [0],
        "negative zero": [-0.0, 0.5],
        "zeros of both signs": [-0.0, 0.0],
        "small": [9e-5],
        "just not small": [1.01e-4, 2e-4],
        "tiny": [1e-30, 2e-30],
        "wide": [0.5, 501],
        "just not wide": [0.5, 500],
        "huge": [1.5e8 + 16, 3e20],
        "third": [1 / 3, 2 / 3, -1],
        "nan": [nan],
        "nan and whole": [nan, 1, 2],
        "nan and broken": [nan, 1.5],
        "infinities": [inf, -inf],
        "infinities and whole": [inf, 3, -inf],
        "infinities and small": [inf, 1e-6, nan],
        "wide by one": [0.001, 1, 100, -7.25],
        "mixed signs": [-1.5, 0.25, 1e-3],
        "subnormal": [1e-40],
        "largest": [3.4e38, -3.4e38],
        "rounds up": [0.99995, 0.99996],
        "rounds up to more digits": [9.99996, 1.0001],
    }


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    with tw.printoptions():
        yield


@pytest.fixture
def same_text() -> Callable[..., None]:
    """A check that ``make(library)`` prints on Thalweg as on PyTorch."""
    torch = pytest.importorskip("torch")

    def check(make: Callable[[Any], Any]) -> None:
        assert repr(make(tw)).replace("thalweg", "torch") == repr(make(torch))
        assert str(make(tw)).replace("thalweg", "torch") == str(make(torch))

    return check


def _of(kind: str, values: Any) -> Callable[[Any], Any]:
    return lambda m: m.tensor(np.asarray(values, kind))


@pytest.mark.parametrize("kind", DTYPES)
def test_types_and_ranks(kind: str, same_text: Any) -> None:
    for shape in SHAPES:
        for seed in range(3):
            same_text(_of(kind, _values(kind, shape, seed)))


@pytest.mark.parametrize("kind", DTYPES)
def test_empty(kind: str, same_text: Any) -> None:
    for shape in EMPTY:
        same_text(_of(kind, np.zeros(shape)))


@pytest.mark.parametrize("kind", ("float32", "float64"))
@pytest.mark.parametrize("name", _floats())
def test_numbers(kind: str, name: str, same_text: Any) -> None:
    values = _floats()[name]
    with np.errstate(over="ignore"):
        same_text(_of(kind, values))
        for value in values:
            same_text(_of(kind, value))
        same_text(_of(kind, [values, values[::-1]]))


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize(
    "shape",
    [(1000,), (1001,), (10, 100), (7, 143), (11, 91), (10, 10, 10), (11, 10, 10), (2, 2000)],
)
def test_summarized_beyond_a_thousand(kind: str, shape: tuple[int, ...], same_text: Any) -> None:
    values = _values(kind, shape, 4)
    assert (" ..." in repr(tw.tensor(values))) == (values.size > 1000)
    same_text(_of(kind, values))


@pytest.mark.parametrize("shape", [(6, 6, 6, 6), (7, 7, 7, 7), (1001, 1), (1, 1001), (3, 2, 501)])
def test_edges_of_many_ranks(shape: tuple[int, ...], same_text: Any) -> None:
    same_text(_of("float32", _values("float32", shape, 5)))
    same_text(_of("int64", _values("int64", shape, 5)))


def test_width_comes_from_what_is_shown(same_text: Any) -> None:
    hidden = np.arange(2000.0)
    hidden[1000] = 1e9
    same_text(_of("float32", hidden % 5))
    same_text(_of("float64", hidden / 7 % 3))
    same_text(_of("int64", np.where(np.arange(2000) == 1000, 10**12, 3)))


@pytest.mark.parametrize("seed", range(40))
def test_random_magnitudes(seed: int, same_text: Any) -> None:
    rng = np.random.RandomState(seed)
    shape = tuple(rng.randint(1, 6, rng.randint(0, 4)))
    values = np.asarray(rng.randn(*shape) * 10.0 ** rng.randint(-6, 9, shape))
    values = np.where(rng.rand(*shape) < 0.3, np.round(values), values)
    same_text(_of("float64", values))
    same_text(_of("float32", values))


def test_requires_grad_and_grad_fn(same_text: Any) -> None:
    for n in (1, 5, 9, 10, 11, 50):
        values = np.linspace(0, 1, n)
        for kind in ("float32", "float64"):
            leaf = lambda m, v=values, k=kind: m.tensor(np.asarray(v, k), requires_grad=True)  # noqa: E731
            same_text(leaf)
            same_text(lambda m, leaf=leaf: leaf(m) * 2)
            same_text(lambda m, leaf=leaf: leaf(m).max())
            same_text(lambda m, leaf=leaf: leaf(m)[:1])
            same_text(lambda m, leaf=leaf: leaf(m).reshape(-1, 1).exp())
            same_text(lambda m, leaf=leaf: leaf(m).detach())
    same_text(lambda m: m.zeros(0, requires_grad=True))
    same_text(lambda m: m.zeros(2, 0, dtype=m.float64, requires_grad=True))


def test_views_and_numbers_out_of_tensors(same_text: Any) -> None:
    same_text(lambda m: m.arange(12).reshape(3, 4).t())
    same_text(lambda m: m.arange(12.0).reshape(3, 4)[:, 1::2])
    same_text(lambda m: m.ones(1).expand(4, 3))
    same_text(lambda m: [m.tensor(1.5), {"a": m.arange(3)}])
    same_text(lambda m: m.arange(6.0).reshape(2, 3).shape)
    same_text(lambda m: (m.float32, m.bool, m.int64))
    same_text(lambda m: f"{m.tensor(1.23456):.2f} {m.tensor(7):03d} {m.arange(3)}")
    same_text(lambda m: m.nn.Parameter(m.arange(3.0)))
    same_text(lambda m: m.nn.Parameter(m.arange(200.0).reshape(2, 100) / 7))


OPTIONS: tuple[dict[str, Any], ...] = (
    {"precision": 2},
    {"precision": 8},
    {"precision": 0},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"edgeitems": 2, "threshold": 10},
    {"linewidth": 40},
    {"linewidth": 200},
    {"sci_mode": True},
    {"sci_mode": False},
    {"sci_mode": True, "precision": 2},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "short", "precision": 6},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    samples = [_values("float32", (3, 9), 1), np.array([1e-7, 2.5, np.nan]), np.arange(30)]
    samples += [np.arange(4.0), np.array(0.0), np.array([np.inf]), np.arange(12) % 2 == 0]
    samples += [_values("float64", (40, 40), 2), np.zeros((0, 2)), np.zeros(3)]
    before = repr(tw.tensor(samples[0]))
    try:
        torch.set_printoptions(**options)
        tw.set_printoptions(**options)
        for sample in samples:
            assert repr(tw.tensor(sample)).replace("thalweg", "torch") == repr(torch.tensor(sample))
    finally:
        torch.set_printoptions(profile="default")
        tw.set_printoptions(profile="default")
    assert repr(tw.tensor(samples[0])) == before


def test_options_within_a_block() -> None:
    x = tw.tensor([1 / 3])
    with tw.printoptions(precision=2):
        assert repr(x) == "tensor([0.33])"
        with tw.printoptions(sci_mode=True):
            assert repr(x) == "tensor([3.33e-01])"
        assert repr(x) == "tensor([0.33])"
    assert repr(x) == "tensor([0.3333])"
    with pytest.raises(ZeroDivisionError), tw.printoptions(precision=1):
        raise ZeroDivisionError
    assert tw.get_printoptions()["precision"] == 4


def test_no_such_profile() -> None:
    with pytest.raises(ValueError, match="profile"):
        tw.set_printoptions(profile="tiny")
