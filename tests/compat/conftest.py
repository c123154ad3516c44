"""``torch`` served by Thalweg for one test, whatever else of that name was imported before."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from thalweg import compat
from thalweg.compat.places import GUESTS, ROOTS


@pytest.fixture
def served() -> Iterator[None]:
    """Imports of torch are served; what PyTorch itself had in ``sys.modules`` comes back afterwards."""
    aside = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in ROOTS or n in GUESTS}
    for name in aside:
        del sys.modules[name]
    compat.install()
    try:
        yield
    finally:
        compat.uninstall()
        sys.modules.update(aside)
        for guest in GUESTS:
            home, _, name = guest.rpartition(".")
            if guest in aside:
                setattr(sys.modules[home], name, aside[guest])
