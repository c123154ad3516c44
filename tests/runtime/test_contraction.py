"""Contractions as commands: strides, batches, tiles and their bits."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np
import pytest

from thalweg.compiler.plan import ContractionStep, Operand
from thalweg.ir.dtype import float32, float64
from thalweg.runtime import contraction
from thalweg.runtime.contraction import contraction_command
from thalweg.runtime.driver import block, driver
from thalweg.runtime.pool import Pool

SHAPES = [
    (1, 1, 1), (1, 7, 1), (5, 1, 3), (1, 64, 9), (9, 1, 64), (17, 33, 5), (64, 100, 10), (64, 4, 100),
    (130, 128, 784), (128, 784, 130), (300, 257, 65), (2, 3000, 300),
]  # fmt: skip
LAYOUTS = ["plain", "turned", "wide", "turned wide"]
needs_kernel = pytest.mark.skipif(
    not contraction._has_kernel(), reason="this processor has no AVX-512: products go to BLAS"
)


@pytest.fixture(params=["kernel", "blas"], autouse=True)
def way(request, monkeypatch):
    """Each test by our own kernel and by BLAS, where it doesn't say otherwise."""
    if request.param == "blas":
        if needs_kernel.mark in request.node.own_markers:
            pytest.skip("of our own kernel")
        monkeypatch.setattr(contraction, "_has_kernel", lambda: False)
    elif not contraction._has_kernel():
        pytest.skip("this processor has no AVX-512: products go to BLAS")


def laid(generator, batch, rows, columns, layout, dtype):
    """Random matrices (*batch, rows, columns) that lie as ``layout`` says, in a buffer of their own; their offset."""
    extra = 3 if "wide" in layout else 0
    turned = "turned" in layout
    shape = (columns, rows + extra) if turned else (rows, columns + extra)
    whole = generator.standard_normal((*batch, *shape)).astype(dtype)
    seen = whole.swapaxes(-1, -2) if turned else whole
    return whole, seen[..., extra:, :] if turned else seen[..., extra:]


