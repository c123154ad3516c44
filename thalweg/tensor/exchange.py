"""DLPack and buffers: tensors of other programs without copying, and ours for them; NumPy does the talking."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import DType, get_default_dtype
from ..runtime.device import as_device
from .convert import export
from .core import TensorCore
from .creation import from_array, from_numpy, tensor

if TYPE_CHECKING:
    from .tensor import Tensor

_CPU = (1, 0)


class _Capsule:
    """A capsule as an object that NumPy can ask for it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


class _Writable:
    """An array's memory, to be written to: a bare capsule does not say whether it may be, and PyTorch does."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        place = array.__array_interface__["data"][0]
        self.__array_interface__ = {**array.__array_interface__, "data": (place, False)}


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of ``ext_tensor``: writing to one changes the other.

    Args:
        ext_tensor: has ``__dlpack__``, or is a DLPack capsule, which can be taken once.
        copy: True for memory of its own.
    Raises:
        BufferError: its elements are of a type that DLPack or Thalweg has not, or on another device.
        TypeError: it is neither.
    """
    as_device(device)
    if isinstance(ext_tensor, TensorCore) and not copy:
        return ext_tensor.detach()  # type: ignore[attr-defined]
    bare = not hasattr(ext_tensor, "__dlpack__")
    if bare:
        if type(ext_tensor).__name__ != "PyCapsule":
            raise TypeError(
                f"from_dlpack: wants an object with __dlpack__ or a capsule, got {type(ext_tensor).__name__}"
            )
        ext_tensor = _Capsule(ext_tensor)
    array = np.from_dlpack(ext_tensor)
    if bare:
        array = np.asarray(_Writable(array))
    return from_array(np.array(array)) if copy else from_numpy(array)


def to_dlpack(input: TensorCore) -> Any:
    """A DLPack capsule of the tensor's memory, to be taken once."""
    return input.__dlpack__()  # type: ignore[attr-defined]


def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """(count,) the elements that lie in a buffer, from ``offset`` (bytes) on; all that fit where ``count`` is negative.

    Memory is shared; that of ``bytes`` can only be read.

    Raises:
        ValueError: the buffer is empty, too short, or no whole number of elements.
    """
    try:
        raw = np.frombuffer(memoryview(buffer).cast("B"), np.uint8) if len(buffer) else np.empty(0)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    size, length = dtype.itemsize, raw.size
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
                f"size ({size})"
            )
        count = (length - offset) // size
    if offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    array = raw[offset : offset + count * size].view(dtype.numpy)
    if not array.flags.aligned and not array.flags.writeable:
        array = array.copy()  # nobody can tell, and kernels read it where it lies
    found = from_numpy(array)
    if requires_grad:
        found.requires_grad_()
    return found


def from_file(
    filename: Any, shared: bool | None = None, size: int = 0, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(size,) the numbers in a file, mapped into memory.

    Args:
        shared: what is written to the tensor is written to the file, which is made where there is none, or longer.
        size: how many numbers.
    Raises:
        RuntimeError: there is no such file, or it is too short.
    """
    as_device(device)
    kind = dtype or get_default_dtype()
    wanted = size * kind.itemsize
    if not size:
        return from_numpy(np.zeros(0, kind.numpy))
    path = Path(filename)
    if not path.exists() and not shared:
        raise RuntimeError(
            f"unable to open file <{filename}> in read-only mode: No such file or directory (2)"
        )
    with path.open("r+b" if path.exists() and shared else "w+b" if shared else "rb") as file:
        length = file.seek(0, 2)
        if length < wanted:
            if not shared:
                raise RuntimeError(
                    f"file <{filename}> size <{length}> is smaller than the required mapping size <{wanted}>"
                )
            file.truncate(wanted)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        memory = mmap.mmap(file.fileno(), wanted, access=access)
    return frombuffer(memory, dtype=kind)


def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:  # fmt: skip
    """``obj`` (a tensor, an array, what speaks DLPack, a buffer, numbers) as a tensor.

    Args:
        copy: True for memory of its own, False to refuse where memory cannot be shared.
    Raises:
        ValueError: ``copy`` is False, and the elements have another type or are a sequence.
    """
    as_device(device)
    if isinstance(obj, TensorCore):
        found: Any = obj
    elif isinstance(obj, np.ndarray):
        found = from_numpy(obj)
    elif hasattr(obj, "__dlpack__") and not isinstance(obj, np.generic):
        found = from_dlpack(obj)
    elif isinstance(obj, bytes | bytearray | memoryview):
        found = frombuffer(obj, dtype=dtype or get_default_dtype())
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    else:
        return tensor(obj, dtype=dtype, requires_grad=requires_grad)
    if dtype is not None and found.dtype is not dtype:
        if copy is False:
            raise ValueError(f"can't alias tensor with dtype '{found.dtype}' into dtype '{dtype}'.")
        found = found.to(dtype)
    elif copy:
        found = found.clone()
    return found.requires_grad_() if requires_grad and not found.requires_grad else found


class ExchangeMethods(TensorCore):
    """Tensor's part of the DLPack protocol."""

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule that shares memory as ``numpy()`` does, while whoever takes it keeps it.

        Raises:
            BufferError: the tensor requires gradients.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        array = np.array(self._array()) if copy else export(self)
        return array.__dlpack__(max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU, as DLPack numbers devices."""
        return _CPU
