"""Padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir.builder import Var
from ...ops.composite import Op, op
from ...ops.movement import cat, flip, slice_
from ...ops.movement import pad as with_border
from ...tensor import Tensor
from ...tensor.dispatch import dispatch

__all__ = ["pad"]


@op("ConstantPadNdBackward0", (0,))
def _pad_constant(x: Var, value: Var, sides: Any) -> Var:
    """Negative sides crop."""
    starts = tuple(max(-a, 0) for a, _ in sides)
    stops = tuple(n - max(-b, 0) for n, (_, b) in zip(x.shape, sides, strict=True))
    ones = (1,) * x.ndim
    kept: Var = slice_(x, starts=starts, stops=stops, steps=ones)
    low, high = (tuple(max(pair[k], 0) for pair in sides) for k in (0, 1))
    result: Var = with_border(kept, value.astype(x.dtype), low=low, high=high)
    return result


@op("CopySlices", frees=True)
def _pad_by_copy(x: Var, sides: Any, mode: str) -> Var:
    for axis, (before, after) in enumerate(sides):
        if before or after:
            x = _padded_axis(x, axis, before, after, mode)
    return x


def _padded_axis(x: Var, axis: int, before: int, after: int, mode: str) -> Var:
    """The places from -before to n + after, those outside of the axis mapped into it; negative sides crop.

    A circle is cropped first, the other modes see all of the axis.
    """

    def part(start: int, stop: int) -> Var:
        starts, stops = [0] * x.ndim, list(x.shape)
        starts[axis], stops[axis] = start, stop
        return slice_(x, starts=tuple(starts), stops=tuple(stops), steps=(1,) * x.ndim)

    if mode == "circular" and min(before, after) < 0:
        x = part(max(-before, 0), x.shape[axis] - max(-after, 0))
        before, after = max(before, 0), max(after, 0)
    n = x.shape[axis]
    low, high = -before, n + after
    head, tail = range(low, min(0, high)), range(max(low, n), high)
    parts: list[Var] = []
    if mode == "replicate":
        parts += [part(0, 1)] * len(head)
    elif head:
        mirrored = mode == "reflect"
        parts.append(
            flip(part(-head[-1], before + 1), axes=(axis,)) if mirrored else part(n + low, n)
        )
    if max(low, 0) < min(n, high):
        parts.append(part(max(low, 0), min(n, high)))
    if mode == "replicate":
        parts += [part(n - 1, n)] * len(tail)
    elif tail:
        last = 2 * (n - 1)
        mirrored = mode == "reflect"
        parts.append(
            flip(part(last - tail[-1], last - tail[0] + 1), axes=(axis,))
            if mirrored
            else part(0, after)
        )
    joined: Var = parts[0] if len(parts) == 1 else cat(*parts, axis=axis)
    return joined


_NAMES = {"reflect": "Reflection", "replicate": "Replication"}
_PADS: dict[tuple[str, int], Op] = {
    (mode, n): Op(_pad_by_copy.function, f"{name}Pad{n}DBackward0", frees=True)
    for mode, name in _NAMES.items()
    for n in (1, 2, 3)
}


def _pad_op(mode: str, axes: int) -> Op:
    """The op with PyTorch's name for so many padded axes."""
    return _PADS.get((mode, axes), _pad_by_copy)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """``input`` with more elements around it.

    Args:
        input: any shape.
        pad: (before, after) of the last axis, then of the one before it, and so on; negative crops.
        mode: "constant" (with ``value``), "reflect", "replicate" or "circular".
    Returns:
        each padded axis longer by its two numbers.
    """
    sides = tuple(int(p) for p in pad)
    if len(sides) % 2 or len(sides) // 2 > input.ndim:
        raise RuntimeError(
            f"Padding length must be divisible by 2 and at most twice the number of dimensions of the input: {sides} for {input.ndim} axes"
        )
    pairs = [(sides[i], sides[i + 1]) for i in range(0, len(sides), 2)]
    per_axis = ((0, 0),) * (input.ndim - len(pairs)) + tuple(reversed(pairs))
    if any(n + a + b < 0 for n, (a, b) in zip(input.shape, per_axis, strict=True)):
        raise RuntimeError(
            f"The input size {list(input.shape)}, plus padding {sides}, resulted in a negative output size"
        )
    if mode == "constant":
        return dispatch(_pad_constant, (input, 0 if value is None else value), (per_axis,))
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: constant, reflect, replicate or circular"
        )
    for n, (a, b) in zip(input.shape, per_axis, strict=True):
        if not (a or b):
            continue
        if n + a + b < 1:
            raise RuntimeError(
                f"pad: an axis of {n} is too small, padding ({a}, {b}) leaves nothing of it"
            )
        kept = n + min(a, 0) + min(b, 0) if mode == "circular" else n - 1
        if mode != "replicate" and max(a, b) > kept:
            raise RuntimeError(
                f"Padding size should be less than the corresponding input dimension, but got: padding ({a}, {b}) for "
                f"size {n} with mode {mode!r}"
            )
    return dispatch(_pad_op(mode, len(pairs)), (input,), (per_axis, mode))
