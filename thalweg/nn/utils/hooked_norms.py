"""The older forms of weight and spectral normalization: a hook computes the weight before each call."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ...tensor import Tensor
from ...tensor.modes import no_grad
from ..conv import _ConvTransposeNd
from ..module import Module
from ..parameter import Parameter, is_lazy
from .weights import as_matrix, largest_singular, norm_except_dim, unit, weight_of

M = TypeVar("M", bound=Module)


def _check(kind: type, module: Module, name: str, what: str) -> None:
    """Raise where the parameter ``name`` cannot be normalized."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, kind) and getattr(hook, "name", None) == name:
            raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {name}")
    if is_lazy(getattr(module, name)):
        raise ValueError(
            f"{what}: the module can't have uninitialized parameters: call it with a batch first"
        )


def _removed(kind: type, module: Module, name: str, what: str) -> Any:
    """The hook on the parameter ``name``, taken off."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, kind) and getattr(hook, "name", None) == name:
            del module._forward_pre_hooks[key]
            return hook
    raise ValueError(f"{what} of '{name}' not found in {module}")


class WeightNorm:
    """Before each call: ``name`` from ``name_v``, its direction, and ``name_g``, its norms."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """(*) the weight."""
        v, g = getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g")
        return weight_of(v, g, self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Make the weight as it is now a parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"], module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.data))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """``module`` with its parameter ``name`` (*) as a direction times norms, over all axes but ``dim``.

    Deprecated: ``parametrizations.weight_norm`` does the same. Source: Salimans and Kingma 2016.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    _check(WeightNorm, module, name, "weight_norm")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    norms = norm_except_dim(weight, 2, hook.dim).data
    module.register_parameter(f"{name}_g", Parameter(norms))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """``module`` with its parameter ``name`` as it was before ``weight_norm``, of its value now."""
    _removed(WeightNorm, module, name, "weight_norm").remove(module)
    return module


class SpectralNorm:
    """Before each call: ``name`` from ``name_orig``, over the largest singular value that ``name_u``, ``name_v`` give.

    In training each call goes ``n_power_iterations`` steps toward the singular vectors.
    """

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """(*) the weight; with ``do_power_iteration`` the singular vectors are brought nearer first, in place."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(unit(matrix.t().mv(u), self.eps))
                    u.copy_(unit(matrix.mv(v), self.eps))
            u, v = u.clone(), v.clone()
        found: Tensor = weight / largest_singular(matrix, u, v)
        return found

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def remove(self, module: Module) -> None:
        """Make the weight as it is now a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for end in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + end)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def note_version(
        self, module: Module, state: Any, prefix: str, local_metadata: dict[str, Any]
    ) -> None:
        """Write into a state dictionary, as PyTorch does, that it has ``name_v`` and no computed weight."""
        versions = local_metadata.setdefault("spectral_norm", {})
        versions[f"{self.name}.version"] = 1


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """``module`` with its parameter ``name`` (*) divided by its largest singular value, as a matrix of rows ``dim``.

    Source: Miyato et al. 2018.
    """
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    _check(SpectralNorm, module, name, "spectral_norm")
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with no_grad():
        height, width = as_matrix(weight, dim).shape
        u = unit(weight.new_empty(height).normal_(0, 1), eps)
        v = unit(weight.new_empty(width).normal_(0, 1), eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    module._register_state_dict_hook(hook.note_version)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """``module`` with its parameter ``name`` as it was before ``spectral_norm``, of its value now."""
    hook = _removed(SpectralNorm, module, name, "spectral_norm")
    hook.remove(module)
    for key, kept in list(module._state_dict_hooks.items()):
        if getattr(kept, "__self__", None) is hook:
            del module._state_dict_hooks[key]
    return module
