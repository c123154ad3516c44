"""Elements picked, and written, at places that numbers name: native code against NumPy and against its own promises."""

from __future__ import annotations

import re

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.compiler.plan import HostStep, KernelStep
from thalweg.compiler.schedule import schedule
from thalweg.compiler.text import ELEMENT
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import ALL, bool_, float32, from_numpy, int64
from thalweg.ir.primitive import Primitive
from thalweg.runtime.native import Fault, NativeProgram
from thalweg.testing.graphs import program_of
from thalweg.testing.walk import walk

NAMES = ["take_rows", "add_rows", "index", "index_put", "gather", "scatter", "cumsum", "cumprod"]
COMPUTED = [d for d in ALL if d.name in ELEMENT and not d.is_half]
MODES = {"add": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def graph_of(name, arrays, **statics):
    """One primitive alone."""
    builder = Builder(tuple(Aval(a.shape, from_numpy(a.dtype)) for a in arrays))
    record = Primitive.registry[name]
    return builder.finish((builder.emit(record, tuple(builder.inputs()), record.pack(statics)),))


def run(name, *arrays, hosted=False, **statics):
    """The native result, which the walk over the plan gives as well."""
    graph = graph_of(name, arrays, **statics)
    native = NativeProgram(graph)
    assert any(isinstance(s, HostStep) for s in native.plan.steps) == hosted, str(native.plan)
    (found,) = native(arrays)
    np.testing.assert_array_equal(walk(native.plan, graph, list(arrays))[0], found)
    return found


def reference(name, *arrays, **statics):
    with np.errstate(all="ignore"):
        return np.asarray(Primitive.registry[name].reference(*arrays, **statics))


def draw(dtype, *shape, seed=0):
    rng = np.random.RandomState(seed)
    if dtype is bool_:
        return rng.rand(*shape) < 0.5
    small = rng.randint(0, 6, shape) if not dtype.is_signed else rng.randn(*shape) * 3
    return np.asarray(small).astype(dtype.numpy)


def numbers(high, *shape, low=0, kind=np.int64):
    return np.asarray(np.random.RandomState(1).randint(low, high, shape)).astype(kind)


@pytest.fixture
def threads():
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


# Right


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_the_references(name):
    record = Primitive.registry[name]
    for arrays, statics in record.samples():
        arrays = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays]
        expected = reference(name, *arrays, **statics)
        found = run(name, *arrays, hosted=any(a.size == 0 for a in (*arrays, expected)), **statics)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", COMPUTED, ids=lambda d: d.name)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_picks_of_every_type(dtype, kind):
    low = 0 if kind is np.uint8 else -5
    for width in (1, 3, 16, 37):
        table, places = draw(dtype, 5, width), numbers(5, 4, 9, kind=kind)
        found = run("take_rows", table, places, skip=None)
        np.testing.assert_array_equal(found, table[places])
        signed = numbers(5, 40, low=low, kind=kind)
        found = run("index", table, signed, axis=0, signed=True)
        np.testing.assert_array_equal(found, table[signed])
        each = numbers(5, 21, width, kind=kind)
        found = run("gather", table, each, axis=0)
        np.testing.assert_array_equal(found, np.take_along_axis(table, each, 0))
        across = numbers(5, width, 19, kind=kind)
        found = run("gather", np.ascontiguousarray(table.T), across, axis=1)
        np.testing.assert_array_equal(found, np.take_along_axis(table.T, across, 1))


@pytest.mark.parametrize("dtype", COMPUTED, ids=lambda d: d.name)
def test_writes_of_every_type(dtype):
    for width in (1, 16, 37):
        base, places = draw(dtype, 5, width), numbers(5, 30, low=-5)
        value = draw(dtype, 30, width, seed=1)
        for accumulate in (False, True):
            given = (base, value, places)
            expected = reference("index_put", *given, axis=0, accumulate=accumulate)
            found = run("index_put", *given, axis=0, accumulate=accumulate)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        for mode in ("set", *MODES):
            each = numbers(5, 11, width)
            given = (base, draw(dtype, 11, width, seed=2), each)
            expected = reference("scatter", *given, axis=0, mode=mode)
            np.testing.assert_array_equal(run("scatter", *given, axis=0, mode=mode), expected)
            given = tuple(np.ascontiguousarray(a.T) for a in given)
            found = run("scatter", *given, axis=1, mode=mode)
            np.testing.assert_array_equal(found, expected.T)


