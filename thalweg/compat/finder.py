"""Imports of ``torch`` and ``torchvision``, served by Thalweg."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ..ir.spelling import speak_as
from .facade import Facade
from .missing import explanation
from .names import sections
from .places import GUESTS, ROOTS, targets
from .torch_only.version import VERSIONS


class _Finder(MetaPathFinder, Loader):
    """Finds every module by PyTorch's names before any that is installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in ROOTS and fullname not in GUESTS:
            return None
        if targets(fullname) is not None:
            return ModuleSpec(fullname, self, origin="served by Thalweg", is_package=True)
        home, _, name = fullname.rpartition(".")
        if home in sys.modules and fullname not in sections():
            raise ImportError(explanation(home, name))  # `from torch.nn import name`
        raise ModuleNotFoundError(explanation(home, name))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = Facade(spec.name)
        if spec.name in VERSIONS:
            module.__version__ = VERSIONS[spec.name]
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: names are looked up when they are asked for."""


_FINDER = _Finder()


def install() -> None:
    """From now on ``import torch`` and ``import torchvision`` are served by Thalweg; a second call changes nothing.

    Printed types then speak of ``torch`` (``torch.float32``), since programs compare such texts.

    Raises:
        RuntimeError: PyTorch itself, or something that needs it, was imported before.
    """
    for name, module in list(sys.modules.items()):
        if name in ROOTS and module is not None and not isinstance(module, Facade):
            raise RuntimeError(
                f"install: {name} itself is already imported, and objects of both would mix: start Python (or the "
                f"notebook's kernel) anew and call thalweg.compat.install() before the first `import {name}`"
            )
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    speak_as("torch")


def uninstall() -> None:
    """Undo ``install``: a later ``import torch`` finds what is installed. Modules at hand keep working."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    for name, module in list(sys.modules.items()):
        if isinstance(module, Facade):
            del sys.modules[name]
            home, _, last = name.rpartition(".")
            if name in GUESTS and getattr(sys.modules.get(home), last, None) is module:
                delattr(sys.modules[home], last)
    speak_as("thalweg")
