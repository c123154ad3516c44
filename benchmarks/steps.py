"""Step time of plain training loops against PyTorch: `python benchmarks/steps.py [--peers torch,compile,jax]`.

Each workload is the textbook loop, batches from memory. Rounds of all frameworks alternate in one process, with a pause
before each; a row gives the medians, and for each peer the median of the rounds' ratios (above 1: Thalweg is faster).
Threads are equal. "compile" is PyTorch with ``torch.compile(net)``, "jax" a step under ``jax.jit`` (jax_steps.py). The
limit is what the arithmetic and the memory of a step take at least on this machine (limit.py).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from limit import step_limit


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


def gpt(t: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Four blocks of width 128 with four heads, over 64 characters of 65, batch 16."""
    nn, F = t.nn, t.nn.functional
    width, heads, context, vocabulary, batch = 128, 4, 64, 65, 16

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            q, k, v = self.qkv(self.before(x)).split(width, dim=2)
            q, k, v = (z.view(n, length, heads, width // heads).transpose(1, 2) for z in (q, k, v))
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).reshape(n, length, width))
            return x + self.narrow(F.gelu(self.wide(self.after(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

        def forward(self, x: Any) -> Any:
            h = self.tokens(x) + self.places(t.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(h)))

    def loss(scores: Any, target: Any) -> Any:
        return F.cross_entropy(scores.view(-1, vocabulary), target.view(-1))

    net = Model()
    x, y = t.randint(0, vocabulary, (batch, context)), t.randint(0, vocabulary, (batch, context))
    return net, t.optim.AdamW(net.parameters(), lr=3e-4), loss, x, y


WORKLOADS = {
    "(a) 10-100-4 sigmoid, MSE, SGD, batch 64": (sigmoid_net, 1000),
    "(b) 784-128-10 ReLU, NLL, SGD, batch 128": (digits_net, 300),
    "(c) 784-1024-1024-10, cross entropy, Adam, batch 256": (wide_net, 10),
    "(f) GPT 4x128, context 64, AdamW, batch 16": (gpt, 10),
}
FORMS = ("no print", "item() each step", "print each 100")
PAUSE = 0.3  # seconds before a timed run, so that the peer's threads have gone to sleep


def loop(t: Any, make: Callable[[Any], tuple[Any, ...]], form: str) -> Callable[[int], float]:
    """Gives a function that runs so many steps and says how many seconds they took."""
    t.manual_seed(0)
    net, optimizer, criterion, x, y = make(t)

    def run(steps: int) -> float:
        time.sleep(PAUSE)
        for i in range(-max(steps // 10, 2), steps):
            if i == 0:
                start = time.perf_counter()
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


def epoch(t: Any, images: int) -> Callable[[int], float]:
    """An epoch as a textbook writes it: network (b), a shuffled DataLoader, running accuracy, a line now and then."""
    t.manual_seed(0)
    net, optimizer, criterion, _, _ = digits_net(t)
    data = t.utils.data.TensorDataset(t.rand(images, 784), t.randint(0, 10, (images,)))
    loader = t.utils.data.DataLoader(data, batch_size=128, shuffle=True)

    def run(_: int) -> float:
        time.sleep(PAUSE)
        start = time.perf_counter()
        right = count = 0
        for i, (x, y) in enumerate(loader):
            scores = net(x)
            loss = criterion(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += (scores.argmax(1) == y).sum().item()
            count += len(y)
            if i % 100 == 0:
                f"{i}: loss {loss.item():.4f}, accuracy {right / count:.4f}"
        return time.perf_counter() - start

    return run


def peers(named: str, threads: int) -> dict[str, Any]:
    """What is measured, by name: this framework first, then those of ``named`` that are installed."""
    import thalweg

    thalweg.set_num_threads(threads)
    found: dict[str, Any] = {"thalweg": thalweg}
    versions = [f"thalweg {thalweg.__version__}", f"NumPy {np.__version__}"]
    for name in filter(None, named.split(",")):
        try:
            module = import_module("torch" if name == "compile" else name)
        except ImportError:
            print(f"{name}: not installed")
            continue
        if name != "jax":
            module.set_num_threads(threads)
        found[name] = module
        versions.append(f"{name} {module.__version__}")
    print(", ".join([*versions, f"Python {platform.python_version()}, {threads} threads"]))
    return found


def runs(found: dict[str, Any], name: str, form: str) -> dict[str, Callable[[int], float]]:
    """For each peer what runs a workload."""
    make = WORKLOADS[name][0]
    made = {}
    for peer, module in found.items():
        if peer == "jax":
            import jax_steps

            made[peer] = jax_steps.loop(
                name[1], dict(zip(FORMS, (0, 1, 100), strict=True))[form], PAUSE
            )
        else:
            made[peer] = loop(module, compiled(make) if peer == "compile" else make, form)
    return made


def compiled(make: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
    """A workload whose network goes through ``torch.compile``."""

    def make_compiled(t: Any) -> tuple[Any, ...]:
        net, *rest = make(t)
        return t.compile(net), *rest

    return make_compiled


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--only", default="abcfg", help="letters of workloads")
    arguments.add_argument("--images", type=int, default=60_000, help="in the epoch of (g)")
    arguments.add_argument("--peers", default="torch", help="torch, compile, jax; comma-separated")
    options = arguments.parse_args()
    found = peers(options.peers, options.threads)
    heads = "".join(f"{peer:>12} {'ratio':>7}" for peer in found if peer != "thalweg")
    print(f"{'workload':<54} {'form':<18} {'limit':>12} {'thalweg':>12}{heads}")
    for name, (make, steps) in WORKLOADS.items():
        if name[1] in options.only:
            least = step_limit(found["thalweg"], make)
            for form in FORMS:
                compare(name, form, runs(found, name, form), steps, options.rounds, least)
    if "g" in options.only:
        epochs = {
            peer: epoch(t, options.images)
            for peer, t in found.items()
            if peer in ("thalweg", "torch")
        }
        compare(f"(g) an epoch of {options.images} images", "textbook", epochs, 1, options.rounds)


def compare(
    name: str,
    form: str,
    runs: dict[str, Callable[[int], float]],
    steps: int,
    rounds: int,
    least: float | None = None,
) -> None:
    """Print the medians of interleaved rounds, in microseconds a step, and the medians of their ratios."""
    for run in runs.values():
        run(max(steps // 4, 3))
    times = [{peer: run(steps) / steps * 1e6 for peer, run in runs.items()} for _ in range(rounds)]
    limit = "" if least is None else f"{least * 1e6:.0f} us"
    row = f"{name:<54} {form:<18} {limit:>12}"
    for peer in runs:
        row += f" {statistics.median(r[peer] for r in times):>8.0f} us"
        if peer != "thalweg":
            row += f" {statistics.median(r[peer] / r['thalweg'] for r in times):>6.2f}x"
    print(row, flush=True)


if __name__ == "__main__":
    main()
