"""Primitives of LAPACK: triangular equations, LU, Cholesky and LDL factors that report failures, Householder
reflections, and the matrix exponential. SciPy, which has them, loads when one first runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.aval import Aval, broadcast_shapes
from ..ir.builder import Var
from ..ir.dtype import DType, float32, float64, int32
from ..ir.primitive import Primitive, primitive
from ..ir.vjp import sum_to
from .complex import conjugate
from .linalg import cholesky_grad, square
from .movement import cat, slice_, triangle
from .samples import draw

Array = np.ndarray[Any, Any]


_LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


def _lapack(name: str, like: Array) -> Any:
    from scipy.linalg import lapack

    return getattr(lapack, _LETTERS[like.dtype.name] + name)


def _each(function: Callable[..., Any], results: tuple[Array, ...], *stacks: Array) -> None:
    """Fill ``results`` (..., *) with what ``function`` gives for each of the matrices in ``stacks`` (..., M, N)."""
    for place in np.ndindex(stacks[0].shape[:-2]):
        found = function(*(s[place] for s in stacks))
        for result, value in zip(results, found, strict=True):
            result[place] = value


def _triangular_shape(a: Aval, b: Aval, upper: bool, unit: bool) -> Aval:
    square("linalg.solve_triangular", a)
    if b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation AX = B: "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    return Aval((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)


def _solve_triangular(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    from scipy.linalg import blas

    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.zeros((*lead, *b.shape[-2:]), b.dtype)
    if result.size:
        trsm = getattr(blas, _LETTERS[b.dtype.name] + "trsm")
        a = np.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = np.broadcast_to(b, result.shape)
        _each(lambda m, v: (trsm(1.0, m, v, lower=not upper, diag=unit),), (result,), a, b)
    return result


def _triangular_grads(index: int, g: Var, out: Var, a: Var, b: Var, upper: bool, unit: bool) -> Var:
    back = solve_triangular(a.swap(), g, upper=not upper, unit=unit)
    if index == 1:
        return sum_to(back, b.shape)
    strict = (1 if upper else -1) if unit else 0
    whole = sum_to(-(back @ out.swap()), a.shape)
    result: Var = triangle(whole, k=strict, lower=not upper)
    return result


def _triangles() -> list[Any]:
    a = draw(3, 3) + 3 * np.eye(3)
    return [
        ((a, draw(3, 2)), {"upper": True, "unit": False}),
        ((np.stack([a, a.T]), draw(3, 2)), {"upper": False, "unit": True}),
        ((np.zeros((2, 0, 0)), np.zeros((2, 0, 3))), {"upper": False, "unit": False}),
    ]


solve_triangular: Primitive = primitive(
    "solve_triangular",
    infer=_triangular_shape,
    reference=_solve_triangular,
    grads=_triangular_grads,
    statics=("upper", "unit"),
    samples=_triangles,
    errors=lambda: [
        ((draw(2, 3), draw(2, 1)), {"upper": True, "unit": False}, RuntimeError, "square matrices"),
        ((draw(2, 2), draw(3, 1)), {"upper": True, "unit": False}, RuntimeError, "Incompatible"),
    ],
)


def _lu_shapes(x: Aval) -> tuple[Aval, Aval, Aval]:
    if x.ndim < 2:
        raise RuntimeError(
            f"linalg.lu_factor: The input tensor A must have at least 2 dimensions, its shape is {list(x.shape)}"
        )
    lead = x.shape[:-2]
    return Aval(x.shape, x.dtype), Aval((*lead, min(x.shape[-2:])), int32), Aval(lead, int32)


def _lu(x: Array) -> tuple[Array, Array, Array]:
    lead = x.shape[:-2]
    results = (np.zeros(x.shape, x.dtype), np.zeros((*lead, min(x.shape[-2:])), np.int32), np.zeros(lead, np.int32))  # fmt: skip
    if not x.size:
        return results
    getrf = _lapack("getrf", x)

    def factor(m: Array) -> tuple[Array, Array, int]:
        lu, pivots, info = getrf(m)
        return lu, pivots + 1, info

    _each(factor, results, x)
    return results


def _part(x: Var, rows: tuple[int, int], columns: tuple[int, int]) -> Var:
    """Some rows and columns of (..., M, N)."""
    lead = x.shape[:-2]
    result: Var = slice_(
        x,
        starts=(*[0] * len(lead), rows[0], columns[0]),
        stops=(*lead, rows[1], columns[1]),
        steps=(1,) * x.ndim,
    )
    return result


def _lu_grad(g: Any, out: Any, x: Var) -> Var:
    """From the differentials of P L U: those of L and U are the strictly lower and the upper part of what the product
    rule leaves. Source: Seeger et al. 2017, "Auto-differentiating linear algebra", section 3, for Cholesky's factor."""
    lu, pivots, _ = out
    g = g[0]
    m, n = x.shape[-2:]
    k = min(m, n)
    corner = _part(lu, (0, k), (0, k))
    corner_g = _part(g, (0, k), (0, k))
    low = triangle(corner, k=-1, lower=True) + identity(corner)
    up = triangle(corner, k=0, lower=False)
    lower_g = triangle(corner_g, k=-1, lower=True)
    inside_l = low.swap() @ lower_g
    inside_u = triangle(corner_g, k=0, lower=False) @ up.swap()
    if m < n:
        right, right_g = _part(lu, (0, m), (m, n)), _part(g, (0, m), (m, n))
        inside_l = inside_l - right_g @ right.swap()
    if m > n:
        under, under_g = _part(lu, (n, m), (0, n)), _part(g, (n, m), (0, n))
        inside_u = inside_u - under.swap() @ under_g
    phi = triangle(inside_l, k=-1, lower=True) + triangle(inside_u, k=0, lower=False)
    first = solve_triangular(up, phi.swap(), upper=True, unit=False).swap()
    if m > n:
        rest = solve_triangular(up, under_g.swap(), upper=True, unit=False).swap()
        first = solve_triangular(low.swap(), first, upper=True, unit=True)
        whole = cat(first, rest, axis=x.ndim - 2)
    else:
        whole = first if m == n else cat(first, right_g, axis=x.ndim - 1)
        whole = solve_triangular(low.swap(), whole, upper=True, unit=True)
    result: Var = permutation(pivots, rows=m, dtype=x.dtype) @ whole
    return result


