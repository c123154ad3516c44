"""The least that a step's arithmetic and memory traffic take on this machine: `python benchmarks/limit.py`.

Products count at the rate of the BLAS that NumPy has, measured at their shape with its number of threads; other kernels
by the bytes that they touch, at the rate at which all threads together copy memory that is not in a core's own cache.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

_SHAPE = re.compile(r"(\d+)x(\d+) @ \d+x(\d+)(?: batch \((.*?),?\))?")


def _best(function: Callable[[], Any], seconds: float = 0.02) -> float:
    """The least time of a call, of those that fit into ``seconds``, at least five."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@cache
def product(m: int, k: int, n: int, batch: int) -> float:
    """Seconds of a product (batch, m, k) @ (batch, k, n)."""
    a, b = np.ones((batch, m, k), np.float32), np.ones((batch, k, n), np.float32)
    out = np.empty((batch, m, n), np.float32)
    if batch == 1:
        a, b, out = a[0], b[0], out[0]
    return _best(lambda: np.matmul(a, b, out=out))


@cache
def seconds_per_byte() -> float:
    """What it takes to read or write a byte, with all threads at it."""
    threads, size = os.cpu_count() or 1, 1 << 22
    pairs = [(np.ones(size, np.uint8), np.ones(size, np.uint8)) for _ in range(threads)]

    def copy(pair: tuple[Any, Any]) -> None:
        for _ in range(20):
            np.copyto(*pair)

    with ThreadPoolExecutor(threads) as pool:
        took = statistics.median(_best(lambda: list(pool.map(copy, pairs)), 0.1) for _ in range(5))
    return took / (20 * 2 * size * threads)


def limit(explanation: Any) -> float:
    """Seconds that the programs of an explained step take at least."""
    total = 0.0
    for program in explanation.programs:
        for line in program.lines:
            found = _SHAPE.match(line.what) if line.kind == "product" else None
            if found is None:
                total += line.bytes * seconds_per_byte()
            else:
                m, k, n = (int(size) for size in found.groups()[:3])
                batch = [int(size) for size in (found[4] or "1").split(",")]
                total += product(m, k, n, int(np.prod(batch)))
    return total


def step_limit(t: Any, make: Callable[[Any], tuple[Any, ...]]) -> float:
    """The limit of a step of one of the workloads of steps.py, in seconds."""
    net, optimizer, criterion, x, y = make(t)

    def step() -> None:
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    t.synchronize()
    return limit(t.explain(step))


if __name__ == "__main__":
    import steps

    import thalweg

    print(f"copying: {1e-9 / seconds_per_byte():.0f} GB/s")
    for name, (make, _) in steps.WORKLOADS.items():
        print(f"{name:<54} {step_limit(thalweg, make) * 1e6:>9.0f} us")