def operand(slot, whole, seen):
    size = whole.itemsize
    strides = [s // size for s in seen.strides]
    offset = (seen.__array_interface__["data"][0] - whole.ctypes.data) // size
    return Operand(slot, offset, tuple(strides[:-2]), strides[-2], strides[-1])


def product(a, b, threads=1, spread=None):
    """``a @ b`` of pairs (whole, seen) by the native routine; ``spread``: a's and b's batch strides times 0 or 1."""
    (whole_a, seen_a), (whole_b, seen_b) = a, b
    batch = np.broadcast_shapes(seen_a.shape[:-2], seen_b.shape[:-2])
    m, k, n = *seen_a.shape[-2:], seen_b.shape[-1]
    seen_a = np.broadcast_to(seen_a, (*batch, m, k))
    seen_b = np.broadcast_to(seen_b, (*batch, k, n))
    dtype = {"float32": float32, "float64": float64}[whole_a.dtype.name]
    step = ContractionStep(
        operand(5, whole_a, seen_a), operand(6, whole_b, seen_b), 7, batch, m, n, k, dtype
    )
    function, meta, count, grain = contraction_command(step, {5: 0, 6: 1, 7: 2})
    words = np.array(meta, np.int64)
    commands = np.array([[function, words.ctypes.data, count, grain]], np.int64)
    out = np.full((*batch, m, n), np.nan, whole_a.dtype)
    table = np.array([x.ctypes.data for x in (whole_a, whole_b, out)], np.int64)
    pool = Pool()
    pool.resize(threads)
    try:
        given = block(commands, 0, 1, table, pool.start())
        driver().run(given.ctypes.data)
    finally:
        pool.close()
    return out


def close(found, a, b):
    exact = a.astype(np.float64) @ b.astype(np.float64)
    size = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    bound = 4 * np.finfo(found.dtype).eps * np.sqrt(a.shape[-1] + 1) * size + 1e-300
    assert found.shape == exact.shape and (np.abs(found - exact) <= bound).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout_b", LAYOUTS)
@pytest.mark.parametrize("layout_a", LAYOUTS)
def test_products_of_every_layout(layout_a, layout_b, dtype):
    generator = np.random.default_rng(0)
    for m, n, k in SHAPES:
        a = laid(generator, (), m, k, layout_a, dtype)
        b = laid(generator, (), k, n, layout_b, dtype)
        close(product(a, b), a[1], b[1])


@pytest.mark.parametrize(
    ("batch_a", "batch_b"),
    [((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((4,), ()), ((2, 1), (1, 3)), ((2, 1, 2), (3, 1))],
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
def test_batches(batch_a, batch_b, layout):
    generator = np.random.default_rng(1)
    for m, n, k in [(5, 7, 3), (64, 64, 32), (200, 130, 70)]:
        a = laid(generator, batch_a, m, k, layout, "float32")
        b = laid(generator, batch_b, k, n, "plain", "float32")
        close(product(a, b, 2), a[1], b[1])


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0)])
def test_empty_products(shape):
    m, n, k = shape
    a = np.zeros((m, k), np.float32)
    b = np.zeros((k, n), np.float32)
    assert np.array_equal(product((a, a), (b, b)), np.zeros((m, n), np.float32))


def test_what_was_in_the_result_does_not_matter():
    generator = np.random.default_rng(2)
    a = laid(generator, (), 40, 30, "plain", "float32")
    b = laid(generator, (), 30, 20, "plain", "float32")
    assert not np.isnan(product(a, b)).any()  # it was filled with NaN


@pytest.mark.parametrize(
    "shape", [(128, 128, 784), (784, 128, 128), (300, 257, 65), (40, 1030, 700)]
)
def test_the_same_bits_for_any_number_of_threads(shape):
    m, n, k = shape
    generator = np.random.default_rng(3)
    for layout in LAYOUTS:
        a = laid(generator, (3,), m, k, layout, "float32")
        b = laid(generator, (3,), k, n, layout, "float32")
        results = [product(a, b, threads).tobytes() for threads in (1, 2, 4, 8)]
        assert results == results[:1] * 4


def test_tiles_of_blas_depend_on_the_shape_alone_and_cover_it(monkeypatch):
    monkeypatch.setattr(contraction, "_has_kernel", lambda: False)
    for m, n, k in [(128, 128, 784), (1024, 784, 256), (10, 4000, 500), (4000, 10, 500)]:
        a = Operand(0, 0, (), k, 1)
        b = Operand(1, 0, (), n, 1)
        turned = Operand(0, 0, (), 1, m)
        step = ContractionStep(a, b, 2, (), m, n, k, float32)
        _, meta, count, grain = contraction_command(step, {0: 0, 1: 1, 2: 2})
        _, other, *rest = contraction_command(
            ContractionStep(turned, b, 2, (), m, n, k, float32), {0: 0, 1: 1, 2: 2}
        )
        rows, columns, *tiles = meta[12:16]
        assert other[12:16] == meta[12:16] and rest == [count, grain]
        assert count == prod(tiles) and grain == 1
        assert (tiles[0] - 1) * rows < m <= tiles[0] * rows
        assert (tiles[1] - 1) * columns < n <= tiles[1] * columns


def chained(a, b):
    """What the kernel computes, element by element: fused multiply-adds along k, in order, by exact arithmetic."""
    found = np.zeros((len(a), b.shape[1]), np.float32)
    for i, j in np.ndindex(*found.shape):
        total = np.float32(0)
        for x, y in zip(a[i], b[:, j], strict=True):
            exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(total))
            total = np.float32(_nearest(exact))
        found[i, j] = total
    return found


def _nearest(exact):
    """The float32 nearest to a fraction, ties to even."""
    near = np.float32(exact.numerator / exact.denominator)
    around = [near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - exact), x.view(np.uint32) & 1))


@needs_kernel
def test_an_element_is_one_chain_of_fused_multiply_adds():
    generator = np.random.default_rng(4)
    a = laid(generator, (), 3, 40, "plain", "float32")
    b = laid(generator, (), 40, 5, "plain", "float32")
    assert np.array_equal(product(a, b), chained(a[1], b[1]))


@needs_kernel
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_depend_on_no_layout_and_no_tile(dtype, monkeypatch):
    generator = np.random.default_rng(5)
    for m, n, k in [*SHAPES, (70, 100, 1100), (3, 49, 513)]:
        x = generator.standard_normal((m, k)).astype(dtype)
        y = generator.standard_normal((k, n)).astype(dtype)
        x_turned, y_turned = x.T.copy(), y.T.copy()
        found = product((x, x), (y, y))
        for a in ((x, x), (x_turned, x_turned.T)):
            for b in ((y, y), (y_turned, y_turned.T)):
                for units, rows in ((12, 64), (1, 8), (100, 8), (7, 24)):
                    monkeypatch.setattr(contraction, "_UNITS", units)
                    monkeypatch.setattr(contraction, "_FEWEST_ROWS", rows)
                    assert np.array_equal(product(a, b), found)


@needs_kernel
def test_infinities_and_nans_stay_in_their_rows_and_columns():
    generator = np.random.default_rng(6)
    a, b = generator.standard_normal((20, 50)), generator.standard_normal((50, 60))
    a[3, 7], b[9, 11] = np.inf, np.nan
    for y in ((b, b), (b.T.copy(),) * 2):
        seen = y[1] if y[1].shape == b.shape else y[1].T
        with np.errstate(invalid="ignore"):
            expected = a @ b
        found = product((a, a), (y[0], seen))
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.array_equal(np.isinf(found), np.isinf(expected))
