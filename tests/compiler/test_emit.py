"""Emitted kernels, called directly: every size around the vector's, every reduction, no byte touched outside."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np
import pytest

from thalweg.compiler.cache import routines
from thalweg.compiler.emit import emit
from thalweg.compiler.loops import SHORT, Compute, Kernel, Load, Reduce, Store
from thalweg.ir.dtype import bool_, float32, float64, int8, int64

SIZES = [0, 1, 15, 16, 17, 33, 63, 64, 65, 130, 1000]
FOLD = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum, "any": np.logical_or,
        "all": np.logical_and}  # fmt: skip


def call(kernel, buffers, words, count):
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(routines([kernel])[0].address)
    table = np.array([b.ctypes.data for b in buffers], np.int64)
    meta = np.array([*range(len(buffers)), *words], np.int64)
    function(table.ctypes.data, meta.ctypes.data, 0, count)


def at_page_end(array):
    """A copy whose last byte lies just before memory that may not be touched."""
    libc = ctypes.CDLL(None)
    page = mmap.PAGESIZE
    pages = -(-array.nbytes // page)
    memory = mmap.mmap(-1, (pages + 1) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(ctypes.c_void_p(start + pages * page), page, 0) == 0
    flat = np.frombuffer(memory, array.dtype, array.size, pages * page - array.nbytes)
    flat[:] = array.ravel()
    return flat.reshape(array.shape)


def draw(dtype, *shape):
    rng = np.random.RandomState(0)
    if dtype is bool_:
        return rng.rand(*shape) < 0.5
    return (rng.randn(*shape) * 3).astype(dtype.numpy)


def reduction(op, dtype, along_inner):
    store = Store(1, dtype, 1, "still" if along_inner else "step", False)
    return Kernel(1, 1, along_inner, (Load(0, dtype, "step", True), Reduce(op, dtype, 0), store))


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through Linux's C library")
@pytest.mark.parametrize("dtype", [float32, float64, int64, int8, bool_], ids=lambda d: d.name)
def test_a_masked_tail_stays_inside(dtype):
    kernel = Kernel(1, 0, False, (Load(0, dtype, "step", False), Store(1, dtype, 0, "step", False)))
    for n in SIZES:
        x = at_page_end(draw(dtype, n))
        out = at_page_end(np.zeros_like(x))
        call(kernel, [x, out], [n, 0, 1, 0, 1], n)
        np.testing.assert_array_equal(out, x)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through Linux's C library")
@pytest.mark.parametrize("op", ["sum", "amax"])
def test_reductions_stay_inside(op):
    for n in SIZES[1:]:
        x = at_page_end(draw(float32, 3, n))
        columns, rows = at_page_end(np.zeros(n, np.float32)), at_page_end(np.zeros(3, np.float32))
        call(reduction(op, float32, False), [x, columns], [n, 3, 0, 1, n, 0, 1, 0], n)
        call(reduction(op, float32, True), [x, rows], [3, n, 0, n, 1, 0, 1, 0], 3)
        np.testing.assert_allclose(columns, FOLD[op].reduce(x, 0), 1e-5, 1e-5)
        np.testing.assert_allclose(rows, FOLD[op].reduce(x, 1), 1e-4, 1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through Linux's C library")
@pytest.mark.parametrize("dtype", [float32, int64, bool_], ids=lambda d: d.name)
def test_numbers_out_of_range_stay_inside(dtype):
    """Each row, and each element, of a table that ends where memory does; what is named is always one of its own."""
    far = [0, 4, -1, -5, 5, -6, 1 << 40, -(1 << 40), (1 << 63) - 1, -(1 << 63)]
    numbers = np.array(far, np.int64)
    right = np.where(numbers < 0, numbers + 5, numbers)
    known = (right >= 0) & (right < 5) & (np.abs(numbers) < 6)
    for width in (1, 15, 17, 40):
        table = at_page_end(draw(dtype, 5, width))
        at = Load(0, int64, "still", False)
        rows = (at, Load(1, dtype, "step", False, (0,)), Store(2, dtype, 1, "step", False))
        found = at_page_end(np.zeros((10, width), table.dtype))
        words = [10, width, 0, 1, 0, 0, 0, 1, 5, width, 0, width, 1]
        call(Kernel(2, 0, False, rows), [at_page_end(numbers), table, found], words, 10)
        np.testing.assert_array_equal(found[known], table[right[known]])
        assert all(any(np.array_equal(line, row) for row in table) for line in found)
        value = draw(dtype, 10, width)
        into = at_page_end(np.zeros((5, width), table.dtype))
        rows = (at, Load(1, dtype, "step", False), Store(2, dtype, 1, "step", False, (0,)))
        words = [10, width, 0, 1, 0, 0, width, 1, 0, 0, 1, 5, width]
        call(Kernel(2, 0, False, rows, 1), [at_page_end(numbers), value, into], words, width)
        assert all(any(np.array_equal(into[k], row) for row in value) for k in (0, 4))
        each = (
            Load(0, int64, "step", False),
            Load(1, dtype, "still", False, (0,)),
            Store(2, dtype, 1, "step", False),
        )
        line, found = at_page_end(draw(dtype, 5)), at_page_end(np.zeros(10, table.dtype))
        call(
            Kernel(1, 0, False, each),
            [at_page_end(numbers), line, found],
            [10, 0, 1, 0, 0, 5, 1, 0, 1],
            10,
        )
        np.testing.assert_array_equal(found[known], line[right[known]])


def test_a_store_that_jumps_writes_nothing_between():
    code = (Load(0, float32, "jump", False), Store(1, float32, 0, "jump", False))
    for n in SIZES:
        x, out = draw(float32, 3 * n + 1), np.full(2 * n + 1, 7, np.float32)
        call(Kernel(1, 0, False, code), [x, out], [n, 0, 3, 1, 2], n)
        np.testing.assert_array_equal(out[1::2], x[:-1:3])
        assert np.all(out[::2] == 7)


@pytest.mark.parametrize("along_inner", [True, False])
@pytest.mark.parametrize("op", sorted(FOLD))
def test_reductions(op, along_inner):
    types = [bool_] if op in ("any", "all") else [float32, float64, int64, int8]
    for dtype in types:
        for n in (1, 17, 64, 100):
            x = draw(dtype, 5, n)
            shape = [5, n] if along_inner else [n, 5]
            out = np.zeros(shape[0], x.dtype)
            strides = [0, n, 1, 0, 1, 0] if along_inner else [0, 1, n, 0, 1, 0]
            call(reduction(op, dtype, along_inner), [x, out], [*shape, *strides], shape[0])
            axis = 1 if along_inner else 0
            with np.errstate(over="ignore"):
                expected = FOLD[op].reduce(x, axis, **({"dtype": x.dtype} if op != "any" else {}))
            if dtype.is_floating_point:
                np.testing.assert_allclose(out, expected, 1e-4)
            else:
                np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("along_inner", [True, False])
@pytest.mark.parametrize("op", ["amax", "amin"])
def test_extremes_of_nan_and_infinities(op, along_inner):
    x = np.tile(draw(float32, 40), (40, 1))
    np.fill_diagonal(x, [np.nan, np.inf, -np.inf, 0.0] * 10)
    x[3] = np.nan
    out = np.zeros(40, np.float32)
    strides = [0, 40, 1, 0, 1, 0] if along_inner else [0, 1, 40, 0, 1, 0]
    call(reduction(op, float32, along_inner), [x, out], [40, 40, *strides], 40)
    np.testing.assert_array_equal(out, FOLD[op].reduce(x, 1 if along_inner else 0))


def test_a_sum_is_the_tree_that_loops_py_states():
    x = draw(float32, 1, 1003)
    lanes = np.zeros(16)
    for start in range(0, 1003, 16):
        part = x[0, start : start + 16]
        lanes[: len(part)] += part
    for half in (8, 4, 2, 1):
        lanes = lanes[:half] + lanes[half : 2 * half]
    out = np.zeros(1, np.float32)
    call(reduction("sum", float32, True), [x, out], [1, 1003, 0, 1003, 1, 0, 1, 0], 1)
    assert out[0] == np.float32(lanes[0])


def test_columns_in_blocks_have_the_bits_of_columns_alone():
    x = draw(float32, 50, 200)
    whole, parts = np.zeros(200, np.float32), np.zeros(200, np.float32)
    kernel = reduction("sum", float32, False)
    call(kernel, [x, whole], [200, 50, 0, 1, 200, 0, 1, 0], 200)
    for start in range(0, 200, 16):
        count = min(16, 200 - start)
        call(kernel, [x, parts], [count, 50, start, 1, 200, start, 1, 0], count)
    np.testing.assert_array_equal(whole, parts)


def test_softmax_of_rows_and_of_columns():
    def softmax(along_inner):
        code = (Load(0, float32, "step", True), Reduce("amax", float32, 0), Compute("sub", float32, (0, 1)),
                Compute("exp", float32, (2,)), Reduce("sum", float32, 3), Compute("div", float32, (3, 4)),
                Store(1, float32, 5, "step", True))  # fmt: skip
        return Kernel(1, 1, along_inner, code)

    for n, m in ((3, 5), (20, 64), (7, 100), (100, 7)):
        x = draw(float32, n, m)
        rows, columns = np.zeros_like(x), np.zeros_like(x)
        call(softmax(True), [x, rows], [n, m, 0, m, 1, 0, m, 1], n)
        call(softmax(False), [x, columns], [m, n, 0, 1, m, 0, 1, m], m)
        e = np.exp(x.astype(np.float64))
        np.testing.assert_allclose(rows, e / e.sum(1, keepdims=True), 1e-5)
        np.testing.assert_allclose(columns, e / e.sum(0), 1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through Linux's C library")
@pytest.mark.parametrize("columns", [1, 15, 16, 33, 255, 511, 512, 513, 1100])
def test_columns_with_much_code_are_summed_in_wide_pieces_with_the_same_bits(columns):
    """Thirty changes of sign and a bias of 0 leave what is summed as it is."""
    chain = [Load(0, float32, "step", True), Load(1, float32, "step", False)]
    chain.append(Compute("add", float32, (0, 1)))
    chain += [Compute("neg", float32, (n,)) for n in range(2, 32)]
    last = len(chain) - 1
    tail = [Reduce("sum", float32, last), Store(2, float32, last + 1, "step", False)]
    kernel = Kernel(1, 1, False, (*chain, *tail, Store(3, float32, last, "step", True)))
    assert "%sums" in emit(kernel, "f") and "%sums" not in emit(
        reduction("sum", float32, False), "f"
    )
    x, bias = at_page_end(draw(float32, 37, columns)), at_page_end(np.zeros(columns, np.float32))
    sums, copy = at_page_end(np.zeros(columns, np.float32)), at_page_end(np.zeros_like(x))
    words = [columns, 37, 0, 1, columns, 0, 1, 0, 0, 1, 0, 0, 1, columns]
    call(kernel, [x, bias, sums, copy], words, columns)
    expected = np.zeros(columns, np.float32)
    call(reduction("sum", float32, False), [x, expected], [columns, 37, 0, 1, columns, 0, 1, 0], columns)  # fmt: skip
    np.testing.assert_array_equal(sums, expected)
    np.testing.assert_array_equal(copy, x)


def softmax_rows(short, stored):
    """Softmax over rows, with or without room on the stack, that stores its exponentials or doesn't."""
    code = (Load(0, float32, "step", True), Reduce("amax", float32, 0), Compute("sub", float32, (0, 1)),
            Compute("exp", float32, (2,)), Reduce("sum", float32, 3), Compute("div", float32, (3, 4)),
            Store(1, float32, 5, "step", True))  # fmt: skip
    more = (Store(2, float32, 3, "step", True),) if stored else ()
    return Kernel(1, 1, True, code + more, short=short)


