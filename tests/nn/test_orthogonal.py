"""Weights kept orthogonal, as in PyTorch: values, gradients, training, and what is assigned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.nn.utils.parametrizations import orthogonal

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*has not repeated itself"),
    pytest.mark.filterwarnings("ignore:Complex modules are a new feature"),
]

CASES = [
    (shape, kind, base)
    for shape in ((4, 4), (5, 3), (3, 5))
    for kind in ("matrix_exp", "cayley", "householder")
    for base in (True, False)
]


def _trained(lib: Any, shape: tuple[int, int], kind: str | None, base: bool) -> list[Any]:
    lib.manual_seed(4)
    module = lib.nn.Linear(shape[1], shape[0])
    cover = lib.nn.utils.parametrizations.orthogonal
    cover(module, "weight", kind, use_trivialization=base)
    held = module.parametrizations.weight
    log = [list(module.state_dict()), module.weight, held.original]
    x = lib.randn(6, shape[1])
    optimizer = lib.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        ((module(x) - 1) ** 2).mean().backward()
        log.append(held.original.grad.clone())
        optimizer.step()
    log.append(module.weight)
    if base or kind == "householder":
        module.weight = lib.randn(*shape)
        log += [module.weight, held.original]
    log += [lib.randn(1)]
    lib.nn.utils.parametrize.remove_parametrizations(module, "weight")
    return [*log, module.weight, list(module.state_dict())]


def alike(mine: list[Any], theirs: list[Any]) -> None:
    assert len(mine) == len(theirs)
    for found, expected in zip(mine, theirs, strict=True):
        if isinstance(expected, list):
            assert found == expected
        else:
            a, b = found.detach().numpy(), expected.detach().numpy()
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("shape, kind, base", [*CASES, ((4, 4), None, True), ((4, 3), None, True)])
def test_as_in_pytorch(shape: tuple[int, int], kind: str | None, base: bool) -> None:
    torch = pytest.importorskip("torch")
    alike(_trained(tw, shape, kind, base), _trained(torch, shape, kind, base))


def _others(lib: Any) -> list[Any]:
    """Batches, what is orthogonal already, float64, and complex weights."""
    cover = lib.nn.utils.parametrizations.orthogonal
    lib.manual_seed(1)
    log: list[Any] = []

    class Holder(lib.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, weight: Any) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(weight)

    turn = lib.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=lib.float64)
    whole = lib.randn(2, 4, 3), lib.randn(2, 3, 3), turn
    parts = (
        lib.complex(lib.randn(3, 3), lib.randn(3, 3)),
        lib.complex(lib.randn(4, 2), lib.randn(4, 2)),
    )
    for weight in (*whole, *parts):
        for kind in ("matrix_exp", "cayley", "householder"):
            if weight.is_complex() and (
                kind == "householder" or weight.shape[0] != weight.shape[1]
            ):
                continue
            module = cover(Holder(weight), "weight", kind)
            held = module.parametrizations.weight
            with lib.no_grad():
                held.original.add_(0.1 * lib.ones(tuple(weight.shape), dtype=weight.dtype).tril(-1))
            out = module.weight
            square = lib.view_as_real(out) if out.is_complex() else out
            (square**3).sum().backward()
            log += [held[0].base, out, held.original.grad]
    return log


def test_others_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    alike(_others(tw), _others(torch))


def _refusals(lib: Any) -> list[Any]:
    cover = lib.nn.utils.parametrizations.orthogonal
    module = lib.nn.Linear(2, 3)
    fixed = cover(lib.nn.Linear(2, 2), "weight", "cayley", use_trivialization=False)
    other = cover(lib.nn.Linear(2, 2))
    complex_ = lib.nn.Linear(2, 2).to(lib.complex64)
    return [
        lambda: cover(module, "nothing"),
        lambda: cover(module, "bias"),
        lambda: cover(module, "weight", "cayleigh"),
        lambda: setattr(other, "weight", lib.ones(3, 2)),
        lambda: setattr(fixed, "weight", lib.eye(2)),
        lambda: cover(complex_, "weight", "householder"),
    ]


def raised(call: Any) -> tuple[type[BaseException], str]:
    with pytest.raises(Exception) as caught:
        call()
    return caught.type, str(caught.value)[:40]


def test_refusals() -> None:
    found = [kind for kind, _ in map(raised, _refusals(tw))]
    assert found == [
        ValueError,
        ValueError,
        ValueError,
        ValueError,
        NotImplementedError,
        ValueError,
    ]


def test_refusals_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    assert list(map(raised, _refusals(tw))) == list(map(raised, _refusals(torch)))


def test_by_hand() -> None:
    module = tw.nn.Linear(2, 2, bias=False)
    orthogonal(module, "weight", "cayley")
    module.weight = tw.tensor([[0.0, 2.0], [-3.0, 0.0]])
    np.testing.assert_allclose(module.weight.detach().numpy(), [[0, 1], [-1, 0]], atol=1e-6)
    with tw.no_grad():  # a = 2: (1 + a/2 J)(1 - a/2 J)^-1 turns by a right angle
        module.parametrizations.weight.original[1, 0] = 2.0
    np.testing.assert_allclose(module.weight.detach().numpy(), [[1, 0], [0, 1]], atol=1e-6)
