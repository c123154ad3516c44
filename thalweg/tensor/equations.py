"""Linear equations: triangular, by factors, by least squares; pseudoinverses, ranks, exponentials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops import factors as f
from ..ops import spectra as s
from ..ops.composite import op
from ..ops.linalg import square
from . import return_types
from .arithmetic import maximum
from .core import TensorCore
from .creation import tensor, zeros
from .decompositions import check_info, eigh, eigvalsh, lu_factor_ex, lu_unpack, svdvals
from .dispatch import dispatch
from .joining import cat
from .matrices import (
    cholesky,
    det,
    floating,
    inv,
    logdet,
    matrix_power,
    multi_dot,
    slogdet_of,
    solve,
)
from .random import randn

if TYPE_CHECKING:
    from .tensor import Tensor


@op("LinalgSolveTriangularBackward0")
def _solve_triangular(a: Var, b: Var, upper: bool, unit: bool) -> Var:
    return f.solve_triangular(a, b, upper=upper, unit=unit)


@op("LinalgLdlSolveBackward0")
def _ldl_solve(ld: Var, pivots: Var, b: Var, hermitian: bool) -> Var:
    return f.ldl_solve(ld, pivots, b, hermitian=hermitian)


@op("LinalgMatrixExpBackward0")
def _matrix_exp(x: Var) -> Var:
    return f.matrix_exp(x)


@op("LinalgPinvBackward0")
def _pinv(x: Var, atol: Var, rtol: Var, hermitian: bool) -> Var:
    return s.pinv(x, atol.astype(float64), rtol.astype(float64), hermitian=hermitian)


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A @ X = B (not ``left``: X @ A = B); of A one triangle is read.

    Args:
        A: (..., N, N), its diagonal taken as ones if ``unitriangular``.
        B: (..., N, K), or (..., K, N) where not ``left``; leading axes broadcast.
    Returns:
        the shape of B, with the leading axes of both; infinite where the diagonal is 0.
    """
    floating("linalg.solve_triangular", A, B)
    if not left:
        return solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT
    return dispatch(_solve_triangular, (A, B), (bool(upper), bool(unitriangular)))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """The solution X (..., N, K) of A @ X = b, or of A.mT @ X = b, and a copy of A (..., N, N)."""
    solution = solve_triangular(
        A.mT if transpose else A, b, upper=upper is not transpose, unitriangular=unitriangular
    )
    copied = A.expand(*solution.shape[:-2], *A.shape[-2:]).clone()
    return return_types.triangular_solve(solution, copied)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X (..., N, K) with A @ X = B, where A is L @ L.mH, or L.mH @ L if ``upper``; L (..., N, N), B (..., N, K)."""
    floating("cholesky_solve", B, L)
    if B.ndim < 2 or L.ndim < 2:
        raise RuntimeError(
            f"cholesky_solve: b and u should have at least 2 dimensions, but have {B.ndim} and {L.ndim}"
        )
    L = L.mH if upper else L
    halfway = solve_triangular(L, B, upper=False)
    return solve_triangular(L.mH, halfway, upper=True)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse (..., N, N) of L @ L.mH, or of L.mH @ L if ``upper``."""
    if L.ndim < 2:
        raise RuntimeError(f"cholesky_inverse: The input tensor L must have at least 2 dimensions: {L.ndim}")  # fmt: skip
    return cholesky_solve(L.new_ones(L.shape[-1]).diag_embed().expand_as(L), L, upper)


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A @ X = B from what ``lu_factor`` gave for A; ``adjoint``: of A.mH; not ``left``: X @ A = B.

    Args:
        LU: (..., N, N). pivots: (..., N).
        B: (..., N, K), or (..., K, N) where not ``left``; leading axes broadcast.
    """
    floating("linalg.lu_solve", LU, B)
    if not left:
        return lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    p = lu_unpack(LU, pivots, unpack_data=False).P
    if adjoint:
        halfway = solve_triangular(LU.mH, B, upper=False)
        return p @ solve_triangular(LU.mH, halfway, upper=True, unitriangular=True)
    halfway = solve_triangular(LU, p.mT @ B, upper=False, unitriangular=True)
    return solve_triangular(LU, halfway, upper=True)


def lu_solve_of(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """``linalg.lu_solve`` with the right side first."""
    return lu_solve(LU_data, LU_pivots, b)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """``solve``, and info (...,), int32: 0, or which element of the diagonal of U is 0; nothing is raised then unless
    ``check_errors``."""
    floating("linalg.solve_ex", A, B)
    vectors = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    if vectors and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False."
        )
    lu, pivots, info = lu_factor_ex(A)
    if check_errors:
        check_info(
            "linalg.solve_ex", info, "The solver failed because the input matrix is singular."
        )
    solution = lu_solve(lu, pivots, B.unsqueeze(-1) if vectors else B, left=left)
    return return_types.linalg_solve_ex(solution.squeeze(-1) if vectors else solution, info)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """``inv``, and info (...,), int32, as of ``solve_ex``; (..., N, N)."""
    floating("linalg.inv_ex", A)
    square("linalg.inv_ex", A._aval())
    inverse, info = solve_ex(A, A.new_ones(A.shape[-1]).diag_embed().expand_as(A))
    if check_errors:
        check_info("linalg.inv_ex", info, "The diagonal element {0} is zero, the inversion could not be completed "
                   "because the input matrix is singular.")  # fmt: skip
    return return_types.linalg_inv_ex(inverse, info)


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X (..., N, K) with A @ X = B from what ``ldl_factor`` gave for A; the gradient goes to B only."""
    floating("linalg.ldl_solve", LD, B)
    lead = np.broadcast_shapes(tuple(LD.shape[:-2]), tuple(B.shape[:-2]))
    n = LD.shape[-1]
    operands = (LD.expand(*lead, n, n), pivots.expand(*lead, n), B.expand(*lead, *B.shape[-2:]))
    return dispatch(_ldl_solve, operands, (bool(hermitian),))