def test_what_a_row_keeps_has_the_bits_of_what_is_computed_again():
    for n, m in ((3, 5), (20, 64), (7, 100), (2, SHORT - 1), (2, SHORT)):
        x = draw(float32, n, m)
        found = []
        for short in (False, True):
            for stored in (False, True):
                result, exponentials = np.zeros_like(x), np.zeros_like(x)
                words = [n, m, 0, m, 1, 0, m, 1] + ([0, m, 1] if stored else [])
                buffers = [x, result, exponentials][: 2 + stored]
                call(softmax_rows(short, stored), buffers, words, n)
                found.append(result.tobytes())
        assert found == found[:1] * 4


def test_a_costly_value_is_computed_once_if_it_was_stored_or_a_row_is_short():
    """Twice in the text is once: whole vectors, and the masked rest of a row."""
    times = {
        (short, stored): emit(softmax_rows(short, stored), "f").count(
            "call <16 x float> @llvm.rint"
        )
        for short in (False, True)
        for stored in (False, True)
    }
    assert times == {(False, False): 4, (True, False): 2, (False, True): 2, (True, True): 2}


def test_rows_too_long_to_be_kept_are_computed_again():
    from thalweg.compiler.schedule import schedule
    from thalweg.ir.aval import Aval
    from thalweg.ir.builder import Builder
    from thalweg.ir.primitive import Primitive

    for length, short in ((SHORT, True), (SHORT + 1, False)):
        b = Builder((Aval((3, length), float32),))
        (x,) = b.inputs()
        e = Primitive.registry["exp"](x - x.sum((1,), keepdim=True))
        (step,) = schedule(b.finish((e / e.sum((1,), keepdim=True),))).steps
        assert step.kernel.short is short


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((5, 10), 1), ((5, 10), 0), ((1, 33), 1), ((7, 1), 1), ((40,), 0), ((3, 17, 4), 1)],
)
def test_positions_of_extremes(name, dtype, shape, axis):
    from thalweg.ir.aval import Aval
    from thalweg.ir.builder import Builder
    from thalweg.ir.dtype import from_numpy
    from thalweg.ir.primitive import Primitive
    from thalweg.runtime.native import NativeProgram

    record = Primitive.registry[name]
    rng = np.random.RandomState(0)
    arrays = [rng.randint(0, 4, shape).astype(dtype), rng.randint(0, 200, shape).astype(dtype)]
    if np.dtype(dtype).kind == "f":
        arrays.append(np.where(rng.rand(*shape) < 0.2, np.nan, arrays[0]).astype(dtype))
        arrays.append(np.full(shape, np.inf if name == "argmin" else -np.inf, dtype))
    for keepdim in (False, True):
        builder = Builder((Aval(shape, from_numpy(np.dtype(dtype))),))
        result = record(builder.inputs()[0], axis=axis, keepdim=keepdim)
        program = NativeProgram(builder.finish((result,)))
        assert program.is_worth_it(), "computed by a host call"
        for x in arrays:
            (found,) = program([x])
            expected = np.asarray(record.reference(x, axis=axis, keepdim=keepdim))
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype
