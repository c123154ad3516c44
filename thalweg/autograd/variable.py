"""``Variable``, which every Tensor is since PyTorch 0.4."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Tensor
from ..tensor.creation import empty


class _VariableType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """A Tensor: ``Variable(data, requires_grad)`` is a new leaf over the memory of ``data`` (*).

    Args:
        data: (*) a tensor; empty, of shape (0,), when left out.
        requires_grad: whether backward computes its gradient.
        volatile: has no effect, with a warning.
    Raises:
        TypeError: ``data`` is no tensor.
    """

    def __new__(
        cls, data: Any = None, requires_grad: bool = False, volatile: bool = False, **_: Any
    ) -> Any:
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Variable data has to be a tensor, but got {type(data).__name__}: make one with tensor()"
            )
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        return data.detach().requires_grad_(requires_grad)
