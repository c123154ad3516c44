"""Laws of transformed values."""

from __future__ import annotations

from typing import Any

from ..tensor import Size, Tensor
from ..tensor.modes import no_grad
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms.base import ComposeTransform, Transform, sum_rightmost


class TransformedDistribution(Distribution):
    """The law of ``transforms`` of values of ``base_distribution``.

    The density is that of the base divided by how much the transforms stretch volume.
    """

    arg_constraints: Any = {}

    def __init__(
        self, base_distribution: Any, transforms: Any, validate_args: bool | None = None
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list) or not all(
            isinstance(t, Transform) for t in self.transforms
        ):
            raise ValueError(
                f"transforms must be a Transform or a list of them, but was {transforms!r}"
            )
        whole = ComposeTransform(self.transforms)
        domain, codomain = whole.domain.event_dim, whole.codomain.event_dim
        event = len(base_distribution.event_shape)
        base_shape = Size((*base_distribution.batch_shape, *base_distribution.event_shape))
        if len(base_shape) < domain:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {domain}, but got {base_shape}."
            )
        shape = Size(whole.forward_shape(base_shape))
        wide = whole.inverse_shape(shape)
        if tuple(wide) != tuple(base_shape):
            base_distribution = base_distribution.expand(tuple(wide)[: len(wide) - event])
        if domain > event:
            base_distribution = Independent(base_distribution, domain - event)
        self.base_dist = base_distribution
        event_dim = max(codomain, len(base_distribution.event_shape) + codomain - domain)
        cut = len(shape) - event_dim
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        shape = (*batch_shape, *self._event_shape)
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        event = len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(tuple(shape)[: len(shape) - event])
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        """Where the last transform ends."""
        if not self.transforms:
            return self.base_dist.support
        region = self.transforms[-1].codomain
        more = len(self._event_shape) - region.event_dim
        return constraints.independent(region, more) if more > 0 else region

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._through(self.base_dist.rsample(sample_shape))

    def _through(self, value: Tensor) -> Tensor:
        for transform in self.transforms:
            value = transform(value)
        return value

    def _back(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        event_dim, found, y = len(self._event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(x, y)
            found = found - sum_rightmost(stretch, event_dim - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return found + sum_rightmost(base, event_dim - len(self.base_dist.event_shape))

    def _rising(self, chance: Tensor) -> Tensor:
        """``chance``, or 1 less it where the transforms fall."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return chance
        return sign * (chance - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        back = self._back(value)
        if self._validate_args:
            self.base_dist._validate_sample(back)
        return self._rising(self.base_dist.cdf(back))

    def icdf(self, value: Tensor) -> Tensor:
        return self._through(self.base_dist.icdf(self._rising(value)))