def matrix_exp(A: Tensor) -> Tensor:
    """The sum of A^k / k!: (..., N, N) in, the same out."""
    floating("linalg.matrix_exp", A)
    return dispatch(_matrix_exp, (A,))


def _cutoffs(A: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """From which size, absolute and relative to the largest, a singular value counts."""
    usual = max(A.shape[-2:]) * float(np.finfo(A.dtype.numpy).eps)
    if rtol is None:
        if isinstance(atol, TensorCore):
            unset: Any = atol <= 0  # type: ignore[operator]
            rtol = unset.to(atol.dtype) * usual
        else:
            rtol = 0.0 if atol is not None and atol > 0 else usual
    return 0.0 if atol is None else atol, rtol


def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudoinverse: (..., M, N) gives (..., N, M).

    Args:
        hermitian: A is symmetric, or Hermitian, and only its lower triangle is read.
        atol, rtol: singular values count from the larger of ``atol`` and ``rtol`` times the largest on, numbers or
            tensors (...,); by default ``rtol`` is the type's eps times the longer side. ``rcond`` is ``rtol``.
    """
    floating("linalg.pinv", A)
    atol, rtol = _cutoffs(A, atol, rtol if rcond is None else rcond)
    return dispatch(_pinv, (A, _as_tensor(atol), _as_tensor(rtol)), (bool(hermitian),))


def _as_tensor(x: Any) -> Any:
    return x if isinstance(x, TensorCore) else tensor(x, dtype=float64)


def _cutoff(sizes: Any, atol: Any, rtol: Any) -> Any:
    """(..., 1) from which size on one of ``sizes`` (..., K) counts."""
    largest = sizes.amax(-1) if sizes.shape[-1] else sizes.sum(-1)
    absolute, relative = _as_tensor(atol), _as_tensor(rtol)
    return maximum(absolute, largest.detach() * relative).unsqueeze(-1)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """``linalg.pinv`` of (..., M, N), with ``rcond`` as relative cutoff."""
    return pinv(input, rcond)


def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """(...,) int64, how many singular values of (..., M, N) are larger than the cutoff, see ``pinv``; ``tol`` is
    absolute."""
    floating("linalg.matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    atol, rtol = _cutoffs(A, atol, rtol)
    sizes = eigvalsh(A).abs() if hermitian else svdvals(A)
    return (sizes.detach() > _cutoff(sizes.detach(), atol, rtol)).sum(-1)


DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X for which A @ X is nearest to B, of the smallest norm.

    Args:
        A: (..., M, N).
        B: (..., M, K), or (M,) or (..., M) where that is A's shape without the last axis.
        driver: "gelsy" (the default), "gels", "gelsd" or "gelss"; all are computed by singular values here.
    Returns:
        solution (..., N, K); residuals (..., K), where M > N, the rank is N and the driver gives them; rank (...,);
        singular values (..., min(M, N)), of "gelsd" and "gelss". What is not given is empty.
    """
    floating("torch.linalg.lstsq", A, B)
    name = "torch.linalg.lstsq"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    vectors = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    right = B.unsqueeze(-1) if vectors else B
    if A.shape[-2] != right.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({'-1' if vectors else '-2'})")  # fmt: skip
    driver = "gelsy" if driver is None else driver
    if driver not in DRIVERS:
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    rows, columns = A.shape[-2:]
    cutoff = np.finfo(A.dtype.numpy).eps * max(rows, columns) if rcond is None else rcond
    solution = pinv(A, rtol=cutoff) @ right
    none = zeros(0, dtype=A.dtype.to_real())
    nothing = solution.real if solution.dtype.is_complex else solution
    rank, values, residuals = none.long(), none, nothing.reshape(-1)[:0]
    if driver != "gels":
        rank = matrix_rank(A.detach(), rtol=cutoff)
    if driver in ("gelsd", "gelss"):
        values = svdvals(A.detach())
    whole = driver == "gels" or bool((rank == columns).all())
    if rows > columns and driver != "gelsy" and whole:
        rest = right - A @ solution
        residuals = ((rest.abs() if rest.dtype.is_complex else rest) ** 2).sum(-2)
    return return_types.linalg_lstsq(
        solution.squeeze(-1) if vectors else solution, residuals, rank, values
    )


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse for ``tensordot`` over ``ind`` axes: the first ``ind`` axes of A go last."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    first, rest = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(first) != math.prod(rest):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(rest)} != {math.prod(first)}"
        )
    return inv(A.reshape(math.prod(first), math.prod(rest))).reshape(*rest, *first)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; the axes ``dims`` of A are moved last first."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    if math.prod(shape) != B.numel():
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != {B.numel()}"
        )
    return solve(A.reshape(B.numel(), math.prod(shape)), B.reshape(-1)).reshape(shape)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """(..., M) gives (..., M, N) the powers 0 to N - 1; N is M by default."""
    x = x if x.ndim else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError(f"N must be greater than 1: it is {N}")
    ones = x.new_ones(*x.shape, 1)
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
    return cat([ones.to(powers.dtype), powers], -1)


