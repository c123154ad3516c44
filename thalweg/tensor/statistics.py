"""Descriptive statistics: quantiles, histograms, covariance, differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import from_numpy
from . import return_types
from .complex import complex as complex_of
from .core import TensorCore
from .creation import from_array, linspace
from .dispatch import by_example
from .joining import cat
from .reduce import wrap_dim

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
    return _quantile(input, q, dim, keepdim, interpolation, _places)


def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """As ``quantile`` of the elements that are not NaN; NaN where all are. Arguments and shapes as there."""
    return _quantile(input, q, dim, keepdim, interpolation, _places_of_numbers)


def _quantile(
    input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, places: Any
) -> Tensor:
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
    at = places(lines, shares.reshape(-1))
    picked = _picked(lines.sort(-1)[0], at, interpolation).movedim(-1, 0)
    if keepdim:
        sizes = [1] * input.ndim if dim is None else list(input.shape)
        if dim is not None and input.ndim:
            sizes[dim] = 1
        picked = picked.reshape([picked.shape[0], *sizes])
    return picked if shares.ndim else picked[0]


def _shares(q: Any, input: Tensor) -> Any:
    """``q`` as a () or (Q,) tensor."""
    if isinstance(q, TensorCore) and q.dtype is not input.dtype:
        raise RuntimeError(f"quantile() q tensor must be same dtype as the input: {q.dtype}")
    shares: Any = q if isinstance(q, TensorCore) else from_array(np.asarray(q, input.dtype.numpy))
    if shares.ndim > 1:
        raise RuntimeError(f"quantile() q must be a scalar or 1D tensor, not {shares.ndim}D")
    numbers = shares._array()
    if not np.all((numbers >= 0) & (numbers <= 1)):
        raise RuntimeError(f"quantile() q values must be in the range [0, 1]: {numbers.tolist()}")
    return shares


def _places(lines: Tensor, shares: Tensor) -> Tensor:
    """Where in each sorted line (..., N) the (Q,) shares lie, from 0 to N - 1: (..., Q); at its NaN if it has one."""
    last = lines.shape[-1] - 1
    return (shares * last).where(~lines.isnan().any(-1, True), last)


def _places_of_numbers(lines: Tensor, shares: Tensor) -> Tensor:
    """As ``_places``, by how many numbers each line has; sorting puts NaN behind them."""
    return ((lines == lines).sum(-1, True) - 1).clamp(min=0) * shares


def _picked(values: Tensor, places: Tensor, interpolation: str) -> Tensor:
    """(..., Q) what stands at the places in sorted lines (..., N), or is between two elements."""
    if interpolation == "nearest":
        return values.gather(-1, places.round().long())
    low, high = places.floor(), places.ceil()
    if interpolation in ("lower", "higher"):
        return values.gather(-1, (low if interpolation == "lower" else high).long())
    part = places - low if interpolation == "linear" else (low != high).to(places.dtype) * 0.5
    return values.gather(-1, low.long()).lerp(values.gather(-1, high.long()), part)


@by_example
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of ``bins`` equal parts of [min, max]: (*) gives (bins,).

    ``min == max`` takes the range of the data; elements outside are not counted.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(f'"histogram_cpu" not implemented for {input.dtype}: convert to float')
    if bins <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins}")
    x = (input.float() if input.dtype.is_half else input).detach().numpy().reshape(-1)
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


def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many elements, or how much ``weight``, lie in each bin, and the bins' edges.

    Args:
        input: any shape, floating.
        bins: how many (100), between the ends of ``range`` (of the data without it); or (B + 1,) rising edges.
        weight: of input's shape.
        density: whether the sum over all bins, each times its width, is 1.
    Returns:
        (B,) and (B + 1,). An element on an edge counts above it, on the last one below.
    """
    rows = input.reshape(-1, 1)
    ends = None if range is None else list(range)
    hist, edges = _histogram(rows, [bins], ends, weight, density)
    return return_types.histogram(hist, edges[0])


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """As ``histogram``, of vectors: ``input`` is (..., D), ``bins`` one for each of D, or one number for all.

    Returns:
        (B1, …, BD) and a tuple of (B1 + 1,), …, (BD + 1,). ``range`` has the two ends of each in turn.
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"histogramdd: input tensor should have at least 2 dimensions, but got {input.ndim}"
        )
    rows = input.reshape(-1, input.shape[-1])
    several = list(bins) if isinstance(bins, list | tuple) else [bins] * rows.shape[1]
    if len(several) != rows.shape[1]:
        raise RuntimeError(
            f"histogramdd: expected bins of {rows.shape[1]} dimensions, got {len(several)}"
        )
    return return_types.histogramdd(*_histogram(rows, several, range, weight, density))


def _edges(x: Any, bins: Any, ends: Sequence[float] | None) -> Any:
    """(B + 1,) edges for the numbers ``x``, in their type."""
    if isinstance(bins, TensorCore):
        return bins._array()
    if bins <= 0:
        raise RuntimeError(f"histogram: bins must be > 0, but got {bins}")
    low, high = ends if ends is not None else (x.min(), x.max()) if x.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"histogram: dimension's range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"histogram: min should not exceed max, but got min {low} max {high}")
    return linspace(float(low), float(high), bins + 1, dtype=from_numpy(x.dtype))._array()


def _histogram(
    rows: Tensor, bins: list[Any], ends: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if not rows.dtype.is_floating_point:
        raise NotImplementedError(
            f'"histogramdd" not implemented for {rows.dtype}: convert to a floating type'
        )
    x = rows._array()
    edges, inside, place = [], np.ones(len(x), np.bool_), np.zeros(len(x), np.int64)
    for k, of_axis in enumerate(bins):
        line = _edges(x[:, k], of_axis, None if ends is None else ends[2 * k : 2 * k + 2])
        at = np.searchsorted(line, x[:, k], side="right") - 1
        at = np.where(x[:, k] == line[-1], len(line) - 2, at)
        inside &= (line[0] <= x[:, k]) & (x[:, k] <= line[-1])
        place = place * (len(line) - 1) + at
        edges.append(line)
    shape = tuple(len(line) - 1 for line in edges)
    weights = None if weight is None else weight._array().reshape(-1)[inside]
    counts = np.bincount(place[inside], weights, int(np.prod(shape))).reshape(shape)
    if density:
        volume = np.ones(())
        for line in edges:
            volume = np.multiply.outer(volume, np.diff(line))
        counts = counts / (counts.sum() * volume)
    hist = from_array(np.asarray(counts, x.dtype))
    return hist, tuple(from_array(np.array(line)) for line in edges)


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Any = None
) -> Tensor:
    """Each element along ``dim`` less the one before it, ``n`` times: (..., N) gives (..., N - n)."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input
    parts = [p for p in (prepend, input, append) if p is not None]
    x = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim] - 1
        after, before = x.narrow(dim, 1, size), x.narrow(dim, 0, size)
        x = after.ne(before) if x.dtype.numpy == np.bool_ else after - before
    return x


