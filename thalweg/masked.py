"""``thalweg.masked``: reductions and normalizations of the elements that a mask picks; masked-out ones don't count.

Every function takes ``mask``, of a shape that broadcasts to the input's: where it is true an element counts. Where
nothing counts, the result is what changes nothing (0 of a sum, 1 of a product, -inf of ``amax``), or NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .ir.dtype import DType, bool_, float32, int64
from .tensor.arithmetic import maximum
from .tensor.creation import ones
from .tensor.logarithms import logaddexp as _logaddexp
from .tensor.norms import vector_norm
from .tensor.picking import where
from .tensor.reduce import wrap_dim
from .tensor.tensor import Tensor

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def _axes(input: Tensor, dim: Any) -> tuple[int, ...]:
    """The axes, all of them if none is named."""
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    axes = tuple(wrap_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim))
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim={axis} appears multiple times in the list of dims")
    return axes if input.ndim else ()


def _mask_of(input: Tensor, mask: Tensor | None) -> Tensor:
    """The mask in the input's shape; true everywhere if there is none."""
    if mask is None:
        return ones(input.shape, dtype=bool_)
    if mask.ndim > input.ndim:
        raise IndexError(
            f"expected broadcastable mask (got mask dimensionality higher than of the input): {list(mask.shape)} for "
            f"{list(input.shape)}"
        )
    counted: Tensor = mask.to(bool_).expand(input.shape)
    return counted


def _filled(input: Tensor, mask: Tensor | None, fill: Any) -> Tensor:
    """The input with ``fill`` where nothing counts."""
    if mask is None:
        return input
    filled: Tensor = where(_mask_of(input, mask), input, input.new_full((), fill))
    return filled


def _least(name: str, dtype: DType, sign: int) -> Any:
    """What is below (``sign`` -1) or above every number of the type."""
    if dtype.is_differentiable:
        return sign * math.inf
    if dtype is bool_:
        raise NotImplementedError(f"identity of {name} on bool input: convert it first")
    limits = np.iinfo(dtype.numpy)
    return limits.min if sign < 0 else limits.max


def _summable(input: Tensor, dtype: DType | None) -> Tensor:
    """In the type in which PyTorch sums: whole numbers as int64."""
    return input.to(dtype or (input.dtype if input.dtype.is_differentiable else int64))


def _typed(input: Tensor, dtype: DType | None) -> Tensor:
    return input if dtype is None else input.to(dtype)


def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The sum over ``dim``: any shape in, that without ``dim`` out."""
    return _filled(_summable(input, dtype), mask, 0).sum(_axes(input, dim), keepdim)


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The product over ``dim``: any shape in, that without ``dim`` out."""
    found = _filled(_summable(input, dtype), mask, 1)
    for axis in sorted(_axes(input, dim), reverse=True):
        found = found.prod(axis, keepdim)
    return found


def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Any = None) -> Tensor:
    """Running sums along ``dim``; the input's shape."""
    return _filled(_summable(input, dtype), mask, 0).cumsum(dim)


def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Any = None) -> Tensor:
    """Running products along ``dim``; the input's shape."""
    return _filled(_summable(input, dtype), mask, 1).cumprod(dim)