def identity(x: Var) -> Var:
    """(..., N, N) ones on the diagonal, of the shape and type of ``x``."""
    ones = x.ones_like()
    result: Var = triangle(triangle(ones, k=0, lower=True), k=0, lower=False)
    return result


lu: Primitive = primitive(
    "lu",
    infer=_lu_shapes,
    reference=_lu,
    grads=(_lu_grad,),
    samples=lambda: [
        ((x,), {}) for x in (draw(3, 3), draw(2, 4, 3), draw(2, 3), np.zeros((0, 2, 2)))
    ],
    errors=lambda: [((draw(3),), {}, RuntimeError, "at least 2 dimensions")],
)


def _permutation(pivots: Array, rows: int, dtype: DType) -> Array:
    result = np.zeros((*pivots.shape[:-1], rows, rows), dtype.numpy)
    for place in np.ndindex(pivots.shape[:-1]):
        order = np.arange(rows)
        for i, pivot in enumerate(pivots[place]):
            order[[i, pivot - 1]] = order[[pivot - 1, i]]
        result[place][order, np.arange(rows)] = 1
    return result


permutation: Primitive = primitive(
    "permutation",
    infer=lambda pivots, rows, dtype: Aval((*pivots.shape[:-1], rows, rows), dtype),
    reference=_permutation,
    grads=(None,),
    statics=("rows", "dtype"),
    samples=lambda: [
        ((np.array([[3, 3, 3], [1, 2, 3]], np.int32),), {"rows": 3, "dtype": float64}),
        ((np.array([4, 2], np.int32),), {"rows": 4, "dtype": float32}),
    ],
)


def _cholesky_shapes(x: Aval) -> tuple[Aval, Aval]:
    square("linalg.cholesky_ex", x)
    return Aval(x.shape, x.dtype), Aval(x.shape[:-2], int32)


def _cholesky_ex(x: Array) -> tuple[Array, Array]:
    results = (np.zeros(x.shape, x.dtype), np.zeros(x.shape[:-2], np.int32))
    if x.size:
        potrf = _lapack("potrf", x)
        _each(lambda m: potrf(m, lower=1, clean=1), results, x)
    return results


def _positive() -> Array:
    x = draw(3, 3)
    return x @ x.T + np.eye(3)


cholesky_ex: Primitive = primitive(
    "cholesky_ex",
    infer=_cholesky_shapes,
    reference=_cholesky_ex,
    grads=(lambda g, out, x: cholesky_grad(g[0], out[0], x),),
    symmetric=True,
    holomorphic=False,
    samples=lambda: [((_positive(),), {}), ((np.zeros((0, 2, 2)),), {})],
    errors=lambda: [((draw(2, 3),), {}, RuntimeError, "square matrices")],
)


def _kind_of_ldl(what: str, x: Array, hermitian: bool) -> str:
    """LAPACK's routine: of real numbers those of symmetric matrices do both."""
    return ("he" if hermitian and x.dtype.kind == "c" else "sy") + what


def _ldl_shapes(x: Aval, hermitian: bool) -> tuple[Aval, Aval, Aval]:
    square("linalg.ldl_factor_ex", x)
    lead = x.shape[:-2]
    return Aval(x.shape, x.dtype), Aval(x.shape[:-1], int32), Aval(lead, int32)


