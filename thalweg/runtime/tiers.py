"""Which tier runs programs."""

from __future__ import annotations

from .recorder import synchronize
from .state import state

_TIERS = ("auto", "interpret", "eager", "native")


class tier:
    """Choose how this thread's operations run, at once and, as a context manager, until its end.

    "auto" and "interpret" record and run programs of NumPy calls; "eager" computes each operation at its
    line.

    Raises:
        ValueError: no such tier.
        NotImplementedError: "native", which this version does not have yet.
    """

    def __init__(self, name: str) -> None:
        if name not in _TIERS:
            raise ValueError(f"tier: choose one of {', '.join(_TIERS)}, got {name!r}")
        if name == "native":
            raise NotImplementedError(
                "tier: native programs are not there yet: 'auto' runs the interpreter"
            )
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


def current_tier() -> str:
    """The tier in force on this thread."""
    return state.tier
