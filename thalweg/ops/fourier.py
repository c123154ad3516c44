"""Discrete Fourier transforms, unscaled: each result is a sum over the axis of elements times roots of unity."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.primitive import Primitive, primitive
from .complex import no_imag, real
from .movement import cat, pad
from .samples import draw

Array = np.ndarray[Any, Any]


def _spectrum(*shape: int) -> Array:
    return draw(*shape) + 1j * draw(*shape, seed=1)


def _transformed(x: Array, axes: tuple[int, ...], forward: bool) -> Array:
    """NumPy scales the transform that goes the other way, whichever it is called."""
    if forward:
        return np.ascontiguousarray(np.fft.fftn(x, axes=axes))
    return np.ascontiguousarray(np.fft.ifftn(x, axes=axes, norm="forward"))


fourier: Primitive = primitive(
    "fourier",
    infer=lambda x, axes, forward: Aval(x.shape, x.dtype),
    reference=_transformed,
    grads=(lambda g, out, x, axes, forward: fourier(g, axes=axes, forward=not forward),),
    holomorphic=False,
    statics=("axes", "forward"),
    samples=lambda: [
        ((_spectrum(3, 4),), {"axes": (1,), "forward": True}),
        ((_spectrum(3, 5),), {"axes": (0, 1), "forward": False}),
    ],
)


def _half(x: Aval, axis: int) -> Aval:
    shape = list(x.shape)
    shape[axis] = shape[axis] // 2 + 1
    return Aval(tuple(shape), x.dtype.to_complex())


def _of_real_grad(g: Var, out: Var, x: Var, axis: int) -> Var:
    """The rest of the spectrum is not in the result: no gradient arrives there."""
    missing = [0] * g.ndim
    missing[axis] = x.shape[axis] - g.shape[axis]
    zero = g.builder.constant(0, g.dtype)
    whole = pad(g, zero, low=(0,) * g.ndim, high=tuple(missing))
    result: Var = real(fourier(whole, axes=(axis,), forward=False))
    return result


of_real: Primitive = primitive(
    "fourier_of_real",
    infer=_half,
    reference=lambda x, axis: np.ascontiguousarray(np.fft.rfft(x, axis=axis)),
    grads=(_of_real_grad,),
    statics=("axis",),
    holomorphic=False,
    samples=lambda: [
        ((draw(3, 4),), {"axis": 1}),
        ((draw(5, 2),), {"axis": 0}),
        ((draw(1),), {"axis": 0}),
    ],
)


def _to_real_infer(x: Aval, axis: int, n: int) -> Aval:
    assert x.shape[axis] == n // 2 + 1, f"{x} is no half of a spectrum of {n}"
    return Aval((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype.to_real())


def _to_real_grad(g: Var, out: Var, x: Var, axis: int, n: int) -> Var:
    """Each number but the first, and the last of an even n, stands for its conjugate as well: it counts twice."""
    spectrum = of_real(g, axis=axis)
    twice = (n - 1) // 2
    counts = [(1, 1), (twice, 2), (x.shape[axis] - 1 - twice, 1)]
    weights = [g.builder.full((k,), v, g.dtype) for k, v in counts if k]
    weight = cat(*weights, axis=0) if len(weights) > 1 else weights[0]
    along = [1] * x.ndim
    along[axis] = x.shape[axis]
    return spectrum * no_imag(weight.reshape(tuple(along)))


to_real: Primitive = primitive(
    "fourier_to_real",
    infer=_to_real_infer,
    reference=lambda x, axis, n: np.ascontiguousarray(np.fft.irfft(x, n, axis, norm="forward")),
    grads=(_to_real_grad,),
    statics=("axis", "n"),
    holomorphic=False,
    samples=lambda: [
        ((_spectrum(3, 3),), {"axis": 1, "n": 4}),
        ((_spectrum(3, 2),), {"axis": 0, "n": 5}),
        ((_spectrum(1),), {"axis": 0, "n": 1}),
    ],
)
