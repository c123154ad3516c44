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

_LOGARITHM = [_F32(x) for x in (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)]  # fmt: skip
_LOG_OF_2 = _F32(0.693359375), _F32(-2.12194440e-4)  # its first bits, and the rest
_QUARTERS = [  # of -pi, in parts
    _F32(x) for x in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
]
_COSINE_AND_SINE = [
    np.array(pair, _F32).reshape(2, 1, 1)
    for pair in (
        (2.443315711809948e-5, -1.9515295891e-4),
        (-1.388731625493765e-3, 8.3321608736e-3),
        (4.166664568298827e-2, -1.6666654611e-1),
    )
]


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


def _fused(a: Array, b: Any, c: Any) -> Array:
    """``a * b + c`` of float32 numbers rounded once: the product is exact in float64. ``b`` may be held in float64."""
    wide: Array = np.multiply(a, b, dtype=_F64)
    wide += c
    return wide.astype(_F32)


def _polynomial(coefficients: Sequence[Any], x: Array) -> Array:
    """Horner's scheme from the highest power down, of one polynomial or of several."""
    first, second, *others = coefficients
    wide = x.astype(_F64)
    value = _fused(wide, first, second)
    for coefficient in others:
        value = _fused(value, wide, coefficient)
    return value


def _log(x: Array) -> Array:
    """The logarithm of x in (0, 1], float32."""
    part, power = np.frexp(x)
    low = part < _F32(math.sqrt(0.5))
    power = (power - low).astype(_F32)
    rest = part * (low + _F32(1)) - _F32(1)
    square = rest * rest
    value = _polynomial(_LOGARITHM, rest) * rest
    value = _fused(value, square, power * _LOG_OF_2[1])
    value += square * _F32(-0.5)  # this product is exact, and so is the last
    value += rest
    value += power * _LOG_OF_2[0]
    return value


def _cosine_and_sine(x: Array) -> Array:
    """Both of x in [0, 2 pi], float32, (2, ...): by the distance from the nearest multiple of a right angle."""
    octant = (x * _F32(4 / math.pi)).astype(np.uint32)
    octant += octant & 1
    count = octant.astype(_F32)
    for part in _QUARTERS[:2]:
        x = x + count * part  # exact: few bits
    x = _fused(count, _QUARTERS[2], x)
    square = x * x
    factor, summand = np.empty((2, 2, *x.shape), _F32)
    factor[0], factor[1], summand[1] = square, x, x
    np.multiply(square, _F32(-0.5), out=summand[0])
    both = _fused(_polynomial(_COSINE_AND_SINE, square) * square, factor, summand)
    both[0] += _F32(1)
    # from here on bits: change them where an odd number of right angles is gone, and the signs
    cosine, sine = bits = both.view(np.uint32)
    change = (cosine ^ sine) & -((octant >> 1) & 1)
    bits ^= change
    cosine ^= ((octant + 2) & 4) << 29
    sine ^= (octant & 4) << 29
    return both
