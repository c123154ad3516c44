"""The workloads of steps.py in JAX: one jitted function a step, which takes and gives parameters and optimizer state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Tree = Any


def _dense(rng: Any, n_in: int, n_out: int, bias: bool = True) -> list[Any]:
    bound = 1 / np.sqrt(n_in)
    weight = rng.uniform(-bound, bound, (n_in, n_out)).astype(np.float32)
    return [weight, np.zeros(n_out, np.float32)] if bias else [weight]


def _through(x: Any, layer: list[Any]) -> Any:
    return x @ layer[0] + layer[1] if len(layer) == 2 else x @ layer[0]


def _cross_entropy(scores: Any, target: Any) -> Any:
    chances = jax.nn.log_softmax(scores)
    return -jnp.take_along_axis(chances, target[..., None], -1).mean()


def sigmoid_net(rng: Any) -> tuple[Tree, Any, Any, Any]:
    def loss(p: Tree, x: Any, y: Any) -> Any:
        hidden = jax.nn.sigmoid(_through(x, p[0]))
        return ((jax.nn.sigmoid(_through(hidden, p[1])) - y) ** 2).mean()

    x, y = rng.standard_normal((64, 10)), rng.random((64, 4))
    return [_dense(rng, 10, 100), _dense(rng, 100, 4)], loss, x.astype("f"), y.astype("f")


def digits_net(rng: Any) -> tuple[Tree, Any, Any, Any]:
    def loss(p: Tree, x: Any, y: Any) -> Any:
        return _cross_entropy(_through(jax.nn.relu(_through(x, p[0])), p[1]), y)

    x, y = rng.standard_normal((128, 784)).astype("f"), rng.integers(0, 10, 128)
    return [_dense(rng, 784, 128, False), _dense(rng, 128, 10, False)], loss, x, y


def wide_net(rng: Any) -> tuple[Tree, Any, Any, Any]:
    def loss(p: Tree, x: Any, y: Any) -> Any:
        for layer in p[:-1]:
            x = jax.nn.relu(_through(x, layer))
        return _cross_entropy(_through(x, p[-1]), y)

    sizes = (784, 1024, 1024, 10)
    parameters = [_dense(rng, a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    return parameters, loss, rng.standard_normal((256, 784)).astype("f"), rng.integers(0, 10, 256)


def gpt(rng: Any) -> tuple[Tree, Any, Any, Any]:
    width, heads, context, vocabulary, batch = 128, 4, 64, 65, 16

    def norm() -> list[Any]:
        return [np.ones(width, np.float32), np.zeros(width, np.float32)]

    def block() -> dict[str, Any]:
        return {
            "before": norm(), "after": norm(), "qkv": _dense(rng, width, 3 * width),
            "out": _dense(rng, width, width), "wide": _dense(rng, width, 4 * width),
            "narrow": _dense(rng, 4 * width, width),
        }  # fmt: skip

    def normed(x: Any, p: list[Any]) -> Any:
        centered = x - x.mean(-1, keepdims=True)
        return centered * jax.lax.rsqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * p[0] + p[1]

    def blocked(x: Any, p: dict[str, Any]) -> Any:
        n, length, _ = x.shape
        q, k, v = (
            z.reshape(n, length, heads, -1).transpose(0, 2, 1, 3)
            for z in jnp.split(_through(normed(x, p["before"]), p["qkv"]), 3, -1)
        )
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(width // heads).astype("f")
        seen = jax.nn.softmax(jnp.where(np.tri(length, dtype=bool), scores, -jnp.inf)) @ v
        x = x + _through(seen.transpose(0, 2, 1, 3).reshape(n, length, width), p["out"])
        wide = jax.nn.gelu(_through(normed(x, p["after"]), p["wide"]), approximate=False)
        return x + _through(wide, p["narrow"])

    def loss(p: Tree, x: Any, y: Any) -> Any:
        h = p["tokens"][x] + p["places"][: x.shape[1]]
        for part in p["blocks"]:
            h = blocked(h, part)
        return _cross_entropy(_through(normed(h, p["norm"]), p["head"]), y)

    def table(rows: int) -> Any:
        return rng.standard_normal((rows, width)).astype("f")

    parameters = {
        "tokens": table(vocabulary), "places": table(context), "blocks": [block() for _ in range(4)],
        "norm": norm(), "head": _dense(rng, width, vocabulary),
    }  # fmt: skip
    x, y = (rng.integers(0, vocabulary, (batch, context)) for _ in range(2))
    return parameters, loss, x, y


def _sgd(p: Tree, g: Tree, state: Tree) -> tuple[Tree, Tree]:
    return jax.tree.map(lambda w, d: w - 0.1 * d, p, g), state


def _adam(rate: float, decay: float) -> Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]:
    """Adam, or AdamW where ``decay`` is not 0."""

    def update(p: Tree, g: Tree, state: Tree) -> tuple[Tree, Tree]:
        step = state[0] + 1
        mean = jax.tree.map(lambda m, d: m + 0.1 * (d - m), state[1], g)
        square = jax.tree.map(lambda v, d: 0.999 * v + 0.001 * d * d, state[2], g)
        size, scale = rate / (1 - 0.9**step), jnp.sqrt(1 - 0.999**step)
        p = jax.tree.map(
            lambda w, m, v: w * (1 - rate * decay) - size * m / (jnp.sqrt(v) / scale + 1e-8),
            p, mean, square,
        )  # fmt: skip
        return p, [step, mean, square]

    return update


WORKLOADS: dict[str, tuple[Any, Any]] = {
    "a": (sigmoid_net, _sgd),
    "b": (digits_net, _sgd),
    "c": (wide_net, _adam(1e-3, 0.0)),
    "f": (gpt, _adam(3e-4, 0.01)),
}


def loop(letter: str, reads: int, pause: float) -> Callable[[int], float]:
    """As ``loop`` of steps.py; ``reads``: after how many steps the loss is looked at, 0 for never."""
    make, update = WORKLOADS[letter]
    parameters, loss, x, y = make(np.random.default_rng(0))

    def step(p: Tree, state: Tree, x: Any, y: Any) -> tuple[Tree, Tree, Any]:
        value, g = jax.value_and_grad(loss)(p, x, y)
        return *update(p, g, state), value

    jitted = jax.jit(step, donate_argnums=(0, 1))
    p, x, y = jax.tree.map(jnp.asarray, (parameters, x, y))
    zeros = jax.tree.map(jnp.zeros_like, p)
    held = [p, [jnp.float32(0), zeros, jax.tree.map(jnp.zeros_like, p)]]

    def run(steps: int) -> float:
        time.sleep(pause)
        for i in range(-max(steps // 10, 2), steps):
            if i == 0:
                start = time.perf_counter()
            held[0], held[1], value = jitted(held[0], held[1], x, y)
            if reads and i % reads == 0:
                float(value)
        value.block_until_ready()
        return time.perf_counter() - start

    return run
