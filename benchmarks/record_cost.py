"""Python's share of a training step, outside programs: `python benchmarks/record_cost.py`.

The loop is workload (a) of steps.py. A second run replaces every program by one that gives its last results
again, so that only recording, the tape, the walk backward, the optimizer and the cut remain.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time

import thalweg as tw
from thalweg import nn
from thalweg.runtime.program import Program


def make() -> object:
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 100), nn.Sigmoid(), nn.Linear(100, 4), nn.Sigmoid())
    optimizer = tw.optim.SGD(net.parameters(), lr=0.1)
    x, y = tw.randn(64, 10), tw.rand(64, 4)

    def run(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            loss = nn.functional.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()
        return (time.perf_counter() - start) / steps * 1e6

    return run


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--profile", action="store_true", help="show where it goes")
    options = arguments.parse_args()
    run = make()
    run(300)
    whole = statistics.median(run(2000) for _ in range(7))
    call, memory = Program.run, {}

    def remembered(self: Program, inputs: object, tier: str, training: bool, *_: object) -> object:
        if self not in memory:
            memory[self] = call(self, inputs, tier, training)
        return memory[self]

    Program.run = remembered
    run(100)
    python = statistics.median(run(2000) for _ in range(7))
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(run, 5000)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    Program.run = call
    print(
        f"whole step {whole:6.1f} us\nPython     {python:6.1f} us\nprograms   {whole - python:6.1f} us"
    )


if __name__ == "__main__":
    main()
