"""Tensors from what a file says of them: a storage, an offset, sizes and strides."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..ir.dtype import ALL, DType
from ..nn.parameter import Buffer, Parameter
from ..runtime.device import Device
from ..runtime.value import Storage, realized
from ..tensor import Tensor
from ..tensor.creation import from_array
from ..tensor.storage import UntypedStorage
from ..tensor.view import View, row_major
from .unpickle import LoadError

# PyTorch's names of storages by the type of their elements
STORAGES = {
    "float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage",
    "uint8": "ByteStorage", "bool": "BoolStorage", "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}  # fmt: skip
DTYPES = {dtype.name: dtype for dtype in ALL}
MAX_AXES = 64


class StorageKind:
    """A storage class as a file names it; ``dtype`` is None for bytes without a type."""

    def __init__(self, name: str, dtype: DType | None) -> None:
        self.name, self.dtype = name, dtype


KINDS = {
    f"torch.{kind}": StorageKind(kind, DTYPES[name])
    for name, kind in STORAGES.items()
    if name in DTYPES
}
UNTYPED = StorageKind("UntypedStorage", None)


class Stored(UntypedStorage):
    """The elements of one storage of a file; all tensors over it share them.

    Args:
        raw: (nbytes,) uint8.
        dtype: of the elements; None while only the bytes are known.
        swapped: whether the file's byte order is not this machine's.
    """

    def __init__(self, raw: np.ndarray[Any, Any], dtype: DType | None, swapped: bool) -> None:
        self.raw, self.swapped = raw, swapped
        self.dtype: DType | None = None
        self.elements = self.raw
        self.made: Storage | None = None
        if dtype is not None:
            self.typed(dtype)

    @property
    def _storage(self) -> Storage:  # type: ignore[override]  # made when something first looks at it
        if self.made is None:
            self.made = Storage(realized(self.elements))
        return self.made

    def typed(self, dtype: DType) -> None:
        """See the bytes as elements of ``dtype``, for good."""
        if self.dtype is dtype:
            return
        if self.dtype is not None or self.raw.nbytes % dtype.itemsize:
            raise LoadError(f"load: a storage of the file does not hold {dtype}: it is damaged")
        if dtype.numpy == np.bool_:
            elements = self.raw != 0
        else:
            elements = self.raw.view(dtype.numpy)
        if self.swapped:
            elements = elements.byteswap()
        self.elements, self.dtype = elements, dtype

    def seen(self, view: View) -> Any:
        """A tensor that looks at the storage through ``view``."""
        whole = view.offset == 0 and prod(view.shape) == self.elements.size and view.is_contiguous()
        if self.made is None and whole:
            self.made = Storage(realized(self.elements.reshape(view.shape)))
        t = from_array(np.empty(0, self.elements.dtype))
        t._storage = self._storage
        t._view = None if whole and t._storage.aval.shape == view.shape else view
        return t


def check_sizes(sizes: Any) -> None:
    """LoadError for what is no tuple of a few numbers, each 0 or more."""
    plain = isinstance(sizes, tuple) and len(sizes) <= MAX_AXES
    if not plain or any(type(n) is not int or not 0 <= n < 1 << 63 for n in sizes):
        raise LoadError(
            "load: a tensor of the file has sizes, strides or an offset that are none: it is damaged"
        )


def _checked(stored: Any, offset: Any, size: Any, stride: Any) -> View:
    """The view that a file asks for, or LoadError where it reaches outside of the storage."""
    if not isinstance(stored, Stored) or stored.dtype is None:
        raise LoadError("load: a tensor of the file has no storage: it is damaged")
    for numbers in (size, stride, (offset,)):
        check_sizes(numbers)
    shown = f"sizes {list(size)}, strides {list(stride)}, offset {offset}"
    if len(size) != len(stride) or prod(size) >= 1 << 63:
        raise LoadError(f"load: a tensor of the file has {shown}: it is damaged")
    reach = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    count = stored.elements.size
    if 0 in size:
        return View(tuple(size), row_major(tuple(size)))
    if reach > count:
        raise LoadError(
            f"load: a tensor of the file reaches element {reach - 1} of a storage of {count}: {shown}: refused"
        )
    return View(tuple(size), tuple(stride), offset)


def tensor(
    stored: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """``torch._utils._rebuild_tensor_v2``."""
    t: Tensor = stored.seen(_checked(stored, offset, size, stride))
    if requires_grad:
        t.requires_grad_()
    return t


def tensor_of_bytes(
    stored: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """``torch._utils._rebuild_tensor_v3``: the storage is bytes."""
    if not isinstance(stored, Stored) or not isinstance(dtype, DType):
        raise LoadError("load: a tensor of the file has no storage or no type: it is damaged")
    stored.typed(dtype)
    return tensor(stored, offset, size, stride, requires_grad)


def parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Parameter:
    """``torch._utils._rebuild_parameter``, and ``..._with_state``, which has attributes."""
    made = Parameter(data, requires_grad=bool(requires_grad))
    with_attributes(made, state or {})
    return made


def subclass(build: Any, cls: Any, arguments: Any, state: Any) -> Any:
    """``torch._tensor._rebuild_from_type_v2``: a tensor with attributes."""
    known: tuple[Callable[..., Any], ...] = (tensor, tensor_of_bytes, parameter)
    if build not in known or not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise LoadError("load: the file asks for a tensor of a class that it may not hold: refused")
    made = build(*arguments)
    if cls not in (Tensor, Parameter):  # a class that the program allowed
        plain, made = made, object.__new__(cls)
        made._storage, made._view, made._node, made._nr = plain._storage, plain._view, None, 0
        made._requires_grad = plain.requires_grad
    if isinstance(state, dict) and state.get("_is_buffer") is True:
        more = {k: v for k, v in state.items() if k not in ("_is_buffer", "persistent")}
        made = Buffer(made, persistent=bool(state.get("persistent", True)))
        return with_attributes(made, more)
    return with_attributes(made, state)


def with_attributes(made: Any, state: Any) -> Any:
    """``made`` with the attributes that its saver had given it."""
    if not isinstance(state, dict):
        raise LoadError("load: the attributes of a tensor are no dict: the file is damaged")
    for name in state:
        plain = type(name) is str and not name.startswith("__")
        if not plain or name in made.__dict__ or hasattr(type(made), name):
            raise LoadError("load: a tensor of the file has an attribute that is none: refused")
    made.__dict__.update(state)
    return made


def device(kind: Any, index: Any = None) -> Device:
    """``torch.device``; of those that are not there, an error."""
    return Device(kind, index)
