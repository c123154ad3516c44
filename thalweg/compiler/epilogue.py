"""Elementwise kernels that become part of the product before them: each of its tiles is gone through once more, by
the kernel, while it is in the processor's cache.

A kernel follows a product if it walks all of the product's elements point by point, and if nothing between the two
needs what the product wrote. Where nobody else reads the product, it is written to the memory of the kernel's result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod

from ..ir.aval import Shape
from ..ir.dtype import DType
from .access import dense_strides
from .loops import Compute, Constant, Kernel, Load, Store
from .order import touched, written
from .plan import ContractionStep, KernelStep, Step, same_points

_MOST_TILES = 1024  # beyond, what a program keeps for each tile would be much
_CACHED = 1 << 18  # bytes beside the product that are still near, should they be more than its own
_TILE = 64 * 48  # elements, about


def with_epilogues(
    steps: Sequence[Step], shapes: Mapping[int, tuple[Shape, DType]], outputs: Collection[int]
) -> list[Step]:
    """The steps with kernels taken into products where that can be."""
    left: list[Step | None] = []
    past = _Past()
    for n, step in enumerate(steps):
        found = _taken_in(left, past, step, shapes)
        if found is not None:
            at, step = found
            left[at] = None
        left.append(step)
        past.add(n, step)
    kept = [step for step in left if step is not None]
    users = Counter(slot for step in kept for slot in set(touched(step)))
    return [_in_place(step, users, shapes, outputs) for step in kept]


def _is_pointwise(step: KernelStep) -> bool:
    """Whether a kernel only loads, computes and stores elements, each of them where its point is."""
    if step.kernel.inner or not step.kernel.outer:
        return False
    return all(
        isinstance(s, Compute | Constant)
        or (isinstance(s, Load) and not s.at)
        or (isinstance(s, Store) and not s.at and s.op == "set")
        for s in step.kernel.code
    )


def _stays_cached(
    step: KernelStep, product: ContractionStep, shapes: Mapping[int, tuple[Shape, DType]]
) -> bool:
    """Whether a kernel touches little memory beside the product, such as its result's: large arrays are faster to go
    through from one end to the other than tile by tile."""

    def size(slot: int) -> int:
        shape, dtype = shapes[slot]
        return prod(shape) * dtype.itemsize

    others = sum(size(slot) for slot in step.buffers if slot != product.out)
    return others <= max(_CACHED, size(product.out) * 5 // 4)


class _Past:
    """For each slot the number of the last step so far that touched it, that wrote it, and that is its product."""

    def __init__(self) -> None:
        self.touched: dict[int, int] = {}
        self.written: dict[int, int] = {}
        self.products: dict[int, int] = {}

    def add(self, n: int, step: Step) -> None:
        self.touched.update(dict.fromkeys(touched(step), n))
        self.written.update(dict.fromkeys(written(step), n))
        if isinstance(step, ContractionStep):
            self.products[step.out] = n


def _taken_in(
    left: Sequence[Step | None],
    past: _Past,
    step: Step,
    shapes: Mapping[int, tuple[Shape, DType]],
) -> tuple[int, ContractionStep] | None:
    """The last product that a step, next after those ``left``, reads, with the step in it; None if that cannot be."""
    if not isinstance(step, KernelStep) or not _is_pointwise(step):
        return None
    at = max((past.products.get(slot, -1) for slot in step.buffers), default=-1)
    product = left[at] if at >= 0 else None
    if not isinstance(product, ContractionStep) or product.epilogue is not None:
        return None
    if past.touched[product.out] > at or any(
        past.written.get(s, -1) > at for s in touched(product)
    ):
        return None
    if not _stays_cached(step, product, shapes):
        return None
    tiled = by_rows_and_columns(step, product)
    return None if tiled is None else (at, replace(product, epilogue=tiled))


def by_rows_and_columns(step: KernelStep, product: ContractionStep) -> KernelStep | None:
    """The kernel with the product's rows and columns as its last two dimensions; None if it walks otherwise."""
    m, n, members = product.m, product.n, prod(product.batch)
    extents = step.extents
    columns, row_tail = divmod(extents[-1], n)
    if m < 2 or n < 2 or row_tail or prod(extents) != members * m * n:
        return None
    if members * m * n > _MOST_TILES * _TILE or members > _MOST_TILES:
        return None
    above = [*extents[:-1], columns] if columns > 1 else list(extents[:-1])
    if not above or above[-1] % m:
        return None
    apart = above[-1] > m  # several members of the batch are one dimension
    new = (*above[:-1], *((above[-1] // m,) if apart else ()), m, n)
    words = list(new)
    for s, own in zip(step.kernel.code, step.statement_words, strict=True):
        if not isinstance(s, Load | Store):
            words += own
            continue
        offset, *strides = own
        row = strides[-1] * n if columns > 1 else strides[-2]
        batch = (*strides[: len(above) - 1], *((row * m,) if apart else ()))
        split = (*batch, row, strides[-1])
        if step.buffers[s.buffer] == product.out and (offset or split != dense_strides(new)):
            return None
        words += (offset, *split)
    kernel = replace(step.kernel, outer=len(new), shared=0)
    return replace(step, kernel=kernel, words=tuple(words), count=new[0], vector_shared=False)


def _in_place(
    step: Step,
    users: Mapping[int, int],
    shapes: Mapping[int, tuple[Shape, DType]],
    outputs: Collection[int],
) -> Step:
    """A product that only its epilogue reads, written where a result of the epilogue will be."""
    if not isinstance(step, ContractionStep) or step.epilogue is None or step.out in outputs:
        return step
    if users[step.out] > 1:
        return step
    epilogue = step.epilogue
    for result, source in same_points(epilogue):
        (shape, dtype), (own, kind) = shapes[result], shapes[step.out]
        whole = prod(shape) == prod(own) and dtype is kind
        if source == step.out and whole and result not in outputs:
            buffers = tuple(result if b == source else b for b in epilogue.buffers)
            return replace(step, out=result, epilogue=replace(epilogue, buffers=buffers))
    return step


def tile_kernel(epilogue: KernelStep) -> Kernel:
    """The kernel of one tile: over its rows and columns."""
    return replace(epilogue.kernel, outer=2)


def tile_words(
    epilogue: KernelStep, member: tuple[int, ...], place: tuple[int, int], size: tuple[int, int]
) -> list[int]:
    """That kernel's words for the tile of so many rows and columns that begins at ``place``, of a member of the batch."""
    words = list(size)
    for s, own in zip(epilogue.kernel.code, epilogue.statement_words, strict=True):
        if isinstance(s, Load | Store):
            offset, *strides = own
            moved = sum(i * n for i, n in zip((*member, *place), strides, strict=True))
            words += [offset + moved, *strides[-2:]]
        else:
            words += own
    return words
