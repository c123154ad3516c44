"""Descriptive statistics: quantiles, histograms, covariance, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .core import TensorCore
from .creation import from_array
from .joining import cat

if TYPE_CHECKING:
    from .tensor import Tensor

_BETWEEN = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The values below which a share ``q`` of the elements along ``dim`` lies.

    Args:
        input: (...,) floating.
        q: a number, or a () or (Q,) tensor of input's type, each in [0, 1].
        dim: the axis; all elements without it.
        interpolation: what to take between two elements: linear, lower, higher, midpoint, nearest.
    Returns:
        (...,) without ``dim``; (Q, ...) for a 1-d ``q``.
    Raises:
        RuntimeError: no elements, not floating, q outside [0, 1] or of another type.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"quantile() input tensor must be either float or double dtype, not {input.dtype}"
        )
    if interpolation not in _BETWEEN:
        raise RuntimeError(
            f"quantile() interpolation must be one of {', '.join(_BETWEEN)}, but got {interpolation}"
        )
    shares = _shares(q, input)
    x = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else dim
    x = x.unsqueeze(0) if not x.ndim else x
    if not x.shape[axis]:
        raise RuntimeError("quantile() input tensor must be non-empty")
    lines = x.movedim(axis, -1)
    picked = _interpolated(lines, shares.reshape(-1), interpolation)
    if keepdim:
        sizes = [1] * input.ndim if dim is None else list(input.shape)
        if dim is not None and input.ndim:
            sizes[dim] = 1
        picked = picked.reshape([picked.shape[0], *sizes])
    return picked if shares.ndim else picked[0]


def _shares(q: Any, input: Tensor) -> np.ndarray[Any, Any]:
    if isinstance(q, TensorCore) and q.dtype is not input.dtype:
        raise RuntimeError(f"quantile() q tensor must be same dtype as the input: {q.dtype}")
    shares = np.asarray(q.detach().numpy() if isinstance(q, TensorCore) else q, input.dtype.numpy)  # type: ignore[attr-defined]
    if shares.ndim > 1:
        raise RuntimeError(f"quantile() q must be a scalar or 1D tensor, not {shares.ndim}D")
    if not np.all((shares >= 0) & (shares <= 1)):
        raise RuntimeError(f"quantile() q values must be in the range [0, 1]: {shares.tolist()}")
    return shares


def _interpolated(lines: Tensor, shares: Any, interpolation: str) -> Tensor:
    """(..., N) and (Q,) shares give (Q, ...) elements of each sorted line, or what is between two."""
    values = lines.sort(-1)[0]
    places = shares * (lines.shape[-1] - 1)
    low, high = np.floor(places), np.ceil(places)
    if interpolation == "nearest":
        low = high = np.round(places)
    elif interpolation in ("lower", "higher"):
        low = high = low if interpolation == "lower" else high
    part = places - low
    if interpolation == "midpoint":
        part = np.where(low == high, 0, 0.5).astype(places.dtype)
    below = values.index_select(-1, from_array(low.astype(np.int64)))
    above = values.index_select(-1, from_array(high.astype(np.int64)))
    between = below.lerp(above, from_array(part)).movedim(-1, 0)
    missing = lines.isnan().any(-1)
    return between.masked_fill(missing, float("nan"))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of ``bins`` equal parts of [min, max]: (*) gives (bins,).

    ``min == max`` takes the range of the data; elements outside are not counted.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(f'"histogram_cpu" not implemented for {input.dtype}: convert to float')
    if bins <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins}")
    x = input.detach().numpy().reshape(-1)
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"max must be larger than min: [{low}, {high}]")
    x = x[(x >= low) & (x <= high)]
    place = np.minimum(((x - low) / (high - low) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    return from_array(counts.astype(input.dtype.numpy))


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Any = None
) -> Tensor:
    """Each element along ``dim`` less the one before it, ``n`` times: (..., N) gives (..., N - n)."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n == 0:
        return input
    parts = [p for p in (prepend, input, append) if p is not None]
    x = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim] - 1
        after, before = x.narrow(dim, 1, size), x.narrow(dim, 0, size)
        x = after.ne(before) if x.dtype.numpy == np.bool_ else after - before
    return x


def cov(input: Tensor, *, correction: int = 1) -> Tensor:
    """(V, N) observations of V variables give (V, V) covariances; (N,) gives () the variance."""
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions, has {input.ndim}"
        )
    x = input if input.dtype.is_floating_point else input.float()
    rows = x.reshape(-1, x.shape[-1] if x.ndim else 1)
    centered = rows - rows.mean(1, True)
    spread = (centered @ centered.t()) / max(rows.shape[1] - correction, 0)
    return spread.squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """(V, N) observations of V variables give (V, V) correlations in [-1, 1]; (N,) gives () 1."""
    spread = cov(input)
    if not spread.ndim:
        return spread / spread
    scale = spread.diagonal().sqrt()
    return (spread / scale.unsqueeze(1) / scale.unsqueeze(0)).clip(-1, 1)


class StatisticsMethods(TensorCore):
    """Tensor's descriptive statistics."""

    quantile, histc, diff, cov, corrcoef = quantile, histc, diff, cov, corrcoef
