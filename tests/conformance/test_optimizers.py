"""Nothing falls out of the list of optim_db's entries that are right here."""

from __future__ import annotations

import pytest

from . import harness, optimizers

PASSING = harness.listed(optimizers.PASSING)
TABLE = optimizers.entries()


@pytest.mark.parametrize("name", PASSING)
def test_steps_and_refusals_are_pytorchs(name):
    TABLE[name].check()


def test_nine_of_ten_entries_are_right():
    assert len(PASSING) >= 0.9 * len(TABLE)
