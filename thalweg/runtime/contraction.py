"""A contraction as a command of the driver: by our own kernel (compiler/product.py), or by BLAS.

Our own is as fast as OpenBLAS for large matrices and faster for small ones on processors with AVX-512, for which it
is laid out. Elsewhere each tile is a call of BLAS on one thread.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np

from ..compiler import link
from ..compiler.cache import functions
from ..compiler.epilogue import tile_words
from ..compiler.plan import ContractionStep, Operand
from ..compiler.product import panel, product_text, tiles_text
from ..compiler.text import ELEMENT
from .blas import gemm_address, gemm_command

_PLAIN, _TURNED = 111, 112
_ONE_UNIT = 1 << 18  # multiply-adds up to which a product is not worth sharing
_ONE_TILE = 1 << 20  # the same of BLAS, whose tiles cost more
_UNITS, _FEWEST_ROWS = 12, 64  # into how many tiles a product is cut, as long as they are so high
_MOST_ROWS = 256  # of a tile that a kernel goes through while it is in the cache


class _Way(NamedTuple):
    """How a product is computed: a command's function, its meta without the members of the batch, how many rows and
    columns a tile has, and in which order its units come: the first row and column of each."""

    function: int
    meta: list[int]
    tile: tuple[int, int]
    order: list[tuple[int, int]]


def contraction_command(
    step: ContractionStep, place: dict[int, int], epilogue: int = 0
) -> tuple[int, list[int], int, int]:
    """The function of the command, its meta, how many units there are and how many a thread takes at a time.

    ``place`` says where in the program's table each slot's buffer is; ``epilogue`` is the address of the kernel that
    the step has for each tile, if it has one.
    """
    own = _has_kernel()
    way = _own(step, place) if own else _blas(step, place)
    members = list(np.ndindex(*step.batch))
    for index in members:
        for operand in (step.a, step.b):
            way.meta.append(sum(i * s for i, s in zip(index, operand.batch, strict=True)))
    units = len(members) * len(way.order)
    shared = not own or len(members) * step.m * step.n * step.k > _ONE_UNIT
    if step.epilogue is None:
        return way.function, way.meta, units, 1 if shared else units
    shared |= step.epilogue.work > _ONE_UNIT
    return *_followed(step, place, way, epilogue), units, 1 if shared else units


def _followed(
    step: ContractionStep, place: dict[int, int], way: _Way, kernel: int
) -> tuple[int, list[int]]:
    """A command that goes through each tile once more; its function and meta."""
    then = step.epilogue
    assert then is not None
    metas = []
    for member in np.ndindex(*then.extents[:-2]):
        for row, column in way.order:
            size = min(way.tile[0], step.m - row), min(way.tile[1], step.n - column)
            metas.append(tile_words(then, member, (row, column), size))
    buffers = [place[slot] for slot in then.buffers]
    meta = [way.function, len(way.meta), kernel, len(buffers) + len(metas[0]), len(buffers)]
    meta += way.meta
    for words in metas:
        meta += [*buffers, *words]
    return _tiles(), meta


def _has_kernel() -> bool:
    return link.has_feature("avx512f")


@cache
def _kernel(element: str) -> int:
    name = f"product_{element}"
    return functions({name: product_text(element, link.wide_vectors())})[name]


@cache
def _tiles() -> int:
    return functions({"tiles": tiles_text(link.wide_vectors())})["tiles"]


def _own(step: ContractionStep, place: dict[int, int]) -> _Way:
    """By our own kernel, whose bits don't depend on the tiles."""
    a, b, m, n, k = step.a, step.b, step.m, step.n, step.k
    element = ELEMENT[step.dtype.name]
    panels = -(-n // panel(element))
    parts = max(1, _UNITS // max(panels * prod(step.batch), 1))
    rows = max(_FEWEST_ROWS, -(-m // (8 * parts)) * 8)
    if step.epilogue is not None:
        rows = min(rows, _MOST_ROWS)
    tiles = (-(-m // rows), panels)
    meta = [place[a.slot], place[b.slot], place[step.out], a.offset, b.offset, m, n, k]
    meta += [a.row, a.column, b.row, b.column, rows, *tiles]
    width = panel(element)
    order = [(r * rows, c * width) for c in range(tiles[1]) for r in range(tiles[0])]
    return _Way(_kernel(element), meta, (rows, width), order)


def _blas(step: ContractionStep, place: dict[int, int]) -> _Way:
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
    order = [(r * rows, c * columns) for r in range(tiles[0]) for c in range(tiles[1])]
    return _Way(gemm_command(ELEMENT[step.dtype.name]), meta, (rows, columns), order)


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
