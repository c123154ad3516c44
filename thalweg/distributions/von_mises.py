"""The von Mises law."""

from __future__ import annotations

import math
from typing import Any

from ..ir.dtype import float64
from ..tensor import Tensor
from ..tensor.bessel import i0e, i1e
from ..tensor.modes import no_grad
from ..tensor.random import rand
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all


class VonMises(Distribution):
    """Angles around ``loc`` in radians, the closer the higher ``concentration``; shapes broadcast."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance, 1 less the mean length."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        height = k * ((value - self.loc).cos() - 1)
        return height - math.log(2 * math.pi) - i0e(k).log()

    def _width(self) -> Tensor:
        """The parameter of the wrapped Cauchy law that the draws come from; its series for a flat law."""
        k = self.concentration.to(float64)
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        return (1 / k + k).where(k < 1e-5, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Source: Best and Fisher 1979, "Efficient simulation of the von Mises distribution"."""
        shape = tuple(self._extended_shape(sample_shape))
        with no_grad():
            loc, k = self.loc.to(float64), self.concentration.to(float64)
            r = self._width()
            found, open_ = loc.new_zeros(shape), (loc == loc).expand(shape)
            while bool(open_.any()):
                u1, u2, u3 = rand(3, *shape, dtype=float64).unbind()
                turn = (math.pi * u1).cos()
                f = (1 + r * turn) / (r + turn)
                c = k * (r - f)
                accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                angle = (u3 - 0.5).sign() * f.acos()
                found = angle.where(accepted, found)
                open_ = open_ & ~accepted
            return ((found + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)
