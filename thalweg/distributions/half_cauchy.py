"""The half-Cauchy law."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from .cauchy import Cauchy
from .half import Half


class HalfCauchy(Half):
    """|x| of Cauchy numbers x around 0 of half-width ``scale``."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale.new_full(tuple(self._batch_shape), math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance
