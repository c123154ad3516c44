"""Peak resident memory of the workloads of steps.py against PyTorch eager: `python benchmarks/memory.py [--steps N]`.

Each run trains so many steps in a fresh process, whose peak the system counts (``ru_maxrss``). It is given three times:
of the whole process; beyond what the imports took; and beyond what was there when the network, its data and the
optimizer were made. Rows are medians of the rounds, ratios those of the medians: above 1, Thalweg takes less.
"compiled" begins with an empty cache on disk, "from disk" finds its machine code there.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

FORMS = {  # framework, tier, whether machine code is on disk
    "native, compiled": ("thalweg", "native", False),
    "native, from disk": ("thalweg", "native", True),
    "auto, from disk": ("thalweg", "auto", True),
    "PyTorch": ("torch", "", True),
}
COUNTS = ("whole process", "beyond imports", "beyond network and data")


def peak() -> float:
    """The most MiB that this process has held so far."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def train(peer: str, tier: str, letter: str, steps: int, images: int, threads: int) -> list[float]:
    """Train in this process; gives its peak in MiB after the imports, when all was made, and at the end."""
    t = importlib.import_module(peer)
    levels = [peak()]
    import steps as workloads

    t.set_num_threads(threads)
    if tier:
        t.tier(tier)
    t.manual_seed(0)
    if letter == "g":
        net, optimizer, criterion, _, _ = workloads.digits_net(t)
        data = t.utils.data.TensorDataset(t.rand(images, 784), t.randint(0, 10, (images,)))
        batches: Any = t.utils.data.DataLoader(data, batch_size=128, shuffle=True)
    else:
        make = next(w[0] for name, w in workloads.WORKLOADS.items() if name[1] == letter)
        net, optimizer, criterion, x, y = make(t)
        batches = [(x, y)] * steps
    levels.append(peak())
    right = 0
    for x, y in islice(batches, steps):
        scores = net(x)
        loss = criterion(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if letter == "g":
            right += (scores.argmax(1) == y).sum().item()
    loss.item()
    return [*levels, peak()]


def measured(form: str, letter: str, options: argparse.Namespace, cache: str) -> list[float]:
    """The three counts of one run in a process of its own, in MiB."""
    peer, tier, is_warm = FORMS[form]
    arguments = [str(x) for x in (letter, options.steps, options.images, options.threads)]
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, __file__, "--in-this-process", peer, tier, *arguments],
            capture_output=True, text=True, check=True,
            env={**os.environ, "THALWEG_CACHE": cache if is_warm else empty},
        )  # fmt: skip
    imported, made, end = map(float, done.stdout.split())
    return [end, end - imported, end - made]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=50)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--only", default="abcfg", help="letters of workloads")
    arguments.add_argument("--images", type=int, default=60_000, help="in the data of (g)")
    options = arguments.parse_args()
    print(f"{'workload':<10} {'form':<20}" + "".join(f"{c + ', MiB':>30}" for c in COUNTS))
    with tempfile.TemporaryDirectory() as cache:
        for letter in options.only:
            measured("native, from disk", letter, options, cache)  # fills the cache
            found = {}
            for form in FORMS:
                rounds = [measured(form, letter, options, cache) for _ in range(options.rounds)]
                found[form] = [statistics.median(counts) for counts in zip(*rounds, strict=True)]
            for form, counts in found.items():
                row = f"{f'({letter})':<10} {form:<20}"
                for count, theirs in zip(counts, found["PyTorch"], strict=True):
                    ratio = "" if form == "PyTorch" else f"{theirs / max(count, 0.1):.2f}x"
                    row += f"{count:>22.1f}{ratio:>8}"
                print(row, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-this-process"]:
        sys.path.insert(0, str(Path(__file__).parent))
        print(*train(*sys.argv[2:5], *map(int, sys.argv[5:])))
    else:
        main()
