"""Each test is a training loop of its own: what others recorded before it doesn't count as varying."""

from __future__ import annotations

import pytest

from thalweg.runtime.state import state


@pytest.fixture(autouse=True)
def _a_loop_of_its_own() -> None:
    state.trace.strangers = 0
