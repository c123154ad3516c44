"""Nothing falls out of the list of op_db's entries whose ``out=`` is PyTorch's."""

from __future__ import annotations

import pytest

import thalweg as tw

from . import harness, outs

WRITING, TABLE = harness.listed(outs.OUTS), outs.entries()


@pytest.mark.own_tier  # what is written does not depend on the tier
@pytest.mark.parametrize("name", WRITING)
def test_results_are_written_where_pytorch_writes_them(name):
    with tw.tier("interpret"):
        assert harness.outcome(TABLE[name], outs.check) == ""


def test_enough_entries_write():
    assert len(WRITING) >= 300
