"""Nothing falls out of the lists of op_db's entries that are right here."""

from __future__ import annotations

import pytest

from . import harness

PASSING, REFUSING = harness.listed(harness.PASSING), harness.listed(harness.REFUSING)
TABLE = harness.entries()


@pytest.mark.parametrize("name", PASSING)
def test_values_and_gradients_are_right(name):
    assert harness.outcome(TABLE[name]) == ""


@pytest.mark.parametrize("name", REFUSING)
def test_errors_have_the_type_of_pytorchs(name):
    assert harness.outcome(TABLE[name], harness.check_errors) == ""


def test_enough_entries_are_complete():
    assert len(PASSING) >= 665
    assert len(REFUSING) >= 200