def _of_observations(name: str, weights: Any, count: int, whole: bool) -> None:
    """RuntimeError unless ``weights`` are ``count`` numbers from 0 up, integers if ``whole``, else floating."""
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    wanted = weights.dtype.category == 1 if whole else weights.dtype.is_floating_point
    if not wanted:
        kind = "integral" if whole else "floating point"
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype}"
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        )
    if bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """(V, N) observations of V variables give (V, V) covariances; (N,) gives () the variance.

    Args:
        fweights: (N,) integers, how often each observation came.
        aweights: (N,) floating, how much each counts.
    Raises:
        RuntimeError: more than two axes, bool, weights of another type or size, below 0, or all 0.
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions, has {input.ndim}"
        )
    if input.dtype.numpy == np.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dtype.category > 1 else input.float()
    rows = x.reshape(-1, x.shape[-1] if x.ndim else 1)
    count: Any = rows.shape[1]
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _of_observations(name, given, rows.shape[1], name == "fweights")
            weights = given if weights is None else weights * given
    if weights is None:
        centered = weighed = rows - rows.mean(1, True)
    else:
        weights = weights.reshape(-1)
        count = weights.sum()
        if rows.shape[1] and float(count) == 0:
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        centered = rows - (rows * weights).sum(1, True) / count
        weighed = centered * weights
    less = correction
    if aweights is not None and correction:
        less = correction * (weights * aweights).sum() / count
    rest: Any = count - less
    divisor = max(rest, 0) if isinstance(rest, int) else rest.clamp(min=0)
    return (weighed @ centered.t().conj() / divisor).squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """(V, N) observations of V variables give (V, V) correlations in [-1, 1]; (N,) gives () 1."""
    spread = cov(input)
    if not spread.ndim:
        return spread / spread
    scale = spread.diagonal().sqrt()
    found = spread / scale.unsqueeze(1) / scale.unsqueeze(0)
    if found.dtype.is_complex:
        return complex_of(found.real.clip(-1, 1), found.imag.clip(-1, 1))
    return found.clip(-1, 1)


def _steps(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Any:
    """The widths between samples along ``axis``: a number, or a tensor that broadcasts to the pairs of ``y``."""
    if x is None:
        return dx
    if x.ndim == 1:
        if x.shape[0] != y.shape[axis]:
            raise RuntimeError(
                "trapezoid: There must be one `x` value for each sample point: "
                f"{x.shape[0]} and {y.shape[axis]}"
            )
        return diff(x).reshape(-1, *[1] * (y.ndim - 1 - axis))
    return diff(x, dim=axis - y.ndim)


def _areas(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Tensor:
    """The areas between neighboring samples along ``axis``."""
    if x is None and isinstance(dx, bool):
        raise RuntimeError("trapezoid: Currently, we only support dx as a real number")
    count = y.shape[axis]
    pairs = y.narrow(axis, 0, count - 1) + y.narrow(axis, 1, count - 1)
    return pairs * _steps(y, x, dx, axis) / 2


def trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integral of samples ``y`` (..., N, ...) along ``dim`` by the trapezoidal rule: (..., ...).

    Args:
        x: where the samples are, (N,) or a shape that broadcasts with y's; otherwise ``dx`` (1) apart.
    """
    axis = wrap_dim(dim, y.ndim)
    if not y.shape[axis]:
        return y.sum(axis)
    return _areas(y, x, 1.0 if dx is None else dx, axis).sum(dim if x is not None else axis)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """``trapezoid`` up to each sample but the first, along ``dim``: (..., N - 1, ...)."""
    axis = wrap_dim(dim, y.ndim)
    return _areas(y, x, 1.0 if dx is None else dx, axis).cumsum(dim)


class StatisticsMethods(TensorCore):
    """Tensor's descriptive statistics."""

    quantile, histc, diff, cov, corrcoef = quantile, histc, diff, cov, corrcoef
    nanquantile, histogram = nanquantile, histogram
