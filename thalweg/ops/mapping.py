"""How a graph runs over a batch: for each primitive the same primitives on operands with one more axis.

Note: mapped operands. An operand that differs from example to example is mapped: its axis 0 counts the examples, and
the others are the axes of one. An operand that is not mapped is the same for all. Whatever has a mapped operand is
mapped. A primitive without a rule runs once for each example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..ir.aval import Shape
from ..ir.builder import Builder, Var
from ..ir.dtype import int64
from ..ir.graph import Graph
from ..ir.primitive import Primitive
from .contraction import matmul
from .elementwise import where
from .indexing import index, index_put, indexed_shape
from .movement import cat, detached, slice_

Statics = dict[str, Any]


class Batch:
    """What a rule is told beside the operands.

    Attributes:
        primitive: the one to be run over the batch.
        size: how many examples there are.
        mapped: for each operand whether it is mapped.
    """

    def __init__(self, primitive: Primitive, size: int, mapped: Sequence[bool]) -> None:
        self.primitive, self.size, self.mapped = primitive, size, tuple(mapped)

    def led(self, x: Var, k: int) -> Var:
        """Operand ``k`` mapped, as it is or spread over the batch."""
        return x if self.mapped[k] else x.broadcast_to((self.size, *x.shape))

    def all_led(self, operands: Sequence[Var]) -> list[Var]:
        return [self.led(x, k) for k, x in enumerate(operands)]

    def ndim(self, x: Var, k: int) -> int:
        """How many axes one example of operand ``k`` has."""
        return x.ndim - self.mapped[k]

    def lined(self, x: Var, k: int, rank: int) -> Var:
        """Operand ``k`` so that it broadcasts against others whose examples have ``rank`` axes."""
        if not self.mapped[k] or x.ndim - 1 == rank:
            return x
        return x.reshape((x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:]))


Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def map_graph(
    graph: Graph, operands: Sequence[Var | None], mapped: Sequence[bool], size: int
) -> list[Var]:
    """Write ``graph`` for a batch of ``size`` examples; its outputs, all mapped.

    Args:
        operands: those that are ``mapped`` have one axis more than the graph's inputs, in front.
    """
    builder = next(x.builder for x in operands if x is not None)
    place: dict[int, tuple[Var, bool]] = {
        k: (x, m) for k, (x, m) in enumerate(zip(operands, mapped, strict=True)) if x is not None
    }
    for primitive, statics, ins, outs in graph.instrs:
        given = tuple(place[s][0] for s in ins)
        which = tuple(place[s][1] for s in ins)
        if any(which):
            results = _mapped(Batch(primitive, size, which), given, primitive.unpack(statics))
        else:
            results = builder.emit(primitive, given, statics)
        many = results if isinstance(results, tuple) else (results,)
        for slot, x in zip(outs, many, strict=True):
            place[slot] = x, any(which)
    found = [place[slot] for slot in graph.outputs]
    results = [x if m else x.broadcast_to((size, *x.shape)) for x, m in found]
    for x, aval in zip(results, graph.out_avals(), strict=True):
        assert x.shape == (size, *aval.shape), f"mapped: {x} for {aval} and {size} examples"
    return results


def _mapped(batch: Batch, operands: tuple[Var, ...], statics: Statics) -> Any:
    if batch.primitive.elementwise:
        rank = max(batch.ndim(x, k) for k, x in enumerate(operands))
        return batch.primitive(
            *[batch.lined(x, k, rank) for k, x in enumerate(operands)], **statics
        )
    rule: Rule = RULES.get(batch.primitive.name, one_by_one)
    return rule(batch, *operands, **statics)


def one_by_one(batch: Batch, *operands: Var, **statics: Any) -> Any:
    """A primitive without a rule, once for each example."""
    if not batch.size:
        return _of_none(batch, operands, statics)
    rows: list[tuple[Var, ...]] = []
    for n in range(batch.size):
        given = [_example(x, n) if m else x for x, m in zip(operands, batch.mapped, strict=True)]
        results = batch.primitive(*given, **statics)
        rows.append(results if isinstance(results, tuple) else (results,))
    stacked = tuple(_stacked(column) for column in zip(*rows, strict=True))
    return stacked if len(stacked) > 1 else stacked[0]


def _example(x: Var, n: int) -> Var:
    rest = x.shape[1:]
    row = slice_(x, starts=(n, *(0,) * len(rest)), stops=(n + 1, *rest), steps=(1,) * x.ndim)
    result: Var = row.reshape(rest)
    return result


def _stacked(rows: Sequence[Var]) -> Var:
    lines = [x.reshape((1, *x.shape)) for x in rows]
    result: Var = lines[0] if len(lines) == 1 else cat(*lines, axis=0)
    return result


def _of_none(batch: Batch, operands: tuple[Var, ...], statics: Statics) -> Any:
    """What a primitive without a rule gives for no example."""
    pairs = zip(operands, batch.mapped, strict=True)
    probe = Builder(tuple([type(x.aval)(x.shape[m:], x.dtype) for x, m in pairs]))
    given: Any = probe.inputs()
    results = batch.primitive(*given, **statics)
    builder = operands[0].builder
    many = results if isinstance(results, tuple) else (results,)
    empty = tuple([builder.full((0, *r.shape), 0, r.dtype) for r in many])
    return empty if len(empty) > 1 else empty[0]


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for name in names:
            RULES[name] = rule
        return rule

    return register


def _again(batch: Batch, *operands: Var, **statics: Any) -> Any:
    """Any number of axes in front are the same to the primitive."""
    return batch.primitive(*operands, **statics)


for _name in ("dense", "detached", "triangle", "below", "inverse", "det", "log_abs_det"):
    RULES[_name] = _again
for _name in (
    "sign_of_det",
    "cholesky",
    "cholesky_ex",
    "lu",
    "ldl",
    "geqrf",
    "qr",
    "svd",
    "eigh",
):
    RULES[_name] = _again
RULES["matrix_exp"] = _again


# Axes by number


def _later(axes: Shape) -> Shape:
    return tuple(a + 1 for a in axes)


@_rule("permute")
def _permute(batch: Batch, x: Var, axes: Shape) -> Var:
    return x.permute((0, *_later(axes)))


@_rule("flip", "sum", "prod", "amax", "amin", "any", "all", "fourier")
def _over_axes(batch: Batch, x: Var, axes: Shape, **statics: Any) -> Any:
    return batch.primitive(x, axes=_later(axes), **statics)


@_rule(
    "argmax", "argmin", "cumsum", "cumprod", "argsort", "argtop", "argmedian", "argmode", "running_position",
    "logcumsumexp", "split", "fourier_of_real", "fourier_to_real",
)  # fmt: skip
def _along_axis(batch: Batch, x: Var, axis: int, **statics: Any) -> Any:
    return batch.primitive(x, axis=axis + 1, **statics)


@_rule("cat", "gather", "scatter")
def _all_along_axis(batch: Batch, *operands: Var, axis: int, **statics: Any) -> Any:
    return batch.primitive(*batch.all_led(operands), axis=axis + 1, **statics)


# Movement


@_rule("reshape")
def _reshape(batch: Batch, x: Var, shape: Shape) -> Var:
    return x.reshape((batch.size, *shape))


@_rule("broadcast_to")
def _broadcast_to(batch: Batch, x: Var, shape: Shape) -> Var:
    return batch.lined(x, 0, len(shape)).broadcast_to((batch.size, *shape))


@_rule("slice")
def _slice(batch: Batch, x: Var, starts: Shape, stops: Shape, steps: Shape) -> Any:
    return batch.primitive(x, starts=(0, *starts), stops=(batch.size, *stops), steps=(1, *steps))


@_rule("unslice")
def _unslice(batch: Batch, g: Var, shape: Shape, starts: Shape, stops: Shape, steps: Shape) -> Any:
    return batch.primitive(
        g,
        shape=(batch.size, *shape),
        starts=(0, *starts),
        stops=(batch.size, *stops),
        steps=(1, *steps),
    )


@_rule("pad")
def _pad(batch: Batch, x: Var, value: Var, low: Shape, high: Shape) -> Any:
    if batch.mapped[1]:
        return one_by_one(batch, x, value, low=low, high=high)
    return batch.primitive(x, value, low=(0, *low), high=(0, *high))


@_rule("strided")
def _strided(batch: Batch, base: Var, offset: Var, shape: Shape, strides: Shape) -> Any:
    if batch.mapped[1]:
        return one_by_one(batch, base, offset, shape=shape, strides=strides)
    step = prod(base.shape[1:])
    return batch.primitive(base, offset, shape=(batch.size, *shape), strides=(step, *strides))


@_rule("strided_write")
def _strided_write(
    batch: Batch, base: Var, value: Var, offset: Var, shape: Shape, strides: Shape
) -> Any:
    if batch.mapped[2]:
        return one_by_one(batch, base, value, offset, shape=shape, strides=strides)
    base = batch.led(base, 0)
    step = prod(base.shape[1:])
    value = batch.lined(value, 1, len(shape))
    return batch.primitive(
        base, value, offset, shape=(batch.size, *shape), strides=(step, *strides)
    )


@_rule("strided_add")
def _strided_add(
    batch: Batch, value: Var, offset: Var, base_shape: Shape, shape: Shape, strides: Shape
) -> Any:
    if batch.mapped[1]:
        return one_by_one(batch, value, offset, base_shape=base_shape, shape=shape, strides=strides)
    return batch.primitive(
        batch.lined(value, 0, len(shape)),
        offset,
        base_shape=(batch.size, *base_shape),
        shape=(batch.size, *shape),
        strides=(prod(base_shape), *strides),
    )


# Products


def _aligned(batch: Batch, x: Var, y: Var) -> tuple[Var, Var]:
    """Matrices with axes in front that broadcast."""
    rank = max(batch.ndim(x, 0), batch.ndim(y, 1))
    return batch.lined(x, 0, rank), batch.lined(y, 1, rank)


@_rule("matmul")
def _matmul(batch: Batch, x: Var, y: Var) -> Var:
    """Where one of two matrices is the same for all examples, the batch lies beside the other's rows: one product."""
    left, right = batch.mapped
    if not right and x.ndim == 3 and y.ndim == 2:
        b, n, k = x.shape
        return (x.reshape((b * n, k)) @ y).reshape((b, n, y.shape[1]))
    if not left and x.ndim == 2 and y.ndim == 3:
        b, k, m = y.shape
        turned = y.swap().reshape((b * m, k)) @ x.swap()
        return turned.reshape((b, m, x.shape[0])).swap()
    x, y = _aligned(batch, x, y)
    result: Var = matmul(x, y)
    return result


