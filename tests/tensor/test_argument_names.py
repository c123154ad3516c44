"""Arguments by the names that PyTorch's variants have; numbers from PyTorch 2.13."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

X = tw.arange(6.0)
CALLS: dict[str, tuple[Callable[[], Any], Any]] = {
    "split": (lambda: [len(p) for p in X.split(split_size=4)], [4, 2]),
    "split into sizes": (
        lambda: [p.shape[1] for p in X.view(2, 3).split(split_size=[1, 2], dim=1)],
        [1, 2],
    ),
    "sections": (lambda: [len(p) for p in tw.tensor_split(X, sections=4)], [2, 2, 1, 1]),
    "indices": (lambda: [len(p) for p in X.hsplit(indices=[2])], [2, 4]),
    "dot": (lambda: tw.dot(X, tensor=X).item(), 55),
    "mv": (lambda: tw.mv(tw.ones(2, 6), vec=X).tolist(), [15, 15]),
    "heaviside": (lambda: tw.heaviside(X[:2], values=X[4:]).tolist(), [4, 1]),
    "float_power": (lambda: X[:3].float_power(exponent=2).tolist(), [0, 1, 4]),
    "histogram": (lambda: [len(x) for x in tw.histogram(X, density=True)], [100, 101]),
    "unsqueeze_": (lambda: tuple(X.clone().unsqueeze_(dim=1).shape), (6, 1)),
    "transpose_": (lambda: tuple(tw.ones(2, 3).transpose_(dim0=0, dim1=1).shape), (3, 2)),
    "squeeze_": (lambda: tuple(tw.ones(2, 1).squeeze_(dim=1).shape), (2,)),
}


@pytest.mark.parametrize("case", CALLS)
def test_names(case: str) -> None:
    call, expected = CALLS[case]
    assert call() == expected


def seeded(draw: Callable[[], Any]) -> list[Any]:
    tw.manual_seed(0)
    values: list[Any] = draw().tolist()
    return values


def test_bounds_of_whole_numbers() -> None:
    for draw in (
        lambda: tw.randint(5, (3,)),
        lambda: tw.randint(5, size=(3,)),
        lambda: tw.randint(high=5, size=[3]),
        lambda: tw.randint_like(tw.zeros(3), high=5),
        lambda: tw.zeros(3).random_(to=5),
    ):
        assert seeded(draw) == [4, 4, 3]
    for draw in (
        lambda: tw.randint(2, 5, (3,)),
        lambda: tw.randint(low=2, high=5, size=(3,)),
        lambda: tw.randint(2, high=5, size=(3,)),
        lambda: tw.randint_like(tw.zeros(3), low=2, high=5),
    ):
        assert seeded(draw) == [4, 2, 4]
    for wrong in (
        lambda: tw.randint(5),
        lambda: tw.randint(3, 5),
        lambda: tw.randint(5, size=3),
        lambda: tw.randint(size=(3,)),
    ):
        with pytest.raises(TypeError, match="randint: expected"):
            wrong()
