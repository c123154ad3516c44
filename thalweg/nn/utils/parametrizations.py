"""Parametrizations ready for use: weights by direction and norm, by their largest singular value, and orthogonal."""

from __future__ import annotations

from typing import Any, TypeVar

from ...tensor import Tensor
from ...tensor.arithmetic import allclose
from ...tensor.copies import diagonal_scatter
from ...tensor.creation import eye, zeros_like
from ...tensor.decompositions import geqrf, householder_product
from ...tensor.equations import matrix_exp
from ...tensor.inspection import finfo
from ...tensor.joining import cat
from ...tensor.matrices import solve
from ...tensor.modes import no_grad
from ...tensor.picking import where
from ...tensor.random import randn
from .. import functional as F
from ..conv import _ConvTransposeNd
from ..module import Module
from .parametrize import register_parametrization
from .weights import as_matrix, largest_singular, norm_except_dim, unit, weight_of

M = TypeVar("M", bound=Module)


class _WeightNorm(Module):
    """A weight from its norms, over all axes but ``dim``, and its direction."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """weight_g: norms, weight_v: (*); gives (*)."""
        return weight_of(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """weight: (*); gives its norms and itself."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """``module`` with its ``name`` (*) as norms ``original0``, over all axes but ``dim``, and direction ``original1``.

    Source: Salimans and Kingma 2016.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_older(state: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take in the state of a module with the older form."""
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(take_older)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, which the vectors ``_u`` and ``_v`` give.

    In training each call goes ``n_power_iterations`` steps toward the singular vectors.
    """

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight.detach(), self.dim)
                height, width = matrix.shape
                u = matrix.new_empty(height).normal_(0, 1)
                v = matrix.new_empty(width).normal_(0, 1)
                self.register_buffer("_u", unit(u, eps))
                self.register_buffer("_v", unit(v, eps))
                self._approach(matrix, 15)

    def _approach(self, matrix: Tensor, steps: int) -> None:
        """Power iterations with ``matrix`` (H, W), in place."""
        with no_grad():
            for _ in range(steps):
                self._u.copy_(unit(matrix.mv(self._v), self.eps))
                self._v.copy_(unit(matrix.t().mv(self._u), self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """weight: (*); gives the same shape."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._approach(matrix, self.n_power_iterations)
        found: Tensor = weight / largest_singular(matrix, self._u.clone(), self._v.clone())
        return found

    def right_inverse(self, value: Tensor) -> Tensor:
        """value: (*); gives itself."""
        return value


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """``module`` with its ``name`` (*) over its largest singular value, as a matrix of rows ``dim``.

    Source: Miyato et al. 2018.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    register_parametrization(module, name, norm)
    return module


_MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(Q: Tensor) -> bool:
    """Whether the columns of ``Q`` (..., N, N) are orthonormal up to rounding."""
    n = Q.shape[-1]
    within = 10.0 * n * finfo(Q.dtype).eps
    return allclose(Q.mH @ Q, eye(n, dtype=Q.dtype), atol=within)


def _orthonormal(A: Tensor) -> Tensor:
    """Q (..., N, K) of the QR decomposition of ``A`` (..., N, K) whose R has a positive diagonal."""
    reflections, tau = geqrf(A)
    signs = reflections.diagonal(dim1=-2, dim2=-1).sgn()
    Q: Tensor = householder_product(reflections, tau) * signs.unsqueeze(-2)
    return Q


class _Orthogonal(Module):
    """A matrix with orthonormal columns, or rows where it is wider than high, from one without that constraint.

    The tall one of X (N, K) and its transpose is mapped: its lower triangle, made skew-symmetric, by the matrix
    exponential or Cayley's map, or its columns as reflections. The result is turned by ``base``, which is what was
    last assigned, so that what is trained starts at the map's middle.
    Source: Lezcano-Casado 2019, "Trivializations for gradient-based optimization on manifolds".
    """

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def _skew(self, X: Tensor) -> Tensor:
        """(..., N, N) of the lower triangle of ``X`` (..., N, K), minus its adjoint."""
        n, k = X.shape[-2:]
        lower = X.tril()
        if n != k:
            lower = cat([lower, X.new_zeros(*X.shape[:-1], n - k)], dim=-1)
        skew: Tensor = lower - lower.mH
        return skew

    def _mapped(self, X: Tensor) -> Tensor:
        """(..., N, K) with orthonormal columns; of ``X`` (..., N, K), N >= K."""
        n, k = X.shape[-2:]
        if self.orthogonal_map == "householder":
            vectors = X.tril(-1)
            tau = 2.0 / (1.0 + (vectors * vectors).sum(dim=-2))
            signs = X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)  # ones; nothing flows there
            reflected: Tensor = householder_product(vectors, tau) * signs
            return reflected
        skew = self._skew(X)
        if self.orthogonal_map == "matrix_exp":
            return matrix_exp(skew)[..., :k]
        one = eye(n, dtype=X.dtype)
        return solve(one - 0.5 * skew, one + 0.5 * skew)[..., :k]

    def forward(self, X: Tensor) -> Tensor:
        """X: (..., M, N); gives the same shape."""
        wide = X.shape[-2] < X.shape[-1]
        Q = self._mapped(X.mT if wide else X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """What gives ``Q`` (..., M, N), made orthonormal.

        Raises:
            ValueError: it has another shape.
            NotImplementedError: without ``base``, for the exponential and Cayley's map.
        """
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        if not hasattr(self, "base"):
            found = self._reflections(tall)
            return found.mT if wide else found
        n, k = tall.shape[-2:]
        if n != k:
            others = randn(*tall.shape[:-2], n, n - k, dtype=Q.dtype)
            self.base = _orthonormal(cat([tall, others], dim=-1))
        else:
            self.base = tall.clone() if _is_orthogonal(tall) else _orthonormal(tall)
        start = zeros_like(Q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1)  # no reflection: those of zeros turn each axis
        return start

    def _reflections(self, tall: Tensor) -> Tensor:
        """(..., N, K) whose columns reflect, in turn, the axes to the orthonormal columns of ``tall`` (..., N, K)."""
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        found, tau = geqrf(tall)
        signs = found.diagonal(dim1=-2, dim2=-1).sign()
        turned = where(tau == 0, -signs, signs)  # where nothing is reflected, the map would
        return diagonal_scatter(found, turned, dim1=-2, dim2=-1)


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """``module`` with its ``name`` (..., M, N) kept orthogonal: orthonormal columns, or rows where M < N.

    Args:
        orthogonal_map: "matrix_exp", the default for square and complex matrices, "cayley", or "householder".
        use_trivialization: what is assigned is kept as a buffer ``base`` and what is trained starts from there;
            without it only "householder" starts from the parameter as it is and may be assigned to.
    Raises:
        ValueError: there is no such tensor, it is no matrix, or the map is another.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    register_parametrization(module, name, parametrization, unsafe=True)
    return module
