"""cuDNN, which is not there: what programs set before they train is kept, and changes nothing."""

from __future__ import annotations

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False: there is no such library here."""
    return False


def version() -> int | None:
    """None: there is no such library here."""
    return None
