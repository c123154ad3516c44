"""Nothing falls out of the list of op_db's entries whose ``out=`` is PyTorch's."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample table needs it")

import thalweg as tw  # noqa: E402

from . import harness, outs  # noqa: E402  # only where torch is installed

TABLE = outs.entries()


@pytest.mark.own_tier  # what is written does not depend on the tier
@pytest.mark.parametrize("name", outs.OUTS.read_text().split())
def test_results_are_written_where_pytorch_writes_them(name):
    with tw.tier("interpret"):
        assert harness.outcome(TABLE[name], outs.check) == ""


def test_enough_entries_write():
    assert len(outs.OUTS.read_text().split()) >= 300
