"""What belongs to one thread: its trace, its grad mode, its tier."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from .trace import Trace

TIERS = ("auto", "interpret", "native", "eager")


def _default_tier() -> str:
    """What ``THALWEG_EAGER`` and ``THALWEG_TIER`` say, or "auto"."""
    if os.environ.get("THALWEG_EAGER", "") not in ("", "0"):
        return "eager"
    name = os.environ.get("THALWEG_TIER", "") or "auto"
    if name not in TIERS:
        raise ValueError(f"THALWEG_TIER: choose one of {', '.join(TIERS)}, got {name!r}")
    return name


default_tier = _default_tier()


class ThreadState:
    """One thread's. What is dispatched goes to ``watch``, if anybody wants to know (tensor/watching.py); ``casting`` is who
    changes it under autocast (amp)."""

    __slots__ = ("grad", "inference", "tier", "eager", "trace", "watch", "casting")

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.tier = default_tier
        self.eager = default_tier == "eager"
        self.trace = Trace(self.tier)
        self.watch: Any = None
        self.casting: Any = None


class _State(threading.local):
    """``state.here`` is this thread's; its attributes can be read and set through ``state`` as well, more slowly."""

    def __init__(self) -> None:
        self.here = ThreadState()

    if TYPE_CHECKING:
        grad: bool
        inference: bool
        tier: str
        eager: bool
        trace: Trace


def _delegate(name: str) -> property:
    def get(self: _State) -> Any:
        return getattr(self.here, name)

    def put(self: _State, value: Any) -> None:
        setattr(self.here, name, value)

    return property(get, put)


for _name in ThreadState.__slots__:
    setattr(_State, _name, _delegate(_name))

state = _State()
