"""A contraction as a command of the driver."""

from __future__ import annotations

from math import prod

import numpy as np

from ..compiler.plan import ContractionStep, Operand
from .blas import gemm_address
from .driver import driver

_PLAIN, _TURNED = 111, 112
_ONE_TILE = 1 << 20  # multiply-adds up to which a product is one call


def contraction_command(
    step: ContractionStep, place: dict[int, int]
) -> tuple[int, list[int], int, int]:
    """The driver's function, its meta, how many units there are and how many a thread takes at a time.

    ``place`` says where in the program's table each slot's buffer is. Tiles depend on the shape alone.
    """
    m, n, k = step.m, step.n, step.k
    a_way, lda = _leading(step.a, m, k)
    b_way, ldb = _leading(step.b, k, n)
    rows, columns = _tile(m, n, k)
    tiles = (-(-m // rows), -(-n // columns))
    meta = [place[step.a.slot], place[step.b.slot], place[step.out]]
    meta += [step.a.offset, step.b.offset, m, n, k]
    meta += [a_way, b_way, lda, ldb, rows, columns, *tiles]
    meta.append(gemm_address("sgemm" if step.dtype.name == "float32" else "dgemm"))
    for index in np.ndindex(*step.batch):
        for operand in (step.a, step.b):
            meta.append(sum(i * s for i, s in zip(index, operand.batch, strict=True)))
    return driver().gemm[step.dtype.name], meta, prod(step.batch) * prod(tiles), 1


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
