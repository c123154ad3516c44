"""Second derivatives of op_db's and module_db's entries pass `gradgradcheck`."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample tables need it")

import thalweg as tw  # noqa: E402

from . import harness, twice  # noqa: E402  # only where torch is installed

OPERATIONS, LAYERS = twice.operations(), twice.layers()


@pytest.mark.own_tier  # a program of its own for each entry: compiling them says nothing of derivatives
@pytest.mark.parametrize("name", OPERATIONS)
def test_second_derivatives_of_an_operation(name):
    with tw.tier("interpret"):
        assert harness.outcome(OPERATIONS[name], twice.check_operation) == ""


@pytest.mark.own_tier
@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives_of_a_layer(name):
    with tw.tier("interpret"):
        assert harness.outcome(LAYERS[name], twice.check_layer) == ""


def test_enough_entries_are_checked():
    assert len(OPERATIONS) >= 460 and len(LAYERS) >= 112
