"""Nothing falls out of the lists of module_db's entries that are right here."""

from __future__ import annotations

import pytest

from . import harness, modules

PASSING, REFUSING = harness.listed(modules.PASSING), harness.listed(modules.REFUSING)
TABLE = modules.entries()


@pytest.mark.parametrize("name", PASSING)
def test_weights_outputs_and_gradients_are_right(name):
    assert harness.outcome(TABLE[name], modules.check_entry) == ""


@pytest.mark.parametrize("name", REFUSING)
def test_errors_have_the_type_of_pytorchs(name):
    assert harness.outcome(TABLE[name], modules.check_errors) == ""


def test_enough_entries_are_complete():
    assert len(PASSING) >= 114