@_rule("solve", "solve_triangular")
def _solve(batch: Batch, a: Var, b: Var, **statics: Any) -> Any:
    return batch.primitive(*_aligned(batch, a, b), **statics)


# Places by number


def _numbers(builder: Builder, size: int, rank: int) -> Var:
    """0 to size-1 along the first of ``rank`` axes."""
    line = builder.full((size,), 1, int64)
    counted: Var = Primitive.registry["cumsum"](line, axis=0) - 1
    return counted.reshape((size, *(1,) * (rank - 1)))


def _indices(batch: Batch, indices: Sequence[Var], first: int) -> list[Var]:
    """The indices, which are operands from number ``first`` on, so that they broadcast with the batch in front."""
    rank = max(batch.ndim(i, k) for k, i in enumerate(indices, first))
    return [batch.lined(i, k, rank) for k, i in enumerate(indices, first)]


@_rule("index")
def _index(batch: Batch, x: Var, *indices: Var, axis: int, signed: bool) -> Var:
    if not any(batch.mapped[1:]):
        result: Var = index(x, *indices, axis=axis + 1, signed=signed)
        return result
    lined = _indices(batch, indices, 1)
    rank = max(i.ndim for i in lined)
    if not batch.mapped[0]:
        found = index(x, *lined, axis=axis, signed=signed)
        order = (axis, *(a for a in range(found.ndim) if a != axis))
        result = found.permute(order)
        return result
    inside, outside = _sides(x.ndim, axis, len(indices))
    numbers = _numbers(x.builder, batch.size, rank)
    found = index(x.permute((0, *inside, *outside)), numbers, *lined, axis=0, signed=signed)
    before = tuple(range(rank, rank + axis))
    order = (0, *before, *range(1, rank), *range(rank + axis, found.ndim))
    result = found.permute(order)
    return result


