"""Which memory a tensor looks at: addresses, storages as objects, memory that processes share.

Note: what an address means here. A Value is immutable, so writing to a tensor may put its elements elsewhere; yet a
program that asks for ``data_ptr()`` compares it with what it was, or with another tensor's. So the first call settles a
storage's address: where its elements lie at that time, in memory that no other tensor shows and that is kept. It
stays, is the same for all views of the storage, and is no other storage's. To work on the elements themselves from
outside, take ``numpy()``: while such an array lives, the address is that of the memory it shows.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import DType
from ..ir.spelling import spoken
from ..runtime.device import CPU, Device
from ..runtime.value import Array, Storage, realized
from .convert import memory_to_share
from .core import TensorCore
from .creation import from_array
from .inplace import check_writable
from .view import View, row_major

if TYPE_CHECKING:
    from .tensor import Tensor


def _place(storage: Storage) -> Array:
    """The memory whose address is the storage's."""
    shared = None if storage.value is not None else storage.settle()
    if shared is not None:
        return shared
    if storage.place is None:
        array = memory_to_share(storage)
        assert storage.value is not None
        if array is not storage.value.array:
            storage.value = realized(array)
        storage.place = array
    return storage.place


def _address(storage: Storage) -> int:
    place = _place(storage)
    found: int = place.__array_interface__["data"][0] if place.size else 0
    return found


def _elements(storage: Storage) -> Array:
    """(n,) the elements of a storage as they are now; not to be written to."""
    if storage.value is None and storage.settle() is not None:
        assert storage.foreign is not None
        return storage.foreign.reshape(-1)
    assert storage.value is not None
    return np.asarray(storage.value.get()).reshape(-1)


class UntypedStorage:
    """The bytes that one or more tensors look at."""

    kind = "UntypedStorage"

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def data_ptr(self) -> int:
        """The storage's address, see ``Tensor.data_ptr``."""
        return _address(self._storage)

    def nbytes(self) -> int:
        aval = self._storage.aval
        return aval.size * aval.dtype.itemsize

    def size(self) -> int:
        return self.nbytes()

    def element_size(self) -> int:
        return 1

    def __len__(self) -> int:
        return self.size()

    def _numbers(self) -> Array:
        return _elements(self._storage).view(np.uint8)

    def __getitem__(self, index: int) -> Any:
        return self._numbers()[index].item()

    def tolist(self) -> list[Any]:
        numbers: list[Any] = self._numbers().tolist()
        return numbers

    @property
    def device(self) -> Device:
        return CPU

    def is_shared(self) -> bool:
        """Whether ``share_memory_`` made it memory that forked processes share."""
        return self._storage.between_processes

    def is_pinned(self, device: Any = "cuda") -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UntypedStorage) or other.kind != self.kind:
            return False
        return other._storage is self._storage

    def __hash__(self) -> int:
        return hash((self.kind, id(self._storage)))

    def __repr__(self) -> str:
        numbers = "".join(f" {n}\n" for n in self.tolist())
        return f"{numbers}[{spoken()}.storage.{self.kind}(device=cpu) of size {self.size()}]"


class TypedStorage(UntypedStorage):
    """The elements, of one type, that one or more tensors look at."""

    kind = "TypedStorage"

    @property
    def dtype(self) -> DType:
        return self._storage.aval.dtype

    def untyped(self) -> UntypedStorage:
        return UntypedStorage(self._storage)

    def size(self) -> int:
        return self._storage.aval.size

    def element_size(self) -> int:
        return self.dtype.itemsize

    def __setitem__(self, index: int | slice, value: Any) -> None:
        """Write an element, or several; each tensor that looks at them sees it, and the tape does not."""
        flat: Any = from_array(np.empty(0, self.dtype.numpy))
        flat.set_(self)
        if not isinstance(index, slice) and not -len(self) <= index < len(self):
            raise IndexError(f"out of range: index {index} of a storage of {len(self)} elements")
        flat[index] = value

    def fill_(self, value: Any) -> TypedStorage:
        """Write ``value`` to every element."""
        self[:] = value
        return self

    def _numbers(self) -> Array:
        return _elements(self._storage)


