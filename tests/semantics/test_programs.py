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


def test_the_same_bits_one_operation_at_a_time(program):
    with tw.tier("eager"):
        eager = outcome(program)
    assert_same_bits(outcome(program), eager)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_bits_with_random_cuts(program, seed, monkeypatch):
    whole = outcome(program)
    chance = random.Random(seed)
    record = Trace.record

    def record_and_maybe_run(self, *args):
        made = record(self, *args)
        if chance.random() < 0.3:
            self.run()
        return made

    monkeypatch.setattr(Trace, "record", record_and_maybe_run)
    assert_same_bits(outcome(program), whole)


def test_the_numbers_of_pytorch(program):
    torch = pytest.importorskip("torch")
    expected = [np.asarray(a, dtype=np.float64) for a in program(torch)]
    for a, b in zip(outcome(program), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
