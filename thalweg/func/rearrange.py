"""Axes split, joined and put in another order, by a pattern of their names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from ..tensor.joining import stack

Side = list[list[str]]


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """``tensor`` with its axes as ``pattern`` says: ``"b (h p) c -> (b p) h c"``.

    Args:
        tensor: (*), or a sequence of such, which are stacked along a first axis.
        pattern: two sides of ``->``, each the names of the axes in order; names in parentheses are one axis, the first
            the slowest; ``...`` stands for axes without a name, ``1`` and ``()`` for one of size 1.
        axes_lengths: sizes of axes on the left; of those in one pair of parentheses all but one are told.
    Raises:
        ValueError: the pattern can't be read, its sides don't hold the same names, or sizes don't fit.
    """
    whole: Any = tensor if isinstance(tensor, Tensor) else stack(list(tensor))
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: Pattern must contain a single '->' separator: {pattern!r}")
    left, right = (_side(side, pattern) for side in sides)
    if any("(...)" in group for group in left):
        raise ValueError(
            f"rearrange: Ellipsis in parentheses on the left side is not allowed: {pattern!r}"
        )
    rest = whole.ndim - len(left) + 1 if ["..."] in left else 0
    if rest < 0 or (["..."] not in left and whole.ndim != len(left)):
        raise ValueError(
            f"rearrange: {pattern!r} is for {len(left)} axes, but the shape is {list(whole.shape)}"
        )
    unnamed = [f"... {k}" for k in range(rest)]
    left, right = _spread(left, unnamed), _spread(right, unnamed)
    _check_same_names(left, right, axes_lengths, pattern)
    sizes = dict(axes_lengths)
    for group, size in zip(left, whole.shape, strict=True):
        _find_sizes(group, size, sizes, pattern)
    names = [name for group in left for name in group]
    order = [names.index(name) for group in right for name in group]
    split = whole.reshape([sizes[name] for name in names]).permute(order)
    found: Tensor = split.reshape([math.prod(sizes[name] for name in group) for group in right])
    return found


def _side(text: str, pattern: str) -> Side:
    """The axes of one side, each the names that make it up; of size 1: none."""
    groups: Side = []
    inside: list[str] | None = None
    for word in re.findall(r"[()]|[^\s()]+", text):
        if word == "(":
            if inside is not None:
                raise ValueError(
                    f"rearrange: Axis composition is one-level (brackets inside brackets not allowed): {pattern!r}"
                )
            inside = []
        elif word == ")":
            if inside is None:
                raise ValueError(f"rearrange: Imbalanced parentheses in expression: {pattern!r}")
            groups.append(inside)
            inside = None
        else:
            named = _names(word, pattern)
            if inside is None:
                groups.append(named)
            else:  # axes without a name are one axis in parentheses, and several outside
                inside += ["(...)"] if word == "..." else named
    if inside is not None:
        raise ValueError(f"rearrange: Imbalanced parentheses in expression: {pattern!r}")
    found = [name for group in groups for name in group]
    for name in found:
        if found.count(name) > 1:
            raise ValueError(f"rearrange: duplicate dimension {name!r} in {pattern!r}")
    return groups


def _names(word: str, pattern: str) -> list[str]:
    """The name that ``word`` is; none for an axis of size 1."""
    if word == "1":
        return []
    if word.isdecimal():
        raise ValueError(f"rearrange only supports unnamed axes of size 1: {word} in {pattern!r}")
    if word != "..." and (not word.isidentifier() or word[0] == "_" or word[-1] == "_"):
        raise ValueError(
            f"rearrange: Invalid axis identifier: {word}: it is a Python name that does not start or end with an "
            f"underscore, in {pattern!r}"
        )
    return [word]


def _spread(side: Side, unnamed: list[str]) -> Side:
    """``side`` with the axes without a name for its ellipsis."""
    found: Side = []
    for group in side:
        if group == ["..."]:
            found += [[name] for name in unnamed]
        else:
            found.append([n for name in group for n in (unnamed if name == "(...)" else [name])])
    return found


def _check_same_names(left: Side, right: Side, told: dict[str, int], pattern: str) -> None:
    here, there = ({name for group in side for name in group} for side in (left, right))
    if here != there:
        raise ValueError(
            f"rearrange: Identifiers only on one side of the expression (should be on both): {here ^ there}, in "
            f"{pattern!r}"
        )
    if not here >= told.keys():
        raise ValueError(f"rearrange: Identifiers not found in {pattern!r}: {told.keys() - here}")


def _find_sizes(group: list[str], size: int, sizes: dict[str, int], pattern: str) -> None:
    """Put the sizes of the names that make up one axis of ``size`` elements into ``sizes``."""
    unknown = [name for name in group if name not in sizes]
    known = math.prod(sizes[name] for name in group if name in sizes)
    if len(unknown) > 1:
        raise ValueError(
            f"rearrange: cannot infer the sizes of {unknown} at once, in {pattern!r}: tell all but one"
        )
    if unknown and known and size % known == 0:
        sizes[unknown[0]] = size // known
    elif unknown or known != size:
        raise ValueError(f"rearrange: an axis of {size} is no {group} of {sizes}, in {pattern!r}")
