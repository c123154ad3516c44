"""One-to-one maps of single numbers."""

from __future__ import annotations

import math
from typing import Any

from ...nn.functional import softplus
from ...tensor import Size, Tensor
from ...tensor.creation import ones_like
from .. import constraints
from ..utils import broadcast_all, eps_of, tiny_of
from .base import Transform, alike, sum_rightmost


class _OfNumbers(Transform):
    """A rising one-to-one map of single numbers without parameters."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__


class ExpTransform(_OfNumbers):
    """exp(x)."""

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_OfNumbers):
    """1 / (1 + exp(-x))."""

    codomain: Any = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return x.sigmoid().clamp(tiny_of(x), 1 - eps_of(x))

    def _inverse(self, y: Tensor) -> Tensor:
        inside = y.clamp(tiny_of(y), 1 - eps_of(y))
        return inside.log() - (-inside).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_OfNumbers):
    """log(1 + exp(x)); x itself from 20 on."""

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_OfNumbers):
    """tanh(x)."""

    codomain: Any = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return tanh_stretch(x)


def tanh_stretch(x: Tensor) -> Tensor:
    """log of the slope of tanh, 1 - tanh(x)**2, without cancellation."""
    return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class PowerTransform(Transform):
    """x**exponent."""

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool(
            self.exponent.eq(other.exponent).all().item()
        )

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        return Size(_common(shape, self.exponent))

    inverse_shape = forward_shape


def _common(shape: Any, *parameters: Any) -> tuple[int, ...]:
    """``shape`` broadcast with the shapes of the parameters that are tensors."""
    given = [tuple(p.shape) for p in parameters if isinstance(p, Tensor)]
    wide: tuple[int, ...] = tuple(shape)
    for other in given:
        longest = max(len(wide), len(other))
        pairs = zip(
            (1,) * (longest - len(wide)) + wide, (1,) * (longest - len(other)) + other, strict=True
        )
        wide = tuple(b if a == 1 else a for a, b in pairs)
    return wide


class AbsTransform(Transform):
    """|x|; the inverse gives the one from 0 up."""

    domain = constraints.real
    codomain = constraints.positive

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """loc + scale * x; values of ``event_dim`` axes."""

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @property
    def domain(self) -> Any:
        if not self._event_dim:
            return constraints.real
        return constraints.independent(constraints.real, self._event_dim)

    codomain = domain

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return 1 if self.scale > 0 else -1 if self.scale < 0 else 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        return _equal(self.loc, other.loc) and _equal(self.scale, other.scale)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        size = (
            self.scale.abs().log() if isinstance(self.scale, Tensor) else math.log(abs(self.scale))
        )
        return sum_rightmost(ones_like(x) * size, self._event_dim)

    def forward_shape(self, shape: Any) -> Any:
        return Size(_common(shape, self.loc, self.scale))

    inverse_shape = forward_shape


def _equal(one: Any, other: Any) -> bool:
    same = one == other
    return bool(same.all().item()) if isinstance(same, Tensor) else bool(same)