def _ldl(x: Array, hermitian: bool = False) -> tuple[Array, Array, Array]:
    lead = x.shape[:-2]
    results = np.zeros(x.shape, x.dtype), np.zeros(x.shape[:-1], np.int32), np.zeros(lead, np.int32)
    if x.size:
        factor = _lapack(_kind_of_ldl("trf", x, hermitian), x)
        _each(lambda m: factor(m, lower=1), results, x)
    return np.tril(results[0]), *results[1:]


ldl: Primitive = primitive(
    "ldl",
    infer=_ldl_shapes,
    reference=_ldl,
    grads=(None,),
    statics=("hermitian",),
    samples=lambda: [
        ((_positive() - 2 * np.eye(3),), {"hermitian": False}),
        ((_positive() + 1j * np.triu(draw(3, 3), 1),), {"hermitian": True}),
        ((np.zeros((0, 2, 2)),), {"hermitian": False}),
    ],
    errors=lambda: [((draw(2, 3),), {"hermitian": False}, RuntimeError, "square matrices")],
)


def _ldl_solution(ld: Array, pivots: Array, b: Array, hermitian: bool) -> Array:
    result = np.zeros(b.shape, b.dtype)
    if b.size:
        solver = _lapack(_kind_of_ldl("trs", b, hermitian), b)
        for place in np.ndindex(b.shape[:-2]):
            result[place], _ = solver(ld[place], pivots[place], b[place], lower=1)
    return result


def _ldl_solution_grad(g: Var, out: Var, ld: Var, pivots: Var, b: Var, hermitian: bool) -> Var:
    """The matrix is its own transpose, or its own adjoint where ``hermitian``."""
    back: Var
    if hermitian:
        back = ldl_solve(ld, pivots, g, hermitian=True)
    else:
        back = conjugate(ldl_solve(ld, pivots, conjugate(g), hermitian=False))
    return back


ldl_solve: Primitive = primitive(
    "ldl_solve",
    infer=lambda ld, pivots, b, hermitian: Aval(b.shape, b.dtype),
    reference=_ldl_solution,
    grads=(None, None, _ldl_solution_grad),
    statics=("hermitian",),
    holomorphic=False,
    samples=lambda: [
        ((*_ldl(_positive() - 2 * np.eye(3))[:2], draw(3, 2)), {"hermitian": False}),
    ],
)


def _geqrf_shapes(x: Aval) -> tuple[Aval, Aval]:
    if x.ndim < 2:
        raise RuntimeError(
            f"torch.geqrf: input must have at least 2 dimensions, its shape is {list(x.shape)}"
        )
    return Aval(x.shape, x.dtype), Aval((*x.shape[:-2], min(x.shape[-2:])), x.dtype)


def _geqrf(x: Array) -> tuple[Array, Array]:
    results = (np.zeros(x.shape, x.dtype), np.zeros((*x.shape[:-2], min(x.shape[-2:])), x.dtype))
    if x.size:
        routine = _lapack("geqrf", x)
        _each(lambda m: routine(m)[:2], results, x)
    return results


geqrf: Primitive = primitive(
    "geqrf",
    infer=_geqrf_shapes,
    reference=_geqrf,
    grads=None,
    samples=lambda: [((x,), {}) for x in (draw(4, 3), draw(2, 2, 3), np.zeros((0, 2)))],
    errors=lambda: [((draw(3),), {}, RuntimeError, "at least 2 dimensions")],
)


def _exponential(x: Array) -> Array:
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    from scipy.linalg import expm

    return np.ascontiguousarray(expm(x), x.dtype)


def _exponential_grad(g: Var, out: Var, x: Var) -> Var:
    """The corner of the exponential of [[x', g], [0, x']]. Source: Najfeld and Havel 1995, theorem 4.13."""
    n = x.shape[-1]
    turned = x.swap()
    above = cat(turned, g, axis=x.ndim - 1)
    under = cat(x.zeros_like(), turned, axis=x.ndim - 1)
    return _part(matrix_exp(cat(above, under, axis=x.ndim - 2)), (0, n), (n, 2 * n))


def _exponential_shape(x: Aval) -> Aval:
    square("linalg.matrix_exp", x)
    return Aval(x.shape, x.dtype)


matrix_exp: Primitive = primitive(
    "matrix_exp",
    infer=_exponential_shape,
    reference=_exponential,
    grads=(_exponential_grad,),
    samples=lambda: [((x,), {}) for x in (draw(3, 3), draw(2, 2, 2), np.zeros((0, 2, 2)))],
    errors=lambda: [((draw(2, 3),), {}, RuntimeError, "square matrices")],
)