def amax(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The largest over ``dim``: any shape in, that without ``dim`` out."""
    input = _typed(input, dtype)
    fill = _least("amax", input.dtype, -1)
    return _filled(input, mask, fill).amax(_axes(input, dim), keepdim)


def amin(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The smallest over ``dim``: any shape in, that without ``dim`` out."""
    input = _typed(input, dtype)
    fill = _least("amin", input.dtype, 1)
    return _filled(input, mask, fill).amin(_axes(input, dim), keepdim)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """Where along ``dim`` the largest is, in the input's type as in PyTorch."""
    input = _typed(input, dtype)
    found = _filled(input, mask, _least("argmax", input.dtype, -1)).argmax(dim, keepdim)
    return found.to(input.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """Where along ``dim`` the smallest is, in the input's type as in PyTorch."""
    input = _typed(input, dtype)
    found = _filled(input, mask, _least("argmin", input.dtype, 1)).argmin(dim, keepdim)
    return found.to(input.dtype)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The mean over ``dim``, NaN of nothing: any shape in, that without ``dim`` out.

    Raises:
        ValueError: whole numbers, without a ``dtype``.
    """
    kind = dtype or input.dtype
    if not kind.is_differentiable:
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{input.dtype}"
        )
    count = _mask_of(input, mask).sum(_axes(input, dim), keepdim)
    result: Tensor = sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / count
    return result


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """The lower median along ``dim``, NaN of nothing: any shape in, that without ``dim`` out.

    Raises:
        ValueError: whole numbers of which some are masked out.
    """
    input = _typed(input, dtype)
    if input.dtype.is_floating_point:
        found: Tensor = _filled(input, mask, math.nan).nanmedian(dim, keepdim).values
        return found
    if not bool(_mask_of(input, mask).all()):
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    whole: Tensor = input.median(dim, keepdim).values
    return whole


def norm(
    input: Tensor, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Any = None,
) -> Tensor:  # fmt: skip
    """The vector norm over ``dim``: any shape in, that without ``dim`` out."""
    order = 2.0 if ord is None else ord
    filled = _filled(_typed(input, dtype), mask, math.inf if order == -math.inf else 0)
    return vector_norm(filled, order, _axes(input, dim), keepdim)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool = False, dtype: DType | None = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """The variance over ``dim``, by default with N - 1: any shape in, that without ``dim`` out."""
    if unbiased is not None and correction is not None:
        raise RuntimeError("var: only one of correction and unbiased may be given")
    less = correction if correction is not None else float(unbiased is not False)
    kind = dtype or (input.dtype if input.dtype.is_differentiable else float32)
    axes, x = _axes(input, dim), input.to(kind)
    counted = _mask_of(input, mask)
    count = counted.sum(axes, True)
    off = _filled(x - _filled(x, mask, 0).sum(axes, True) / count, mask, 0)
    squares = (off * off.conj()).real if kind.is_complex else off * off
    total, n = squares.sum(axes, keepdim), counted.sum(axes, keepdim)
    result: Tensor = total / maximum(n.to(squares.dtype) - less, squares.new_zeros(()))
    return result.to(kind)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool = False, dtype: DType | None = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """The root of ``var``."""
    return var(
        input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask
    ).sqrt()


def softmax(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Any = None) -> Tensor:
    """Shares along ``dim`` of what counts, 0 elsewhere, NaN of nothing; the input's shape."""
    return _filled(_typed(input, dtype), mask, -math.inf).softmax(dim)


def log_softmax(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Any = None) -> Tensor:
    """The logarithm of ``softmax``; the input's shape."""
    return _filled(_typed(input, dtype), mask, -math.inf).log_softmax(dim)


def softmin(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Any = None) -> Tensor:
    """``softmax`` of the negative input; the input's shape."""
    return softmax(-_typed(input, dtype), dim, mask=mask)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """What counts over its norm along ``dim``, which is at least ``eps``; 0 elsewhere; the input's shape."""
    x = _typed(input, dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask)
    result: Tensor = _filled(x, mask, 0) / maximum(length, length.new_full((), eps))
    return result


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Any = None
) -> Tensor:  # fmt: skip
    """log of the sum of exp over ``dim``: any shape in, that without ``dim`` out."""
    kind = dtype or input.dtype
    x = input.to(kind)
    found = _filled(x, mask, _least("logsumexp", kind, -1)).logsumexp(_axes(input, dim), keepdim)
    return found.to(kind)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: DType | None = None, input_mask: Any = None, other_mask: Any = None
) -> Tensor:  # fmt: skip
    """log(exp(input) + exp(other)) of equal shapes, of what counts on each side."""
    x, y = (
        _filled(_typed(t, dtype), mask, -math.inf)
        for t, mask in ((input, input_mask), (other, other_mask))
    )
    return _logaddexp(x, y)