def _sides(rank: int, axis: int, count: int) -> tuple[Shape, Shape]:
    """Of the axes after the first: the ``count`` from ``axis`` + 1 on, and the others."""
    inside = tuple(range(axis + 1, axis + 1 + count))
    return inside, tuple(a for a in range(1, rank) if a not in inside)


@_rule("index_put")
def _index_put(
    batch: Batch, base: Var, value: Var, *indices: Var, axis: int, accumulate: bool
) -> Var:
    base = batch.led(base, 0)
    if not any(batch.mapped[2:]):
        room = indexed_shape(base.shape[1:], indices, axis)
        value = batch.lined(value, 1, len(room))
        result: Var = index_put(base, value, *indices, axis=axis + 1, accumulate=accumulate)
        return result
    lined = _indices(batch, indices, 2)
    width = max(i.ndim for i in lined) - 1  # of the indices' common shape
    rank = width + base.ndim - 1 - len(indices)
    if batch.mapped[1]:
        value = batch.lined(value, 1, rank)
    else:
        value = value.reshape((*(1,) * (rank + 1 - value.ndim), *value.shape))
    before, chosen = range(1, 1 + axis), range(1 + axis, 1 + axis + width)
    value = value.permute((0, *chosen, *before, *range(1 + axis + width, rank + 1)))
    inside, outside = _sides(base.ndim, axis, len(indices))
    order = (0, *inside, *outside)
    numbers = _numbers(base.builder, batch.size, width + 1)
    written = index_put(base.permute(order), value, numbers, *lined, axis=0, accumulate=accumulate)
    result = written.permute(tuple(int(a) for a in np.argsort(order)))
    return result


