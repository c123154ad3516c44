"""From all real numbers to a region: ``biject_to`` by one-to-one maps, ``transform_to`` by simpler ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints
from . import transforms as t

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """By kind of region the function that makes its transform."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], t.Transform]] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Make ``factory`` the maker for a kind of region (a class, or one of its objects); a decorator without it."""
        if factory is None:
            return lambda made: self.register(constraint, made)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise TypeError(
                f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> t.Transform:
        """The transform onto a region; NotImplementedError where none is known."""
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise NotImplementedError(
                f"Cannot transform {type(constraint).__name__} constraints"
            ) from None
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _for_both(*kinds: Any) -> Callable[[Any], Any]:
    def add(factory: Any) -> Any:
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return add


@_for_both(constraints.real)
def _to_real(constraint: Any) -> t.Transform:
    return t.identity_transform


@_for_both(constraints.greater_than, constraints.greater_than_eq)
def _to_above(constraint: Any) -> t.Transform:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.lower_bound, 1)])


@_for_both(constraints.less_than)
def _to_below(constraint: Any) -> t.Transform:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.upper_bound, -1)])


@_for_both(constraints.interval, constraints.half_open_interval)
def _to_interval(constraint: Any) -> t.Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, int | float) and isinstance(high, int | float) and (low, high) == (0, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


@_for_both(constraints.corr_cholesky)
def _to_corr_cholesky(constraint: Any) -> t.Transform:
    return t.CorrCholeskyTransform()


def _one_to_one_to_simplex(constraint: Any) -> t.Transform:
    return t.StickBreakingTransform()


def _to_simplex(constraint: Any) -> t.Transform:
    return t.SoftmaxTransform()


def _to_lower_cholesky(constraint: Any) -> t.Transform:
    return t.LowerCholeskyTransform()


def _to_positive_definite(constraint: Any) -> t.Transform:
    return t.PositiveDefiniteTransform()


biject_to.register(constraints.simplex, _one_to_one_to_simplex)
transform_to.register(constraints.simplex, _to_simplex)
transform_to.register(constraints.lower_cholesky, _to_lower_cholesky)
transform_to.register(constraints.positive_definite, _to_positive_definite)
transform_to.register(constraints.positive_semidefinite, _to_positive_definite)


def _of_parts(registry: ConstraintRegistry) -> None:
    """Regions of other regions, by the registry's own transforms of those."""
    registry.register(
        constraints.independent,
        lambda c: t.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims),
    )
    registry.register(
        constraints.cat,
        lambda c: t.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths),
    )
    registry.register(
        constraints.stack, lambda c: t.StackTransform([registry(part) for part in c.cseq], c.dim)
    )


_of_parts(biject_to)
_of_parts(transform_to)
