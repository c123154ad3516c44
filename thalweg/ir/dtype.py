"""Which element types exist, and how they mix."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .spelling import spoken

_BOOL, _INTEGER, _FLOAT, _COMPLEX = 0, 1, 2, 3
_OURS = {"bfloat16": 2}  # NumPy has no such type: ml_dtypes adds it, once somebody asks


class DType:
    """One element type. There is one object per type: compare with ``is`` or ``==``.

    Attributes:
        is_half: float16 or bfloat16. What is computed of such elements is computed in float32, and rounded (builder.py).
        is_differentiable: gradients flow through such elements.
    """

    def __init__(self, name: str, category: int) -> None:
        self.name = name
        self.category = category
        self.itemsize: int = _OURS.get(name) or np.dtype(name).itemsize
        self.is_floating_point = category == _FLOAT
        self.is_complex = category == _COMPLEX
        self.is_differentiable = category >= _FLOAT
        self.is_half = category == _FLOAT and self.itemsize == 2
        self.is_signed = name != "bool" and not name.startswith("uint")

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The type of the arrays that hold such elements."""
        if self.name in _OURS:
            import ml_dtypes

            ours: np.dtype[Any] = np.dtype(getattr(ml_dtypes, self.name))
            return ours
        return np.dtype(self.name)

    @property
    def limits(self) -> Any:
        """NumPy's ``finfo`` of a floating type or of a complex one's parts."""
        if self.name in _OURS:
            import ml_dtypes

            return ml_dtypes.finfo(self.numpy)  # type: ignore[no-untyped-call]
        return np.finfo(self.numpy)

    def to_real(self) -> DType:
        """The type of a complex type's parts; any other type itself."""
        return _PARTS.get(self, self)

    def to_complex(self) -> DType:
        """The complex type whose parts hold this type's numbers; complex64 for float16 and bfloat16."""
        if self.is_complex:
            return self
        return complex128 if self is float64 else complex64

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
uint16 = DType("uint16", _INTEGER)
uint32 = DType("uint32", _INTEGER)
uint64 = DType("uint64", _INTEGER)
float16 = DType("float16", _FLOAT)
bfloat16 = DType("bfloat16", _FLOAT)
float32 = DType("float32", _FLOAT)
float64 = DType("float64", _FLOAT)
complex64 = DType("complex64", _COMPLEX)
complex128 = DType("complex128", _COMPLEX)

ALL = (
    bool_, uint8, int8, int16, int32, int64, float32, float64, float16, bfloat16, complex64, complex128,
    uint16, uint32, uint64,
)  # fmt: skip
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {np.dtype(d.name): d for d in ALL if d.name not in _OURS}
_PARTS = {complex64: float32, complex128: float64}
_ONLY_STORED = (uint16, uint32, uint64)

_default = float32


def by_name(name: str) -> DType:
    return _BY_NAME[name]


def from_numpy(dtype: np.dtype[Any] | type) -> DType:
    """The DType of a NumPy dtype; TypeError where there is none."""
    exact = np.dtype(dtype)
    found = _BY_NUMPY.get(exact)
    if found is None:
        if exact.name in _OURS:
            found = _BY_NUMPY[exact] = _BY_NAME[exact.name]
            return found
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{exact.type.__name__}. The only supported types are: float64, "
            "float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return found


def get_default_dtype() -> DType:
    """The floating type of new tensors: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Make ``dtype``, a floating type, the type of new floating tensors."""
    global _default
    if not dtype.is_floating_point:
        raise TypeError(
            f"set_default_dtype: only floating-point types are supported as the default, got {dtype}"
        )
    _default = dtype


def of_scalar(value: bool | int | float | complex) -> DType:
    """The type a Python number stands for: bool, int64, the default floating type or its complex one."""
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, complex | np.complexfloating):
        return _default.to_complex()
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
    if a in _ONLY_STORED or b in _ONLY_STORED:
        return _promote_stored(a, b)
    if a.category == _COMPLEX or b.category == _COMPLEX:
        parts = {x.to_real() for x in (a, b)}
        return complex128 if float64 in parts else complex64
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == _FLOAT:
        return float64 if float64 in (a, b) else float32
    if a is uint8 or b is uint8:
        other = b if a is uint8 else a
        if other.category == _BOOL:
            return uint8
        return _SIGNED[max(1, _SIGNED_RANK[other])]
    return _SIGNED[max(_SIGNED_RANK[a], _SIGNED_RANK[b])]


def _promote_stored(a: DType, b: DType) -> DType:
    """uint16, uint32 and uint64 give way to floating types, and mix with no others."""
    other = b if a in _ONLY_STORED else a
    if other.is_floating_point:
        return other
    raise RuntimeError(
        f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a} and {b}: "
        "convert one of them"
    )


def join_ranks(high: DType | None, low: DType | None) -> DType | None:
    """The type of operands with axes and of such that have none (or are numbers): the latter change the category only."""
    if high is None or low is None:
        return low if high is None else high
    if low.category <= high.category:
        return high
    return high.to_complex() if low.is_complex and high.is_floating_point else low
