"""Transforms of parts of a value side by side, and by a law's own distribution function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tensor import Tensor
from ...tensor.joining import cat, stack
from .. import constraints
from .base import Transform, sum_rightmost


class _OfParts(Transform):
    """Transforms of what lies next to each other along ``dim``."""

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError(f"{type(self).__name__}: a subclass says what its parts are")

    def _joined(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: a subclass says how parts are joined")

    def _mapped(self, x: Tensor, how: Callable[[Transform, Tensor], Tensor]) -> Tensor:
        pairs = zip(self.transforms, self._parts(x), strict=True)
        return self._joined([how(t, part) for t, part in pairs])

    def _call(self, x: Tensor) -> Tensor:
        return self._mapped(x, lambda t, part: t(part))

    def _inverse(self, y: Tensor) -> Tensor:
        return self._mapped(y, lambda t, part: t.inv(part))

    def _stretches(self, x: Tensor, y: Tensor) -> list[Tensor]:
        each = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return [t.log_abs_det_jacobian(a, b) for t, a, b in each]


class CatTransform(_OfParts):
    """Transforms of consecutive pieces, of the given lengths, along ``dim``."""

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(
                f"CatTransform: {len(self.transforms)} transforms want as many lengths, got {len(self.lengths)}"
            )

    @property
    def length(self) -> int:
        """How long the whole is."""
        return sum(self.lengths)

    def _parts(self, x: Tensor) -> list[Tensor]:
        if x.shape[self.dim] != self.length:
            raise ValueError(
                f"CatTransform: size {x.shape[self.dim]} along {self.dim}, the pieces have {self.length}"
            )
        return list(x.split(self.lengths, self.dim))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        stretches = [
            sum_rightmost(s, self.event_dim - t.event_dim)
            for s, t in zip(self._stretches(x, y), self.transforms, strict=True)
        ]
        dim = self.dim - x.ndim if self.dim >= 0 else self.dim
        dim += self.event_dim
        if dim < 0:
            return cat(stretches, dim)
        total = stretches[0]
        for stretch in stretches[1:]:
            total = total + stretch
        return total

    @property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_OfParts):
    """A transform for each index along ``dim``."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    def _parts(self, x: Tensor) -> list[Tensor]:
        if x.shape[self.dim] != len(self.transforms):
            raise ValueError(
                f"StackTransform: size {x.shape[self.dim]} along {self.dim}, there are {len(self.transforms)}"
            )
        return list(x.unbind(self.dim))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return stack(self._stretches(x, y), self.dim)

    @property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


class CumulativeDistributionTransform(Transform):
    """A law's own distribution function: its values become uniform in [0, 1]."""

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
