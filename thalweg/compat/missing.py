"""What is said of a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from .. import __version__
from .names import GONE, TORCH, in_torch, instead, planned
from .places import present


def explanation(home: str, name: str, here: Iterable[str] | None = None) -> str:
    """Whether PyTorch has ``home.name``, whether it is planned, and what is nearest to it among the names ``here``."""
    full = f"{home}.{name}" if home else name
    if full in GONE:
        return f"{full}: in PyTorch no longer: {GONE[full]} took its place"
    if not full.startswith("torch.") and full != "torch":
        verdict = f"planned, and not yet in Thalweg {__version__}"
    elif planned(full):
        verdict = f"in PyTorch {TORCH[:-2]}, and planned: not yet in Thalweg {__version__}"
    elif in_torch(full):
        verdict = f"in PyTorch {TORCH[:-2]}, and not planned for Thalweg so far"
    else:
        verdict = f"no public name of PyTorch {TORCH[:-2]}"
    other = instead(full)
    if other:
        return f"{full}: {verdict}: {other}"
    near = nearest(name, present(home) if here is None else here)
    there = ", ".join(f"{home}.{n}" for n in near)
    return f"{full}: {verdict}" + (f"; nearest here: {there}" if near else "")


def nearest(name: str, here: Iterable[str]) -> list[str]:
    """At most two of the names ``here`` that look like ``name``, whatever their case."""
    spelled: dict[str, str] = {}
    for known in here:
        spelled.setdefault(known.lower(), known)
    return [spelled[n] for n in get_close_matches(name.lower(), spelled, 2, 0.7)]
