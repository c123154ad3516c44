"""One expression on Thalweg and on PyTorch: results, types, tape nodes, first and second gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

Case = Callable[..., Any]
MODES = ("realized", "leaf", "pending")


def many(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def outcome(case: Case, library: Any, arrays: tuple[Any, ...], mode: str) -> Any:
    """The leaves, and the results or the error."""
    leaves = [library.tensor(a, requires_grad=mode != "realized") for a in arrays]
    operands = [x * 1 for x in leaves] if mode == "pending" else leaves
    try:
        return leaves, many(case(library, *operands)), None
    except Exception as error:
        return leaves, [], error


def error_of_the_run() -> Exception | None:
    """What values are recorded with is looked at when they are computed."""
    try:
        tw.synchronize()
    except Exception as error:
        return error
    return None


def loss_of(results: list[Any]) -> Any:
    taped = [(k + 1, r) for k, r in enumerate(results) if r.requires_grad]
    return sum((k * (r * r).sum() for k, r in taped), 0) if taped else None


def gradients(library: Any, loss: Any, leaves: list[Any], create_graph: bool) -> list[Any]:
    return library.autograd.grad(loss, leaves, create_graph=create_graph, allow_unused=True)


def close(mine: Any, theirs: Any) -> None:
    assert (mine is None) == (theirs is None)
    if theirs is not None:
        assert tuple(mine.shape) == tuple(theirs.shape)
        assert repr(mine.dtype).replace("thalweg", "torch") == repr(theirs.dtype)
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12
        )


@pytest.fixture
def agree() -> Callable[..., None]:
    """A check that ``case(library, *tensors)`` gives on Thalweg what it gives on PyTorch."""
    torch = pytest.importorskip("torch")

    def check(case: Case, *arrays: Any, gradient: bool = True, nodes: bool = True) -> None:
        for mode in MODES if gradient else MODES[:1]:
            leaves, mine, error = outcome(case, tw, arrays, mode)
            originals, theirs, expected = outcome(case, torch, arrays, mode)
            if mine and expected is not None and tw.current_tier() == "native":
                mine, error = [], error_of_the_run()
            assert type(error) is type(expected), (
                f"{mode}: {error!r} where PyTorch gives {expected!r}"
            )
            assert len(mine) == len(theirs)
            for a, b in zip(mine, theirs, strict=True):
                close(a, b)
                assert a.requires_grad == b.requires_grad
                if nodes and b.grad_fn is not None:
                    assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__
            losses = loss_of(mine), loss_of(theirs)
            if mode == "realized" or losses[1] is None:
                continue
            first = gradients(tw, losses[0], leaves, True)
            first_expected = gradients(torch, losses[1], originals, True)
            for a, b in zip(first, first_expected, strict=True):
                close(a, b)
            squares = [loss_of([g for g in gs if g is not None]) for gs in (first, first_expected)]
            if squares[1] is not None:
                second = gradients(tw, squares[0], leaves, False)
                for a, b in zip(
                    second, gradients(torch, squares[1], originals, False), strict=True
                ):
                    close(a, b)

    return check


@pytest.fixture
def refused() -> Callable[[type[Exception], Callable[[Any], Any]], None]:
    """A check that ``call(library)`` raises an error of a kind on Thalweg and on PyTorch."""

    def check(kind: type[Exception], call: Callable[[Any], Any]) -> None:
        with pytest.raises(kind):
            call(tw)
        torch = pytest.importorskip("torch")
        with pytest.raises(kind):
            call(torch)

    return check
