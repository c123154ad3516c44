"""How long an epoch of batches takes to make, beside PyTorch's DataLoader in the same run.

    python benchmarks/data_loading.py [--rounds 5]

60,000 x 784 float32 with int64 labels, batches of 128, as tensors in a TensorDataset, as a Subset of one, as a
tensor or an array alone, and as a list of pairs (item by item). Seconds an epoch, best of the rounds; the two
libraries take turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from thalweg import data as tw_data  # noqa: E402
from thalweg.data.arrays import shared_tensor  # noqa: E402

ROWS, FEATURES, BATCH = 60_000, 784, 128
Case = tuple[str, Callable[[], Any] | None, Callable[[], Any] | None]


def seconds(make: Callable[[], Any]) -> float:
    """Seconds that one epoch of ``make()`` takes."""
    loader = make()
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def loaders(
    room: Any, as_tensor: Callable[[Any], Any], x: Any, y: Any
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and maker of each case, from ``room`` (thalweg.data or torch.utils.data).

    Args:
        x: (60000, 784) array.
        y: (60000,) array.
    """
    images, labels = as_tensor(x), as_tensor(y)
    pairs = room.TensorDataset(images, labels)
    half = room.Subset(pairs, list(range(0, ROWS, 2)))
    items = [(images[i], int(y[i])) for i in range(6_000)]
    load = room.DataLoader
    yield "pairs, shuffled", lambda: load(pairs, BATCH, shuffle=True)
    yield "pairs, in order", lambda: load(pairs, BATCH)
    yield "pairs, shuffled, 2 workers", lambda: load(pairs, BATCH, shuffle=True, num_workers=2)
    yield "every other pair, shuffled", lambda: load(half, BATCH, shuffle=True)
    yield "tensor, shuffled", lambda: load(images, BATCH, shuffle=True)
    yield "array, shuffled", lambda: load(x, BATCH, shuffle=True)
    yield "list of 6,000 pairs, shuffled", lambda: load(items, BATCH, shuffle=True)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    draw = np.random.default_rng(0)
    x = draw.random((ROWS, FEATURES), np.float32)
    y = draw.integers(0, 10, ROWS)
    ours = dict(loaders(tw_data, shared_tensor, x, y))
    owned = tw_data.TensorDataset(*(shared_tensor(a).clone() for a in (x, y)))
    ours["own memory, in order"] = lambda: tw_data.DataLoader(owned, BATCH)
    theirs: dict[str, Callable[[], Any]] = {}
    try:
        import torch
        import torch.utils.data

        theirs = dict(loaders(torch.utils.data, torch.from_numpy, x, y))
    except ImportError:
        print("torch is not installed: no comparison")
    print(f"{'case':<32}{'thalweg s':>12}{'torch s':>12}{'ratio':>9}")
    for name, make in ours.items():
        mine, other = [], []
        for _ in range(rounds):
            mine.append(seconds(make))
            if name in theirs:
                other.append(seconds(theirs[name]))
        text = f"{min(other):>12.4f}{min(other) / min(mine):>8.1f}x" if other else ""
        print(f"{name:<32}{min(mine):>12.4f}{text}")


if __name__ == "__main__":
    main()
