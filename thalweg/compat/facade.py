"""A module by PyTorch's name that shows what Thalweg's modules hold."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from ..ir.dtype import DType
from .missing import explanation
from .names import sections
from .places import look_up, present, targets

_HELD: Any = vars(ModuleType)["__dict__"]
"""Where a module keeps its names."""


class Facade(ModuleType):
    """PyTorch's module of that name: nothing is copied, so every spelling of an import gives the same object.

    What is set here under a name that Thalweg has is set there as well: ``torch.nn.functional.relu = mine`` changes
    what the layers call.
    """

    __before__: dict[str, tuple[ModuleType, Any]]

    def __init__(self, name: str) -> None:
        super().__init__(name, f"``{name}``, served by Thalweg.")
        super().__setattr__("__before__", {})

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """All that is served, for programs that choose by a text: ``models.__dict__["resnet18"]``."""
        held: dict[str, Any] = _HELD.__get__(self)
        for name in present(self.__name__):
            if name not in held:
                held[name] = getattr(self, name)
        return held

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            here = present(self.__name__)
            stored = sections().get(self.__name__)
            return here if stored is None else [n for n in here if n in stored]
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        try:
            found: Any = look_up(self.__name__, name)
        except AttributeError:
            if targets(f"{self.__name__}.{name}") is None:
                raise AttributeError(explanation(self.__name__, name), name=name) from None
            return import_module(f"{self.__name__}.{name}")
        if callable(found) or isinstance(found, DType):
            super().__setattr__(name, found)  # the next time it is found without being looked up
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        place = None if name.startswith("__") else self._place_of(name)
        if place is not None:
            if isinstance(value, Facade):
                return  # `import torch.nn.utils.weight_norm` does not hide the function of that name
            self.__before__.setdefault(name, (place, vars(place)[name]))
            setattr(place, name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        """What was set is gone, and what Thalweg has is there again."""
        place, before = self.__before__.pop(name, (None, None))
        if place is not None:
            setattr(place, name, before)
        super().__delattr__(name)

    def __dir__(self) -> Iterable[str]:
        return sorted({*_HELD.__get__(self), *present(self.__name__)})

    def _place_of(self, name: str) -> ModuleType | None:
        """The module in which ``name`` is something else than a module."""
        for place in targets(self.__name__) or ():
            if name in vars(place) and not isinstance(vars(place)[name], ModuleType):
                return place
        return None
