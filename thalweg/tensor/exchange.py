"""DLPack: tensors of other frameworks without copying, and ours for them; NumPy does the talking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.device import as_device
from .convert import export
from .core import TensorCore
from .creation import from_array, from_numpy

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


def to_dlpack(tensor: TensorCore) -> Any:
    """A DLPack capsule of the tensor's memory, to be taken once."""
    return tensor.__dlpack__()  # type: ignore[attr-defined]


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
