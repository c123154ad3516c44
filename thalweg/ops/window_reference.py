"""NumPy kernels of convolution and pooling over one or more spatial axes.

Letters: N samples, C channels, O output channels, S spatial sizes, K kernel sizes, G groups.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Sizes = tuple[int, ...]


def windows(x: Array, kernel: Sizes, stride: Sizes, dilation: Sizes, out: Sizes) -> Array:
    """(N, C, *out, *K) view of ``x`` (N, C, *S): for each output place the elements under the kernel."""
    lead, spatial = x.strides[:2], x.strides[2:]
    steps = tuple(s * t for s, t in zip(spatial, stride, strict=True))
    inner = tuple(s * t for s, t in zip(spatial, dilation, strict=True))
    return np.lib.stride_tricks.as_strided(
        x, (*x.shape[:2], *out, *kernel), (*lead, *steps, *inner), writeable=False
    )


def padded(x: Array, padding: Sizes, value: Any = 0, extra: Sizes | None = None) -> Array:
    """``x`` with ``padding`` on both sides of each spatial axis, and ``extra`` more at the end."""
    extra = extra or (0,) * len(padding)
    if not any(padding) and not any(extra):
        return x
    shape = tuple(n + 2 * p + e for n, p, e in zip(x.shape[2:], padding, extra, strict=True))
    result = np.full((*x.shape[:2], *shape), value, x.dtype)
    inside = tuple(slice(p, p + n) for n, p in zip(x.shape[2:], padding, strict=True))
    result[(slice(None), slice(None), *inside)] = x
    return result


def conv_sizes(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Sizes:
    """The output's spatial sizes."""
    sizes = zip(spatial, kernel, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)


