"""Step time of plain training loops against PyTorch eager: `python benchmarks/steps.py [--rounds N]`.

Each workload is the textbook loop, batches from memory. Rounds of both frameworks alternate in one process;
a row gives the medians and the median of the rounds' ratios. Threads are equal.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import thalweg


def sigmoid_net(t: Any) -> tuple[Any, Any, Any, Any, Any]:
    nn = t.nn
    net = nn.Sequential(nn.Linear(10, 100), nn.Sigmoid(), nn.Linear(100, 4), nn.Sigmoid())
    x, y = t.randn(64, 10), t.rand(64, 4)
    return net, t.optim.SGD(net.parameters(), lr=0.1), nn.functional.mse_loss, x, y


def digits_net(t: Any) -> tuple[Any, Any, Any, Any, Any]:
    nn, F = t.nn, t.nn.functional
    net = nn.Sequential(nn.Linear(784, 128, bias=False), nn.ReLU(), nn.Linear(128, 10, bias=False))
    x, y = t.randn(128, 784), t.randint(0, 10, (128,))

    def loss(scores: Any, target: Any) -> Any:
        return F.nll_loss(F.log_softmax(scores, 1), target)

    return net, t.optim.SGD(net.parameters(), lr=0.1), loss, x, y


def wide_net(t: Any) -> tuple[Any, Any, Any, Any, Any]:
    nn = t.nn
    net = nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)
    )
    x, y = t.randn(256, 784), t.randint(0, 10, (256,))
    return net, t.optim.Adam(net.parameters()), nn.functional.cross_entropy, x, y


WORKLOADS = {
    "(a) 10-100-4 sigmoid, MSE, SGD, batch 64": (sigmoid_net, 1000),
    "(b) 784-128-10 ReLU, NLL, SGD, batch 128": (digits_net, 300),
    "(c) 784-1024-1024-10, cross entropy, Adam, batch 256": (wide_net, 10),
}
FORMS = ("no print", "item() each step", "print each 100")


def loop(t: Any, make: Callable[[Any], tuple[Any, ...]], form: str) -> Callable[[int], float]:
    """Gives a function that runs so many steps and says how many seconds they took."""
    t.manual_seed(0)
    net, optimizer, criterion, x, y = make(t)

    def run(steps: int) -> float:
        start = time.perf_counter()
        for i in range(steps):
            loss = criterion(net(x), y)
            if form == FORMS[1]:
                loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if form == FORMS[2] and i % 100 == 0:
                str(loss)
        loss.item()
        return time.perf_counter() - start

    return run


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    options = arguments.parse_args()
    peers: dict[str, Any] = {"thalweg": thalweg}
    try:
        import torch
    except ImportError:
        print("torch is not installed: thalweg's times alone")
    else:
        torch.set_num_threads(options.threads)
        peers["torch"] = torch
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(
        f"thalweg {thalweg.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    )
    print(f"{'workload':<54} {'form':<18} {'thalweg':>10} {'torch':>10} {'ratio':>7}")
    for name, (make, steps) in WORKLOADS.items():
        for form in FORMS:
            runs = {peer: loop(t, make, form) for peer, t in peers.items()}
            for run in runs.values():
                run(max(steps // 4, 3))
            rounds = [
                {peer: run(steps) / steps * 1e6 for peer, run in runs.items()}
                for _ in range(options.rounds)
            ]
            mine = statistics.median(r["thalweg"] for r in rounds)
            row = f"{name:<54} {form:<18} {mine:>7.0f} us"
            if "torch" in peers:
                theirs = statistics.median(r["torch"] for r in rounds)
                ratio = statistics.median(r["torch"] / r["thalweg"] for r in rounds)
                row += f" {theirs:>7.0f} us {ratio:>6.2f}x"
            print(row, flush=True)


if __name__ == "__main__":
    main()
