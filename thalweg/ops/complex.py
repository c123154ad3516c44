"""Primitives between complex numbers and real ones.

Their rules are PyTorch's gradients as they stand: of a real loss L by z = x + iy, dL/dx + i dL/dy. Those of all other
primitives are derivatives, which the walk turns into such (ir/vjp.py, "complex gradients").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.primitive import Primitive, primitive
from ..ir.vjp import conjugate as turn
from .elementwise import div, same, where
from .samples import Sample, draw

Array = np.ndarray[Any, Any]


def _samples() -> list[Sample]:
    z = draw(3, 4) + 1j * draw(3, 4, seed=1)
    return [
        ((z,), {}),
        ((np.asarray(1 - 2j),), {}),
        ((np.array([0j, complex(-0.0, 1), complex(np.inf, np.nan)]),), {}),
        ((np.zeros((0, 3), np.complex128),), {}),
    ]


def _to_real(x: Aval) -> Aval:
    return Aval(x.shape, x.dtype.to_real())


def _of_parts(re: Aval, im: Aval) -> Aval:
    shape, dtype = same(re, im).shape, re.dtype
    return Aval(shape, dtype.to_complex())


def _joined(re: Array, im: Array) -> Array:
    re, im = np.broadcast_arrays(re, im)
    result = np.empty(re.shape, np.result_type(re.dtype, np.complex64))
    result.real, result.imag = re, im
    return result


def _direction(x: Array) -> Array:
    size = np.abs(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size)).astype(np.asarray(x).dtype)


def no_imag(x: Var) -> Var:
    """The real ``x`` as a complex number."""
    return x.astype(x.dtype.to_complex())


join: Primitive = primitive(
    "complex",
    infer=_of_parts,
    reference=_joined,
    grads=(lambda g, out, re, im: real(g), lambda g, out, re, im: imag(g)),
    elementwise=True,
    holomorphic=False,
    samples=lambda: [
        ((draw(3, 4), draw(3, 4, seed=1)), {}),
        ((draw(3, 1), np.asarray(-0.0)), {}),
        ((np.array([np.inf, np.nan]), np.zeros(2)), {}),
    ],
)
real: Primitive = primitive(
    "real",
    infer=_to_real,
    reference=lambda x: np.array(np.real(x), order="C"),
    grads=(lambda g, out, x: no_imag(g),),
    elementwise=True,
    holomorphic=False,
    samples=_samples,
)
imag: Primitive = primitive(
    "imag",
    infer=_to_real,
    reference=lambda x: np.array(np.imag(x), order="C"),
    grads=(lambda g, out, x: join(g.zeros_like(), g),),
    elementwise=True,
    holomorphic=False,
    samples=_samples,
)
conj: Primitive = primitive(
    "conj",
    infer=same,
    reference=np.conjugate,
    grads=(lambda g, out, x: conj(g),),
    elementwise=True,
    holomorphic=False,
    samples=_samples,
)
magnitude: Primitive = primitive(
    "magnitude",
    infer=_to_real,
    reference=np.abs,
    grads=(lambda g, out, x: no_imag(g) * direction(x),),
    elementwise=True,
    holomorphic=False,
    samples=_samples,
)


def _direction_grad(g: Var, out: Var, x: Var) -> Var:
    """Of z / |z|, what turns z is kept and what lengthens it is not; 0 at 0."""
    size = magnitude(x)
    zero = size.eq(0)
    safe = no_imag(where(zero, size.ones_like(), size))
    along = no_imag(real(conj(out) * g)) * out
    return where(zero, g.zeros_like(), div(g - along, safe))


direction: Primitive = primitive(
    "direction",
    infer=same,
    reference=_direction,
    grads=(_direction_grad,),
    elementwise=True,
    holomorphic=False,
    samples=_samples,
)


def conjugate(x: Var) -> Var:
    """The complex conjugate; a real number is its own."""
    turned = turn(x)
    assert turned is not None
    return turned


def adjoint(x: Var) -> Var:
    """(..., N, M) the conjugate transpose of (..., M, N); of real numbers the transpose."""
    return conjugate(x).swap()


def like(x: Var, other: Var) -> Var:
    """``x`` as complex numbers where ``other`` is complex."""
    return x.astype(x.dtype.to_complex()) if other.dtype.is_complex else x


def real_part(x: Var) -> Var:
    """The real part; of real numbers themselves."""
    return real(x) if x.dtype.is_complex else x


def _same_phase(x: Array, name: str, what: str) -> Array:
    turned = np.diagonal(x, axis1=-2, axis2=-1).imag
    if not np.allclose(turned, 0, rtol=1e-2, atol=1e-2):
        raise RuntimeError(
            f"{name}: The {what}vectors in the complex case are specified up to multiplication by e^{{i phi}}. The "
            "specified loss function depends on this quantity, so it is ill-defined: make it depend on their "
            "magnitudes, or on products in which the phases cancel."
        )
    return np.array(x, order="C")


same_phase: Primitive = primitive(
    "same_phase",
    infer=lambda x, name, what: Aval(x.shape, x.dtype),
    reference=_same_phase,
    grads=(lambda g, out, x, name, what: g,),
    statics=("name", "what"),
    samples=lambda: [
        ((draw(2, 3, 3) + 0j,), {"name": "eig", "what": "eigen"}),
        ((np.zeros((0, 0), np.complex64),), {"name": "eig", "what": "eigen"}),
    ],
    errors=lambda: [
        ((1j * np.eye(2),), {"name": "eig", "what": "eigen"}, RuntimeError, "eig: The eigenvectors")
    ],
)
"""Itself, (..., N, N): what reaches N vectors through themselves, whose phases must not count."""
