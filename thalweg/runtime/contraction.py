"""A contraction as a command of the driver: by our own kernel (compiler/product.py), or by BLAS.

Our own is as fast as OpenBLAS for large matrices and faster for small ones on processors with AVX-512, for which it
is laid out. Elsewhere each tile is a call of BLAS on one thread.
"""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

from ..compiler import link
from ..compiler.cache import functions
from ..compiler.plan import ContractionStep, Operand
from ..compiler.product import panel, product_text
from ..compiler.text import ELEMENT
from .blas import gemm_address, gemm_command

_PLAIN, _TURNED = 111, 112
_ONE_UNIT = 1 << 18  # multiply-adds up to which a product is not worth sharing
_ONE_TILE = 1 << 20  # the same of BLAS, whose tiles cost more
_UNITS, _FEWEST_ROWS = 12, 64  # into how many tiles a product is cut, as long as they are so high


def contraction_command(
    step: ContractionStep, place: dict[int, int]
) -> tuple[int, list[int], int, int]:
    """The function of the command, its meta, how many units there are and how many a thread takes at a time.

    ``place`` says where in the program's table each slot's buffer is.
    """
    if _has_kernel():
        function, meta, units = _own(step, place)
        grain = 1 if prod(step.batch) * step.m * step.n * step.k > _ONE_UNIT else units
    else:
        function, meta, units = _blas(step, place)
        grain = 1
    for index in np.ndindex(*step.batch):
        for operand in (step.a, step.b):
            meta.append(sum(i * s for i, s in zip(index, operand.batch, strict=True)))
    return function, meta, prod(step.batch) * units, grain


def _has_kernel() -> bool:
    return link.has_feature("avx512f")


@cache
def _kernel(element: str) -> int:
    name = f"product_{element}"
    return functions({name: product_text(element, link.wide_vectors())})[name]


def _own(step: ContractionStep, place: dict[int, int]) -> tuple[int, list[int], int]:
    """The command's function and meta, without the members of the batch, and the units of one. Bits don't depend on
    how it is cut."""
    a, b, m, n, k = step.a, step.b, step.m, step.n, step.k
    element = ELEMENT[step.dtype.name]
    panels = -(-n // panel(element))
    parts = max(1, _UNITS // max(panels * prod(step.batch), 1))
    rows = max(_FEWEST_ROWS, -(-m // (8 * parts)) * 8)
    tiles = (-(-m // rows), panels)
    meta = [place[a.slot], place[b.slot], place[step.out], a.offset, b.offset, m, n, k]
    meta += [a.row, a.column, b.row, b.column, rows, *tiles]
    return _kernel(element), meta, prod(tiles)


def _blas(step: ContractionStep, place: dict[int, int]) -> tuple[int, list[int], int]:
    """The same by BLAS, whose bits depend on the tiles: these depend on the shape alone."""
    m, n, k = step.m, step.n, step.k
    a_way, lda = _leading(step.a, m, k)
    b_way, ldb = _leading(step.b, k, n)
    rows, columns = _tile(m, n, k)
    tiles = (-(-m // rows), -(-n // columns))
    meta = [place[step.a.slot], place[step.b.slot], place[step.out]]
    meta += [step.a.offset, step.b.offset, m, n, k]
    meta += [a_way, b_way, lda, ldb, rows, columns, *tiles]
    meta.append(gemm_address("sgemm" if step.dtype.name == "float32" else "dgemm"))
    return gemm_command(ELEMENT[step.dtype.name]), meta, prod(tiles)


def _leading(x: Operand, rows: int, columns: int) -> tuple[int, int]:
    """Whether a matrix lies plain or turned, and its leading dimension; the schedule saw to it that one is so."""
    if (x.column == 1 or columns == 1) and (x.row >= columns or rows == 1):
        return _PLAIN, max(x.row, columns, 1)
    return _TURNED, max(x.column, rows, 1)


def _tile(m: int, n: int, k: int) -> tuple[int, int]:
    if m * n * k <= _ONE_TILE:
        return max(m, 1), max(n, 1)  # an empty product is no tile
    if m >= n:
        return _share(m), n
    return m, _share(n)


def _share(n: int) -> int:
    """About a quarter of n, in sixteens, at least 64."""
    return max(64, (n + 63) // 64 * 16)
