"""Values and the storages that hold them.

Note: who owns a buffer. A Value is immutable, pending or realized; many may look at one array. A Storage is
the mutable cell: writing to it puts a new Value in. An array may be overwritten only by the instruction
that made it and is its last reader (interpreter.py), or when it is foreign memory (below).

Note: foreign memory. A Storage whose array is shared with NumPy has ``value`` None and keeps the array
in ``foreign``: each read takes a snapshot, each write goes through at once. When the sharer is gone, the
Storage becomes an ordinary one.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.aval import WEAK_BOOL, WEAK_COMPLEX, WEAK_FLOAT, WEAK_INT, Aval
from ..ir.dtype import from_numpy

if TYPE_CHECKING:
    from .trace import Pending

Array = np.ndarray[Any, np.dtype[Any]]


class Value:
    """An immutable result: an array, or a place in a trace that will give one.

    ``array`` is None while pending; then ``trace`` and ``slot`` say where it will come from. ``slot`` stays, and is
    -1 for what was not recorded. Where there is an array and a ``trace``, that is the program still filling it
    (flight.py): look into arrays by ``get`` only.
    For a Python number ``array`` is the number itself; a 0-d array for a complex one.
    """

    __slots__ = ("aval", "array", "trace", "slot", "__weakref__")

    aval: Aval
    array: Any
    trace: Pending | None
    slot: int

    def __init__(
        self, aval: Aval, array: Any = None, trace: Pending | None = None, slot: int = -1
    ) -> None:
        self.aval, self.array, self.trace, self.slot = aval, array, trace, slot

    def get(self) -> Any:
        """The array, after running or waiting for what it comes from. Never write to it."""
        while self.trace is not None:
            self.trace.realize(self)
        return self.array

    def seen_as(self, view: Array) -> Value:
        """A Value of a view of this one's array, which is there but may still be filled."""
        found = realized(view)
        found.slot = self.slot
        job: Any = self.trace
        if job is not None:
            job.share(found)
        return found


def realized(array: Array) -> Value:
    """A Value of an array that nobody will write to again."""
    return Value(Aval(array.shape, from_numpy(array.dtype), False, array.flags.c_contiguous), array)


def number(value: bool | int | float | complex) -> Value:
    """A run-time scalar of a Python number; TypeError for what is none."""
    if type(value) is float:
        return Value(WEAK_FLOAT, value)
    if isinstance(value, bool | np.bool_):
        return Value(WEAK_BOOL, bool(value))
    if isinstance(value, int | np.integer):
        return Value(WEAK_INT, int(value))
    if isinstance(value, complex | np.complexfloating):
        return Value(WEAK_COMPLEX, np.asarray(value, np.complex128))
    if not hasattr(value, "__float__") or isinstance(value, np.ndarray):
        raise TypeError(f"expected a tensor or a number, got {type(value).__name__}: {value!r}")
    return Value(WEAK_FLOAT, float(value))


class Storage:
    """The mutable cell behind one or more tensors. ``value`` is None for foreign memory.

    ``place`` is the memory whose address a program was told to be this storage's (tensor/storage.py).
    """

    foreign: Array | None = None
    place: Array | None = None
    between_processes = False
    owner: weakref.ref[Any] | None = None
    version = 0

    def __init__(self, value: Value | None) -> None:
        self.value = value

    @classmethod
    def sharing(cls, array: Array, owner: Any) -> Storage:
        """A Storage over memory that ``owner`` (kept weakly; None: for ever) may write to as well."""
        storage = cls(None)
        storage.foreign = array
        storage.owner = None if owner is None else weakref.ref(owner)
        return storage

    @property
    def aval(self) -> Aval:
        if self.value is not None:
            return self.value.aval
        assert self.foreign is not None
        return Aval(self.foreign.shape, from_numpy(self.foreign.dtype))

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the elements, once for all tensors that look at them."""
        shared = None if self.value is not None else self.settle()
        if shared is None:
            assert self.value is not None
            shared = np.ascontiguousarray(self.value.get()).reshape(self.aval.shape)
        return _storage_of, (np.array(shared),)

    def settle(self) -> Array | None:
        """The foreign array if memory is still shared; else None, and ``value`` is there."""
        if self.foreign is not None and self.owner is not None and self.owner() is None:
            self.value, self.foreign, self.owner = realized(self.foreign), None, None
        return self.foreign


def _storage_of(array: Array) -> Storage:
    return Storage(realized(array))
