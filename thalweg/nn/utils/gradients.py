"""Gradients of all parameters, taken together: their norm, and keeping it in bounds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from ...ir.builder import Var
from ...ops import elementwise as e
from ...ops.composite import op, promoted
from ...ops.movement import cat
from ...tensor import Tensor
from ...tensor.creation import tensor
from ...tensor.dispatch import dispatch
from ...tensor.inplace import assign
from ...tensor.modes import no_grad
from ...tensor.reduce import _norm

Tensors = Tensor | Iterable[Tensor]


def _norm_of(x: Var, p: float) -> Var:
    """() the p-norm of all elements of ``x`` (*)."""
    found: Var = _norm.function(x, p, tuple(range(x.ndim)), False)
    return found


@op("LinalgVectorNormBackward0")
def _total(*operands: Any) -> Var:
    """() the p-norm of all elements of the tensors; the last operand is p."""
    *vars, p = operands
    norms = promoted(*[_norm_of(x, p).reshape((1,)) for x in vars])
    return _norm_of(cat(*norms, axis=0), p)


@op("MulBackward0")
def _scaled(max_norm: Var, total: Var, *grads: Var) -> tuple[Var, ...]:
    """The gradients times max_norm/total, where that is below one."""
    share = max_norm.astype(total.dtype) / (total + 1e-6)
    share = e.minimum(share, share.ones_like())
    return tuple(g * share.astype(g.dtype).broadcast_to(g.shape) for g in grads)


def _listed(tensors: Tensors) -> list[Tensor]:
    """One tensor (*) or several, as a list."""
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    """The gradients, each (*) as its parameter, of those that have one."""
    return [p.grad for p in parameters if p.grad is not None]


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The p-norm of all elements of all tensors, as if they were one vector.

    Args:
        tensors: (*) each.
        norm_type: p; ``float("inf")`` for the largest absolute value.
        foreach: accepted for PyTorch's sake, changes nothing.
    Returns:
        () the norm.
    """
    given = _listed(tensors)
    if not given:
        return tensor(0.0)
    order = float(norm_type)
    total: Tensor = dispatch(_total, tuple(given), (order,))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by max_norm/total_norm, in place, where that is below one.

    Args:
        parameters: (*) each; those without a gradient are left out.
        total_norm: () as ``get_total_norm`` gives it.
        foreach: accepted for PyTorch's sake, changes nothing.
    """
    grads = _gradients(_listed(parameters))
    if not grads:
        return
    with no_grad():
        scaled = dispatch(_scaled, (float(max_norm), total_norm, *grads))
        for grad, new in zip(grads, (scaled,) if len(grads) == 1 else scaled, strict=True):
            assign(grad, new)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that their norm as one vector is at most ``max_norm``.

    Args:
        parameters: (*) each; those without a gradient are left out.
        norm_type: p of the norm; ``float("inf")`` for the largest absolute value.
        foreach: accepted for PyTorch's sake, changes nothing.
    Returns:
        () the norm before.
    Source: Pascanu, Mikolov and Bengio 2013.
    """
    given = _listed(parameters)
    if not given and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    with no_grad():
        total = get_total_norm(_gradients(given), norm_type, error_if_nonfinite)
        clip_grads_with_norm_(given, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The deprecated name of ``clip_grad_norm_``: parameters (*) each, gives () the norm before."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Bring every element of the gradients into [-clip_value, clip_value], in place.

    Args:
        parameters: (*) each; those without a gradient are left out.
        foreach: accepted for PyTorch's sake, changes nothing.
    """
    bound = float(clip_value)
    with no_grad():
        for grad in _gradients(_listed(parameters)):
            grad.clamp_(-bound, bound)
