"""Layers in a row of which it is known what they do, called as one.

Note: stretches. A layer whose ``_repeats`` is true does the same operations at each call, and nothing else. What such
layers in a row do is learned once for each shape of input and then recorded as one operation (tensor/chain.py), until
one of them is changed or hooked: whatever changes a layer tells ``structure`` (registry.py), and what stands here is
looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..ir.aval import Aval
from ..runtime.state import state
from ..tensor import Tensor
from ..tensor.chain import Unforeseen, learned
from ..tensor.dispatch import dispatch
from .registry import Registry, structure

if TYPE_CHECKING:
    from .module import Module

_PACKAGE = __name__.rpartition(".")[0] + "."
_MOST = 16  # shapes of input that are remembered


def _repeats(module: Any) -> bool:
    """Whether it is a layer of the package as it is written there, unhooked, that repeats."""
    return (
        type(module).__module__.startswith(_PACKAGE)
        and module._repeats
        and "forward" not in module.__dict__
        and not module._hooked
        and all([p is None or p._is_parameter for p in module._parameters.values()])
    )


def parts(modules: Registry[Module]) -> list[Any]:
    """The entries, those next to each other that repeat as one Stretch."""
    changes, found = modules.parts or (-1, [])
    if changes != structure.changes:
        changes = structure.changes
        found = _parts(modules.values(), found)
        modules.parts = changes, found
    return found


def _parts(modules: Iterable[Module], known: Iterable[Any]) -> list[Any]:
    """A Stretch is taken from ``known`` where nothing has changed."""
    found: list[Any] = []
    for repeating, group in groupby(modules, _repeats):
        row = list(group)
        if repeating and len(row) > 1:
            same = (p for p in known if isinstance(p, Stretch) and p.is_of(row))
            found.append(next(same, None) or Stretch(row))
        else:
            found += row
    return found


def _attributes(module: Module) -> dict[str, Any]:
    return {k: v for k, v in module.__dict__.items() if k != "training"}


class Stretch:
    """Layers in a row, called as one."""

    __slots__ = ("modules", "_attributes", "_forwards", "_chains")

    def __init__(self, modules: list[Module]) -> None:
        self.modules = modules
        self._attributes = [_attributes(m) for m in modules]
        self._forwards = [(cls, cls.forward) for cls in {type(m) for m in modules}]
        self._chains: dict[Aval, Any] = {}

    def is_of(self, modules: list[Module]) -> bool:
        """Whether these are its layers, with the attributes that they had."""
        return len(modules) == len(self.modules) and all(
            a is b and _are_same(_attributes(a), old)
            for a, b, old in zip(modules, self.modules, self._attributes, strict=True)
        )

    def __call__(self, input: Any) -> Any:
        here = state.here
        if (
            here.eager
            or here.watch is not None
            or not isinstance(input, Tensor)
            or not self._is_as_written()
        ):
            return self._one_by_one(input)
        aval = input._aval()
        try:
            known = self._chains[aval]
        except KeyError:
            known = self._learn(input, aval)
        if known is None:
            return self._one_by_one(input)
        chain, operands = known
        try:
            return dispatch(chain, (*operands, input))
        except Unforeseen:  # a parameter is of another type or shape, say
            del self._chains[aval]
            return self._one_by_one(input)

    def _is_as_written(self) -> bool:
        for cls, forward in self._forwards:  # noqa: SIM110  # a generator would cost more than the loop
            if cls.forward is not forward:
                return False
        return True

    def _one_by_one(self, input: Any) -> Any:
        for module in self.modules:
            input = module(input)
        return input

    def _learn(self, input: Tensor, aval: Aval) -> Any:
        if len(self._chains) >= _MOST:
            self._chains.clear()
        found = self._chains[aval] = learned(self._one_by_one, input)
        return found


def _are_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(v is other[k] for k, v in one.items())
