"""Pickling with PyTorch's names, so that either of the two reads what the other wrote."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from ..ir.dtype import DType
from ..nn.parameter import Buffer, Parameter
from ..runtime.device import Device
from ..runtime.value import Array, Storage
from ..tensor import Size, Tensor
from ..tensor.formats import strided
from ..tensor.storage import UntypedStorage
from .rebuild import STORAGES


class _Named:
    """A name in a pickle, of something that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        """The pickler wants what it writes a call of to be callable."""


_TENSOR_V2 = _Named("torch._utils", "_rebuild_tensor_v2")
_TENSOR_V3 = _Named("torch._utils", "_rebuild_tensor_v3")
_PARAMETER = _Named("torch._utils", "_rebuild_parameter")
_PARAMETER_WITH_STATE = _Named("torch._utils", "_rebuild_parameter_with_state")
_FROM_TYPE = _Named("torch._tensor", "_rebuild_from_type_v2")
_TENSOR = _Named("torch", "Tensor")
_UNTYPED = _Named("torch.storage", "UntypedStorage")
_SIZE = _Named("torch", "Size")
_LAYOUT = _Named("torch.serialization", "_get_layout")
_DEVICE = _Named("torch", "device")


class _Kept:
    """A storage on its way into a file: its elements as they were when it was met."""

    def __init__(self, storage: Storage, key: str) -> None:
        self.storage, self.key = storage, key
        shared = None if storage.value is not None else storage.settle()
        if shared is not None:
            self.array: Array = np.array(shared, order="C")
        else:
            assert storage.value is not None
            self.array = np.ascontiguousarray(storage.value.get())


class TorchPickler(pickle._Pickler):
    """Python's pickler, which writes tensors, types, sizes and devices under PyTorch's names.

    ``kept`` are the storages that were met, by the identity of each.
    """

    dispatch: ClassVar[dict[type, Callable[..., None]]] = dict(pickle._Pickler.dispatch)

    def __init__(self, out: io.BytesIO, protocol: int) -> None:
        super().__init__(out, protocol)
        self.kept: dict[int, _Kept] = {}
        self.names: dict[str, _Named] = {}

    def storages(self) -> Iterator[tuple[str, Any]]:
        """(key, bytes) of each storage that the pickle names."""
        for kept in self.kept.values():
            yield kept.key, kept.array.reshape(-1).view(np.uint8)

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, np.generic):  # NumPy's numbers are stored as Python's
            obj = obj.item()
        super().save(obj, save_persistent_id)  # type: ignore[misc]

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, UntypedStorage):
            return ("storage", _UNTYPED, self._keep(obj._storage).key, "cpu", obj.nbytes())
        if type(obj) is not _Kept:
            return None
        name = STORAGES.get(obj.storage.aval.dtype.name)
        if name is None:
            return ("storage", _UNTYPED, obj.key, "cpu", obj.array.nbytes)
        kind = self.names.setdefault(name, _Named("torch", name))
        return ("storage", kind, obj.key, "cpu", obj.array.size)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Parameter):
            data = _Plain(obj.detach())
            own = obj._own_attributes()
            if own:
                return _PARAMETER_WITH_STATE, (data, obj.requires_grad, OrderedDict(), own)
            return _PARAMETER, (data, obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            build, parts = self._parts(obj)
            own = obj._own_attributes()
            if isinstance(obj, Buffer):
                own["_is_buffer"] = True
            elif type(obj) is not Tensor:
                return _FROM_TYPE, (build, type(obj), parts, own)
            if not own:
                return build, parts
            return _FROM_TYPE, (build, _TENSOR, parts, own)
        if type(obj) is _Plain:
            return self._parts(obj.tensor)
        if isinstance(obj, Size):
            return _SIZE, (tuple(obj),)
        if obj is strided:
            return _LAYOUT, ("torch.strided",)
        if isinstance(obj, Device):
            return _DEVICE, (obj.type,) if obj.index is None else (obj.type, obj.index)
        return NotImplemented

    def _keep(self, storage: Storage) -> _Kept:
        kept = self.kept.get(id(storage))
        if kept is None:
            kept = self.kept[id(storage)] = _Kept(storage, str(len(self.kept)))
        return kept

    def _parts(self, t: Tensor) -> tuple[_Named, tuple[Any, ...]]:
        """What rebuilds a tensor, and from what; a type that has no storage of its own is named at the end."""
        storage, layout = t._storage, t._layout()
        kept = self._keep(storage)
        # new tuples, so that the pickle has each tensor's own and equals PyTorch's to the byte
        shape, strides = (tuple(list(numbers)) for numbers in (layout.shape, layout.strides))
        parts: tuple[Any, ...] = (
            kept,
            layout.offset,
            shape,
            strides,
            bool(t.requires_grad),
            OrderedDict(),
        )
        return (_TENSOR_V2, parts) if t.dtype.name in STORAGES else (_TENSOR_V3, (*parts, t.dtype))

    def _save_name(self, obj: _Named) -> None:
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    dispatch[_Named] = _save_name

    def _save_dtype(self, obj: DType) -> None:
        self.save(self.names.setdefault(repr(obj), _Named("torch", obj.name)))

    dispatch[DType] = _save_dtype


class _Plain:
    """A parameter's data, which is written without the parameter's class and attributes."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
