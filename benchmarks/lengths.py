"""What does a step cost whose shape came seldom or never before?

Sequences of 76 different lengths (5 to 80), 300 batches of 16 an epoch: an nn.LSTM, a GRU's cell in a loop, and a network
whose batches all have another size. Under PyTorch and under Thalweg in turn, each time in a process of its own, on one
thread; the time of each epoch. Needs an environment with both.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

EPOCHS, BATCHES = 3, 300


def program() -> None:
    """Prints for each loop its name, the last loss, and the seconds of each epoch."""
    import torch

    torch.set_num_threads(1)
    for loop in (lstm, cells, sizes):
        torch.manual_seed(0)
        random.seed(0)
        step, batches = loop(torch)
        times = []
        for _ in range(EPOCHS):
            begun = time.perf_counter()
            for batch in batches:
                loss = step(*batch)
            value = loss.item()
            times.append(f"{time.perf_counter() - begun:.3f}")
        print(loop.__name__, f"{value:.5f}", *times)


def lstm(torch: Any) -> tuple[Callable[..., Any], list[Any]]:
    nn = torch.nn
    table, layer, head = nn.Embedding(50, 32), nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 5)

    def scores(x: Any) -> Any:
        return head(layer(table(x))[0][:, -1])

    return trained(torch, scores, table, layer, head), list(sequences(torch))


def cells(torch: Any) -> tuple[Callable[..., Any], list[Any]]:
    nn = torch.nn
    table, cell, head = nn.Embedding(50, 32), nn.GRUCell(32, 64), nn.Linear(64, 5)

    def scores(x: Any) -> Any:
        state = torch.zeros(len(x), 64)
        for place in range(x.shape[1]):
            state = cell(table(x[:, place]), state)
        return head(state)

    return trained(torch, scores, table, cell, head), list(sequences(torch))[: BATCHES // 3]


def sizes(torch: Any) -> tuple[Callable[..., Any], list[Any]]:
    nn = torch.nn
    net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.LayerNorm(64), nn.Linear(64, 5))
    batches = [(torch.randn(n, 32), torch.randint(0, 5, (n,))) for n in range(1, BATCHES + 1)]
    return trained(torch, net, net), batches


def sequences(torch: Any) -> Iterator[tuple[Any, Any]]:
    for _ in range(BATCHES):
        length = random.randint(5, 80)
        yield torch.randint(0, 50, (16, length)), torch.randint(0, 5, (16,))


def trained(torch: Any, scores: Callable[[Any], Any], *modules: Any) -> Callable[..., Any]:
    """A step of training: (inputs, classes) to the loss."""
    optimizer = torch.optim.Adam([p for m in modules for p in m.parameters()], 1e-3)

    def step(x: Any, classes: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(scores(x), classes)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def main() -> None:
    ways = {"PyTorch": [sys.executable], "Thalweg": [sys.executable, "-W", "ignore", "-m", "thalweg", "run"]}  # fmt: skip
    found: dict[str, dict[str, list[list[float]]]] = {}
    for _ in range(3):
        for way, command in ways.items():
            done = subprocess.run(
                [*command, __file__, "program"], capture_output=True, text=True, check=True
            )
            for line in done.stdout.splitlines():
                name, _, *times = line.split()
                found.setdefault(name, {}).setdefault(way, []).append([float(t) for t in times])
    print(f"{'loop':<8} {'epoch':>5} {'PyTorch':>9} {'Thalweg':>9} {'ratio':>6}")
    for name, runs in found.items():
        for epoch in range(EPOCHS):
            torch, own = ([run[epoch] for run in runs[way]] for way in ways)
            ratio = statistics.median(a / b for a, b in zip(torch, own, strict=True))
            print(
                f"{name:<8} {epoch + 1:>5} {statistics.median(torch):8.2f}s {statistics.median(own):8.2f}s {ratio:6.2f}"
            )


if __name__ == "__main__":
    program() if sys.argv[1:] == ["program"] else main()
