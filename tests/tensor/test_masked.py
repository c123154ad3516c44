"""Reductions and normalizations of what a mask picks."""

from __future__ import annotations

import pytest

import thalweg as tw

X = tw.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 8.0]])
M = tw.tensor([[True, False, True], [False, False, False]])
INF, NAN = float("inf"), float("nan")
EXPECTED = {
    "sum": ({}, [5, 0]),
    "prod": ({}, [4, 1]),
    "mean": ({}, [2.5, NAN]),
    "amax": ({}, [4, -INF]),
    "amin": ({}, [1, INF]),
    "argmax": ({}, [2, 0]),
    "median": ({}, [1, NAN]),
    "norm": ({"ord": 1.0}, [5, 0]),
    "var": ({}, [4.5, NAN]),
    "std": ({"unbiased": False}, [1.5, NAN]),
    "cumsum": ({}, [[1, 1, 5], [0, 0, 0]]),
    "cumprod": ({}, [[1, 1, 4], [1, 1, 1]]),
    "normalize": ({"ord": 1.0}, [[0.2, 0, 0.8], [0, 0, 0]]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_only_what_the_mask_picks_counts(name: str) -> None:
    named, expected = EXPECTED[name]
    found = getattr(tw.masked, name)(X, dim=1, mask=M, **named)
    assert tw.allclose(found, tw.tensor(expected, dtype=tw.float32), equal_nan=True)


def test_shares_of_what_counts() -> None:
    found = tw.masked.softmax(X, 1, mask=M)
    share = 1 / (1 + tw.tensor(3.0).exp().item())
    assert tw.allclose(found[0], tw.tensor([share, 0.0, 1 - share])) and found[1].isnan().all()


def test_what_does_not_count_has_no_gradient() -> None:
    x = X.clone().requires_grad_()
    tw.masked.mean(x, 0, mask=M).nan_to_num().sum().backward()
    assert x.grad.tolist() == [[1, 0, 1], [0, 0, 0]]


def test_masks_and_types_that_do_not_fit() -> None:
    with pytest.raises(IndexError, match="dimensionality"):
        tw.masked.sum(X, 1, mask=M[None])
    with pytest.raises(RuntimeError):
        tw.masked.sum(X, 1, mask=M[:, :2])
    with pytest.raises(ValueError, match="floating point"):
        tw.masked.mean(X.long(), 1, mask=M)
    with pytest.raises(ValueError, match="fully masked out"):
        tw.masked.median(X.long(), 1, mask=M)
    with pytest.raises(NotImplementedError, match="amax"):
        tw.masked.amax(X > 0, 1, mask=M)
