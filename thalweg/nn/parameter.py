"""Tensors that belong to a module: trainable parameters and buffers."""

from __future__ import annotations

from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty
from ..tensor.view import View


class Parameter(Tensor):
    """A tensor that a module trains; assigned as an attribute, it is registered there.

    Args:
        data: (*) the values; the parameter shares their memory. Empty, of shape (0,), when left out.
        requires_grad: whether backward computes its gradient.
    """

    _is_parameter = True

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        made: Parameter = _sharing(cls, data, requires_grad)
        return made

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        found: Parameter = memo[id(self)]
        return found

    def __repr__(self, **kwargs: Any) -> str:  # type: ignore[override]  # mypy drops a dunder's argument names
        return "Parameter containing:\n" + super().__repr__(**kwargs)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        parts = (type(self), self.data, self.requires_grad, self._own_attributes())
        return _rebuilt_parameter, parts


class Buffer(Tensor):
    """A tensor that is part of a module's state and not trained; assigned, it is registered as a buffer.

    Args:
        data: (*) the values; the buffer shares their memory.
        persistent: whether it is part of the module's ``state_dict``.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        made: Buffer = _sharing(cls, data, data is not None and data.requires_grad)
        made.persistent = persistent
        return made

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), persistent=self.persistent)
        found: Buffer = memo[id(self)]
        return found

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuilt_buffer, (self.data, self.persistent)


def _rebuilt_parameter(
    cls: type[Parameter], data: Tensor, requires_grad: bool, own: dict[str, Any]
) -> Parameter:
    made = cls(data, requires_grad)
    made.__dict__.update(own)
    return made


def _rebuilt_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)


def _sharing(cls: type[Any], data: Tensor | None, requires_grad: bool) -> Any:
    """A leaf of class ``cls`` that looks at the memory of ``data`` (*), with its shape."""
    if data is None:
        data = empty(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__}: data must be a Tensor, got {type(data).__name__}: use thalweg.tensor(...)"
        )
    if requires_grad and not data.dtype.is_differentiable:
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients: "
            f"got {data.dtype}: pass requires_grad=False or convert with .float()"
        )
    leaf = object.__new__(cls)
    leaf._storage, leaf._view = data._storage, data._view
    leaf._node, leaf._nr = None, 0
    leaf._requires_grad = requires_grad
    return leaf


class _Uninitialized(Tensor):
    """A place for a tensor whose shape is not known yet."""

    _becomes: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: DType | None = None) -> None:
        """Become a parameter or buffer of ``shape``, of values that are to be written still."""
        made = empty(tuple(shape), device=device, dtype=dtype or self.dtype)
        self._storage, self._view = made._storage, None
        self.__class__ = self._becomes  # type: ignore[assignment]

    def _read(self) -> Any:
        raise ValueError(
            f"Attempted to use an {type(self).__name__}: its shape is not known yet. Call the lazy module that it "
            "belongs to with a batch first"
        )

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer: call the lazy module that it belongs to "
            "with a batch first"
        )

    def __repr__(self, **kwargs: Any) -> str:  # type: ignore[override]  # as Parameter's
        return f"<{type(self).__name__}>"


def _without_shape(cls: type[Any], requires_grad: bool, device: Any, dtype: DType | None) -> Any:
    leaf = _sharing(cls, empty(0, device=device, dtype=dtype), requires_grad)
    leaf._view = View((0,), (1,))  # so that nothing reads past ``_read``
    return leaf


class UninitializedParameter(_Uninitialized, Parameter):
    """A Parameter whose shape a lazy module finds out at its first call."""

    _becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: DType | None = None
    ) -> UninitializedParameter:
        made: UninitializedParameter = _without_shape(cls, requires_grad, device, dtype)
        return made

    def __init__(
        self, requires_grad: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        found: Parameter = memo[id(self)]
        return found

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape a lazy module finds out at its first call."""

    _is_parameter = False
    _becomes = Tensor
    persistent: bool

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        made: UninitializedBuffer = _without_shape(cls, requires_grad, device, dtype)
        made.persistent = persistent
        return made

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        persistent: bool = True,
    ) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            memo[id(self)] = type(self)(
                self.requires_grad, dtype=self.dtype, persistent=self.persistent
            )
        found: Tensor = memo[id(self)]
        return found

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, None, self.dtype, self.persistent)


def is_lazy(param: Any) -> bool:
    """Whether it is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, _Uninitialized)
