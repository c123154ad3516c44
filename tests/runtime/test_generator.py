"""Random streams: the numbers that PyTorch draws, in its order."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.nn import functional as F
from thalweg.runtime import generator

SIZES = (0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 100)
SEEDS = (0, 1, 42, 2**32 - 1, 2**32 + 5, 2**63 - 1, -1)
Draw = Callable[[Any], Any]


def _weights(m: Any, n: int, kind: str = "float32") -> Any:
    return m.tensor((np.arange(n) % 5 + 0.5).astype(kind))


DRAWS: dict[str, Callable[[Any, int], Any]] = {
    "rand": lambda m, n: m.rand(n),
    "rand float64": lambda m, n: m.rand(n, dtype=m.float64),
    "randn": lambda m, n: m.randn(n),
    "randn float64": lambda m, n: m.randn(n, dtype=m.float64),
    "randn of two dims": lambda m, n: m.randn(2, n),
    "randint": lambda m, n: m.randint(0, 10, (n,)),
    "randint wide": lambda m, n: m.randint(-(2**40), 2**40, (n,)),
    "randint around 2**28": lambda m, n: m.randint(0, 2**28, (n,)),
    "randint below 2**32": lambda m, n: m.randint(0, 2**32 - 1, (n,)),
    "randint int32": lambda m, n: m.randint(-5, 5, (n,), dtype=m.int32),
    "randperm": lambda m, n: m.randperm(n),
    "bernoulli": lambda m, n: m.bernoulli(m.full((n,), 0.3)),
    "bernoulli float64": lambda m, n: m.bernoulli(m.full((n,), 0.3, dtype=m.float64)),
    "bernoulli_": lambda m, n: m.zeros(n).bernoulli_(0.7),
    "bernoulli_ by tensor": lambda m, n: m.zeros(n).bernoulli_(m.full((n,), 0.2)),
    "normal_": lambda m, n: m.zeros(n).normal_(2.0, 3.0),
    "normal_ float64": lambda m, n: m.zeros(n, dtype=m.float64).normal_(-1.0, 0.5),
    "normal": lambda m, n: m.normal(1.0, 2.0, (n,)),
    "uniform_": lambda m, n: m.zeros(n).uniform_(-2.0, 5.0),
    "uniform_ float64": lambda m, n: m.zeros(n, dtype=m.float64).uniform_(-2.0, 5.0),
    "exponential_": lambda m, n: m.zeros(n).exponential_(1.5),
    "exponential_ float64": lambda m, n: m.zeros(n, dtype=m.float64).exponential_(),
    "random_": lambda m, n: m.zeros(n, dtype=m.int64).random_(),
    "random_ to": lambda m, n: m.zeros(n).random_(7),
    "rand_like": lambda m, n: m.rand_like(m.zeros(n, dtype=m.float64)),
    "randn_like": lambda m, n: m.randn_like(m.zeros(n)),
    "randint_like": lambda m, n: m.randint_like(m.zeros(n), 3, 9),
    "dropout": lambda m, n: m.nn.functional.dropout(m.ones(n), 0.4),
    "dropout float64": lambda m, n: m.nn.functional.dropout(m.ones(n, dtype=m.float64), 0.4),
    "multinomial": lambda m, n: m.multinomial(_weights(m, n + 1), n // 2 + 1),
    "multinomial one": lambda m, n: m.multinomial(_weights(m, n + 2), 1),
    "multinomial again": lambda m, n: m.multinomial(_weights(m, 6), n + 1, replacement=True),
    "multinomial rows": lambda m, n: m.multinomial(_weights(m, 12).view(3, 4), 3),
    "multinomial rows again": lambda m, n: m.multinomial(_weights(m, 12).view(3, 4), n + 1, True),
}  # fmt: skip


def _same(mine: Any, theirs: Any, what: str = "") -> None:
    assert repr(mine.dtype).replace("thalweg", "torch") == repr(theirs.dtype), what
    a, b = np.asarray(mine.tolist()), np.asarray(theirs.tolist())
    assert a.shape == b.shape, what
    if mine.dtype is tw.float64:  # log and cos differ in the last place
        np.testing.assert_allclose(a, b, 1e-13, 1e-15, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


@pytest.mark.parametrize("name", DRAWS)
def test_every_draw_at_sizes_around_16(name: str) -> None:
    torch = pytest.importorskip("torch")
    for n in SIZES:
        for m in (tw, torch):
            m.manual_seed(n)
        for round_ in range(3):
            _same(DRAWS[name](tw, n), DRAWS[name](torch, n), f"{name}({n}), draw {round_}")
        _same(tw.rand(3), torch.rand(3), f"after {name}({n})")


@pytest.mark.parametrize("seed", range(12))
def test_interleaved(seed: int) -> None:
    torch = pytest.importorskip("torch")
    for m in (tw, torch):
        m.manual_seed(seed)
    rng = np.random.RandomState(seed)
    names = list(DRAWS)
    for step in range(60):
        name, n = names[rng.randint(len(names))], int(rng.randint(1, 40))
        _same(DRAWS[name](tw, n), DRAWS[name](torch, n), f"step {step}: {name}({n})")


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds(seed: int) -> None:
    torch = pytest.importorskip("torch")
    for m in (tw, torch):
        m.manual_seed(seed)
    assert tw.rand(5).tolist() == torch.rand(5).tolist()
    assert tw.initial_seed() == torch.initial_seed()


def test_uniform_and_whole_numbers_are_the_same_bits() -> None:
    torch = pytest.importorskip("torch")
    for m in (tw, torch):
        m.manual_seed(7)
    for _ in range(5):
        assert tw.rand(1001).tolist() == torch.rand(1001).tolist()
        assert tw.randperm(100).tolist() == torch.randperm(100).tolist()
        mine, theirs = tw.zeros(333).uniform_(-3, 0.7), torch.zeros(333).uniform_(-3, 0.7)
        assert mine.tolist() == theirs.tolist()


def by_turns(targets: list[int]) -> list[int]:
    """What is left when place after place has changed with its target."""
    order = list(range(len(targets)))
    for place, target in enumerate(targets):
        order[place], order[target] = order[target], order[place]
    return order


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 7, 50, 3000])
def test_a_permutation_is_that_of_changing_place_after_place(n: int) -> None:
    for seed in range(20):
        one, other = tw.Generator().manual_seed(seed), tw.Generator().manual_seed(seed)
        assert one.permutation(n).tolist() == by_turns(other.skip_permutation(n).tolist())
        assert one.permutation(3).tolist() == other.permutation(3).tolist()


def test_layers_begin_alike() -> None:
    torch = pytest.importorskip("torch")

    def layers(m: Any) -> list[Any]:
        m.manual_seed(3)
        nn = m.nn
        net = nn.Sequential(
            nn.Linear(5, 7), nn.Conv2d(2, 3, 3), nn.Embedding(9, 4), nn.Linear(3, 3, bias=False)
        )
        return list(net.parameters())

    for a, b in zip(layers(tw), layers(torch), strict=True):
        _same(a.detach(), b.detach())


def test_a_generator_of_ones_own() -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = tw.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    tw.manual_seed(0)
    first = tw.rand(2).tolist()
    tw.manual_seed(0)
    for _ in range(3):
        _same(tw.rand(4, generator=mine), torch.rand(4, generator=theirs))
        _same(tw.randperm(9, generator=mine), torch.randperm(9, generator=theirs))
        _same(tw.zeros(3).normal_(generator=mine), torch.zeros(3).normal_(generator=theirs))
    assert tw.rand(2).tolist() == first, "the default stream stays where it was"
    assert mine.initial_seed() == 5
    assert tw.Generator().initial_seed() == torch.Generator().initial_seed()


@pytest.mark.parametrize("n", [1, 3, 15, 16, 17])
def test_state_round_trip(n: int) -> None:
    tw.manual_seed(11)
    tw.randn(n)
    state = tw.get_rng_state()

    def draw() -> list[Any]:
        return [
            tw.randn(n).tolist(),
            tw.rand(3).tolist(),
            tw.randn(1).tolist(),
            tw.randperm(5).tolist(),
        ]

    first = draw()
    tw.manual_seed(99)
    tw.set_rng_state(state)
    assert draw() == first
    assert tw.initial_seed() == 11
    other = tw.Generator()
    other.set_state(state.numpy())
    assert tw.randn(n, generator=other).tolist() == first[0]


def test_a_state_of_another_kind() -> None:
    with pytest.raises(RuntimeError, match="set_state"):
        tw.set_rng_state(tw.zeros(5, dtype=tw.uint8))
    tw.manual_seed(1)
    before = tw.get_rng_state()
    with pytest.raises(RuntimeError):
        tw.set_rng_state(tw.zeros(7, dtype=tw.uint8))
    assert tw.get_rng_state().tolist() == before.tolist()


ERRORS: dict[str, Draw] = {
    "randint of nothing": lambda m: m.randint(5, 5, (2,)),
    "negative randperm": lambda m: m.randperm(-1),
    "rand of whole numbers": lambda m: m.rand(2, dtype=m.int64),
    "bernoulli above 1": lambda m: m.bernoulli(m.tensor([1.5])),
    "bernoulli_ below 0": lambda m: m.zeros(1).bernoulli_(-0.1),
    "negative std": lambda m: m.zeros(1).normal_(0, -1),
    "rate 0": lambda m: m.zeros(1).exponential_(0),
    "uniform backwards": lambda m: m.zeros(1).uniform_(1, 0),
    "multinomial negative": lambda m: m.multinomial(m.tensor([-1.0, 2]), 1),
    "multinomial of zeros": lambda m: m.multinomial(m.zeros(3), 1),
    "multinomial too many": lambda m: m.multinomial(m.ones(3), 4),
    "multinomial of nan": lambda m: m.multinomial(m.tensor([float("nan"), 1]), 1),
    "seed too large": lambda m: m.manual_seed(2**64),
    "no such device": lambda m: m.Generator("cuda:7"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as expected:
        ERRORS[name](torch)
    with pytest.raises(expected.type):
        ERRORS[name](tw)


def test_dropout_in_training() -> None:
    torch = pytest.importorskip("torch")
    for m in (tw, torch):
        m.manual_seed(2)
    w, v = tw.ones(40, requires_grad=True), torch.ones(40, requires_grad=True)
    for _ in range(4):
        F.dropout(w * 2, 0.3).sum().backward()
        torch.nn.functional.dropout(v * 2, 0.3).sum().backward()
    assert w.grad is not None and v.grad is not None
    assert w.grad.tolist() == v.grad.tolist()


def test_threads_do_not_draw_the_same_numbers() -> None:
    generator = tw.Generator().manual_seed(0)
    drawn: list[float] = []

    def draw() -> None:
        for _ in range(50):
            drawn.extend(tw.rand(4, generator=generator).tolist())

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    alone = tw.rand(800, generator=tw.Generator().manual_seed(0)).tolist()
    assert sorted(drawn) == sorted(alone)


IN_PIECES: dict[str, Callable[[Any, int], Any]] = {
    "random": lambda g, n: g.random((n,)),
    "uniform": lambda g, n: g.uniform((n,), -1.0, 3.0),
    "normal": lambda g, n: g.normal((n,), 1.0, 2.0),
    "integers": lambda g, n: g.integers(0, 10, (n,)),
    "wide integers": lambda g, n: g.integers(-(2**40), 2**40, (n,)),
    "any integers": lambda g, n: g.any_integers((n,), np.int32),
    "bernoulli": lambda g, n: g.bernoulli(0.3, (n,)),
    "exponential": lambda g, n: g.exponential((n,), 2.0),
}


@pytest.mark.parametrize("name", IN_PIECES)
def test_what_is_drawn_in_pieces_is_what_is_drawn_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, found = IN_PIECES[name], []
    for piece in (1 << 20, 32):
        monkeypatch.setattr(generator, "_PIECE", piece)
        stream = tw.Generator().manual_seed(5)
        found.append(
            [draw(stream, n).tolist() for n in (33, 64, 1000, 1001)]
            + [stream.random((3,)).tolist()]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("name", IN_PIECES)
def test_a_large_draw_takes_little_memory_beside_its_result(name: str) -> None:
    stream, n = tw.Generator().manual_seed(0), 1 << 22
    IN_PIECES[name](stream, 100)
    tracemalloc.start()
    try:
        size = IN_PIECES[name](stream, n).nbytes
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < size + (1 << 23)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("n", [16, 17, 31, 4099, 1 << 17])
def test_normals_have_pytorchs_bits(kind: str, n: int) -> None:
    torch = pytest.importorskip("torch")

    def drawn(m: Any) -> Any:
        m.manual_seed(n)
        return [
            m.randn(n, dtype=getattr(m, kind)).float().numpy(),
            m.empty(n, dtype=getattr(m, kind)).normal_(1.0, 0.02).float().numpy(),
            m.rand(3).numpy(),
        ]

    for ours, theirs in zip(drawn(tw), drawn(torch), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_some_normals() -> None:
    """As PyTorch 2.13 gives them."""
    tw.manual_seed(0)
    found = tw.randn(16)[[0, 7, 8, 15]].tolist()
    assert found == [
        -1.1258398294448853,
        -2.1152193546295166,
        0.32227492332458496,
        -0.2472781538963318,
    ]
