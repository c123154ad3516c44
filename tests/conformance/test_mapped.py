"""Nothing falls out of the list of op_db's entries that are right under vmap."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample table needs it")

import thalweg as tw  # noqa: E402

from . import harness, mapped  # noqa: E402  # only where torch is installed

TABLE = harness.entries()


@pytest.mark.own_tier  # other tiers meet every rule in tests/func
@pytest.mark.parametrize("name", mapped.MAPPED.read_text().split())
def test_over_a_batch_as_on_each(name):
    with tw.tier("interpret"):
        assert harness.outcome(TABLE[name], mapped.check) == ""


def test_enough_entries_are_right():
    assert len(mapped.MAPPED.read_text().split()) >= 580