def test_of_several_elements_for_one_place_the_last_stays_and_sums_go_in_order():
    rng = np.random.RandomState(0)
    places, value = rng.randint(0, 3, 200), rng.randn(200, 40).astype(np.float32)
    base = rng.randn(3, 40).astype(np.float32)
    last, total, rows = base.copy(), base.copy(), np.zeros_like(base)
    for place, line in zip(places, value, strict=True):
        last[place] = line
        total[place] += line
        if place != 1:
            rows[place] += line
    found = run("index_put", base, value, places, axis=0, accumulate=False)
    np.testing.assert_array_equal(found, last)
    found = run("index_put", base, value, places, axis=0, accumulate=True)
    np.testing.assert_array_equal(found, total)
    np.testing.assert_array_equal(run("add_rows", value, places, rows=3, skip=1), rows)


def test_a_row_that_is_skipped_stays_zero_whatever_was_meant_for_it():
    value = np.array([[np.nan, np.inf], [1, 2]], np.float32)
    found = run("add_rows", value, np.array([0, 1]), rows=3, skip=0)
    np.testing.assert_array_equal(found, [[0, 0], [1, 2], [0, 0]])


def test_extremes_keep_nan():
    base, src = np.array([1.0, 2, 3]), np.array([np.nan, 0, 5, np.nan])
    places = np.array([0, 0, 1, 2])
    for mode in ("amax", "amin"):
        expected = reference("scatter", base, src, places, axis=0, mode=mode)
        np.testing.assert_array_equal(
            run("scatter", base, src, places, axis=0, mode=mode), expected
        )


