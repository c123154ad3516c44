"""Second derivatives of op_db's and module_db's entries pass `gradgradcheck`."""

from __future__ import annotations

import pytest

import thalweg as tw

from . import harness, twice

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
