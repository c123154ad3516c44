"""What the constructors of PyTorch's early years take: ``Tensor(2, 3)``, ``FloatTensor([1, 2])``, ``x.new(4)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.dtype import DType
from ..runtime.device import Device
from .core import Size, TensorCore
from .creation import from_array, infer_array, size_of
from .dispatch import alias
from .shape import alias_of


def construct(
    given: tuple[Any, ...], dtype: DType, device: Any = None, checked: bool = True
) -> Any:
    """The tensor that a class with element type ``dtype`` makes of what it is called with.

    Integers, or a ``Size``, are the sizes of a tensor yet to be written (here: zeros), () without any makes shape (0,);
    a sequence or an array holds the elements, converted; a tensor (*) is looked at, not copied, with its tape.

    Raises:
        TypeError: neither of these; or ``checked``, and the tensor's element type is another one.
        RuntimeError: a negative size, a number that ``dtype`` cannot hold, or a device other than the CPU.
    """
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise RuntimeError(
            "legacy constructor expects device type: cpu but device type: "
            f"{device.type if isinstance(device, Device) else device} was passed"
        )
    if len(given) != 1 or isinstance(given[0], Size) or _is_size(given[0]):
        sizes = given or (0,)
        for size in sizes:
            if not isinstance(size, Size) and not _is_size(size):
                raise TypeError(
                    f"new(): sizes must be integers, got {type(size).__name__} among {given!r}: "
                    "elements are given as one list"
                )
        return from_array(np.zeros(size_of(sizes), dtype.numpy))
    (data,) = given
    if isinstance(data, TensorCore):
        seen: Any = data
        if checked and data.dtype is not dtype:
            raise TypeError(
                f"new(): expected a tensor of {dtype}, got one of {data.dtype}: convert it with .to()"
            )
        return alias_of(seen) if data.requires_grad else alias(data, data._view)
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(data, bool) or not isinstance(data, Sequence | np.ndarray):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return from_array(infer_array(data, dtype))


def _is_size(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool)
