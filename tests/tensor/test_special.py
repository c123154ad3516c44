"""Functions beyond the everyday ones: copies of views, windows, functions of each element."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw


def test_the_number_wins_over_nan():
    x, y = tw.tensor([1.0, math.nan, math.nan]), tw.tensor([2.0, 3.0, math.nan])
    np.testing.assert_array_equal(tw.fmax(x, y).numpy(), [2, 3, math.nan])
    np.testing.assert_array_equal(tw.fmin(x, y).numpy(), [1, 3, math.nan])


def test_entropy_of_nothing_is_nothing():
    np.testing.assert_array_equal(
        tw.special.entr(tw.tensor([0.0, 1.0, -1.0])).numpy(), [0, 0, -math.inf]
    )


def test_a_copy_of_a_view_has_memory_of_its_own():
    x = tw.zeros(2, 3)
    tw.permute_copy(x, (1, 0)).fill_(1)
    assert not x.any()


def test_the_gradient_of_what_is_overwritten_is_zero():
    x, y = tw.ones(2, 2, requires_grad=True), tw.ones(2, requires_grad=True)
    tw.diagonal_scatter(x, y).sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]] and y.grad.tolist() == [1, 1]


def test_a_part_of_another_size_is_refused():
    with pytest.raises(RuntimeError, match="diagonal_scatter: expected src"):
        tw.diagonal_scatter(tw.ones(2, 2), tw.ones(3))


def test_windows():
    np.testing.assert_allclose(tw.signal.windows.hann(5).numpy(), [0, 0.5, 1, 0.5, 0], atol=1e-7)
    with pytest.raises(ValueError, match="non-negative window length"):
        tw.signal.windows.kaiser(-1)
