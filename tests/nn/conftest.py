"""Running one scenario on Thalweg and on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

Scenario = Callable[[Any], list[Any]]


@pytest.fixture
def same_as_torch() -> Callable[[Scenario], None]:
    """A check that ``scenario(library)`` logs the same with both libraries."""
    torch = pytest.importorskip("torch")

    def check(scenario: Scenario) -> None:
        mine = [repr(entry).replace("thalweg", "torch") for entry in scenario(tw)]
        theirs = [repr(entry) for entry in scenario(torch)]
        assert mine == theirs

    return check
