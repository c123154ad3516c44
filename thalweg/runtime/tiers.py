"""Which tier runs programs."""

from __future__ import annotations

from .recorder import synchronize
from .state import TIERS, state


class tier:
    """Choose how this thread's operations run, at once and, as a context manager, until its end.

    "interpret" records, and runs programs of NumPy calls; "native" compiles each program at its first run; "auto",
    the default, begins with the one and goes over to the other when a loop comes round. "eager" computes each
    operation at its line.

    Raises:
        ValueError: no such tier.
    """

    def __init__(self, name: str) -> None:
        if name not in TIERS:
            raise ValueError(f"tier: choose one of {', '.join(TIERS)}, got {name!r}")
        self._before = state.tier
        _choose(name)

    def __enter__(self) -> tier:
        return self

    def __exit__(self, *exc: object) -> None:
        _choose(self._before)


def _choose(name: str) -> None:
    synchronize()
    state.tier = name
    state.eager = name == "eager"
    state.trace.tier = name


def current_tier() -> str:
    """The tier in force on this thread."""
    return state.tier
