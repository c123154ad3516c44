"""The driver: addresses go into the table, commands run in order; BLAS on one thread."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest

from thalweg.compiler.cache import functions
from thalweg.runtime import blas
from thalweg.runtime.driver import block, driver

# doubles element 0 of buffer meta[0] and adds meta[1]
STEP = """
define void @step(ptr %table, ptr %meta, i64 %begin, i64 %end) {
  %place = load i64, ptr %meta
  %slot = getelementptr ptr, ptr %table, i64 %place
  %data = load ptr, ptr %slot
  %pn = getelementptr i64, ptr %meta, i64 1
  %n = load i64, ptr %pn
  %old = load i64, ptr %data
  %two = mul i64 %old, 2
  %new = add i64 %two, %n
  store i64 %new, ptr %data
  ret void
}
"""


class Steps:
    """Commands that make of x: 2x + 1, 2x + 2, ... on the buffer at place 1."""

    def __init__(self, n: int) -> None:
        self.metas = [np.array([1, k + 1], np.int64) for k in range(n)]
        address = functions({"step": STEP})["step"]
        self.commands = np.array([[address, m.ctypes.data, 1, 1] for m in self.metas], np.int64)
        self.table = np.zeros(3, np.int64)
        self.objects = np.zeros(3, np.int64)

    def run(self, call, array, first, last):
        other = np.zeros(1, np.int64)
        self.objects[:2] = id(other), id(array)
        given = block(self.commands, first, last, self.table, 0, self.objects, 2)
        call(given.ctypes.data)


@pytest.fixture(params=["run", "run_holding"])
def call(request):
    return getattr(driver(), request.param)


def test_commands_run_in_order_from_first_to_last(call):
    steps, x = Steps(5), np.array([1], np.int64)
    steps.run(call, x, 1, 4)
    assert x[0] == ((1 * 2 + 2) * 2 + 3) * 2 + 4


def test_no_commands(call):
    steps, x = Steps(1), np.array([7], np.int64)
    steps.run(call, x, 0, 0)
    assert x[0] == 7 and steps.table[1] == x.ctypes.data and steps.table[2] == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros(4, np.int64),
        lambda: np.zeros((3, 5), np.float32)[1:, 2:],
        lambda: np.zeros(()),
        lambda: np.zeros((0, 3)),
        lambda: np.frombuffer(b"12345678", np.uint8),
        lambda: np.zeros(3).view(type("Sub", (np.ndarray,), {})),
    ],
)
def test_the_address_of_every_kind_of_array(call, make):
    steps, x = Steps(0), make()
    steps.run(call, x, 0, 0)
    assert steps.table[1] == x.ctypes.data


def test_two_python_threads_with_tables_of_their_own():
    def work(n: int) -> None:
        steps, x = Steps(3), np.zeros(1, np.int64)
        for _ in range(2000):
            x[0] = n
            steps.run(driver().run, x, 0, 3)
            good.append(x[0] == ((n * 2 + 1) * 2 + 2) * 2 + 3)

    good: list[bool] = []
    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(good) == 8000 and all(good)


def test_blas_has_one_thread_and_is_not_numpys():
    library = blas._library()
    assert library.scipy_openblas_get_num_threads() == 1
    assert blas.kernels()
    assert blas.gemm_address("sgemm") != blas.gemm_address("dgemm")


def test_blas_is_called_by_its_address():
    kind = ctypes.CFUNCTYPE(
        None, *[ctypes.c_int] * 6, ctypes.c_float, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
        ctypes.c_int, ctypes.c_float, ctypes.c_void_p, ctypes.c_int,
    )  # fmt: skip
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((3, 4), np.float32)
    c = np.empty((2, 4), np.float32)
    data = [x.ctypes.data for x in (a, b, c)]
    kind(blas.gemm_address("sgemm"))(
        101, 111, 111, 2, 4, 3, 1.0, data[0], 3, data[1], 4, 0.0, data[2], 4
    )
    assert np.array_equal(c, a @ b)
