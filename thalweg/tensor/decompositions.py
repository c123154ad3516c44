"""Matrices taken apart: QR, singular values, symmetric eigenvalues, LU, LDL, Householder reflections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import factors as f
from ..ops import spectra as s
from ..ops.composite import op
from ..ops.linalg import square
from . import return_types
from .core import TensorCore
from .creation import zeros
from .dispatch import dispatch
from .matrices import LinAlgError, cholesky, floating
from .random import randn

if TYPE_CHECKING:
    from .tensor import Tensor


@op("LinalgQrBackward0")
def _qr(x: Var, mode: str) -> tuple[Var, Var]:
    return s.qr(x, mode=mode)


@op("LinalgSvdBackward0")
def _svd(x: Var, full: bool) -> tuple[Var, Var, Var]:
    return s.svd(x, full=full)


@op("LinalgSvdBackward0")
def _svdvals(x: Var) -> Var:
    return s.svd(x, full=False)[1]


@op("LinalgEigBackward0")
def _eig(x: Var) -> tuple[Var, Var]:
    return s.eig(x)


@op("LinalgEigBackward0")
def _eigvals(x: Var) -> Var:
    return s.eig(x)[0]


@op("LinalgEighBackward0")
def _eigh(x: Var, lower: bool) -> tuple[Var, Var]:
    return s.eigh(x, lower=lower)


@op("LinalgEighBackward0")
def _eigvalsh(x: Var, lower: bool) -> Var:
    return s.eigh(x, lower=lower)[0]


@op("LinalgLuFactorExBackward0")
def _lu(x: Var) -> tuple[Var, Var, Var]:
    return f.lu(x)


@op("LinalgCholeskyExBackward0")
def _cholesky_ex(x: Var) -> tuple[Var, Var]:
    return f.cholesky_ex(x)


@op("LinalgLdlFactorExBackward0")
def _ldl(x: Var, hermitian: bool) -> tuple[Var, Var, Var]:
    return f.ldl(x, hermitian=hermitian)


@op("GeqrfBackward0")
def _geqrf(x: Var) -> tuple[Var, Var]:
    return f.geqrf(x)


@op("PermutationBackward0")
def _permutation(pivots: Var, rows: int, dtype: Any) -> Var:
    return f.permutation(pivots, rows=rows, dtype=dtype)


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and R with zeros below the diagonal, Q @ R = A.

    Args:
        A: (..., M, N); K is the smaller of both.
        mode: "reduced" gives Q (..., M, K) and R (..., K, N); "complete" Q (..., M, M) and R (..., M, N); "r" only R.
    Raises:
        RuntimeError: another mode; in the backward, mode "r", or "complete" with M > N.
    """
    floating("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return return_types.linalg_qr(*dispatch(_qr, (A,), (mode,)))


def qr_of(input: Tensor, some: bool = True) -> Any:
    """``linalg.qr``: reduced, or complete where not ``some``; (..., M, N)."""
    return return_types.qr(*qr(input, "reduced" if some else "complete"))


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """U, S and Vh with U @ diag(S) @ Vh = A; S falls.

    Args:
        A: (..., M, N); K is the smaller of both.
        full_matrices: U (..., M, M) and Vh (..., N, N); otherwise (..., M, K) and (..., K, N).
    The gradient wants what does not depend on the signs of singular vectors, and differing singular values if
    anything depends on U or Vh.
    """
    floating("linalg.svd", A)
    _no_driver("linalg.svd", driver)
    return return_types.linalg_svd(*dispatch(_svd, (A,), (bool(full_matrices),)))


def _no_driver(name: str, driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            f"{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


def svd_of(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S and V (not transposed) of (..., M, N); without ``compute_uv`` U and V are zeros."""
    if not compute_uv:
        *lead, m, n = input.shape
        return return_types.svd(
            zeros(*lead, m, m, dtype=input.dtype),
            svdvals(input),
            zeros(*lead, n, n, dtype=input.dtype),
        )
    u, values, v = svd(input, not some)
    return return_types.svd(u, values, v.mH)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """(..., M, N) gives (..., K) the singular values, falling; K is the smaller of M and N."""
    floating("linalg.svdvals", A)
    _no_driver("linalg.svdvals", driver)
    return dispatch(_svdvals, (A,))


def _lower(UPLO: str) -> bool:
    if str(UPLO).upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return str(UPLO).upper() == "L"


def eig(A: Tensor) -> Any:
    """Eigenvalues (..., N), in no order, and eigenvectors of length 1, as columns, (..., N, N) of (..., N, N); complex.

    The gradient wants differing eigenvalues, and what does not depend on the phases of eigenvectors.
    Raises:
        RuntimeError: an element is infinite or NaN; in the backward of complex eigenvectors, a phase counts.
    """
    floating("linalg.eig", A)
    return return_types.linalg_eig(*dispatch(_eig, (A,)))


def eigvals(A: Tensor) -> Tensor:
    """(..., N, N) gives (..., N) complex eigenvalues, in no order; see ``eig``."""
    floating("linalg.eigvals", A)
    square("linalg.eigvals", A._aval())
    return dispatch(_eigvals, (A,))


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Rising eigenvalues (..., N) and eigenvectors, as columns, (..., N, N) of symmetric matrices (..., N, N),
    Hermitian where they are complex.

    Only the lower ("L") or the upper triangle ("U") is read. The gradient wants what does not depend on the signs
    of eigenvectors, and differing eigenvalues if anything depends on them.
    """
    floating("linalg.eigh", A)
    return return_types.linalg_eigh(*dispatch(_eigh, (A,), (_lower(UPLO),)))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """(..., N, N) symmetric gives (..., N) rising eigenvalues; see ``eigh``."""
    floating("linalg.eigvalsh", A)
    return dispatch(_eigvalsh, (A,), (_lower(UPLO),))


_ZERO_PIVOT = (
    "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero: "
    "linalg.lu(A) and linalg.lu_factor_ex(A) do without"
)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """LU (..., M, N), pivots (..., K) and info (...,), int32: 0, or which diagonal element of U is 0."""
    floating("linalg.lu_factor_ex", A)
    if not pivot:
        raise RuntimeError(
            "linalg.lu_factor: LU without pivoting is not implemented on the CPU: leave pivot=True"
        )
    found = return_types.linalg_lu_factor_ex(*dispatch(_lu, (A,)))
    if check_errors:
        check_info("torch.linalg.lu_factor_ex", found.info, _ZERO_PIVOT)
    return found


def check_info(name: str, info: Tensor, text: str) -> None:
    """LinAlgError with ``text`` about the first of ``info`` (...,) that is not 0; under vmap in any example."""
    whole: Any = info
    while whole._levels:
        whole = whole._inner
    codes = whole.reshape(-1).tolist()
    for k, code in enumerate(codes):
        if code:
            which = f"(Batch element {k}): " if whole.ndim else ""
            raise LinAlgError(f"{name}: {which}{text.format(code)}")


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix (..., M, N), and pivots (..., K), int32: row k was exchanged with row pivots[k] - 1."""
    LU, pivots, info = lu_factor_ex(A, pivot=pivot)
    check_info("torch.linalg.lu_factor", info, _ZERO_PIVOT)
    return return_types.linalg_lu_factor(LU, pivots)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P (..., M, M), L (..., M, K) and U (..., K, N) of what ``lu_factor`` gives; empty where not asked for."""
    none = zeros(0, dtype=LU_data.dtype)
    *_, m, n = LU_data.shape
    k = min(m, n)
    p = dispatch(_permutation, (LU_pivots,), (m, LU_data.dtype)) if unpack_pivots else none
    if not unpack_data:
        return return_types.lu_unpack(p, none, none)
    ones = LU_data.new_ones(k).diag_embed()
    if m > k:
        ones = LU_data.new_ones(m, k).tril().triu()
    lower = LU_data[..., :, :k].tril(-1) + ones
    return return_types.lu_unpack(p, lower, LU_data[..., :k, :].triu())


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """P (..., M, M), L (..., M, K) and U (..., K, N) with P @ L @ U = A (..., M, N)."""
    return return_types.linalg_lu(*lu_unpack(*lu_factor_ex(A, pivot=pivot)[:2]))


def lu_of(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """LU (..., M, N) and pivots (..., K); with ``get_infos`` also info (...,)."""
    found = lu_factor_ex(A, pivot=pivot, check_errors=not get_infos)
    return tuple(found) if get_infos else tuple(found)[:2]


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """L (..., N, N) as ``cholesky`` gives it, and info (...,), int32: 0, or the order of the first minor that is not
    positive; L is of no use then."""
    floating("linalg.cholesky_ex", A)
    factor, info = dispatch(_cholesky_ex, (A.mH if upper else A,))
    if check_errors:
        check_info("linalg.cholesky_ex", info, "The factorization could not be completed because the input is not "
                   "positive-definite (the leading minor of order {0} is not positive-definite).")  # fmt: skip
    return return_types.linalg_cholesky_ex(factor.mH if upper else factor, info)


def cholesky_of(input: Tensor, upper: bool = False) -> Tensor:
    """``linalg.cholesky`` of (..., N, N)."""
    return cholesky(input, upper=upper)


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """LD (..., N, N) and pivots (..., N) of symmetric matrices, from the lower triangle, and info (...,), int32."""
    floating("linalg.ldl_factor_ex", A)
    found = return_types.linalg_ldl_factor_ex(*dispatch(_ldl, (A,), (bool(hermitian),)))
    if check_errors:
        check_info("linalg.ldl_factor_ex", found.info, "D[{0},{0}] is zero and using it on ldl_solve would result in a "
                   "division by zero")  # fmt: skip
    return found


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """LD (..., N, N) and pivots (..., N), int32, as LAPACK's sytrf gives them for symmetric matrices (..., N, N)."""
    return return_types.linalg_ldl_factor(
        *ldl_factor_ex(A, hermitian=hermitian, check_errors=True)[:2]
    )


def geqrf(input: Tensor) -> Any:
    """R with the reflections of Q below its diagonal, (..., M, N), and their factors (..., K): see ``orgqr``."""
    floating("geqrf", input)
    return return_types.geqrf(*dispatch(_geqrf, (input,)))


def _reflections(name: str, A: Tensor, tau: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The vectors (..., M, 1) and factors (..., 1, 1) of the reflections in ``A`` (..., M, N) and ``tau`` (..., K)."""
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions, it has {A.ndim}")
    if tau.ndim != A.ndim - 1 or tuple(tau.shape[:-1]) != tuple(A.shape[:-2]):
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, of the same batch, but got tau of shape "
            f"{list(tau.shape)} and input of shape {list(A.shape)}"
        )
    if A.dtype is not tau.dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype} does not match input dtype {A.dtype}")
    if tau.shape[-1] > A.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]: {list(A.shape)} and "
            f"{list(tau.shape)}"
        )
    vectors = A.tril(-1) + A.new_ones(A.shape[-2:]).tril().triu()
    count = tau.shape[-1]
    return [(vectors[..., :, i : i + 1], tau[..., i : i + 1].unsqueeze(-1)) for i in range(count)]


def _reflected(x: Tensor, reflection: tuple[Tensor, Tensor]) -> Tensor:
    v, factor = reflection
    return x - factor * (v @ (v.mH @ x))


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first N columns of the product of K reflections, (..., M, N): of ``geqrf``'s results Q.

    Args:
        A: (..., M, N), M >= N, whose columns hold the reflections' vectors below the diagonal.
        tau: (..., K) their factors, K <= N.
    Source: Golub and Van Loan 2013, section 5.1.6.
    """
    reflections = _reflections("torch.linalg.householder_product", A, tau)
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]: "
            f"{list(A.shape)}"
        )
    product = A.new_ones(A.shape).tril().triu() + A.tril(-1).triu()  # of A, if by nothing
    for reflection in reversed(reflections):
        product = _reflected(product, reflection)
    return product


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Q @ other, other @ Q (not ``left``), or the same with the adjoint of Q, the product of all reflections.

    Args:
        input: (..., M, K) with reflections below the diagonal. tau: (..., K).
        other: (..., M, N), or (..., N, M) where not ``left``.
    """
    if other.ndim < 2:
        raise RuntimeError(
            f"torch.ormqr: other must have at least 2 dimensions, it has {other.ndim}"
        )
    if not left:
        return ormqr(input, tau, other.mH, True, not transpose).mH
    reflections = _reflections("torch.ormqr", input, tau)
    if other.shape[-2] != input.shape[-2]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[-2] must be equal to input.shape[-2]: {list(other.shape)} and {list(input.shape)}"
        )
    if other.dtype is not input.dtype:
        raise RuntimeError(
            f"torch.ormqr: Expected input and other to have the same dtype, but got {input.dtype} and {other.dtype}"
        )
    for v, factor in reflections if transpose else reversed(reflections):
        other = _reflected(other, (v, factor.conj() if transpose else factor))
    return other


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> Any:
    """U (..., M, q), S (..., q) and V (..., N, q) of about the ``q`` largest singular values of (..., M, N), by chance.

    Args:
        niter: rounds that sharpen the random subspace.
        M: taken from A, broadcasts.
    Source: Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1.
    """
    q = 6 if q is None else q
    A = A if M is None else A - M
    if A.shape[-2] < A.shape[-1]:
        u, values, v = svd_lowrank(A.mH, q, niter)
        return v, values, u
    basis = qr(A @ randn(A.shape[-1], q, dtype=A.dtype)).Q
    for _ in range(2 if niter is None else niter):
        basis = qr(A.mH @ basis).Q
        basis = qr(A @ basis).Q
    u, values, v = svd(basis.mH @ A, False)
    return basis @ u, values, v.mH


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """``svd_lowrank`` of the rows' differences from their mean (not ``center``: of the rows): principal directions V."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


class DecompositionMethods(TensorCore):
    """Tensor's factors."""

    cholesky, qr, svd, lu, geqrf, ormqr = cholesky_of, qr_of, svd_of, lu_of, geqrf, ormqr
    orgqr = householder_product
