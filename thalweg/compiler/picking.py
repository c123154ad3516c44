"""Which elements a primitive takes from its operand, or writes into its result, at places that other operands name.

Note: numbers of elements. An operand of whole numbers stands for one axis of what is picked from or written to; a
negative number counts from the end. What is out of range is found by ``bounds``, apart from the picking itself, which
then takes or writes some element in range.

Note: running sums and products are written like this, too: into a copy of the operand, element by element, each the one
before joined with what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ir.aval import Aval, Shape, broadcast_shapes
from ..ir.graph import Instr
from .access import Access, part, whole


class Numbers(NamedTuple):
    """Numbers of elements of an axis that has ``size`` of them, ``stride`` apart in memory."""

    seen: Access
    size: int
    stride: int


class Pick(NamedTuple):
    """The elements of ``table``, which stands still along the axes that numbers stand for, moved by numbers ``at``;
    all seen over the shape of the result."""

    table: Access
    at: tuple[Numbers, ...]


class Put(NamedTuple):
    """The elements of ``value``, written one after another into the memory of ``target`` moved by numbers ``at``; all
    seen over one shape.

    Attributes:
        op: "set", or the reduction by which they join what is there.
        ordered: the axes along which they may meet; elsewhere they don't.
        skip: a number (of the first of ``at``) whose elements count as 0.
    """

    value: Access
    target: Access
    at: tuple[Numbers, ...]
    op: str
    ordered: tuple[int, ...]
    skip: int | None


class Bound(NamedTuple):
    """Operand ``slot`` must lie in [low, high)."""

    slot: int
    low: int
    high: int


def _over(index: Access, common: Shape, before: int, after: int) -> Access:
    """Numbers of shape ``common``, with axes around them along which they stand still."""
    shape = (1,) * before + common + (1,) * after
    strides = (0,) * before + index.expanded(common) + (0,) * after
    return Access(index.root, shape, strides, index.offset)


def _still(x: Access, first: int, n: int, common: Shape) -> Access:
    """``x`` with ``n`` axes from ``first`` on replaced by those of numbers, along which it stands still."""
    shape = x.shape[:first] + common + x.shape[first + n :]
    strides = x.expanded(x.shape)
    return Access(
        x.root, shape, strides[:first] + (0,) * len(common) + strides[first + n :], x.offset
    )


def _numbers(
    x: Access, indices: Sequence[Access], first: int, common: Shape
) -> tuple[Numbers, ...]:
    """The numbers for the axes of ``x`` from ``first`` on."""
    after = len(x.shape) - first - len(indices)
    return tuple(
        Numbers(_over(index, common, first, after), x.shape[a], x.strides[a])
        for a, index in enumerate(indices, first)
    )


def _along(x: Access, index: Access, axis: int) -> tuple[Access, tuple[Numbers, ...]]:
    """``x`` and the numbers, over the shape of ``index``, which has a number for each element."""
    strides = list(x.expanded(x.shape))
    strides[axis] = 0
    still = Access(x.root, index.shape, tuple(strides), x.offset)
    return still, (Numbers(index, x.shape[axis], x.strides[axis]),)


def _take_indexed(x: Access, *indices: Access, axis: int, signed: bool) -> Pick:
    common = broadcast_shapes(*(i.shape for i in indices))
    return Pick(_still(x, axis, len(indices), common), _numbers(x, indices, axis, common))


def _put_indexed(
    out: Access, base: Access, value: Access, *indices: Access, axis: int, accumulate: bool
) -> Put:
    common = broadcast_shapes(*(i.shape for i in indices))
    target = _still(out, axis, len(indices), common)
    ordered = tuple(range(axis, axis + len(common)))
    op = "sum" if accumulate else "set"
    return Put(value, target, _numbers(out, indices, axis, common), op, ordered, None)


def _put_along(out: Access, base: Access, src: Access, index: Access, axis: int, mode: str) -> Put:
    target, at = _along(out, index, axis)
    return Put(src, target, at, "sum" if mode == "add" else mode, (axis,), None)


def _add_rows(out: Access, g: Access, index: Access, rows: int, skip: int | None) -> Put:
    put = _put_indexed(out, out, g, index, axis=0, accumulate=True)
    return put._replace(skip=skip)


def _running(op: str, out: Access, axis: int) -> Put:
    start, one = [0] * len(out.shape), (1,) * len(out.shape)
    start[axis] = 1
    shape = tuple(n - s for n, s in zip(out.shape, start, strict=True))
    before = part(out, shape, (0,) * len(shape), one)
    return Put(before, part(out, shape, tuple(start), one), (), op, (axis,), None)


_PICKS: dict[str, Callable[..., Pick]] = {
    "take_rows": lambda x, index, skip: _take_indexed(x, index, axis=0, signed=False),
    "index": _take_indexed,
    "gather": lambda x, index, axis: Pick(*_along(x, index, axis)),
}
_PUTS: dict[str, Callable[..., Put]] = {
    "add_rows": _add_rows,
    "index_put": _put_indexed,
    "scatter": _put_along,
    "cumsum": lambda out, x, axis: _running("sum", out, axis),
    "cumprod": lambda out, x, axis: _running("prod", out, axis),
}
_FIRST_NUMBERS = {"take_rows": 1, "index": 1, "gather": 1, "add_rows": 1, "index_put": 2, "scatter": 2}  # fmt: skip
_TRUTHS = {"sum": "any", "amax": "any", "prod": "all", "amin": "all", "set": "set"}


def _numbers_of(instr: Instr) -> tuple[int, ...]:
    return instr.ins[_FIRST_NUMBERS.get(instr.primitive.name, len(instr.ins)) :]


def _places_named(instr: Instr, avals: Sequence[Aval | None]) -> bool:
    """Whether the places are whole numbers."""
    kinds = [avals[s].dtype for s in _numbers_of(instr)]  # type: ignore[union-attr]
    return all(not k.is_floating_point and k.name != "bool" for k in kinds)


def picks(instr: Instr, avals: Sequence[Aval | None]) -> bool:
    """Whether each element of the result is one of the first operand."""
    return instr.primitive.name in _PICKS and _places_named(instr, avals)


def puts(instr: Instr, avals: Sequence[Aval | None]) -> bool:
    """Whether the result is the first operand, or zeros, with elements written into it."""
    name = instr.primitive.name
    if name not in _PUTS or not _places_named(instr, avals):
        return False
    operands: list[Any] = [avals[s] for s in instr.ins]
    if len(operands) == 1:
        return True
    if name == "add_rows":
        return bool(operands[0].shape[:-1] == operands[1].shape)
    same = operands[0].dtype is operands[1].dtype
    return bool(same and (name != "scatter" or operands[1].shape == operands[2].shape))


def pick(instr: Instr, operands: Sequence[Access]) -> Pick:
    """What an instruction that picks takes, given how its operands are seen."""
    primitive = instr.primitive
    return _PICKS[primitive.name](*operands, **primitive.unpack(instr.statics))


def put(instr: Instr, operands: Sequence[Access], aval: Aval) -> Put:
    """What an instruction that puts writes into its result, of ``aval``, once that holds what ``base`` says."""
    primitive, out = instr.primitive, whole(instr.outs[0], aval.shape)
    found = _PUTS[primitive.name](out, *operands, **primitive.unpack(instr.statics))
    value = found.value
    over = Access(value.root, found.target.shape, value.expanded(found.target.shape), value.offset)
    op = _TRUTHS[found.op] if aval.dtype.name == "bool" else found.op
    return found._replace(value=over, op=op)


def base(instr: Instr) -> int | None:
    """The operand that an instruction that puts begins with; None: zeros."""
    return None if instr.primitive.name == "add_rows" else instr.ins[0]


def bounds(instr: Instr, avals: Sequence[Aval | None]) -> list[Bound]:
    """Between what the numbers of an instruction must lie, so that the interpreter does not refuse them."""
    name, statics = instr.primitive.name, instr.primitive.unpack(instr.statics)
    numbers = _numbers_of(instr)
    if not numbers:
        return []
    first: Any = avals[instr.outs[0] if name == "add_rows" else instr.ins[0]]
    axis = statics.get("axis", 0)
    signed = statics.get("signed", name == "index_put")
    sizes = first.shape[axis : axis + len(numbers)]
    return [Bound(s, -n if signed else 0, n) for s, n in zip(numbers, sizes, strict=True)]
