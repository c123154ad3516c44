"""Parameters: brought to one shape, told as chances or as log-odds, computed when first asked for.

PyTorch's name of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from ..ir.dtype import get_default_dtype
from ..nn.functional import softmax
from ..tensor import Tensor
from ..tensor.creation import tensor
from ..tensor.modes import enable_grad
from ..tensor.shape import broadcast_tensors

__all__ = ["broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits"]


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Numbers and tensors as tensors of the shape to which all of them broadcast.

    Numbers get the type of the first tensor, the default floating type if there is none.

    Raises:
        ValueError: something else is among them.
    """
    if not all(isinstance(v, Tensor | Number) for v in values):
        kinds = [type(v).__name__ for v in values]
        raise ValueError(f"broadcast_all: arguments must all be numbers or tensors, got {kinds}")
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
    given = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values]
    return tuple(broadcast_tensors(*given))


def eps_of(x: Tensor) -> float:
    """The step from 1 to the next number of the tensor's type."""
    return float(np.finfo(x.dtype.numpy).eps)


def tiny_of(x: Tensor) -> float:
    """The least normal number of the tensor's type."""
    return float(np.finfo(x.dtype.numpy).tiny)


def least_of(x: Tensor) -> float:
    """The least finite number of the tensor's type."""
    return float(np.finfo(x.dtype.numpy).min)


def clamp_probs(probs: Tensor) -> Tensor:
    """Chances away from 0 and 1 by the step of their type; any shape in, the same out."""
    eps = eps_of(probs)
    return probs.clamp(eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log-odds (``is_binary``) or logarithms of chances; any shape in, the same out."""
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Chances of log-odds (``is_binary``) or of logarithms over the last axis; any shape in, the same out."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


class lazy_property:
    """A property that is computed when it is first read, and an attribute from then on."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = instance.__dict__[self.name] = self.compute(instance)
        return value


def one_of(law: str, probs: Any, logits: Any) -> None:
    """ValueError unless exactly one of the two is given."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{law}: Either `probs` or `logits` must be specified, but not both.")
