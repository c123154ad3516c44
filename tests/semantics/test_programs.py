"""Users' programs give the same bits wherever the trace is cut, and PyTorch's numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import thalweg as tw
from thalweg.runtime.trace import Trace

from .programs import PROGRAMS


def outcome(program):
    return [np.asarray(a, dtype=np.float64) for a in program(tw)]


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(params=PROGRAMS, ids=lambda p: p.__name__)
def program(request):
    return request.param


@pytest.fixture(params=["interpret", "native"])
def tier(request):
    with tw.tier(request.param):
        yield request.param


def cut_with_chance(monkeypatch, probability, seed=0):
    """From here on the trace is run after an edge with this probability."""
    chance = random.Random(seed)
    follow = Trace._follow

    def follow_and_maybe_run(self, *args):
        found = follow(self, *args)
        if chance.random() < probability:
            self.run()
        return found

    monkeypatch.setattr(Trace, "_follow", follow_and_maybe_run)


def test_the_same_bits_when_nothing_is_recorded(program):
    with tw.tier("eager"):
        eager = outcome(program)
    with tw.tier("interpret"):
        assert_same_bits(outcome(program), eager)


def test_the_same_bits_one_operation_at_a_time(program, tier, monkeypatch):
    whole = outcome(program)
    cut_with_chance(monkeypatch, 1)
    assert_same_bits(outcome(program), whole)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_bits_with_random_cuts(program, tier, seed, monkeypatch):
    whole = outcome(program)
    cut_with_chance(monkeypatch, 0.3, seed)
    assert_same_bits(outcome(program), whole)


def test_the_numbers_of_pytorch(program, tier):
    torch = pytest.importorskip("torch")
    expected = [np.asarray(a, dtype=np.float64) for a in program(torch)]
    for a, b in zip(outcome(program), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
