"""What is known of a value before it is computed: its shape and its type."""

from __future__ import annotations

import os
from functools import cached_property
from math import prod
from threading import RLock
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from .dtype import (
    DType,
    bool_,
    complex128,
    float64,
    get_default_dtype,
    int64,
    join_ranks,
    promote_types,
)

Shape = tuple[int, ...]
_MOST_RECENT = 10_000


class Aval:
    """Shape and dtype of a value ("abstract value"). Interned: equal ones are the same object.

    ``weak`` marks a Python number, which gives way to the type of any tensor of its category.
    ``dense`` is False for a leaf that is seen through strides (a transposed or sliced view).
    """

    _living: ClassVar[WeakValueDictionary[tuple[object, ...], Aval]] = WeakValueDictionary()
    _recent: ClassVar[dict[tuple[object, ...], Aval]] = {}  # of those, so that most are found fast
    _lock: ClassVar[Any] = RLock()

    shape: Shape
    dtype: DType
    weak: bool
    dense: bool

    def __new__(cls, shape: Shape, dtype: DType, weak: bool = False, dense: bool = True) -> Aval:
        key = (shape, dtype, weak, dense)
        found = cls._recent.get(key)
        return cls._intern(key) if found is None else found

    @classmethod
    def _intern(cls, key: tuple[Shape, DType, bool, bool]) -> Aval:
        with cls._lock:
            found = cls._living.get(key)
            if found is None:
                found = object.__new__(cls)
                found.shape, found.dtype, found.weak, found.dense = key
                found = cls._living.setdefault(key, found)
            if len(cls._recent) >= _MOST_RECENT:
                cls._recent.clear()
            cls._recent[key] = found
        return found

    @classmethod
    def _begin_anew(cls) -> None:
        """In a forked child: another thread may have held the lock."""
        cls._lock = RLock()

    @cached_property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        mark = "~" if self.weak else ""
        return f"{mark}{self.dtype.name}[{','.join(map(str, self.shape))}]{'' if self.dense else '/strided'}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Aval._begin_anew)

WEAK_BOOL = Aval((), bool_, True)
WEAK_INT = Aval((), int64, True)
WEAK_FLOAT = Aval((), float64, True)
WEAK_COMPLEX = Aval((), complex128, True)


def promote(*avals: Aval) -> DType:
    """The common type of several operands, by PyTorch's rule.

    Tensors with dimensions come first, then 0-d tensors, then Python numbers; a later rank changes the
    type only if its category (bool < integer < floating < complex) is higher; of a floating type, complex makes the
    complex type of as many bits.
    """
    ranks: list[DType | None] = [None, None, None]
    for aval in avals:
        rank = 2 if aval.weak else (1 if not aval.shape else 0)
        dtype = aval.dtype
        if aval.weak and dtype is float64:
            dtype = get_default_dtype()
        elif aval.weak and dtype is complex128:
            dtype = get_default_dtype().to_complex()
        seen = ranks[rank]
        ranks[rank] = dtype if seen is None else promote_types(seen, dtype)
    result = join_ranks(ranks[0], join_ranks(ranks[1], ranks[2]))
    assert result is not None
    return result


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that all of ``shapes`` broadcast to; RuntimeError where there is none."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    ndim = max(len(s) for s in shapes)
    result = [1] * ndim
    for shape in shapes:
        offset = ndim - len(shape)
        for axis, size in enumerate(shape, offset):
            if size != 1 and size != result[axis]:
                if result[axis] != 1:
                    raise RuntimeError(
                        f"The size of tensor a ({result[axis]}) must match the size of tensor b ({size}) at "
                        f"non-singleton dimension {axis}: shapes {', '.join(map(str, shapes))} do not broadcast"
                    )
                result[axis] = size
    return tuple(result)
