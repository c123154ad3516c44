"""Primitives that take matrices apart into orthogonal factors: QR, singular values, symmetric eigenvalues, the pseudoinverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.primitive import Primitive, primitive
from .complex import adjoint, like, real_part, same_phase
from .elementwise import where
from .factors import solve_triangular
from .linalg import LinAlgError, below, solve, square
from .movement import cat, slice_, triangle
from .samples import draw

Array = np.ndarray[Any, Any]


def matrices(name: str, x: Aval) -> tuple[tuple[int, ...], int, int]:
    """The leading axes, rows and columns of ``x``; RuntimeError unless it is (..., M, N)."""
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions, its shape is {list(x.shape)}"
        )
    return x.shape[:-2], x.shape[-2], x.shape[-1]


def _columns(x: Var, start: int, stop: int) -> Var:
    """(..., M, stop - start) of (..., M, N)."""
    starts = (*[0] * (x.ndim - 1), start)
    result: Var = slice_(x, starts=starts, stops=(*x.shape[:-1], stop), steps=(1,) * x.ndim)
    return result


def _rows(x: Var, stop: int) -> Var:
    """(..., stop, N), the first of (..., M, N)."""
    return _columns(x.swap(), 0, stop).swap()


def on_diagonal(x: Var) -> Var:
    """(..., N, N) whether an element of ``x`` (..., N, N) is on the diagonal."""
    result: Var = below(x, strict=False) & below(x.swap(), strict=False).swap()
    return result


def _quotient(x: Var, gaps: Var) -> Var:
    """``x / gaps``, 0 where both are 0: what nothing flows through needs no gap."""
    gaps = like(gaps, x)
    nothing = gaps.eq(0) & x.eq(0)
    return x / where(nothing, gaps.ones_like(), gaps)


def _on_diagonal_only(x: Var) -> Var:
    """(..., N, N) with 0 but on the diagonal of (..., N, N)."""
    result: Var = triangle(triangle(x, k=0, lower=True), k=0, lower=False)
    return result


def _row(x: Var) -> Var:
    """(..., 1, N) of (..., N)."""
    return x.reshape((*x.shape[:-1], 1, x.shape[-1]))


def _column(x: Var) -> Var:
    """(..., N, 1) of (..., N)."""
    return x.reshape((*x.shape, 1))


def _qr_shapes(x: Aval, mode: str) -> tuple[Aval, Aval]:
    lead, m, n = matrices("linalg.qr", x)
    k = m if mode == "complete" else min(m, n)
    q = (0,) if mode == "r" else (*lead, m, k)
    return Aval(q, x.dtype), Aval((*lead, k, n), x.dtype)


def _qr(x: Array, mode: str) -> tuple[Array, Array]:
    decompose: Any = np.linalg.qr
    if mode == "r":
        return np.zeros(0, x.dtype), np.ascontiguousarray(decompose(x, "r"))
    q, r = decompose(x, mode)
    return np.ascontiguousarray(q), np.ascontiguousarray(r)


def _qr_grad(g: Any, out: Any, x: Var, mode: str) -> Var:
    """Source: Seeger et al. 2017, "Auto-differentiating linear algebra", section 3.3; wide matrices by their left part."""
    q, r = out
    m, n = x.shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r': use mode='reduced'"
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            f"The QR decomposition is not differentiable when mode='complete' and nrows > ncols ({m} > {n}): use "
            "mode='reduced'"
        )
    gq, gr = (o.zeros_like() if p is None else p for p, o in zip(g, out, strict=True))
    if m >= n:
        return _square_qr_grad(gq, gr, q, r)
    rest = _columns(gr, m, n)
    gq = gq + _columns(x, m, n) @ adjoint(rest)
    first = _square_qr_grad(gq, _columns(gr, 0, m), q, _columns(r, 0, m))
    result: Var = cat(first, q @ rest, axis=x.ndim - 1)
    return result


def _square_qr_grad(gq: Var, gr: Var, q: Var, r: Var) -> Var:
    inside = r @ adjoint(gr) - adjoint(gq) @ q
    strict = triangle(inside, k=-1, lower=True)
    middle = like(real_part(_on_diagonal_only(inside)), q)
    turned = gq + q @ (strict + middle + adjoint(strict))
    result: Var = adjoint(solve_triangular(r, adjoint(turned), upper=True, unit=False))
    return result


qr: Primitive = primitive(
    "qr",
    infer=_qr_shapes,
    reference=_qr,
    grads=(_qr_grad,),
    holomorphic=False,
    statics=("mode",),
    samples=lambda: [
        ((draw(4, 3),), {"mode": "reduced"}),
        ((draw(2, 3, 3),), {"mode": "complete"}),
        ((draw(2, 4),), {"mode": "reduced"}),
        ((np.zeros((0, 3, 2)),), {"mode": "reduced"}),
    ],
    errors=lambda: [((draw(3),), {"mode": "reduced"}, RuntimeError, "at least 2 dimensions")],
)


def _svd_shapes(x: Aval, full: bool) -> tuple[Aval, Aval, Aval]:
    lead, m, n = matrices("linalg.svd", x)
    k = min(m, n)
    u, v = ((m, m), (n, n)) if full else ((m, k), (k, n))
    sizes = Aval((*lead, k), x.dtype.to_real())
    return Aval((*lead, *u), x.dtype), sizes, Aval((*lead, *v), x.dtype)


def _svd(x: Array, full: bool) -> tuple[Array, ...]:
    try:
        found = np.linalg.svd(x, full)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
        ) from None
    return tuple(np.ascontiguousarray(part) for part in found)


def _svd_grad(g: Any, out: Any, x: Var, full: bool) -> Var:
    """Source: J. Townsend 2016, "Differentiating the singular value decomposition", and for complex numbers Wan and
    Zhang 2019, "Automatic differentiation for complex valued SVD". Of full bases the first columns count."""
    gu, gs, gv = g
    u, s, v = out
    k = s.shape[-1]
    u, v = _columns(u, 0, k), _rows(v, k)
    row = like(_row(s), x)
    nothing = (adjoint(u) @ u).zeros_like()
    core = nothing if gs is None else where(on_diagonal(nothing), like(_column(gs), x), nothing)
    outside: list[Var] = []
    skew_u = skew_v = nothing
    if gu is not None:
        gu = _columns(gu, 0, k)
        inside = adjoint(u) @ gu
        skew_u = inside - adjoint(inside)
        if x.shape[-2] > k:
            outside.append(_quotient(gu - u @ inside, row.broadcast_to(gu.shape)) @ v)
    if gv is not None:
        gv = adjoint(_rows(gv, k))
        inside = v @ gv
        skew_v = inside - adjoint(inside)
        if x.shape[-1] > k:
            rest = _quotient(gv - adjoint(v) @ inside, row.broadcast_to(gv.shape))
            outside.append(u @ adjoint(rest))
    if gu is not None or gv is not None:
        core = core + _between_vectors(skew_u, skew_v, s)
    result: Var = u @ core @ v
    for part in outside:
        result = result + part
    return result


def _between_vectors(skew_u: Var, skew_v: Var, s: Var) -> Var:
    """(..., K, K) what turns singular vectors into each other; of two skew (..., K, K) and values (..., K)."""
    row, column = like(_row(s), skew_u), like(_column(s), skew_u)
    diagonal = on_diagonal(skew_u)
    squares = _row(s) * _row(s) - _column(s) * _column(s)
    gaps = where(diagonal, squares.ones_like(), squares)
    found = _quotient(skew_u, gaps) * row + _quotient(skew_v, gaps) * column
    if not skew_u.dtype.is_complex:
        return found
    checked = same_phase(skew_u + skew_v, name="svd_backward", what="singular ")
    phases = _quotient(_on_diagonal_only(checked - skew_v), 2.0 * row.broadcast_to(checked.shape))
    return where(diagonal, phases, found)


svd: Primitive = primitive(
    "svd",
    infer=_svd_shapes,
    reference=_svd,
    grads=(_svd_grad,),
    holomorphic=False,
    statics=("full",),
    samples=lambda: [
        ((draw(4, 3),), {"full": False}),
        ((draw(2, 3, 4),), {"full": False}),
        ((draw(3, 3),), {"full": True}),
        ((np.zeros((0, 3, 2)),), {"full": False}),
    ],
    errors=lambda: [
        ((draw(3),), {"full": False}, RuntimeError, "at least 2 dimensions"),
        ((np.full((2, 2), np.nan),), {"full": False}, LinAlgError, "failed to converge"),
    ],
)


def _eigh_shapes(x: Aval, lower: bool) -> tuple[Aval, Aval]:
    square("linalg.eigh", x)
    return Aval(x.shape[:-1], x.dtype.to_real()), Aval(x.shape, x.dtype)


def _eigh(x: Array, lower: bool) -> tuple[Array, Array]:
    try:
        values, vectors = np.linalg.eigh(x, "L" if lower else "U")
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too "
            "many repeated eigenvalues"
        ) from None
    return np.ascontiguousarray(values), np.ascontiguousarray(vectors)


def _eigh_grad(g: Any, out: Any, x: Var, lower: bool) -> Var:
    """Along symmetric changes. Source: Giles 2008, "An extended collection of matrix derivative results", section 3.1."""
    (on_values, gq), (values, q) = g, out
    diagonal = on_diagonal(x)
    on_values = values.zeros_like() if on_values is None else on_values
    core = where(diagonal, like(_column(on_values), q), q.zeros_like())
    if gq is not None:
        inside = adjoint(q) @ gq
        if x.dtype.is_complex:
            inside = same_phase(inside, name="linalg_eigh_backward", what="eigen")
        gaps = where(diagonal, diagonal.astype(values.dtype), _row(values) - _column(values))
        core = where(diagonal, core, _quotient(inside - adjoint(inside), 2.0 * gaps))
    result: Var = q @ core @ adjoint(q)
    return result


def _symmetric() -> Array:
    x = draw(3, 3)
    return x + x.T


eigh: Primitive = primitive(
    "eigh",
    infer=_eigh_shapes,
    reference=_eigh,
    grads=(_eigh_grad,),
    holomorphic=False,
    statics=("lower",),
    symmetric=True,
    samples=lambda: [
        ((_symmetric(),), {"lower": True}),
        ((np.stack([_symmetric(), _symmetric() @ _symmetric()]),), {"lower": False}),
        ((np.zeros((0, 2, 2)),), {"lower": True}),
    ],
    errors=lambda: [
        ((draw(2, 3),), {"lower": True}, RuntimeError, "square matrices"),
    ],
)


def _eig_shapes(x: Aval) -> tuple[Aval, Aval]:
    square("linalg.eig", x)
    kind = x.dtype.to_complex()
    return Aval(x.shape[:-1], kind), Aval(x.shape, kind)


def _eig(x: Array) -> tuple[Array, Array]:
    if not np.isfinite(x).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    kind = np.result_type(x.dtype, np.complex64)
    values, vectors = np.linalg.eig(x)
    return np.ascontiguousarray(values, kind), np.ascontiguousarray(vectors, kind)


def _eig_grad(g: Any, out: Any, x: Var) -> Var:
    """Source: Boeddeker et al. 2017, "On the computation of complex-valued gradients", section 4.5: of vectors of length 1."""
    (on_values, on_vectors), (values, v) = g, out
    turned = adjoint(v)
    if on_vectors is None:
        whole = solve(turned, _column(on_values) * turned)
        return whole if x.dtype.is_complex else real_part(whole)
    inside = same_phase(adjoint(v) @ on_vectors, name="linalg_eig_backward", what="eigen")
    diagonal = on_diagonal(v)
    longer = like(real_part(_on_diagonal_only(inside)), v)  # what would change their lengths
    gaps = adjoint(_column(values) - _row(values))
    core = _quotient(inside - turned @ (v @ longer), where(diagonal, gaps.ones_like(), gaps))
    on_values = values.zeros_like() if on_values is None else on_values
    whole = solve(turned, where(diagonal, _column(on_values), core) @ turned)
    return whole if x.dtype.is_complex else real_part(whole)


eig: Primitive = primitive(
    "eig",
    infer=_eig_shapes,
    reference=_eig,
    grads=(_eig_grad,),
    holomorphic=False,
    samples=lambda: [
        ((draw(3, 3),), {}),
        ((draw(2, 3, 3) + 1j * draw(2, 3, 3, seed=1),), {}),
        ((np.zeros((0, 2, 2)),), {}),
    ],
    errors=lambda: [
        ((draw(2, 3),), {}, RuntimeError, "square matrices"),
        ((np.full((2, 2), np.nan),), {}, RuntimeError, "infs or NaNs"),
    ],
)


def _pinv(x: Array, atol: Array, rtol: Array, hermitian: bool) -> Array:
    if hermitian:
        s, u = _eigh(x, True)
        v = u.swapaxes(-1, -2).conj()
    else:
        u, s, v = _svd(x, False)
    size = np.abs(s)
    cutoff = np.maximum(atol, rtol * size.max(-1, initial=0))[..., None]
    kept = size > cutoff
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(x.dtype)
    return np.ascontiguousarray(
        v.swapaxes(-1, -2).conj() @ (inverse[..., None] * u.swapaxes(-1, -2).conj())
    )


def _pinv_shape(x: Aval, atol: Aval, rtol: Aval, hermitian: bool) -> Aval:
    if hermitian:
        square("linalg.pinv", x)
    lead, m, n = matrices("linalg.pinv", x)
    return Aval((*lead, n, m), x.dtype)


def _pinv_grad(g: Var, out: Var, x: Var, atol: Var, rtol: Var, hermitian: bool) -> Var:
    """Of matrices near which the rank stays. Source: Golub and Pereyra 1973, "The differentiation of pseudo-inverses"."""
    p, back = adjoint(out), adjoint(g)
    left, right = back @ out @ p, p @ out @ back
    inner = (left - x @ (out @ left)) + (right - (right @ out) @ x)
    result: Var = inner - p @ g @ p
    return result


pinv: Primitive = primitive(
    "pinv",
    infer=_pinv_shape,
    reference=_pinv,
    grads=(_pinv_grad, None, None),
    statics=("hermitian",),
    holomorphic=False,
    samples=lambda: [
        ((x, np.asarray(0.0), np.asarray(1e-9)), {"hermitian": x.dtype.kind == "c"})
        for x in (draw(4, 3), draw(2, 2, 3), np.zeros((0, 3)), draw(3, 3) + 1j * draw(3, 3, seed=1))
    ],
    errors=lambda: [
        ((draw(*shape), np.asarray(0.0), np.asarray(0.0)), {"hermitian": flag}, RuntimeError, text)
        for shape, flag, text in (((3,), False, "at least 2"), ((2, 3), True, "square matrices"))
    ],
)