@_rule("take_rows")
def _take_rows(batch: Batch, table: Var, places: Var, skip: int | None) -> Any:
    if not batch.mapped[0]:
        return batch.primitive(table, places, skip=skip)
    pair = Batch(index, batch.size, batch.mapped)
    found = _index(pair, table, places, axis=0, signed=False)
    if skip is None:
        return found
    skipped = places.eq(skip)
    return where(skipped.reshape((*skipped.shape, 1)), detached(found), found)


@_rule("add_rows")
def _add_rows(batch: Batch, g: Var, places: Var, rows: int, skip: int | None) -> Any:
    g, places = batch.all_led((g, places))
    if skip is not None:
        kept = places.ne(skip)
        g = where(kept.reshape((*kept.shape, 1)), g, g.zeros_like())
    zeros = g.builder.full((batch.size, rows, g.shape[-1]), 0, g.dtype)
    numbers = _numbers(g.builder, batch.size, places.ndim)
    return index_put(zeros, g, numbers, places, axis=0, accumulate=True)


# Samples and channels: the batch beside the samples, or, where weights differ, beside the channels


def _folded(x: Var) -> Var:
    """(B, N, *) as (B * N, *)."""
    return x.reshape((x.shape[0] * x.shape[1], *x.shape[2:]))


def _beside_channels(x: Var) -> Var:
    """(B, N, C, *) as (N, B * C, *)."""
    x = x.swap(0, 1)
    return x.reshape((x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]))


def _from_channels(x: Var, size: int) -> Var:
    """(N, B * C, *) as (B, N, C, *)."""
    return x.reshape((x.shape[0], size, x.shape[1] // size, *x.shape[2:])).swap(0, 1)


def _split(x: Any, size: int) -> Any:
    """(B * N, *) as (B, N, *)."""
    if isinstance(x, tuple):
        return tuple([_split(part, size) for part in x])
    return x.reshape((size, x.shape[0] // max(size, 1), *x.shape[1:]))


@_rule(
    "max_pool",
    "sum_pool",
    "sum_pool_grad",
    "gather_places",
    "scatter_places",
    "take_class",
    "put_class",
)
def _beside_samples(batch: Batch, *operands: Var, **statics: Any) -> Any:
    folded = [_folded(x) for x in batch.all_led(operands)]
    if not batch.size:
        return one_by_one(batch, *operands, **statics)
    return _split(batch.primitive(*folded, **statics), batch.size)


@_rule("conv")
def _conv(batch: Batch, x: Var, weight: Var, groups: int, **statics: Any) -> Any:
    size = batch.size
    if not size:
        return one_by_one(batch, x, weight, groups=groups, **statics)
    if not batch.mapped[1]:
        return _split(batch.primitive(_folded(x), weight, groups=groups, **statics), size)
    if not batch.mapped[0] and groups == 1:
        return _from_channels(batch.primitive(x, _folded(weight), groups=1, **statics), size)
    found = batch.primitive(
        _beside_channels(batch.led(x, 0)), _folded(weight), groups=groups * size, **statics
    )
    return _from_channels(found, size)


@_rule("conv_input_grad")
def _conv_input_grad(
    batch: Batch, g: Var, weight: Var, input_shape: Shape, groups: int, **statics: Any
) -> Any:
    size = batch.size
    if not size:
        return one_by_one(batch, g, weight, input_shape=input_shape, groups=groups, **statics)
    n, c, *rest = input_shape
    if not batch.mapped[1]:
        shape = (size * n, c, *rest)
        found = batch.primitive(_folded(g), weight, input_shape=shape, groups=groups, **statics)
        return _split(found, size)
    found = batch.primitive(
        _beside_channels(batch.led(g, 0)),
        _folded(weight),
        input_shape=(n, size * c, *rest),
        groups=groups * size,
        **statics,
    )
    return _from_channels(found, size)


@_rule("conv_weight_grad")
def _conv_weight_grad(
    batch: Batch, g: Var, x: Var, weight_shape: Shape, groups: int, **statics: Any
) -> Any:
    size = batch.size
    if not size:
        return one_by_one(batch, g, x, weight_shape=weight_shape, groups=groups, **statics)
    g, x = batch.all_led((g, x))
    found = batch.primitive(
        _beside_channels(g),
        _beside_channels(x),
        weight_shape=(size * weight_shape[0], *weight_shape[1:]),
        groups=groups * size,
        **statics,
    )
    return found.reshape((size, *weight_shape))
