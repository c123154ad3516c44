"""Kernels that are part of a product: which are, and that each element's bits are those of the kernel alone."""

from __future__ import annotations

import numpy as np
import pytest

from thalweg.compiler import schedule as scheduling
from thalweg.compiler.plan import ContractionStep, KernelStep
from thalweg.compiler.schedule import schedule
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import float32, float64
from thalweg.ir.primitive import Primitive
from thalweg.runtime import contraction
from thalweg.runtime.native import NativeProgram
from thalweg.runtime.pool import pool
from thalweg.testing.walk import walk

exp = Primitive.registry["exp"]


@pytest.fixture(params=["kernel", "blas"])
def way(request, monkeypatch):
    """By our own product and by the BLAS."""
    if request.param == "blas":
        monkeypatch.setattr(contraction, "_has_kernel", lambda: False)
    elif not contraction._has_kernel():
        pytest.skip("this processor has no AVX-512: products go to BLAS")


def graph_of(function, *shapes, dtype=float32):
    b = Builder(tuple(Aval(shape, dtype) for shape in shapes))
    return b.finish(function(*b.inputs()))


def products(plan):
    return [step for step in plan.steps if isinstance(step, ContractionStep)]


def inputs_of(graph, seed=0):
    rng = np.random.RandomState(seed)
    avals = graph.avals[: graph.n_inputs]
    return [rng.uniform(-1, 1, a.shape).astype(a.dtype.numpy) for a in avals]


def dense(x, weight, bias):
    return (exp(x @ weight + bias),)


CASES = {
    "a row for all": (dense, (130, 20), (20, 100), (100,)),
    "one number for each row": (dense, (130, 20), (20, 100), (130, 1)),
    "one tile": (dense, (7, 5), (5, 9), (9,)),
    "two columns": (dense, (70, 5), (5, 2), (2,)),
    "high": (dense, (600, 5), (5, 50), (50,)),
    "a batch": (dense, (3, 70, 20), (3, 20, 50), (50,)),
    "a batch, each with rows of its own": (dense, (3, 70, 20), (3, 20, 50), (3, 1, 50)),
    "two dimensions of a batch": (dense, (2, 3, 66, 4), (2, 3, 4, 50), (2, 1, 66, 50)),
    "heads": (dense, (2, 3, 66, 4), (3, 4, 50), (3, 1, 1)),
}


@pytest.mark.parametrize("dtype", [float32, float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_bits_are_those_of_the_kernel_alone(case, dtype, way, monkeypatch):
    function, *shapes = CASES[case]
    graph = graph_of(function, *shapes, dtype=dtype)
    inputs = inputs_of(graph)
    fused = NativeProgram(graph)
    assert not any(isinstance(step, KernelStep) for step in fused.plan.steps)
    (product,) = products(fused.plan)
    assert product.epilogue is not None and "then" in str(fused.plan)
    monkeypatch.setattr(scheduling, "with_epilogues", lambda steps, *_: list(steps))
    apart = NativeProgram(graph)
    assert any(isinstance(step, KernelStep) for step in apart.plan.steps)
    before = pool.threads
    try:
        for threads in (1, 2, 4):
            pool.resize(threads)
            for found, expected in zip(fused(inputs), apart(inputs), strict=True):
                np.testing.assert_array_equal(found, expected)
    finally:
        pool.resize(before)
    (walked,) = walk(fused.plan, graph, inputs)
    np.testing.assert_allclose(walked, fused(inputs)[0], rtol=1e-4 if dtype is float32 else 1e-12)


def test_several_results_and_the_product_itself():
    """A product that is looked at keeps its own memory; the kernel may write several results."""

    def function(x, weight):
        y = x @ weight
        return y, exp(y), y * 2.0

    graph = graph_of(function, (66, 5), (5, 50))
    inputs = inputs_of(graph)
    program = NativeProgram(graph)
    (product,) = products(program.plan)
    assert product.epilogue is not None and len(set(product.epilogue.buffers)) == 3
    y, power, twice = program(inputs)
    np.testing.assert_allclose(y, inputs[0] @ inputs[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(power, np.exp(y), rtol=1e-6)
    np.testing.assert_array_equal(twice, y * 2)


def test_what_only_the_kernel_reads_takes_no_memory_of_its_own():
    def function(x, first, second):
        return (exp(x @ first) @ second,)

    graph = graph_of(function, (66, 5), (5, 50), (50, 3))
    program = NativeProgram(graph)
    hidden, _ = products(program.plan)
    assert hidden.epilogue is not None and hidden.out in hidden.epilogue.writes
    assert program.arena_size == 66 * 50 * 4
    x, first, second = inputs_of(graph)
    expected = np.exp(x @ first) @ second
    np.testing.assert_allclose(program([x, first, second])[0], expected, rtol=1e-4, atol=1e-6)


def test_the_last_of_two_products_takes_the_kernel():
    def function(x, first, second):
        return (x @ first + x @ second,)

    graph = graph_of(function, (66, 5), (5, 50), (5, 50))
    first, last = products(schedule(graph))
    assert first.epilogue is None and last.epilogue is not None
    x, a, b = inputs_of(graph)
    found = NativeProgram(graph)([x, a, b])[0]
    np.testing.assert_allclose(found, x @ a + x @ b, rtol=1e-4, atol=1e-6)


def turned_reader(x, weight):
    y = x @ weight
    return exp(y.swap()), y


APART = {
    "sums along rows": (lambda x, w: ((x @ w).sum((1,), False),), (66, 5), (5, 50)),
    "a softer maximum": (lambda x, w: (exp(x @ w).sum((0,), False),), (66, 5), (5, 50)),
    "much memory beside": (lambda x, w, y, z: (x @ w + y * z,), (700, 5), (5, 500), (700, 500), (700, 500)),
    "a product spread further": (lambda x, w, y: (x @ w + y,), (66, 5), (5, 50), (4, 66, 50)),
    "turned": (turned_reader, (50, 5), (5, 50)),
    "one row": (dense, (1, 5), (5, 50), (50,)),
    "one column": (dense, (66, 5), (5, 1), (66, 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", APART)
def test_kernels_of_their_own(case):
    function, *shapes = APART[case]
    graph = graph_of(function, *shapes)
    plan = schedule(graph)
    assert all(step.epilogue is None for step in products(plan)), str(plan)
    inputs = inputs_of(graph)
    for found, expected in zip(
        NativeProgram(graph)(inputs), walk(plan, graph, inputs), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_factor_of_the_product_gives_its_memory_to_nobody():
    """Each tile reads all of the weight, which a tile's new weights would otherwise write over."""

    def function(weight, x):
        return (weight - (x @ weight) * 0.1,)

    graph = graph_of(function, (160, 160), (160, 160))
    program = NativeProgram(graph)
    assert products(program.plan)[0].epilogue is not None
    assert not program.gifts.givers

    def elsewhere(weight, x, y):
        return (weight - (x @ y) * 0.1,)

    free = NativeProgram(graph_of(elsewhere, (160, 160), (160, 160), (160, 160)))
    assert products(free.plan)[0].epilogue is not None
    assert list(free.gifts.givers.values()) == [0]
