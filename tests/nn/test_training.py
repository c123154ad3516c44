"""Modules in training loops: tied, frozen, replaced, averaged, reloaded; equal to PyTorch where installed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def data(lib: Any, n: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return lib.tensor(rng.normal(size=(n, 4))), lib.tensor(rng.normal(size=(n, 2)))


def filled(lib: Any, module: Any) -> Any:
    """``module`` in float64 with weights that both libraries share."""
    rng = np.random.default_rng(2)
    module.double()
    with lib.no_grad():
        for p in module.parameters():
            p.copy_(lib.tensor(rng.normal(size=tuple(p.shape))))
    return module


def mlp(lib: Any) -> Any:
    n = lib.nn
    return filled(lib, n.Sequential(n.Linear(4, 6), n.BatchNorm1d(6), n.Tanh(), n.Linear(6, 2)))


def stepped(lib: Any, module: Any, x: Any, y: Any, clip: float | None = None) -> Any:
    loss = lib.nn.MSELoss()(module(x), y)
    module.zero_grad()
    loss.backward()
    if clip is not None:
        lib.nn.utils.clip_grad_norm_(module.parameters(), clip)
    with lib.no_grad():
        for p in module.parameters():
            if p.grad is not None:
                p -= 0.1 * p.grad
    return loss


def plain(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    losses = [stepped(lib, m, x, y).item() for _ in range(8)]
    return [losses, *(v.tolist() for v in m.state_dict().values()), m.eval()(x).tolist()]


def clipped(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    return [[stepped(lib, m, x, y, clip=0.5).item() for _ in range(8)]]


def tied(lib: Any) -> list[Any]:
    m = filled(
        lib,
        lib.nn.Sequential(
            lib.nn.Linear(4, 4), lib.nn.Tanh(), lib.nn.Linear(4, 4), lib.nn.Linear(4, 2)
        ),
    )
    m[2].weight = m[0].weight
    x, y = data(lib)
    losses = [stepped(lib, m, x, y).item() for _ in range(5)]
    twin = copy.deepcopy(m)
    losses += [stepped(lib, twin, x, y).item() for _ in range(3)]
    return [
        losses,
        twin[0].weight is twin[2].weight,
        m[0].weight.tolist(),
        len(list(m.parameters())),
    ]


def frozen_and_thawed(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    log: list[Any] = []
    for round_ in range(6):
        m[0].requires_grad_(round_ >= 3)
        log += [stepped(lib, m, x, y).item(), m[0].weight.sum().item(), m[0].weight.grad is None]
    return log


def replaced(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    log = [stepped(lib, m, x, y).item() for _ in range(3)]
    m[3] = filled(lib, lib.nn.Linear(6, 2))
    m[0].weight = lib.nn.Parameter(m[0].weight.detach() * 0.5)
    return [*log, *(stepped(lib, m, x, y).item() for _ in range(3))]


def averaged(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    mean = copy.deepcopy(m).requires_grad_(False)
    for _ in range(6):
        stepped(lib, m, x, y)
        with lib.no_grad():
            for a, b in zip(mean.parameters(), m.parameters(), strict=True):
                a.mul_(0.9).add_(b, alpha=0.1)
    return [mean.eval()(x).tolist(), m.eval()(x).tolist()]


def reloaded(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    stepped(lib, m, x, y)
    kept = copy.deepcopy(m.state_dict())
    log = [stepped(lib, m, x, y).item() for _ in range(3)]
    m.load_state_dict(kept)
    return [*log, *(stepped(lib, m, x, y).item() for _ in range(3))]


def evaluated_in_between(lib: Any) -> list[Any]:
    m, (x, y) = mlp(lib), data(lib)
    log: list[Any] = []
    for _ in range(4):
        log.append(stepped(lib, m, x, y).item())
        m.eval()
        with lib.no_grad():
            log.append(lib.nn.L1Loss()(m(x), y).item())
        m.train()
    return log


def recurrent(lib: Any) -> list[Any]:
    class Cell(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = lib.nn.Linear(6, 2)
            self.state = None

        def forward(self, x: Any) -> Any:
            before = (
                lib.zeros(x.shape[0], 2, dtype=lib.float64)
                if self.state is None
                else self.state.detach()
            )
            self.state = lib.tanh(self.inner(lib.cat([x, before], 1)))
            return self.state

    m = filled(lib, Cell())
    x, y = data(lib)
    return [[stepped(lib, m, x, y).item() for _ in range(6)], m.state.tolist()]


SCENARIOS = [
    plain, clipped, tied, frozen_and_thawed, replaced, averaged, reloaded, evaluated_in_between, recurrent,
]  # fmt: skip


def flat(entries: Any) -> list[float]:
    if isinstance(entries, list | tuple):
        return [number for entry in entries for number in flat(entry)]
    return [float(entries)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_trains_as_torch_does(scenario: Any) -> None:
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(flat(scenario(tw)), flat(scenario(torch)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__)
def test_same_when_every_operation_runs_at_once(scenario: Any) -> None:
    with tw.tier("interpret"):
        recorded = flat(scenario(tw))
    with tw.tier("eager"):
        eager = flat(scenario(tw))
    assert recorded == eager