def test_numbers_for_several_axes_in_the_middle():
    x = draw(float32, 3, 4, 5, 6)
    first, second = numbers(4, 7, 1, low=-4), numbers(5, 2, low=-5)
    found = run("index", x, first, second, axis=1, signed=True)
    np.testing.assert_array_equal(found, x[:, first, second])
    value = draw(float32, 7, 2, 1, seed=3)
    expected = reference("index_put", x, value, first, second, axis=1, accumulate=True)
    found = run("index_put", x, value, first, second, axis=1, accumulate=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_nothing_and_scalars():
    x = draw(float32, 4, 3)
    none = np.zeros(0, np.int64)
    assert run("index", x, none, axis=0, signed=True, hosted=True).shape == (0, 3)
    assert run("take_rows", x, none, skip=None, hosted=True).shape == (0, 3)
    base = run("index_put", x, x[:0], none, axis=0, accumulate=True, hosted=True)
    np.testing.assert_array_equal(base, x)
    one = np.array(-2)
    np.testing.assert_array_equal(run("index", x, one, axis=0, signed=True), x[-2])
    np.testing.assert_array_equal(run("index", x[0], one, axis=0, signed=True), x[0, -2])
    seven = np.array(7, np.float32)
    found = run("index_put", x[0], seven, one, axis=0, accumulate=False)
    np.testing.assert_array_equal(found, [x[0, 0], 7, x[0, 2]])
    assert run("cumsum", x[:1], axis=0).tolist() == x[:1].tolist()


def test_scalars_beside_a_check_of_a_scalar():
    """A kernel that looks for numbers out of range computes nothing else."""
    builder = Builder((Aval((4,), float32), Aval((), int64), Aval((1, 4), float32)))
    x, place, row = builder.inputs()
    product = (row @ row.swap()).reshape(())
    first = Primitive.registry["index"](x, place, axis=0, signed=True)
    graph = builder.finish((first, Primitive.registry["exp"](product * 0.1)))
    given = [draw(float32, 4), np.array(2), draw(float32, 1, 4)]
    for found, expected in zip(NativeProgram(graph)(given), program_of(graph)(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", COMPUTED, ids=lambda d: d.name)
def test_running_sums_have_the_references_bits(name, dtype):
    for shape in ((50,), (3, 40), (40, 3), (2, 5, 17)):
        x = draw(dtype, *shape)
        for axis in range(len(shape)):
            expected = reference(name, x, axis=axis)
            np.testing.assert_array_equal(run(name, x, axis=axis), expected)


def test_whole_numbers_divided():
    """All pairs of small numbers, the least by -1 among them."""
    for kind in (np.int8, np.uint8):
        limits = np.iinfo(kind)
        every = np.arange(limits.min, limits.max + 1).astype(kind)
        x, y = every[:, None], every[every != 0]
        for name in ("floor_divide", "remainder", "fmod"):
            np.testing.assert_array_equal(run(name, x, y), reference(name, x, y))


def test_large_numbers_divided():
    """Around multiples of the divisor, where a rounded quotient would be one too far."""
    rng = np.random.RandomState(0)
    with np.errstate(over="ignore"):
        y = rng.randint(-(1 << 62), 1 << 62, 2000) >> rng.randint(0, 62, 2000)
        y[y == 0] = -1
        x = y * (rng.randint(-(1 << 62), 1 << 62, 2000) >> rng.randint(0, 62, 2000))
        x = np.r_[x, (1 << 52) // y * y, x >> 11, x >> 12]
    y = np.tile(y, 4)
    for near in (-1, 0, 1):
        for name in ("floor_divide", "remainder", "fmod"):
            found = run(name, x + near, y)
            np.testing.assert_array_equal(found, reference(name, x + near, y))


# The order of additions, and threads


LARGE = {
    "add_rows": lambda x, at: (x.reshape(800, 600), at[:800] % 50, {"rows": 50, "skip": 3}),
    "index_put": lambda x, at: (x.reshape(48, 10_000), x[::-1].reshape(48, 10_000), at[:10_000] % 300,
                                {"axis": 1, "accumulate": True}),
    "scatter": lambda x, at: (x.reshape(40, 12_000), x.reshape(40, 12_000)[::-1].copy(),
                              at.reshape(40, 12_000) % 300, {"axis": 1, "mode": "add"}),
    "take_rows": lambda x, at: (x.reshape(800, 600), at[:900] % 800, {"skip": None}),
    "gather": lambda x, at: (x.reshape(40, 12_000), at.reshape(40, 12_000) % 12_000, {"axis": 1}),
    "cumsum": lambda x, at: (x.reshape(40, 12_000), {"axis": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LARGE))
def test_any_number_of_threads_gives_the_same_bits(name, threads):
    x = np.random.RandomState(0).randn(480_000).astype(np.float32)
    *arrays, statics = LARGE[name](x, numbers(1 << 40, 480_000))
    arrays = [np.ascontiguousarray(a) for a in arrays]
    native = NativeProgram(graph_of(name, arrays, **statics))
    kernels = [s for s in native.plan.steps if isinstance(s, KernelStep)]
    assert any(s.count > 1 and s.work >= 1 << 19 for s in kernels), "too small to be shared"
    found = []
    for n in (1, 2, 4):
        tw.set_num_threads(n)
        found.append(native(arrays)[0])
    expected = reference(name, *arrays, **statics)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_new_sizes_are_the_same_kernels():
    def kernels(n, rows, width):
        arrays = [draw(float32, rows, width), numbers(rows, n, 3)]
        plans = [schedule(graph_of("take_rows", arrays, skip=2))]
        arrays[0] = draw(float32, n, 3, width)
        plans.append(schedule(graph_of("add_rows", arrays, rows=rows, skip=2)))
        arrays = [draw(float32, rows, width), draw(float32, n, width), numbers(rows, n, width)]
        plans.append(schedule(graph_of("scatter", arrays, axis=0, mode="add")))
        return [s.kernel for plan in plans for s in plan.steps if isinstance(s, KernelStep)]

    assert kernels(8, 5, 40) == kernels(31, 1000, 17)


# Errors


@pytest.mark.parametrize("bad", [5, -6, 1 << 40, -(1 << 62)])
def test_numbers_out_of_range_are_faults(bad):
    x, places = draw(float32, 5, 4), np.array([0, 4, bad])
    each, value = np.array([[0, 1, 2, 3]] * 3), draw(float32, 3, 4)
    each[2, 1] = bad
    cases = [
        ("take_rows", (x, places), {"skip": None}),
        ("index", (x, places), {"axis": 0, "signed": True}),
        ("index", (x, places), {"axis": 0, "signed": False}),
        ("gather", (x, each), {"axis": 0}),
        ("add_rows", (value, places), {"rows": 5, "skip": None}),
        ("index_put", (x, value, places), {"axis": 0, "accumulate": True}),
        ("scatter", (x, value, each), {"axis": 0, "mode": "add"}),
    ]
    for name, arrays, statics in cases:
        with pytest.raises(Fault):
            NativeProgram(graph_of(name, arrays, **statics))(list(arrays))


def test_only_what_counts_from_the_end_may_be_negative():
    x, places = draw(float32, 5, 4), np.array([0, -1])
    native = NativeProgram(graph_of("index", (x, places), axis=0, signed=False))
    with pytest.raises(Fault):
        native([x, places])
    with pytest.raises(Fault):
        NativeProgram(graph_of("take_rows", (x, places), skip=None))([x, places])


def of_users(bad):
    """Functions of users with numbers that are not known when they are recorded, and what is wrong with ``bad``."""
    table = nn.Parameter(tw.arange(10.0).reshape(5, 2))
    nothing = (table * 0).sum().long()
    place = tw.tensor([1, bad]) + nothing
    pair = tw.tensor([[1, 0], [bad, 1]]) + nothing
    return {
        "embedding": lambda: F.embedding(place, table),
        "index": lambda: (table * 2)[place],
        "index_select": lambda: (table * 2).index_select(0, place),
        "gather": lambda: (table * 2).gather(0, pair),
        "scatter_add": lambda: (table * 2).scatter_add(0, pair, tw.ones(2, 2)),
        "index_add": lambda: (table * 2).index_add(0, place, tw.ones(2, 2)),
        "floor_divide": lambda: tw.tensor([7, 8]) // (place - 5),
        "remainder": lambda: tw.tensor([7, 8]) % (place - 5),
    }


@pytest.mark.parametrize("name", sorted(of_users(0)))
def test_a_user_sees_the_interpreters_error_and_can_go_on(name):
    errors = []
    for tier in ("interpret", "native"):
        with tw.tier(tier):
            good = of_users(4)[name]()
            expected = good.detach().numpy().copy()
            with pytest.raises((IndexError, RuntimeError)) as caught:
                of_users(5)[name]().detach().numpy()
            assert any("test_picking.py" in note for note in caught.value.__notes__)
            errors.append((type(caught.value), str(caught.value)))
            again = of_users(4)[name]().detach().numpy()
            assert np.array_equal(again, expected)
    assert errors[0] == errors[1]
    assert re.search(r"\b5\b|zero", errors[0][1])


# How many kernels


def test_an_embedding_is_part_of_the_kernel_that_reads_it():
    builder = Builder((Aval((9, 8), float32), Aval((2, 3), int64), Aval((3, 8), float32)))
    table, places, offsets = builder.inputs()
    found = Primitive.registry["take_rows"](table, places, skip=None)
    graph = builder.finish((Primitive.registry["exp"](found + offsets).sum((2,)),))
    plan = schedule(graph)
    names = [s.names for s in plan.steps if isinstance(s, KernelStep)]
    assert names == [("check numbers",), ("take_rows", "add", "exp", "sum")], str(plan)
    given = [draw(float32, 9, 8), numbers(9, 2, 3), draw(float32, 3, 8)]
    np.testing.assert_allclose(
        NativeProgram(graph)(given)[0], program_of(graph)(given)[0], rtol=1e-6
    )


def test_numbers_are_looked_at_once():
    table = nn.Embedding(7, 4)
    x = tw.tensor([[1, 2, 6], [0, 1, 1]])

    def step():
        table.zero_grad()
        (table(x) * tw.arange(4.0)).sum().backward()

    (report,) = [r for r in tw.explain(step).programs if r.native]
    assert sum("check numbers" in line.what for line in report.lines) == 1
    assert not any(line.kind == "host" for line in report.lines)


# Whole steps


class Words(nn.Module):
    """Two embeddings, one with a padding row, a gather, a choice by a computed number, a running sum."""

    def __init__(self):
        super().__init__()
        tw.manual_seed(0)
        self.tokens, self.places = nn.Embedding(50, 24, padding_idx=0), nn.Embedding(7, 24)
        self.out = nn.Linear(24, 5)

    def forward(self, x):
        h = self.tokens(x) + self.places(tw.arange(x.shape[1]) // 2)
        h = h.cumsum(1) + h[:, x[0] % 7]
        pooled = tw.zeros(x.shape[0], 24).index_add(0, x[:, 0] % x.shape[0], h[:, 1])
        return self.out(pooled).gather(1, x[:, :3] % 5)


def trained(tier):
    net = Words()
    optimizer = tw.optim.Adam(net.parameters(), lr=0.01)
    x = tw.tensor(numbers(50, 16, 12))
    with tw.tier(tier):
        for _ in range(4):
            optimizer.zero_grad()
            loss = net(x).square().sum()
            loss.backward()
            optimizer.step()
        return [loss.detach().numpy(), *(p.detach().numpy().copy() for p in net.parameters())]


def test_a_whole_step_agrees_on_both_tiers(threads):
    expected = trained("interpret")
    found = []
    for n in (1, 2, 4):
        tw.set_num_threads(n)
        found.append(trained("native"))
        for a, b in zip(found[-1], expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    for parts in zip(*found, strict=True):
        assert all(np.array_equal(parts[0], part) for part in parts)
    assert not np.any(found[0][1][0]), "the padding row moved"
