"""Parametrizations ready for use: of weights by direction and norm, and by their largest singular value."""

from __future__ import annotations

from typing import Any, TypeVar

from ...tensor import Tensor
from ...tensor.modes import no_grad
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


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """Not available.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "orthogonal: there is no orthogonal parametrization: initialize with init.orthogonal_, or penalize "
        "W Wᵀ - I in the loss"
    )
