"""Products that name their axes: einsum, and tensordot, inner, vdot and kron as cases of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops.complex import conj
from ..ops.composite import op
from .core import TensorCore
from .dispatch import dispatch
from .linear_algebra import matmul

if TYPE_CHECKING:
    from .tensor import Tensor

# The axes that "..." stands for get these names, from the last one backward.
_UNNAMED = "".join(chr(c) for c in range(0x391, 0x3A9) if c != 0x3A2)


def _spelled(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The letters of each operand's axes and of the result's, "..." replaced by letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): {len(terms)} subscripts in {equation!r}, {len(operands)} operands: give as many as operands"
        )
    most = 0
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        named = len(term.replace("...", ""))
        free = x.ndim - named if "..." in term else 0
        if free < 0 or (named != x.ndim and "..." not in term):
            raise RuntimeError(
                f"einsum(): the subscript {term!r} names {named} axes, operand {k} has {x.ndim}"
            )
        most = max(most, free)
        terms[k] = term.replace("...", _UNNAMED[:free][::-1])
    unnamed = _UNNAMED[:most][::-1]
    if not arrow:
        letters = "".join(terms)
        once = sorted(c for c in set(letters) - set(unnamed) if letters.count(c) == 1)
        return terms, unnamed + "".join(once)
    return terms, right.replace("...", unnamed)


def _without_repeats(x: Tensor, term: str) -> tuple[Tensor, str]:
    """The diagonal of every letter that occurs twice."""
    for c in sorted(set(term)):
        while term.count(c) > 1:
            first = term.index(c)
            second = term.index(c, first + 1)
            if x.shape[first] != x.shape[second]:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for sizes {x.shape[first]} and {x.shape[second]}"
                )
            x = x.diagonal(0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + c
    return x, term


def _ordered(x: Tensor, term: str, letters: str) -> Tensor:
    """``x`` with the axes in the order of ``letters``, of size 1 where it has no such axis."""
    present = [c for c in letters if c in term]
    x = x.permute([term.index(c) for c in present])
    for k, c in enumerate(letters):
        if c not in term:
            x = x.unsqueeze(k)
    return x


def _sizes(terms: Sequence[str], operands: Sequence[Tensor]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            if sizes.setdefault(c, n) != n and 1 not in (n, sizes[c]):
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for one operand and {sizes[c]} for another"
                )
            sizes[c] = n if sizes[c] == 1 else sizes[c]
    return sizes


def _pair(
    x: Tensor, left: str, y: Tensor, right: str, wanted: set[str], order: str
) -> tuple[Tensor, str]:
    """The product of two operands, summed over what nobody wants, by one matrix product.

    As in PyTorch its axes are those of both, of one, and of the other operand, each in the order of ``order``.
    """
    sizes = _sizes((left, right), (x, y))
    lone = {c for c in left if c not in right and c not in wanted}
    x, left = _summed(x, left, lone)
    y, right = _summed(y, right, {c for c in right if c not in left and c not in wanted})
    inner = "".join(c for c in left if c in right and c not in wanted)
    batch = "".join(c for c in order if c in left and c in right and c in wanted)
    rows = "".join(c for c in order if c in left and c not in right)
    columns = "".join(c for c in order if c in right and c not in left)

    def arranged(t: Tensor, term: str, first: str, second: str) -> Tensor:
        t = _ordered(t, term, batch + first + second)
        t = t.expand([sizes[c] for c in batch + first + second])
        groups = [math.prod(sizes[c] for c in part) for part in (batch, first, second)]
        return t.reshape(groups)

    product = matmul(arranged(x, left, rows, inner), arranged(y, right, inner, columns))
    letters = batch + rows + columns
    return product.reshape([sizes[c] for c in letters]), letters


def _before(right: str, left: str, result: str) -> bool:
    """Whether the axes that only ``right`` has come before those that only ``left`` has."""
    first = [k for k, c in enumerate(result) if c in right and c not in left]
    then = [k for k, c in enumerate(result) if c in left and c not in right]
    return bool(first and then) and max(first) < min(then)


def _summed(x: Tensor, term: str, away: set[str]) -> tuple[Tensor, str]:
    if not away:
        return x, term
    axes = [k for k, c in enumerate(term) if c in away]
    return x.sum(axes), "".join(c for c in term if c not in away)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Products of elements summed over the axes that the result does not name.

    Args:
        equation: a letter for each axis, as in ``"bij,bjk->bik"``; ``...`` stands for leading axes that broadcast.
            Without ``->`` the result has the letters that occur once, in alphabetical order.
        operands: tensors with as many axes as their letters, or one list of them.
    Returns:
        A tensor with an axis for each letter after ``->``.
    Raises:
        RuntimeError: letters and axes do not fit.

    Operands are multiplied from left to right, each time by one matrix product.
    """
    given: list[Any] = list(operands[0] if isinstance(operands[0], list | tuple) else operands)
    terms, result = _spelled(equation, given)
    for c in result:
        if result.count(c) > 1 or not any(c in term for term in terms):
            raise RuntimeError(
                f"einsum(): output subscript {c} must occur once in the output and in an operand: {equation!r}"
            )
    parts = [_without_repeats(x, term) for x, term in zip(given, terms, strict=True)]
    _sizes([term for _, term in parts], [x for x, _ in parts])
    order = result + "".join(sorted({c for _, term in parts for c in term} - set(result)))
    x, term = parts[0]
    for k, (y, right) in enumerate(parts[1:], 2):
        wanted = set(result).union(*(t for _, t in parts[k:]))
        if len(parts) == 2 and _before(right, term, result):
            x, term, y, right = y, right, x, term
        x, term = _pair(x, term, y, right, wanted, order)
    summed = "".join(c for c in term if c not in result)
    x = x.permute([term.index(c) for c in result + summed])
    return x.sum([*range(len(result), x.ndim)]) if summed else x


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products summed over pairs of axes: the last ``dims`` of a with the first of b, or two lists of axes."""
    if isinstance(dims, int):
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = [
            [d % x.ndim for d in (axes if isinstance(axes, Sequence) else [axes])]
            for axes, x in zip(dims, (a, b), strict=True)
        ]
    for i, j in zip(left, right, strict=True):
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, True)  # an axis of one element goes with each of the other's
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, True)
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but a has size {a.shape[i]} in axis {i} and b has "
                f"size {b.shape[j]} in axis {j}"
            )
    first = [k for k in range(a.ndim) if k not in left]
    second = [k for k in range(b.ndim) if k not in right]
    inner = math.prod(a.shape[k] for k in left)
    x = a.permute(first + left).reshape(math.prod(a.shape[k] for k in first), inner)
    y = b.permute(right + second).reshape(inner, math.prod(b.shape[k] for k in second))
    return matmul(x, y).reshape([a.shape[k] for k in first] + [b.shape[k] for k in second])


def inner(input: Tensor, other: Tensor) -> Tensor:
    """(..., K) and (*, K) give (..., *) the sums of products over the last axes; 0-d operands multiply."""
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@op("VdotBackward0")
def _vdot(x: Var, y: Var) -> Var:
    if x.dtype is not y.dtype or x.shape != y.shape:
        raise RuntimeError(
            f"vdot: expected tensors of one type and size, got {x.dtype}{list(x.shape)} and {y.dtype}{list(y.shape)}"
        )
    return (conj(x) * y).sum()


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """(K,) by (K,) gives () the sum of products of ``input``'s conjugates with ``other``."""
    if not input.dtype.is_complex:
        return input.dot(other)
    for x in (input, other):
        if x.ndim != 1:
            raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {other.ndim}D")
    return dispatch(_vdot, (input, other))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: (N, M) and (P, Q) give (N * P, M * Q); missing leading axes have size 1."""
    rank = max(input.ndim, other.ndim)
    a = [1] * (rank - input.ndim) + list(input.shape)
    b = [1] * (rank - other.ndim) + list(other.shape)
    left = input.reshape([n for size in a for n in (size, 1)])
    right = other.reshape([n for size in b for n in (1, size)])
    return (left * right).reshape([m * n for m, n in zip(a, b, strict=True)])


class NamedProductMethods(TensorCore):
    """Tensor's products over chosen axes."""

    inner, vdot, kron = inner, vdot, kron
