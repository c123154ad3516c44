"""Normals of uniforms. In float32 to PyTorch's last bit: by Cephes' polynomials, each product and sum rounded once.

Sources: Box and Muller 1958, "A note on the generation of random normal deviates"; the polynomials of Moshier's Cephes,
single precision, in the order in which PyTorch's vector code takes them, its compiler having fused what can be fused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_F32, _F64 = np.float32, np.float64
_PIECE = 1 << 15  # uniforms at a time: what is computed on the way stays near the core


def _floats(*numbers: float) -> tuple[float, ...]:
    return tuple(float(_F32(x)) for x in numbers)


_LOGARITHM = _floats(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LOG_OF_2 = _floats(0.693359375, -2.12194440e-4)  # its first bits, and the rest
_QUARTERS = _floats(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)  # of -pi
_COSINE_AND_SINE = tuple(
    np.array(pair, _F32).astype(_F64).reshape(2, 1, 1)
    for pair in (
        (2.443315711809948e-5, -1.9515295891e-4),
        (-1.388731625493765e-3, 8.3321608736e-3),
        (4.166664568298827e-2, -1.6666654611e-1),
    )
)


def box_muller(units: Array, mean: float, std: float) -> None:
    """Turn uniforms in [0, 1) into normals, in place: (16 N,) float32 or float64, eight radii, eight angles, and so on."""
    kind = units.dtype.type
    for begin in range(0, len(units), _PIECE):
        piece = units[begin : begin + _PIECE]
        distance, angle = piece.reshape(-1, 2, 8).swapaxes(0, 1)
        distance, angle = kind(1) - distance, kind(2 * math.pi) * angle
        if kind is _F32:
            logarithm, turned = _log(distance), _cosine_and_sine(angle)
        else:
            logarithm, turned = np.log(distance), np.stack([np.cos(angle), np.sin(angle)])
        turned *= np.sqrt(kind(-2) * logarithm)
        normals = turned.swapaxes(0, 1).reshape(-1).astype(_F64, copy=False)
        normals *= float(kind(std))
        normals += float(kind(mean))
        piece[:] = normals


class _Chain:
    """Sums of products in float32, one after the other, each rounded once: a product is exact in float64."""

    def __init__(self, value: Array | float, shape: tuple[int, ...]) -> None:
        self._wide = np.empty(shape, _F64)
        self._wide[...] = value
        self.value = np.empty(shape, _F32)

    def fused(self, factor: Array | float, summand: Array | float) -> _Chain:
        """The value times ``factor`` plus ``summand``."""
        self._wide *= factor
        self._wide += summand
        return self._rounded()

    def times(self, factor: Array) -> _Chain:
        """The value times ``factor``."""
        self._wide *= factor
        return self._rounded()

    def _rounded(self) -> _Chain:
        np.copyto(self.value, self._wide, casting="same_kind")
        np.copyto(self._wide, self.value)
        return self


def _polynomial(coefficients: Sequence[Any], x: Array) -> _Chain:
    """Horner's scheme in x, float32 numbers in float64, from the highest power down; several where they are arrays."""
    first, *others = coefficients
    chain = _Chain(first, np.broadcast_shapes(np.shape(first), x.shape))
    for coefficient in others:
        chain.fused(x, coefficient)
    return chain


def _log(x: Array) -> Array:
    """The logarithm of x in (0, 1], float32."""
    part, power = np.frexp(x)
    low = part < _F32(math.sqrt(0.5))
    power = (power - low).astype(_F32)
    rest = part * (low + _F32(1)) - _F32(1)
    square = rest * rest
    small = _polynomial(_LOGARITHM, rest.astype(_F64)).times(rest)
    small.fused(square, power * _F32(_LOG_OF_2[1]))
    small.fused(1.0, square * _F32(-0.5))
    return _Chain(power, x.shape).fused(_LOG_OF_2[0], rest + small.value).value


def _cosine_and_sine(x: Array) -> Array:
    """Both of x in [0, 2 pi], float32, (2, ...): by the distance from the nearest multiple of a right angle."""
    octant = (x * _F32(4 / math.pi)).astype(np.uint32)
    octant += octant & 1
    count = octant.astype(_F32)
    for part in _QUARTERS:
        x = _Chain(count, x.shape).fused(part, x).value
    square = x * x
    both = _polynomial(_COSINE_AND_SINE, square.astype(_F64)).times(square)
    both.fused(np.stack([square, x]), np.stack([square * _F32(-0.5), x]))
    both.value[0] += _F32(1)
    # from here on bits: change them where an odd number of right angles is gone, and the signs
    cosine, sine = bits = both.value.view(np.uint32)
    change = (cosine ^ sine) & -((octant >> 1) & 1)
    bits ^= change
    cosine ^= ((octant + 2) & 4) << 29
    sine ^= (octant & 4) << 29
    return both.value
