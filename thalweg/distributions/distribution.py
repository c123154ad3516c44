"""What every law is: its shapes, what its parameters and values must satisfy, and what can be asked of it."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Size, Tensor
from ..tensor.modes import no_grad
from .constraints import is_dependent
from .utils import lazy_property

Shape = Any  # a size or a sequence of them


def _kept(value: Any, old: Size, new: tuple[int, ...]) -> Any:
    """A parameter, or a law, with ``new`` instead of the leading axes ``old``."""
    if isinstance(value, Tensor):
        return value.expand(*new, *tuple(value.shape)[len(old) :])
    return value.expand((*new, *value.batch_shape[len(old) :]))


class Distribution:
    """A law of random values: ``batch_shape`` of them side by side, each of ``event_shape``.

    A sample has shape sample_shape + batch_shape + event_shape.

    Attributes:
        arg_constraints: by parameter where it may lie.
        support: where values lie.
        has_rsample: whether ``rsample`` gives draws with gradients for the parameters.
        has_enumerate_support: whether all values can be listed.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: Any = {}
    support: Any
    _validate_args = __debug__
    _also_expanded: tuple[str, ...] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where ``validate_args`` is not given."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: want True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), lazy_property
            ):
                continue
            value = getattr(self, name)
            inside = constraint.check(value)
            if not bool(inside.all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                    f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid "
                    f"values:\n{value}"
                )

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Any:
        """This law with its parameters expanded to another ``batch_shape``; shares their memory."""
        new = object.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update(self.__dict__)
        shape = Size(batch_shape)
        for name in (*self.arg_constraints, *self._also_expanded):
            if name in self.__dict__:
                new.__dict__[name] = _kept(self.__dict__[name], self._batch_shape, shape)
        new._batch_shape = shape
        return new

    @property
    def batch_shape(self) -> Size:
        """The shape of the laws side by side."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    # What a law may know

    def _unknown(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__}.{what} is not implemented")

    @property
    def mean(self) -> Tensor:
        """The mean of each law."""
        raise self._unknown("mean")

    @property
    def mode(self) -> Tensor:
        """The value of the highest density of each law."""
        raise self._unknown("mode")

    @property
    def variance(self) -> Tensor:
        """The variance of each law."""
        raise self._unknown("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation of each law."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Values of shape sample_shape + batch_shape + event_shape, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Values as ``sample``, with gradients for the parameters."""
        raise self._unknown("rsample")

    def sample_n(self, n: int) -> Tensor:
        """``n`` values. Deprecated: ``sample((n,))``."""
        warnings.warn(
            "sample_n(n) will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2
        )
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density (or chance) of values: their shape without ``event_shape``."""
        raise self._unknown("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The chance of at most ``value``."""
        raise self._unknown("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The number that a value does not exceed with chance ``value``."""
        raise self._unknown("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """(values, *batch_shape, *event_shape): all values; with 1 for the batch unless ``expand``."""
        raise self._unknown("enumerate_support")

    def entropy(self) -> Tensor:
        """The entropy of each law, in nats."""
        raise self._unknown("entropy")

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    # For subclasses

    def _extended_shape(self, sample_shape: Shape = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Raise where ``value`` has not the shape of values, or lies outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        first = value.ndim - len(self._event_shape)
        if tuple(value.shape)[max(first, 0) :] != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected = (*self._batch_shape, *self._event_shape)
        for given, wanted in zip(reversed(value.shape), reversed(expected), strict=False):
            if 1 not in (given, wanted) and given != wanted:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {Size(expected)}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support`: the value is not checked", stacklevel=3
            )
            return
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within "
                f"the support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A new object for ``expand``; NotImplementedError where a subclass has to say how to make one."""
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return object.__new__(type(self)) if _instance is None else _instance

    def __repr__(self) -> str:
        held = [(k, self.__dict__[k]) for k in self.arg_constraints if k in self.__dict__]
        shown = ", ".join(f"{k}: {v.item() if v.numel() == 1 else v.shape}" for k, v in held)
        return f"{type(self).__name__}({shown})"
