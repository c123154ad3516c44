"""The same seeded script on Thalweg and on PyTorch: the same curve of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

STEPS = 100
RNG = np.random.RandomState(0)
VECTORS, PICTURES = RNG.randn(64, 20), RNG.randn(48, 1, 8, 8)
CLASSES = RNG.randint(0, 4, 64)
# Random labels keep the loss away from 0, where a relative comparison would say nothing.


def _mlp(m: Any) -> Any:
    nn = m.nn
    return nn.Sequential(
        nn.Linear(20, 32),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(32, 16),
        nn.Tanh(),
        nn.Linear(16, 4),
    )


def _conv_net(m: Any) -> Any:
    nn = m.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32, 4),
    )  # fmt: skip


def _curve(
    m: Any,
    make: Callable[[Any], Any],
    optimizer_of: Callable[[Any, Any], Any],
    kind: str,
    nudge: bool = False,
) -> tuple[list[float], Any]:
    """The losses of 100 steps; ``nudge`` moves one weight by one unit in its last place."""
    m.manual_seed(1)
    net = make(m)
    if kind == "float64":
        net.double()
    if nudge:
        first = next(iter(net.parameters()))
        values = first.detach().numpy().copy()
        values.flat[0] = np.nextafter(values.flat[0], np.float32(np.inf), dtype=values.dtype)
        with m.no_grad():
            first.copy_(m.tensor(values))
    data = PICTURES if make is _conv_net else VECTORS
    x, y = m.tensor(data.astype(kind)), m.tensor(CLASSES[: len(data)])
    optimizer = optimizer_of(m, net.parameters())
    schedule = m.optim.lr_scheduler.StepLR(optimizer, 30, 0.5)
    losses = []
    for _ in range(STEPS):
        rows = m.randperm(len(x))[:16]
        loss = m.nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, net


NETS = {"MLP": _mlp, "conv net": _conv_net}
OPTIMIZERS = {
    "SGD": lambda m, p: m.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "AdamW": lambda m, p: m.optim.AdamW(p, lr=0.003),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_float64(net: str, optimizer: str) -> None:
    torch = pytest.importorskip("torch")
    mine, my_net = _curve(tw, NETS[net], OPTIMIZERS[optimizer], "float64")
    theirs, their_net = _curve(torch, NETS[net], OPTIMIZERS[optimizer], "float64")
    assert theirs[-1] < theirs[0]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    expected = their_net.state_dict()
    for name, value in my_net.state_dict().items():
        np.testing.assert_allclose(value.numpy(), expected[name].numpy(), 1e-7, 1e-9, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_float32_drifts_no_more_than_pytorch_from_itself(net: str, optimizer: str) -> None:
    torch = pytest.importorskip("torch")
    mine, _ = _curve(tw, NETS[net], OPTIMIZERS[optimizer], "float32")
    theirs, _ = _curve(torch, NETS[net], OPTIMIZERS[optimizer], "float32")
    nudged, _ = _curve(torch, NETS[net], OPTIMIZERS[optimizer], "float32", nudge=True)
    drift, allowed = (
        np.maximum.accumulate(np.abs(np.subtract(other, theirs))) for other in (mine, nudged)
    )
    floor = (
        4 * np.finfo(np.float32).eps * np.max(theirs)
    )  # what one rounding of a loss may differ by
    assert drift[-1] <= 3 * allowed[-1] + floor, (drift[-1], allowed[-1])
    assert drift[:5].max() < 1e-5


@pytest.mark.parametrize("net", NETS)
def test_a_seed_gives_the_same_bits_each_time(net: str) -> None:
    tw.clear_caches()  # as in a new process: "auto" goes over to native at a fixed occurrence
    first, _ = _curve(tw, NETS[net], OPTIMIZERS["AdamW"], "float32")
    tw.clear_caches()
    again, _ = _curve(tw, NETS[net], OPTIMIZERS["AdamW"], "float32")
    assert first == again
