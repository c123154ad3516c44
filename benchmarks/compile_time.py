"""How long the compiler takes: `python benchmarks/compile_time.py`.

For workloads (a) to (c) of steps.py, each in a process of its own: the step's program made native with an empty cache,
then again from the cache on disk; and the time from the start of the process to the end of the first step, beside
PyTorch's where it is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MADE = """
import sys, time
sys.path.insert(0, {here!r})
import steps, thalweg
from thalweg.runtime import native
seconds = [0.0]
init = native.NativeProgram.__init__
def timed(self, *args, **settings):
    start = time.perf_counter()
    init(self, *args, **settings)
    seconds[0] += time.perf_counter() - start
native.NativeProgram.__init__ = timed
import llvmlite.binding
start = time.perf_counter()
name = [n for n in steps.WORKLOADS if n[1] == {letter!r}][0]
net, optimizer, criterion, x, y = steps.WORKLOADS[name][0](thalweg)
thalweg.tier("native")
for _ in range(2):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
loss.item()
assert seconds[0], "nothing was compiled"
print(seconds[0])
"""
FIRST = """
import sys
sys.path.insert(0, {here!r})
import {package} as t
import steps
net, optimizer, criterion, x, y = steps.digits_net(t)
loss = criterion(net(x), y)
optimizer.zero_grad()
loss.backward()
optimizer.step()
loss.item()
"""


def output(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    here = str(Path(__file__).parent)
    print(f"{'program':<10} {'compiled':>12} {'from disk':>12}   (aims: 1000 ms, 50 ms)")
    for letter in "abc":
        script = MADE.format(here=here, letter=letter)
        with tempfile.TemporaryDirectory() as folder:
            output(script, THALWEG_CACHE=folder)
            cold = []
            for _ in range(3):
                with tempfile.TemporaryDirectory() as empty:
                    cold.append(float(output(script, THALWEG_CACHE=empty)))
            warm = [float(output(script, THALWEG_CACHE=folder)) for _ in range(5)]
        print(
            f"({letter}){'':<7} {sorted(cold)[1] * 1e3:>9.0f} ms {sorted(warm)[2] * 1e3:>9.0f} ms"
        )
    for package in ("thalweg", "torch"):
        if importlib.util.find_spec(package) is None:
            continue
        times = []
        for _ in range(5):
            start = time.perf_counter()
            output(FIRST.format(here=here, package=package))
            times.append(time.perf_counter() - start)
        print(
            f"{package:<8} from the start of the process to the end of the first step {sorted(times)[2] * 1e3:.0f} ms"
        )


if __name__ == "__main__":
    main()
