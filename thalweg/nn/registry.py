"""The dictionaries in which a module keeps what is registered on it."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

# Note: registered things are attributes twice
#
# ``module._parameters``, ``_buffers`` and ``_modules`` are the truth, as in PyTorch. Each of them is a
# ``Registry``: a dict that puts every change into the module's ``__dict__`` too. So ``self.weight`` is an
# ordinary attribute look-up (about 25 ns) instead of a failed one followed by ``Module.__getattr__``
# (about 400 ns on Python 3.11), on the hottest path of every training step.
# A registry knows its module weakly, so a module is still freed when its last reference goes. It pickles
# and copies as an ``OrderedDict``, which every file may hold; ``Module.__setstate__`` binds it again.


class _Structure:
    """Counts the changes to layers that repeat, and to what modules hold (stretch.py)."""

    changes = 0


structure = _Structure()


class Registry(dict[str, T]):
    """A dict by name whose entries are also attributes of the ``owner``.

    ``parts`` is what was found out about the entries, and at which ``structure.changes`` (stretch.py).
    """

    __slots__ = ("_owner", "parts")

    def __init__(self, owner: Any, entries: Mapping[str, T] | Iterable[tuple[str, T]] = ()) -> None:
        super().__init__()
        self.parts: tuple[int, list[Any]] | None = None
        self._owner: Callable[[], Any] = weakref.ref(owner)
        self.update(entries)

    def __setitem__(self, name: str, value: T) -> None:
        super().__setitem__(name, value)
        if getattr(value, "_is_parameter", True):  # buffers don't count
            structure.changes += 1
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        structure.changes += 1
        owner = self._owner()
        if owner is not None:
            owner.__dict__.pop(name, None)

    def update(self, *others: Any, **named: T) -> None:
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __ior__(self, other: Any) -> Registry[T]:  # type: ignore[override,misc]  # dict's own is overloaded
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, T]:
        name = next(reversed(self), None)
        if name is None:
            raise KeyError("popitem: the dictionary is empty")
        return name, self.pop(name)

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def copy(self) -> dict[str, T]:
        return dict(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())
