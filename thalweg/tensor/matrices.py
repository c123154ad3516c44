"""Square matrices: inverses, equations, determinants, factors, powers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import linalg as a
from ..ops.complex import adjoint
from ..ops.composite import op
from ..ops.elementwise import where
from ..ops.movement import detached
from . import return_types
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .reduce import wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor

LinAlgError = a.LinAlgError


def floating(name: str, *given: TensorCore) -> None:
    """RuntimeError unless all are floating tensors (any shape) of one type."""
    for x in given:
        if not x.dtype.is_differentiable:
            raise RuntimeError(
                f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}"
            )
    if len({x.dtype for x in given}) > 1:
        raise RuntimeError(f"{name}: Expected the same dtype, got {[x.dtype for x in given]}")


@op("LinalgInvExBackward0")
def _inv(x: Var) -> Var:
    return a.inverse(x)


@op("LinalgDetBackward0")
def _det(x: Var) -> Var:
    return a.det(x)


@op("LinalgSlogdetBackward0")
def _slogdet(x: Var) -> tuple[Var, Var]:
    return a.sign_of_det(x), a.log_abs_det(x)


@op("LinalgCholeskyExBackward0")
def _cholesky(x: Var) -> Var:
    """The values are those of the lower half; the gradient goes to both halves evenly."""
    a.square("linalg.cholesky", x.aval)
    mirrored = where(a.below(x, strict=False), x, adjoint(x))
    return a.cholesky(x + detached(mirrored - x))


@op("LinalgSolveExBackward0")
def _solve(x: Var, b: Var) -> Var:
    return a.solve(x, b)


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix: (..., N, N) in, the same out; LinAlgError where there is none."""
    floating("linalg.inv", A)
    return dispatch(_inv, (A,))


def det(A: Tensor) -> Tensor:
    """(..., N, N) gives (...,) determinants. The gradient wants matrices that have an inverse."""
    floating("linalg.det", A)
    return dispatch(_det, (A,))


def slogdet(A: Tensor) -> Any:
    """(..., N, N) gives (...,) signs and (...,) logarithms of the absolute determinants."""
    floating("linalg.slogdet", A)
    return return_types.linalg_slogdet(*dispatch(_slogdet, (A,)))


def slogdet_of(input: Tensor) -> Any:
    """``linalg.slogdet`` of (..., N, N)."""
    return return_types.slogdet(*slogdet(input))


def logdet(input: Tensor) -> Tensor:
    """(..., N, N) gives (...,) logarithms of the determinants; NaN where a real one is negative."""
    sign, size = slogdet(input)
    if input.dtype.is_complex:
        return sign.log() + size
    return size.masked_fill(sign < 0, float("nan"))


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with L @ L.mH = A, read from the lower half: (..., N, N) in, the same out; ``upper`` gives L.mH."""
    floating("linalg.cholesky", A)
    lower: Tensor = dispatch(_cholesky, (A.mH if upper else A,))
    return lower.mH if upper else lower


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A @ X = B (``left=False``: X @ A = B).

    Args:
        A: (..., N, N).
        B: (..., N, K), or (N,) or (..., N) where that is A's shape without the last axis.
    Returns:
        the shape of B, with the leading axes of both.
    """
    floating("linalg.solve", A, B)
    if A.ndim < 2:
        raise RuntimeError("linalg.solve: The input tensor A must have at least 2 dimensions.")
    vectors = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    if vectors:
        if not left:
            raise RuntimeError(
                "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False."
            )
        return dispatch(_solve, (A, B.unsqueeze(-1))).squeeze(-1)
    return dispatch(_solve, (A, B)) if left else dispatch(_solve, (A.mT, B.mT)).mT


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A @ A @ ... (n times; of the inverse for n < 0): (..., N, N) in, the same out."""
    a.square("linalg.matrix_power", A._aval())
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        nothing = A.masked_fill(A.eq(A) | A.ne(A), 0)
        return nothing + A.new_ones(A.shape[-1]).diag_embed()
    half = matrix_power(A, n // 2) if n > 1 else None
    if half is None:
        return A.clone()
    return half @ half @ A if n % 2 else half @ half


def multi_dot(tensors: Any) -> Tensor:
    """The product of two or more matrices; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    product = tensors[0]
    for matrix in tensors[1:]:
        product = product @ matrix
    return product


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Sums of products of ``x``'s conjugates along ``dim``: (..., N) and (..., N) broadcast, give (...,)."""
    return (x.conj() * y).sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of the last two axes, as a view: (..., N, M) gives (..., min(N, M))."""
    return A.diagonal(offset, dim1, dim2)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along ``dim``: (..., 3) and (..., 3) broadcast, give (..., 3)."""
    if input.ndim != other.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions, got "
            f"{input.ndim} and {other.ndim}"
        )
    axis = wrap_dim(dim, input.ndim)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[axis]} and {other.shape[axis]}"
        )
    first = input.roll(-1, axis) * other.roll(-2, axis)
    return first - input.roll(-2, axis) * other.roll(-1, axis)


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along ``dim``, by default the first axis of size 3: (..., 3, ...) both, which broadcast."""
    if dim is None:
        dim = next((k for k, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"no dimension of size 3 in input: its shape is {list(input.shape)}")
    return linalg_cross(input, other, dim=dim)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``: (N,) by (M,), input broadcasts to (N, M)."""
    product = vec1.unsqueeze(-1) * vec2
    if repr(input.dtype).endswith("bool") and repr(product.dtype).endswith("bool"):
        return product & bool(alpha) | input & bool(beta)
    product = product if alpha == 1 else product * alpha
    return product + (input if beta == 1 else input * beta) if beta != 0 else product


class MatrixMethods(TensorCore):
    """Tensor's vector products."""

    addr, addr_, cross = addr, inplace(addr), cross

    @property
    def mH(self) -> Tensor:
        """The last two axes exchanged, and conjugated: (..., N, M) gives (..., M, N)."""
        return self.mT.conj()  # type: ignore[attr-defined]
