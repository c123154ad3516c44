"""``THALWEG_SHOW``: print what a stage makes, to stderr."""

from __future__ import annotations

import os
import sys

STAGES = ("trace", "graph", "program", "schedule", "loops", "llvm")
_ASKED = frozenset(os.environ.get("THALWEG_SHOW", "").replace(" ", "").split(",")) - {""}
if not _ASKED.issubset(STAGES):
    raise ValueError(
        f"THALWEG_SHOW: no such stage {', '.join(sorted(_ASKED - set(STAGES)))}: choose from {', '.join(STAGES)}"
    )


def asked(stage: str) -> bool:
    """Whether ``THALWEG_SHOW`` names ``stage``."""
    return stage in _ASKED


def show(stage: str, what: object) -> None:
    """Print ``what`` if its stage was asked for."""
    if stage in _ASKED:
        print(f"-- {stage}\n{what}", file=sys.stderr)