def _columns(
    x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    """(G, C/G * prod(K), N * prod(out)): the windows laid out for one matrix product per group."""
    out = conv_sizes(x.shape[2:], kernel, stride, padding, dilation)
    n, c = x.shape[:2]
    lined = padded(x, padding)
    nd = len(kernel)
    seen = windows(lined, kernel, stride, dilation, out)
    order = (1, *range(2 + nd, 2 + 2 * nd), 0, *range(2, 2 + nd))
    return np.ascontiguousarray(seen.transpose(order)).reshape(
        groups, c // groups * math.prod(kernel), n * math.prod(out)
    )


def conv(x: Array, w: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Array:
    """Cross-correlation of ``x`` (N, C, *S) with ``w`` (O, C/G, *K) gives (N, O, *out)."""
    kernel = w.shape[2:]
    out = conv_sizes(x.shape[2:], kernel, stride, padding, dilation)
    n, o = x.shape[0], w.shape[0]
    columns = _columns(x, kernel, stride, padding, dilation, groups)
    weights = w.reshape(groups, o // groups, -1)
    product = np.matmul(weights, columns).reshape(o, n, *out)
    return np.ascontiguousarray(np.swapaxes(product, 0, 1))


def _by_channel(g: Array, groups: int) -> Array:
    """(N, O, *out) as (G, O/G, N * prod(out))."""
    return np.ascontiguousarray(np.swapaxes(g, 0, 1)).reshape(groups, g.shape[1] // groups, -1)


def conv_weight_grad(
    g: Array,
    x: Array,
    weight_shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """The gradient of ``conv`` for its weight, from ``g`` (N, O, *out)."""
    columns = _columns(x, weight_shape[2:], stride, padding, dilation, groups)
    product = np.matmul(_by_channel(g, groups), columns.transpose(0, 2, 1))
    return np.ascontiguousarray(product.reshape(weight_shape))


def conv_input_grad(
    g: Array,
    w: Array,
    input_shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """The gradient of ``conv`` for its input: each output spreads back over its window."""
    kernel, out = w.shape[2:], g.shape[2:]
    n, c = input_shape[:2]
    weights = w.reshape(groups, w.shape[0] // groups, -1).transpose(0, 2, 1)
    columns = np.matmul(weights, _by_channel(g, groups)).reshape(c, *kernel, n, *out)
    full = tuple(s + 2 * p for s, p in zip(input_shape[2:], padding, strict=True))
    result = np.zeros((c, n, *full), g.dtype)
    for offset in itertools.product(*map(range, kernel)):
        starts = [k * d for k, d in zip(offset, dilation, strict=True)]
        place = tuple(
            slice(a, a + (m - 1) * s + 1, s) for a, m, s in zip(starts, out, stride, strict=True)
        )
        if 0 not in out:
            result[(slice(None), slice(None), *place)] += columns[(slice(None), *offset)]
    inside = tuple(slice(p, p + s) for p, s in zip(padding, input_shape[2:], strict=True))
    return np.ascontiguousarray(np.swapaxes(result[(slice(None), slice(None), *inside)], 0, 1))


def pool_sizes(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    """The output's spatial sizes of pooling; with ``ceil_mode`` a last window may hang over the end."""
    sizes = []
    for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        reach = n + 2 * p - d * (k - 1) - 1
        m = reach // s + 1
        if ceil_mode:
            m = -(-reach // s) + 1
            if (m - 1) * s >= n + p:
                m -= 1
        sizes.append(m)
    return tuple(sizes)


def _overhang(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes
) -> Sizes:
    """How far the last windows reach beyond the padded end."""
    values = zip(spatial, kernel, stride, padding, dilation, out, strict=True)
    return tuple(max(0, (m - 1) * s + d * (k - 1) + 1 - (n + 2 * p)) for n, k, s, p, d, m in values)


def max_pool(
    x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Array, Array]:
    """The largest element of each window and where it is: (N, C, *out) values and int64 places.

    A place counts along the flattened plane *S. The first of ties; NaN wins.
    """
    spatial = x.shape[2:]
    out = pool_sizes(spatial, kernel, stride, padding, dilation, ceil_mode)
    floating = np.issubdtype(x.dtype, np.floating)
    lowest = -np.inf if floating else np.iinfo(x.dtype).min
    lined = padded(x, padding, lowest, _overhang(spatial, kernel, stride, padding, dilation, out))
    best: Array | None = None
    place = np.zeros((*x.shape[:2], *out), np.int64)
    for number, offset in enumerate(itertools.product(*map(range, kernel))):
        seen = lined[(slice(None), slice(None), *_reach(offset, out, stride, dilation))]
        if best is None:
            best = np.array(seen)
            continue
        larger = seen > best
        if floating:
            larger |= np.isnan(seen) & ~np.isnan(best)
        np.copyto(best, seen, where=larger)
        np.copyto(place, number, where=larger)
    assert best is not None
    return np.ascontiguousarray(best), _flat_places(
        place, spatial, kernel, stride, padding, dilation, out
    )


def _reach(offset: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[slice, ...]:
    """The elements that kernel position ``offset`` meets as the window moves."""
    starts = [k * d for k, d in zip(offset, dilation, strict=True)]
    return tuple(
        slice(a, a + (m - 1) * s + 1, s) for a, m, s in zip(starts, out, stride, strict=True)
    )


def _flat_places(
    place: Array,
    spatial: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    out: Sizes,
) -> Array:
    """Kernel positions as places in the flattened input plane; padding is never chosen over an element."""
    flat = np.zeros_like(place)
    coordinates = np.unravel_index(place, kernel)
    for axis, coordinate in enumerate(coordinates):
        shape = [1] * place.ndim
        shape[2 + axis] = out[axis]
        starts = (np.arange(out[axis]) * stride[axis] - padding[axis]).reshape(shape)
        position = np.clip(starts + coordinate * dilation[axis], 0, spatial[axis] - 1)
        flat = flat * spatial[axis] + position
    return np.ascontiguousarray(flat)


def scatter_places(g: Array, places: Array, spatial: Sizes) -> Array:
    """Sums of ``g`` (N, C, *out) at flat ``places`` in zeros (N, C, *spatial)."""
    planes, size = math.prod(g.shape[:2]), math.prod(spatial)
    where = places.reshape(planes, -1) + np.arange(planes)[:, None] * size
    sums = np.bincount(where.reshape(-1), g.reshape(-1), planes * size)
    return sums.astype(g.dtype).reshape(*g.shape[:2], *spatial)


def gather_places(x: Array, places: Array) -> Array:
    """The elements of ``x`` (N, C, *S) at flat ``places`` (N, C, *out)."""
    planes = math.prod(x.shape[:2])
    found = np.take_along_axis(x.reshape(planes, -1), places.reshape(planes, -1), 1)
    return found.reshape(places.shape)


def pool_counts(
    spatial: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    out: Sizes,
    count_include_pad: bool,
) -> Array:
    """(*out) how many elements each average counts."""
    counts = np.ones((1,) * len(out))
    for axis, (n, k, s, p, m) in enumerate(zip(spatial, kernel, stride, padding, out, strict=True)):
        starts = np.arange(m) * s - p
        ends = np.minimum(starts + k, n + p)
        size = ends - starts if count_include_pad else np.minimum(ends, n) - np.maximum(starts, 0)
        shape = [1] * len(out)
        shape[axis] = m
        counts = counts * size.reshape(shape)
    return counts


def sum_pool(x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool) -> Array:
    """The sum of each window, (N, C, *out); padding counts as 0."""
    ones = (1,) * len(kernel)
    out = pool_sizes(x.shape[2:], kernel, stride, padding, ones, ceil_mode)
    lined = padded(x, padding, 0, _overhang(x.shape[2:], kernel, stride, padding, ones, out))
    total = np.zeros((*x.shape[:2], *out), x.dtype)
    for offset in itertools.product(*map(range, kernel)):
        total += lined[(slice(None), slice(None), *_reach(offset, out, stride, ones))]
    return total


def sum_pool_grad(
    g: Array, spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool
) -> Array:
    """The gradient of ``sum_pool``: each window's ``g`` over its elements."""
    ones, out = (1,) * len(kernel), g.shape[2:]
    extra = _overhang(spatial, kernel, stride, padding, ones, out)
    full = tuple(n + 2 * p + e for n, p, e in zip(spatial, padding, extra, strict=True))
    result = np.zeros((*g.shape[:2], *full), g.dtype)
    for offset in itertools.product(*map(range, kernel)):
        result[(slice(None), slice(None), *_reach(offset, out, stride, ones))] += g
    inside = tuple(slice(p, p + n) for p, n in zip(padding, spatial, strict=True))
    return np.ascontiguousarray(result[(slice(None), slice(None), *inside)])
