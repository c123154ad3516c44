"""Layers that bend: one nonlinear function each."""

from __future__ import annotations

import warnings
from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _InPlace(Module):
    """An activation that can write its result over its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    @property
    def _repeats(self) -> bool:  # type: ignore[override]  # a class attribute elsewhere
        return not self.inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_inplace(self, text: str) -> str:
        return f"{text}, inplace=True" if self.inplace else text


class ReLU(_InPlace):
    """max(0, x)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.relu(input, inplace=self.inplace)


class SELU(_InPlace):
    """scale · (max(0, x) + min(0, α(eˣ − 1))), which keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.selu(input, self.inplace)


class SiLU(_InPlace):
    """x · sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.silu(input, inplace=self.inplace)


class Mish(_InPlace):
    """x · tanh(softplus(x)).

    Source: Misra 2019.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.mish(input, inplace=self.inplace)


class Hardswish(_InPlace):
    """x · min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardsigmoid(_InPlace):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class LeakyReLU(_InPlace):
    """x where positive, negative_slope · x elsewhere."""

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"negative_slope={self.negative_slope}")


class ELU(_InPlace):
    """x where positive, alpha · (eˣ − 1) elsewhere.

    Source: Clevert, Unterthiner and Hochreiter 2016.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class CELU(_InPlace):
    """max(0, x) + min(0, alpha · (e^(x/alpha) − 1)).

    Source: Barron 2017.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class Hardtanh(_InPlace):
    """x, but no less than min_val and no more than max_val."""

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        for old, new, value in (
            ("min_value", "min_val", min_value),
            ("max_value", "max_val", max_value),
        ):
            if value is not None:
                message = f"keyword argument `{old}` is deprecated and rename to `{new}`"
                warnings.warn(message, FutureWarning, stacklevel=2)
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if self.max_val <= self.min_val:
            raise AssertionError(
                f"max_val must be larger than min_val: {self.max_val} against {self.min_val}"
            )

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """min(max(0, x), 6)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(_InPlace):
    """x where above threshold, value elsewhere."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"threshold={self.threshold}, value={self.value}")


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.sigmoid(input)


class Tanh(Module):
    """tanh(x)."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x))."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|)."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.softsign(input)


class Tanhshrink(Module):
    """x − tanh(x)."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.tanhshrink(input)


class GELU(Module):
    """x · Φ(x), Φ of the standard normal distribution; ``approximate="tanh"`` computes it by a tanh.

    Source: Hendrycks and Gimpel 2016.
    """

    _repeats = True

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + e^(beta·x)) / beta, and x itself where beta·x is above threshold."""

    _repeats = True

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(Module):
    """x moved toward zero by lambd, and zero within ±lambd."""

    _repeats = True

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(Module):
    """x outside ±lambd, zero within."""

    _repeats = True

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class _AlongAxis(Module):
    """A function along the axis ``dim``; by the number of axes when None."""

    _repeats = True

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """eˣ divided by its sum along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape, with sums of one along ``dim``."""
        return F.softmax(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmin(_AlongAxis):
    """The softmax of −x along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape, with sums of one along ``dim``."""
        return F.softmin(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """Softmax over the channels of images."""

    _repeats = True

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W) or (C, H, W); gives the same shape."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class GLU(Module):
    """One half along ``dim``, times the sigmoid of the other.

    Source: Dauphin et al. 2017.
    """

    _repeats = True

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: (*) of even size along ``dim``; gives half of that size there."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class RReLU(Module):
    """x where positive, elsewhere times a slope drawn from [lower, upper), or their mean in evaluation mode.

    Source: Xu et al. 2015.
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + ", inplace=True" * self.inplace


class PReLU(Module):
    """x where positive, weight · x elsewhere, with a weight that is learned.

    Attributes:
        weight: (num_parameters,): one, or one a channel; ``init`` at first.
    Source: He et al. 2015.
    """

    _repeats = True

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to its first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, ...) or (*); gives the same shape."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
