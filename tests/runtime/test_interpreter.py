"""A graph's first run, which is carried out instruction by instruction, and its function, which comes after."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg.runtime.interpreter import carry_out, compile_graph
from thalweg.testing.graphs import draw_graph


@pytest.mark.parametrize("seed", range(100))
def test_the_first_run_gives_what_the_function_gives(seed):
    graph, inputs = draw_graph(seed)
    kept = [np.array(x) for x in inputs]
    with np.errstate(all="ignore"):
        first = carry_out(graph, list(inputs))
        later = compile_graph(graph)(list(inputs))
    for a, b in zip(first, later, strict=True):
        assert type(a) is type(b) and a.dtype == b.dtype and a.flags == b.flags
        np.testing.assert_array_equal(a, b)
    for before, after in zip(kept, inputs, strict=True):
        np.testing.assert_array_equal(before, after)


def test_large_results_take_over_memory_that_nobody_reads():
    """As in the function: of a chain of large values two are there at a time, not all."""
    import tracemalloc

    x = tw.rand(1 << 18).requires_grad_()
    with tw.tier("interpret"):
        for _ in range(2):  # the second time it is the function
            tracemalloc.start()
            y = x
            for _ in range(20):
                y = y * 1.5
            y.detach().sum().item()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 6 << 20


@pytest.mark.own_tier
def test_an_error_names_the_line_at_the_first_run_and_later():
    def wrong():
        flat = tw.nn.Parameter(tw.rand(3, 3)) * 0
        return tw.linalg.inv(flat).sum()

    with tw.tier("interpret"):
        for _ in range(3):
            with pytest.raises(RuntimeError, match="singular") as caught:
                wrong().item()
            assert any("test_interpreter.py" in note for note in caught.value.__notes__)
