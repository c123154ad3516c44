"""Layers that multiply with a matrix."""

from __future__ import annotations

import math
from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """Gives back its input. Takes any arguments and makes nothing of them."""

    _repeats = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives it back."""
        return input


class Linear(Module):
    """``input @ weight.T + bias``.

    Attributes:
        weight: (out_features, in_features), uniform in ±1/√in_features at first.
        bias: (out_features,), likewise; None with ``bias=False``.
    """

    _repeats = True

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            init.uniform_(self.bias, *_bounds(self.in_features))

    def forward(self, input: Tensor) -> Tensor:
        """input: (*, in_features); gives (*, out_features)."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that PyTorch prints for the last one of MultiheadAttention."""


class Bilinear(Module):
    """``input1 @ weight[k] @ input2 + bias[k]`` for every output feature k.

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform in ±1/√in1_features at first.
        bias: (out_features,), likewise; None with ``bias=False``.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(
            empty((out_features, in1_features, in2_features), device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        low, high = _bounds(self.in1_features)
        init.uniform_(self.weight, low, high)
        if self.bias is not None:
            init.uniform_(self.bias, low, high)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """input1: (*, in1_features), input2: (*, in2_features); gives (*, out_features)."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def _bounds(fan_in: int) -> tuple[float, float]:
    """The interval of the first values of a layer with ``fan_in`` inputs."""
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
    return -bound, bound
