"""The matrix product of a BLAS of our own, one thread a call; NumPy's copy is left as it is."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from ..compiler.cache import functions

# A command. Its meta: places of a, b and out; offsets of a and b in elements; m, n, k; transposed a, b (111 no, 112 yes);
# lda, ldb; rows and columns of a tile; tiles along rows, along columns; the address of gemm; then for each member of the
# batch its offsets in a and b. Unit u is tile u mod (row tiles x column tiles) of member u div that.
_GEMM = """
define void @gemm_{name}(ptr %table, ptr %meta, i64 %begin, i64 %end) {{
entry:
{words}
  %pa = getelementptr ptr, ptr %table, i64 %w0
  %a = load ptr, ptr %pa
  %pb = getelementptr ptr, ptr %table, i64 %w1
  %b = load ptr, ptr %pb
  %pc = getelementptr ptr, ptr %table, i64 %w2
  %c = load ptr, ptr %pc
  %cblas = inttoptr i64 %w16 to ptr
  %tiles = mul i64 %w14, %w15
  %size = mul i64 %w5, %w6
  %ta = trunc i64 %w8 to i32
  %tb = trunc i64 %w9 to i32
  %lda = trunc i64 %w10 to i32
  %ldb = trunc i64 %w11 to i32
  %ldc = trunc i64 %w6 to i32
  %k = trunc i64 %w7 to i32
  %a_turned = icmp eq i64 %w8, 112
  %b_turned = icmp eq i64 %w9, 112
  br label %head
head:
  %u = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %u, %end
  br i1 %more, label %body, label %done
body:
  %member = sdiv i64 %u, %tiles
  %tile = srem i64 %u, %tiles
  %row_tile = sdiv i64 %tile, %w15
  %column_tile = srem i64 %tile, %w15
  %row = mul i64 %row_tile, %w12
  %column = mul i64 %column_tile, %w13
  %rows_left = sub i64 %w5, %row
  %rows = call i64 @llvm.smin.i64(i64 %rows_left, i64 %w12)
  %columns_left = sub i64 %w6, %column
  %columns = call i64 @llvm.smin.i64(i64 %columns_left, i64 %w13)
  %m = trunc i64 %rows to i32
  %n = trunc i64 %columns to i32
  %two = mul i64 %member, 2
  %at = add i64 %two, 17
  %pma = getelementptr i64, ptr %meta, i64 %at
  %member_a = load i64, ptr %pma
  %at1 = add i64 %at, 1
  %pmb = getelementptr i64, ptr %meta, i64 %at1
  %member_b = load i64, ptr %pmb
  %a_step = select i1 %a_turned, i64 1, i64 %w10
  %a_row = mul i64 %row, %a_step
  %b_step = select i1 %b_turned, i64 %w11, i64 1
  %b_column = mul i64 %column, %b_step
  %a1 = add i64 %w3, %member_a
  %a2 = add i64 %a1, %a_row
  %b1 = add i64 %w4, %member_b
  %b2 = add i64 %b1, %b_column
  %c1 = mul i64 %member, %size
  %c2 = mul i64 %row, %w6
  %c3 = add i64 %c1, %c2
  %c4 = add i64 %c3, %column
  %pa2 = getelementptr {name}, ptr %a, i64 %a2
  %pb2 = getelementptr {name}, ptr %b, i64 %b2
  %pc2 = getelementptr {name}, ptr %c, i64 %c4
  call void %cblas(i32 101, i32 %ta, i32 %tb, i32 %m, i32 %n, i32 %k, {name} 1.0, ptr %pa2, i32 %lda, ptr %pb2, i32 %ldb, {name} 0.0, ptr %pc2, i32 %ldc)
  %next = add i64 %u, 1
  br label %head
done:
  ret void
}}
declare i64 @llvm.smin.i64(i64, i64)
"""


@cache
def _library() -> Any:
    import scipy_openblas32

    folder = Path(scipy_openblas32.get_lib_dir())
    name = scipy_openblas32.get_library()
    path = next(p for p in folder.iterdir() if name in p.name and p.is_file())
    library = ctypes.CDLL(str(path))
    library.scipy_openblas_set_num_threads(1)
    return library


@cache
def _of_numpy() -> list[Any]:
    """The libraries by which NumPy multiplies."""
    import scipy_openblas32
    from threadpoolctl import ThreadpoolController

    ours = Path(scipy_openblas32.get_lib_dir()).resolve()
    found = ThreadpoolController().lib_controllers
    return [
        lib
        for lib in found
        if lib.user_api == "blas" and Path(lib.filepath).resolve().parent != ours
    ]


def limit_numpy(threads: int) -> None:
    """Let NumPy's products use so many threads."""
    for library in _of_numpy():
        library.set_num_threads(threads)


@cache
def gemm_address(name: str) -> int:
    """The address of ``cblas_sgemm`` or ``cblas_dgemm``."""
    function = getattr(_library(), f"scipy_cblas_{name}")
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def kernels() -> str:
    """For which processor the library chose its kernels (``OPENBLAS_CORETYPE`` overrides that)."""
    corename = _library().scipy_openblas_get_corename
    corename.restype = ctypes.c_char_p
    return str(corename().decode())


@cache
def gemm_command(element: str) -> int:
    """The address of a command's function that multiplies tiles of matrices of "float" or "double" by the BLAS."""
    words = "\n".join(
        f"  %q{n} = getelementptr i64, ptr %meta, i64 {n}\n  %w{n} = load i64, ptr %q{n}"
        for n in range(17)
    )
    name = f"gemm_{element}"
    return functions({name: _GEMM.format(name=element, words=words)})[name]