class StorageMethods(TensorCore):
    """Tensor's methods about its memory."""

    def data_ptr(self) -> int:
        """The address of the first element, 0 without any: equal for tensors that begin at the same memory.

        It stays while the tensor lives, though a write may put the elements elsewhere (see the note above).
        """
        if not self._aval().size:
            return 0
        return _address(self._storage) + self._layout().offset * self.dtype.itemsize

    const_data_ptr = data_ptr

    def set_(
        self, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
    ) -> Tensor:
        """Look at the memory of ``source`` (a tensor or a storage) from now on; at none if left out.

        Args:
            storage_offset, size, stride: how to look at it; as ``source`` does, or at all of a storage.
        Raises:
            RuntimeError: the elements are of another type, or the tensor is a leaf that requires gradients.
            ValueError: the view reaches outside of the memory.
        """
        check_writable(self)
        if source is None:
            source, size = UntypedStorage(Storage(realized(np.empty(0, self.dtype.numpy)))), (0,)
        storage = source._storage
        if storage.aval.dtype is not self.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {storage.aval.dtype} to a tensor of type {self.dtype}"
            )
        if size is not None:
            shape = tuple(size)
            view = View(
                shape, row_major(shape) if stride is None else tuple(stride), storage_offset
            )
        elif isinstance(source, TensorCore):
            view = source._layout()
        else:
            view = View((storage.aval.size,), (1,))
        reach = view.offset + sum(
            (n - 1) * s for n, s in zip(view.shape, view.strides, strict=True)
        )
        backward = min((view.offset, *view.strides)) < 0
        if backward or (0 not in view.shape and reach >= storage.aval.size):
            raise ValueError(
                f"set_: sizes {list(view.shape)}, strides {list(view.strides)} and offset {view.offset} reach outside "
                f"of a storage of {storage.aval.size} elements"
            )
        self._storage, self._seen = storage, None
        same = view.offset == 0 and view.shape == storage.aval.shape and view.is_contiguous()
        self._view = None if same else view
        return self  # type: ignore[return-value]

    def untyped_storage(self) -> UntypedStorage:
        """The bytes that this tensor looks at; equal to that of each tensor over the same memory."""
        return UntypedStorage(self._storage)

    def storage(self) -> TypedStorage:
        """The elements that this tensor looks at."""
        return TypedStorage(self._storage)

    def storage_type(self) -> type:
        """The class of ``storage()``."""
        return TypedStorage

    def is_set_to(self, tensor: TensorCore) -> bool:
        """Whether both look at the same memory in the same way."""
        mine, other = self._layout(), tensor._layout()
        same = (mine.shape, mine.strides, mine.offset) == (other.shape, other.strides, other.offset)
        return same and self._storage is tensor._storage

    def share_memory_(self) -> Tensor:
        """Put the elements into memory that processes forked from now on share: each sees what the others write.

        What is sent to a process that was not forked is a copy.
        """
        storage = self._storage
        if not storage.between_processes:
            values = _elements(storage)
            memory = np.frombuffer(mmap.mmap(-1, max(values.nbytes, 1)), values.dtype, values.size)
            memory[:] = values
            shape = storage.aval.shape
            storage.foreign, storage.owner, storage.value = memory.reshape(shape), None, None
            storage.between_processes = True
        return self  # type: ignore[return-value]

    def is_shared(self) -> bool:
        """Whether ``share_memory_`` was called on this tensor or another over the same memory."""
        return self._storage.between_processes

    def pin_memory(self, device: Any = None) -> Tensor:
        """Refused: pinned memory is for accelerators."""
        raise RuntimeError(
            "Cannot access accelerator device when none is available: pin_memory() is for copies to a GPU"
        )

    def is_pinned(self, device: Any = None) -> bool:
        return False
