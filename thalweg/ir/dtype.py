"""Which element types exist, and how they mix."""

from __future__ import annotations

import numpy as np

from .spelling import spoken

_BOOL, _INTEGER, _FLOAT = 0, 1, 2


class DType:
    """One element type. There is one object per type: compare with ``is`` or ``==``."""

    __slots__ = ("name", "numpy", "category", "itemsize", "__weakref__")

    def __init__(self, name: str, category: int) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        self.category = category
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.category == _FLOAT

    @property
    def is_complex(self) -> bool:
        return False

    @property
    def is_signed(self) -> bool:
        return self.name not in ("bool", "uint8")

    def __repr__(self) -> str:
        return f"{spoken()}.{self.name}"

    def __reduce__(self) -> str | tuple[object, ...]:
        return (by_name, (self.name,))

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: object) -> DType:
        return self


bool_ = DType("bool", _BOOL)
uint8 = DType("uint8", _INTEGER)
int8 = DType("int8", _INTEGER)
int16 = DType("int16", _INTEGER)
int32 = DType("int32", _INTEGER)
int64 = DType("int64", _INTEGER)
float32 = DType("float32", _FLOAT)
float64 = DType("float64", _FLOAT)

ALL = (bool_, uint8, int8, int16, int32, int64, float32, float64)
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}

_default = float32


def by_name(name: str) -> DType:
    return _BY_NAME[name]


def from_numpy(dtype: np.dtype[np.generic] | type) -> DType:
    """The DType of a NumPy dtype; TypeError where there is none."""
    found = _BY_NUMPY.get(np.dtype(dtype))
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{np.dtype(dtype).type.__name__}. The only supported types are: "
            "float64, float32, int64, int32, int16, int8, uint8, and bool."
        )
    return found


def get_default_dtype() -> DType:
    """The floating type of new tensors: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Make ``dtype`` (float32 or float64) the type of new floating tensors."""
    global _default
    if not dtype.is_floating_point:
        raise TypeError(
            f"set_default_dtype: only floating-point types are supported as the default, got {dtype}"
        )
    _default = dtype


def of_scalar(value: bool | int | float) -> DType:
    """The type a Python number stands for: bool, int64 or the default floating type."""
    if isinstance(value, bool | np.bool_):
        return bool_
    return int64 if isinstance(value, int | np.integer) else _default


_SIGNED_RANK = {int8: 0, int16: 1, int32: 2, int64: 3}
_SIGNED = (int8, int16, int32, int64)


def promote_types(a: DType, b: DType) -> DType:
    """The smallest type both convert to, by PyTorch's lattice.

    Source: PyTorch documentation, "Type promotion"; NumPy's differs for uint8 with signed types
    of equal width and for integers with float32.
    """
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == _FLOAT:
        return float64
    if a is uint8 or b is uint8:
        other = b if a is uint8 else a
        return _SIGNED[max(1, _SIGNED_RANK[other])]
    return _SIGNED[max(_SIGNED_RANK[a], _SIGNED_RANK[b])]
