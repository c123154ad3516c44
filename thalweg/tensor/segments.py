"""Runs of elements folded into one each, and all elements into one number that tells tensors apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..ir.dtype import float64, int64, uint64
from .arithmetic import maximum
from .core import TensorCore
from .counting import searchsorted
from .creation import arange, full
from .joining import cat
from .picking import scatter_reduce, where
from .reduce import axes_of

if TYPE_CHECKING:
    from .tensor import Tensor

_STARTS = {"sum": 0.0, "mean": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0}
_FOLDS = {"sum": "sum", "mean": "sum", "max": "amax", "min": "amin", "prod": "prod"}


def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Any = None, indices: Any = None, offsets: Any = None, axis: int = 0,
    unsafe: bool = False, initial: float | None = None,
) -> Tensor:  # fmt: skip
    """The elements of each segment along ``axis`` folded into one.

    Args:
        data: (*B, N, *) floating, where ``axis`` is the one of N, after as many axes B as ``lengths`` has but one.
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: (*B, S) how long the segments are, one after another; they add up to N unless ``unsafe``.
        offsets: (*B, S + 1) where each begins, and where the last ends.
        initial: what a segment starts from; that of an empty one is 0, NaN for "mean", -inf, inf, or 1.
    Returns:
        (*B, S, *).
    Raises:
        RuntimeError: another ``reduce``, no lengths and offsets, or they don't fit.
    """
    name = "segment_reduce()"
    if reduce not in _STARTS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if indices is not None:
        raise RuntimeError(f"{name}: indices based reduction is not supported yet: give lengths")
    if lengths is None and offsets is None:
        raise RuntimeError(f"{name}: Either lengths or offsets must be defined.")
    given: Any = lengths if lengths is not None else offsets
    axis = axis + data.ndim if axis < 0 else axis
    if axis != given.ndim - 1 or not data.ndim > axis:
        raise RuntimeError(
            f"{name}: Expected axis to be the last dimension of lengths or offsets, {given.ndim - 1}, but got {axis}"
        )
    if lengths is not None:
        ends = lengths.cumsum(-1)
        begins = ends - lengths
        if not unsafe:
            _check(lengths, data.shape[axis])
    else:
        begins, ends = offsets[..., :-1], offsets[..., 1:]
    return _folded(data, reduce, begins, ends, axis, initial)


def _check(lengths: Any, size: int) -> None:
    if bool((lengths < 0).any()):
        raise RuntimeError("segment_reduce(): lengths contains negative value!")
    if not bool((lengths.sum(-1) == size).all()):
        raise RuntimeError(
            "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when "
            f"!unsafe: {size}"
        )


def _folded(data: Any, reduce: str, begins: Any, ends: Any, axis: int, initial: Any) -> Tensor:
    """(*B, S, *) of ``data`` (*B, N, *) between ``begins`` and ``ends`` (*B, S)."""
    lead, rest = tuple(data.shape[:axis]), tuple(data.shape[axis + 1 :])
    count, size = begins.shape[-1], data.shape[axis]
    places = arange(size, dtype=ends.dtype).expand(*lead, size).contiguous()
    number = searchsorted(
        ends.contiguous(), places, right=True
    )  # elements after the last count nowhere
    outside = places < begins[..., :1] if count else number < 0
    number = where(outside, count, number).clamp(max=count)
    number = number.reshape(*lead, size, *[1] * len(rest)).expand(*data.shape)
    start = _STARTS[reduce] if initial is None else initial
    base = full((*lead, count + 1, *rest), start, dtype=data.dtype)
    found: Any = scatter_reduce(base, axis, number, data, _FOLDS[reduce]).narrow(axis, 0, count)
    if reduce == "mean":
        long = (ends - begins).reshape(*lead, count, *[1] * len(rest))
        found = found / maximum(long, long.new_ones(())).to(data.dtype)
        if initial is None:
            found = found.masked_fill(long == 0, math.nan)
    return found


def hash_tensor(input: Tensor, dim: Any = None, *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The exclusive or of the bits of all elements, or of those along ``dim``, as 64 bits each: uint64.

    Args:
        input: (*) real; counted as float64 or int64.
        dim: one axis or several. keepdim: they stay, as 1.
    """
    if mode:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"hash_tensor: not implemented for {input.dtype}: take view_as_real() first"
        )
    if dim is None and not input.numel():
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )
    source = input.detach()
    words: Any = (
        source.to(float64).view(int64) if source.dtype.is_floating_point else source.to(int64)
    )
    axes = axes_of(input, dim)
    kept = [a for a in range(input.ndim) if a not in axes]
    for a in axes:
        if not input.shape[a]:
            raise IndexError(f"hash_tensor: Expected reduction dim {a} to have non-zero size.")
    words = words.permute(*kept, *axes).reshape(*(input.shape[a] for a in kept), -1)
    while words.shape[-1] != 1:
        if words.shape[-1] % 2:
            words = cat([words, words.new_zeros(*words.shape[:-1], 1)], -1)
        half = words.shape[-1] // 2
        words = words[..., :half] ^ words[..., half:]
    shape = [1 if a in axes else n for a, n in enumerate(input.shape) if keepdim or a not in axes]
    return words.reshape(shape).view(uint64)


class SegmentMethods(TensorCore):
    """Tensor's hash."""

    hash_tensor = hash_tensor
