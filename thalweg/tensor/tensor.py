"""The Tensor class that people hold in their hands."""

from __future__ import annotations

from typing import Any

from . import math as _m
from .core import TensorCore
from .dispatch import set_result_class
from .inplace import assign


class Tensor(TensorCore):
    def __add__(self, other: Any) -> Tensor:
        return _m.add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return _m.sub(self, other)

    def __mul__(self, other: Any) -> Tensor:
        return _m.mul(self, other)

    __rmul__ = __mul__

    def __isub__(self, other: Any) -> Tensor:
        return assign(self, _m.sub(self, other))

    def __matmul__(self, other: Any) -> Tensor:
        return _m.matmul(self, other)


set_result_class(Tensor)
