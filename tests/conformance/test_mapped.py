"""Nothing falls out of the list of op_db's entries that are right under vmap."""

from __future__ import annotations

import pytest

import thalweg as tw

from . import harness, mapped

AGREEING, TABLE = harness.listed(mapped.MAPPED), harness.passing()


@pytest.mark.own_tier  # other tiers meet every rule in tests/func
@pytest.mark.parametrize("name", AGREEING)
def test_over_a_batch_as_on_each(name):
    with tw.tier("interpret"):
        assert harness.outcome(TABLE[name], mapped.check) == ""


def test_enough_entries_are_right():
    assert len(AGREEING) >= 580
