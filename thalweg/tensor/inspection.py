"""Questions about tensors and types."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import broadcast_shapes as _common_shape
from ..ir.aval import promote
from ..ir.dtype import DType, get_default_dtype
from ..runtime.value import number
from .core import Size, TensorCore
from .storage import UntypedStorage


def is_inference(input: TensorCore) -> bool:
    """Whether ``input`` was made in inference mode."""
    return input._inference


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, TensorCore)


def is_floating_point(input: TensorCore) -> bool:
    """Whether the tensor's type is a floating one."""
    return input.dtype.is_floating_point


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type that arithmetic of the two (tensors or numbers) gives."""
    pair = [x._aval() if is_tensor(x) else number(x).aval for x in (tensor1, tensor2)]
    found = promote(*pair)
    if not (found.is_differentiable and all(p.weak for p in pair)):
        return found
    return get_default_dtype().to_complex() if found.is_complex else get_default_dtype()


def is_complex(input: TensorCore) -> bool:
    """Whether the tensor's type is a complex one."""
    return input.dtype.is_complex


def is_signed(input: TensorCore) -> bool:
    """Whether the tensor's type has negative numbers."""
    return input.dtype.numpy.kind in "if"


def is_same_size(input: TensorCore, other: TensorCore) -> bool:
    """Whether both have the same shape."""
    return tuple(input.shape) == tuple(other.shape)


def is_nonzero(input: Any) -> bool:
    """Whether the one element is not 0; RuntimeError where there are several or none."""
    return bool(input)


def get_device(input: TensorCore) -> int:
    """The number of the tensor's device: -1, the CPU has none."""
    return -1


def is_conj(input: TensorCore) -> bool:
    """Whether it is a conjugated view: no number here is complex."""
    return False


is_neg = is_distributed = is_conj


def is_storage(obj: Any) -> bool:
    """Whether ``obj`` is a storage."""
    return isinstance(obj, UntypedStorage)


def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of type ``from_`` may be written into a tensor of type ``to``: not to a lower kind."""
    return from_.category <= to.category


def typename(obj: Any) -> str:
    """The name of the object's class, with its module unless that is a built-in one."""
    if isinstance(obj, TensorCore):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    plain = module in ("builtins", "__builtin__", "", None)
    return kind.__qualname__ if plain else f"{module}.{kind.__qualname__}"


class finfo:
    """The limits of a floating type, the default one if none is given."""

    def __init__(self, type: DType | None = None) -> None:
        kind = type or get_default_dtype()
        if not kind.is_differentiable:
            raise TypeError(f"finfo: {kind} is not a floating type: use iinfo")
        kind = kind.to_real()
        limits = kind.limits
        self.bits, self.dtype = 8 * kind.itemsize, kind.name
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = 10.0**-limits.precision

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        listed = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"finfo({listed}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer type."""

    def __init__(self, type: DType) -> None:
        if type.is_differentiable or type.name == "bool":
            raise TypeError(f"iinfo: {type} is not an integer type")
        limits = np.iinfo(type.numpy)
        self.bits, self.dtype = limits.bits, type.name
        self.max, self.min = int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes (sequences of sizes, or one size each) broadcast to."""
    return Size(_common_shape(*((s,) if isinstance(s, int) else tuple(s) for s in shapes)))