def vander_of(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """(M,) gives (M, N) the powers N - 1 to 0, or rising from 0 if ``increasing``; N is M by default."""
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor: it has {x.ndim} axes")
    count = x.shape[0] if N is None else N
    if count < 2:
        return x.new_ones(x.shape[0], count)
    rising = vander(x, N=count)
    return rising if increasing else rising.flip(-1)


def chain_matmul(*matrices: Any, out: Any = None) -> Tensor:
    """``linalg.multi_dot`` of matrices (N, M), (M, K), ...; one alone is itself."""
    given = list(matrices[0]) if len(matrices) == 1 and not isinstance(matrices[0], TensorCore) else list(matrices)  # fmt: skip
    return given[0] if len(given) == 1 else multi_dot(given)


def lobpcg(
    A: Tensor, k: int | None = None, B: Tensor | None = None, X: Tensor | None = None, n: int | None = None,
    iK: Any = None, niter: int | None = None, tol: float | None = None, largest: bool | None = None,
    method: str | None = None, tracker: Any = None, ortho_iparams: Any = None, ortho_fparams: Any = None,
    ortho_bparams: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The ``k`` largest eigenvalues (..., k), falling, and their vectors (..., N, k); of A x = e B x if B is given.

    They are computed as ``linalg.eigh`` computes all of them, not by iteration: what says how to iterate, from ``X``
    (..., N, n) and ``iK`` on, says at most how many there are.

    Args:
        A: (..., N, N) symmetric. B: (..., N, N) symmetric and positive.
        k: 1, or the columns of X, unless given; at most a third of N. n: how many the iteration has, k unless given.
        largest: False for the smallest, rising.
    Raises:
        ValueError: k is too large for PyTorch's iteration.
        RuntimeError: a ``tracker`` of iterations is given.
    """
    if A.shape[-2] != A.shape[-1]:
        raise AssertionError(f"A must be square, got shape {list(A.shape)}")
    floating("lobpcg", A, *([] if B is None else [B]))
    if tracker is not None:
        raise RuntimeError("lobpcg: there are no iterations to track: leave out the tracker")
    size = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    count = n if n is not None else k if X is None else X.shape[-1]
    if size < 3 * count:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={size}) is smaller than 3 x the number of "
            f"requested eigenpairs (={count})"
        )
    if X is None:
        for _ in range(math.prod(A.shape[:-2])):  # PyTorch begins there: its stream goes on
            randn(size, count, dtype=A.dtype)
    whole, lower = A, None
    if B is not None:
        lower = cholesky(B)
        whole = solve_triangular(lower, solve_triangular(lower, A, upper=False).mH, upper=False)
    values, vectors = eigh((whole + whole.mH) / 2)
    if lower is not None:
        vectors = solve_triangular(lower.mH, vectors, upper=True)
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[..., : min(k, count)], vectors[..., : min(k, count)]


class EquationMethods(TensorCore):
    """Tensor's equations."""

    cholesky_solve, cholesky_inverse, triangular_solve, lu_solve = (
        cholesky_solve,
        cholesky_inverse,
        triangular_solve,
        lu_solve_of,
    )
    pinverse, matrix_exp, matrix_power, inverse = pinverse, matrix_exp, matrix_power, inv
    det, logdet, slogdet = det, logdet, slogdet_of
