"""Primitives on square matrices: inverse, solution, determinant, Cholesky factor, symmetric eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import bool_
from ..ir.primitive import Primitive, primitive
from ..ir.vjp import sum_to
from .complex import adjoint, conjugate, imag, join, like
from .elementwise import where
from .samples import Sample, draw

Array = np.ndarray[Any, Any]


class LinAlgError(RuntimeError):
    """A matrix has no such factor, inverse or solution."""


def square(name: str, x: Aval) -> None:
    """RuntimeError unless ``x`` is (..., N, N)."""
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions, its shape is {list(x.shape)}"
        )
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


def _same_shape(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return Aval(x.shape, x.dtype)

    return infer


def _matrices() -> list[Sample]:
    x = draw(3, 3)
    return [
        ((x @ x.T + np.eye(3),), {}),
        ((np.stack([np.eye(2), 2 * np.eye(2)]),), {}),
        ((np.zeros((0, 2, 2)),), {}),
    ]


def _not_square(text: str = "square matrices") -> Any:
    return lambda: [
        ((draw(2, 3),), {}, RuntimeError, text),
        ((draw(3),), {}, RuntimeError, "at least 2 dimensions"),
    ]


def _inverse(x: Array) -> Array:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.inv: The diagonal element is zero, the inversion could not be completed because the "
            "input matrix is singular"
        ) from None


inverse: Primitive = primitive(
    "inverse",
    infer=_same_shape("linalg.inv"),
    reference=_inverse,
    grads=(lambda g, out, x: -(out.swap() @ g @ out.swap()),),
    samples=_matrices,
    errors=lambda: [
        *_not_square()(),
        ((np.zeros((2, 2)),), {}, LinAlgError, "singular"),
    ],
)


def _solved(a: Aval, b: Aval) -> Aval:
    square("linalg.solve", a)
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B: {list(a.shape)} and {list(b.shape)}"
        )
    return Aval((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)


def _solution(a: Array, b: Array) -> Array:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.solve: The solver failed because the input matrix is singular"
        ) from None


solve: Primitive = primitive(
    "solve",
    infer=_solved,
    reference=_solution,
    grads=(
        lambda g, out, a, b: sum_to(-(solve(a.swap(), g) @ out.swap()), a.shape),
        lambda g, out, a, b: sum_to(solve(a.swap(), g), b.shape),
    ),
    samples=lambda: [((m[0], draw(3, 2)), {}) for m, _ in _matrices()[:1]],
    errors=lambda: [
        ((draw(2, 3), draw(2, 1)), {}, RuntimeError, "square matrices"),
        ((draw(2, 2), draw(3, 1)), {}, RuntimeError, "Incompatible shapes"),
        ((np.zeros((2, 2)), draw(2, 1)), {}, LinAlgError, "singular"),
    ],
)


def _scalar(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return Aval(x.shape[:-2], x.dtype)

    return infer


def _over_matrices(g: Var) -> Var:
    return g.reshape((*g.shape, 1, 1))


det: Primitive = primitive(
    "det",
    infer=_scalar("linalg.det"),
    reference=lambda x: np.asarray(np.linalg.det(x), x.dtype),
    grads=(lambda g, out, x: _over_matrices(g * out) * inverse(x).swap(),),
    samples=_matrices,
    errors=_not_square(),
)


def _real_scalar(x: Aval) -> Aval:
    square("linalg.slogdet", x)
    return Aval(x.shape[:-2], x.dtype.to_real())


def _turned_det(g: Var, out: Var, x: Var) -> Var:
    """Of a real determinant's sign nothing flows; a complex one's is a direction, in which x may turn it."""
    if not x.dtype.is_complex:
        return x.zeros_like()
    across = imag(conjugate(out) * g)
    return _over_matrices(join(across.zeros_like(), across)) * adjoint(inverse(x))


log_abs_det: Primitive = primitive(
    "log_abs_det",
    infer=_real_scalar,
    reference=lambda x: np.asarray(np.linalg.slogdet(x)[1], np.asarray(x).real.dtype),
    grads=(lambda g, out, x: _over_matrices(like(g, x)) * adjoint(inverse(x)),),
    holomorphic=False,
    samples=_matrices,
    errors=_not_square(),
)
sign_of_det: Primitive = primitive(
    "sign_of_det",
    infer=_scalar("linalg.slogdet"),
    reference=lambda x: np.asarray(np.linalg.slogdet(x)[0], x.dtype),
    grads=(_turned_det,),
    holomorphic=False,
    samples=_matrices,
    errors=_not_square(),
)


def _cholesky(x: Array) -> Array:
    """Of the mean of each matrix and its adjoint, so that every element counts in the gradient."""
    try:
        return np.linalg.cholesky((x + np.swapaxes(x, -1, -2).conj()) / 2)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.cholesky: The factorization could not be completed because the input is not positive-definite"
        ) from None


def _triangle(x: Var, strict: bool = False) -> Var:
    """(..., N, N) with 0 above the diagonal, or (``strict``) also on it."""
    return where(below(x, strict=strict), x, x.zeros_like())


below: Primitive = primitive(
    "below",
    infer=lambda x, strict: Aval(x.shape, bool_),
    reference=lambda x, strict: np.tril(np.ones(x.shape, np.bool_), -1 if strict else 0),
    grads=(None,),
    statics=("strict",),
    samples=lambda: [((draw(2, 3, 3),), {"strict": True}), ((draw(3, 2),), {"strict": False})],
)


def cholesky_grad(g: Var, out: Var, x: Var) -> Var:
    """Source: I. Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10, made symmetric."""
    inside = adjoint(out) @ g
    phi = (
        _triangle(inside) + adjoint(_triangle(inside, strict=True))
    ) * 0.5  # half of the diagonal
    back = inverse(out)
    return adjoint(back) @ phi @ back


cholesky: Primitive = primitive(
    "cholesky",
    infer=_same_shape("linalg.cholesky"),
    reference=_cholesky,
    grads=(cholesky_grad,),
    holomorphic=False,
    samples=_matrices,
    errors=lambda: [*_not_square()(), ((-np.eye(2),), {}, LinAlgError, "positive-definite")],
)
