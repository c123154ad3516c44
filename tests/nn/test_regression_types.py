"""Losses between tensors of different types and with different axes: value, type and refusal, as in PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import thalweg as tw

TYPES = ("float32", "float64", "int64", "uint8", "bool")
SHAPES = (((), ()), ((2,), ()), ((), (2,)), ((2,), (2,)))


def _outcome(m: Any, loss: str, types: tuple[str, str], shapes: Any, reduction: str) -> Any:
    a = m.ones(shapes[0], dtype=getattr(m, types[0]))
    b = m.zeros(shapes[1], dtype=getattr(m, types[1]))
    try:
        result = getattr(m.nn.functional, loss)(a, b, reduction=reduction)
    except (RuntimeError, NotImplementedError) as error:
        return type(error).__name__
    return result.tolist(), repr(result.dtype).rpartition(".")[2]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("loss", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_types(loss: str) -> None:
    torch = pytest.importorskip("torch")
    for case in itertools.product(itertools.product(TYPES, TYPES), SHAPES, ("mean", "sum", "none")):
        assert _outcome(tw, loss, *case) == _outcome(torch, loss, *case), case
