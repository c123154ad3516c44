"""The fuzzer finds nothing in a few graphs, and finds what is put there for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.compiler import math
from thalweg.runtime.native import NativeProgram
from thalweg.testing import fuzz
from thalweg.testing.graphs import draw_graph

ONE = fuzz._OneAtATime()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30), st.sampled_from((5, 12, 25)))
def test_random_graphs_agree(seed: int, length: int) -> None:
    fuzz.check(*draw_graph(seed, length), ONE)


def test_a_wrong_number_is_found_and_made_small(monkeypatch, capsys):
    run = NativeProgram.__call__

    def wrong(self, inputs):
        results = run(self, inputs)
        if len(self.graph.instrs) == 1 and self.graph.instrs[0].primitive.name == "mul":
            return tuple(
                np.nextafter(r, 100, dtype=r.dtype) if r.dtype.kind == "f" else r for r in results
            )
        return results

    monkeypatch.setattr(NativeProgram, "__call__", wrong)
    assert fuzz.main(["--programs", "20"]) == 1
    assert "one primitive at a time" in capsys.readouterr().err


def test_an_inexact_primitive_is_found(monkeypatch):
    polynomial = math._polynomial
    monkeypatch.setattr(
        math, "_polynomial", lambda w, t, x, c: polynomial(w, t, x, (*c[:-1], c[-1] * 1.001))
    )
    monkeypatch.setenv("THALWEG_CACHE", "off")
    from thalweg.compiler import cache

    cache.directory.cache_clear()
    monkeypatch.setattr(cache, "_known", type(cache._known)())
    found = []
    for seed in range(40):
        try:
            fuzz.check(*draw_graph(seed, 12), fuzz._OneAtATime())
        except fuzz.Disagreement as error:
            found.append(str(error))
    cache.directory.cache_clear()
    assert any(f.startswith(("exp", "tanh", "sigmoid", "log")) for f in found)


def test_folded_results_are_held_to_their_terms():
    from thalweg.ir.graph import Instr
    from thalweg.ir.primitive import Primitive

    total = Instr(Primitive.registry["sum"], ((0,), False), (0,), (1,))
    x = np.full(100, 0.1, np.float32)
    fuzz._compare(total, np.float32(10.000001)[None], np.float32(10.0)[None], [x])
    with pytest.raises(fuzz.Disagreement, match="sum"):
        fuzz._compare(total, np.float32(10.01)[None], np.float32(10.0)[None], [x])
