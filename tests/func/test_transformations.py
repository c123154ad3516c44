"""grad, vjp, jvp, Jacobians and vmap against PyTorch's, on functions that read the same for both."""

from __future__ import annotations

import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.func.pytree import flatten

torch = pytest.importorskip("torch")

R = np.random.RandomState
X, Y, V = R(0).randn(4, 3), R(1).randn(3), R(2).randn(3)
W, B, S = R(3).randn(2, 3), R(4).randn(2), R(5).randn(3, 3)
IMAGES, KERNEL = R(6).randn(4, 2, 5, 5), R(7).randn(3, 2, 3, 3)
POINTS = R(8).rand(5, 4, 3)
Pair = namedtuple("Pair", ["left", "right"])


def arrays(x: Any) -> list[np.ndarray[Any, Any]]:
    return [t.detach().numpy() if hasattr(t, "detach") else np.asarray(t) for t in flatten(x)[0]]


def structure(x: Any) -> str:
    return str(flatten(x)[1])


def mlp(m: Any, p: Any, x: Any) -> Any:
    return (m.nn.functional.linear(x, p["w"], p["b"]).tanh() ** 2).sum()


def conv_loss(m: Any, k: Any, x: Any) -> Any:
    hidden = m.nn.functional.conv2d(x[None], k, stride=2, padding=1).relu()
    return (m.nn.functional.max_pool2d(hidden, 2) ** 2).sum()


def classify(m: Any, w: Any, x: Any, t: Any) -> Any:
    return m.nn.functional.cross_entropy((w @ x)[None], t[None])


GRADIENTS: dict[str, Any] = {
    "grad": lambda m, f, t: f.grad(lambda x: (x**3).sum())(t(Y)),
    "grad of the second": lambda m, f, t: f.grad(lambda x, y: (x * y * y).sum(), argnums=1)(
        t(Y), t(V)
    ),
    "grad of both": lambda m, f, t: f.grad(lambda x, y: (x * y).sin().sum(), argnums=(1, 0))(
        t(Y), t(V)
    ),
    "grad from behind": lambda m, f, t: f.grad(lambda x, y: (x * y * y).sum(), -1)(t(Y), t(V)),
    "grad with aux": lambda m, f, t: f.grad(lambda x: (x.exp().sum(), {"a": x * 2}), has_aux=True)(
        t(Y)
    ),
    "grad and value": lambda m, f, t: f.grad_and_value(lambda x: (x.exp().sum(), x), has_aux=True)(
        t(Y)
    ),
    "grad of grad": lambda m, f, t: f.grad(lambda x: f.grad(lambda y: (x * y**3).sum())(x).sum())(
        t(Y)
    ),
    "third derivative": lambda m, f, t: f.grad(f.grad(f.grad(m.sin)))(t(np.array(0.7))),
    "no perturbation of one by the other": lambda m, f, t: f.grad(
        lambda x: x * f.grad(lambda y: x + y)(t(np.array(1.0)))
    )(t(np.array(2.0))),
    "grad of a constant": lambda m, f, t: f.grad(lambda x: m.ones(()))(t(Y)),
    "grad of a dict": lambda m, f, t: f.grad(lambda p, x: mlp(m, p, x))(
        {"w": t(W), "b": t(B)}, t(Y)
    ),
    "grad of a named tuple": lambda m, f, t: f.grad(lambda p: (p.left * p.right[0]).sum())(
        Pair(t(Y), [t(V)])
    ),
    "grad stays connected": lambda m, f, t: _connected(m, f, t),
    "vjp": lambda m, f, t: f.vjp(m.sin, t(Y))[1](t(V)),
    "vjp of a dict": lambda m, f, t: f.vjp(
        lambda d: {"a": d["x"].sin(), "b": (d["x"] * 2,)}, {"x": t(Y)}
    )[1]({"a": t(V), "b": (t(Y),)}),
    "vjp with aux": lambda m, f, t: f.vjp(lambda x: (x.sin(), x + 1), t(Y), has_aux=True)[::2],
    "jvp": lambda m, f, t: f.jvp(lambda x, y: (x * y).sin(), (t(Y), t(V)), (t(V), t(Y))),
    "jvp with aux": lambda m, f, t: f.jvp(lambda x: (x.sin(), x), (t(Y),), (t(V),), has_aux=True),
    "jvp of whole numbers": lambda m, f, t: f.jvp(lambda x: (x.long(), x * 2), (t(Y),), (t(V),)),
    "jvp of an independent": lambda m, f, t: f.jvp(lambda x: m.ones(2), (t(Y),), (t(V),)),
    "jvp of jvp": lambda m, f, t: f.jvp(
        lambda x: f.jvp(lambda y: y**3, (x,), (t(V),))[1], (t(Y),), (t(V),)
    ),
    "grad of jvp": lambda m, f, t: f.grad(
        lambda x: f.jvp(lambda y: (y**3).sum(), (x,), (t(V),))[1]
    )(t(Y)),
    "linearize": lambda m, f, t: f.linearize(lambda x: x.sin() * 2, t(Y))[1](t(V)),
    "jacrev": lambda m, f, t: f.jacrev(m.sin)(t(Y)),
    "jacfwd": lambda m, f, t: f.jacfwd(m.sin)(t(Y)),
    "jacrev of a product": lambda m, f, t: f.jacrev(m.matmul, argnums=(0, 1))(t(W), t(S)),
    "jacfwd of a product": lambda m, f, t: f.jacfwd(m.matmul, argnums=(0, 1))(t(W), t(S)),
    "jacrev of softmax": lambda m, f, t: f.jacrev(lambda x: x.softmax(-1))(t(W)),
    "jacfwd of softmax": lambda m, f, t: f.jacfwd(lambda x: x.softmax(-1))(t(W)),
    "jacrev in chunks": lambda m, f, t: f.jacrev(lambda x: x.softmax(-1), chunk_size=4)(t(W)),
    "jacrev with aux": lambda m, f, t: f.jacrev(lambda x: (x.sin(), x * 3), has_aux=True)(t(Y)),
    "jacrev in containers": lambda m, f, t: f.jacrev(
        lambda x, y: {"a": x * y, "b": (x,)}, argnums=(0, 1)
    )(t(Y), t(V)),
    "jacfwd in containers": lambda m, f, t: f.jacfwd(
        lambda x, y: {"a": x * y, "b": (x,)}, argnums=(0, 1)
    )(t(Y), t(V)),
    "jacrev of jacfwd": lambda m, f, t: f.jacrev(f.jacfwd(lambda x: x**3))(t(Y)),
    "hessian of a quadratic": lambda m, f, t: f.hessian(lambda x: x @ t(S) @ x)(t(Y)),
    "hessian of two": lambda m, f, t: f.hessian(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(
        t(Y), t(V)
    ),
    "hessian of softmax": lambda m, f, t: f.hessian(lambda x: x.softmax(0)[0])(t(Y)),
}
BATCHES: dict[str, Any] = {
    "elementwise": lambda m, f, t: f.vmap(lambda x, y: x * 2 + y, in_dims=(0, None))(t(X), t(Y)),
    "the second is mapped": lambda m, f, t: f.vmap(lambda y, x: x.sum() * y, in_dims=(None, 0))(
        t(Y), t(X)
    ),
    "in_dims 1, out_dims 1": lambda m, f, t: f.vmap(lambda x: x * t(Y), in_dims=1, out_dims=1)(
        t(X.T.copy())
    ),
    "in_dims -1, out_dims -1": lambda m, f, t: f.vmap(
        lambda x: x[:, None] * x, in_dims=-1, out_dims=-1
    )(t(X.T.copy())),
    "each result its dim": lambda m, f, t: f.vmap(
        lambda x: (x, [x, x.sum()]), out_dims=(1, [0, 0])
    )(t(X)),
    "a result for all": lambda m, f, t: f.vmap(lambda x: (x, m.ones(2)), out_dims=(0, None))(t(X)),
    "a result without batch": lambda m, f, t: f.vmap(lambda x: m.ones(2))(t(X)),
    "containers": lambda m, f, t: f.vmap(
        lambda d, y: Pair(d["a"] + y, {"c": d["b"][0]}), in_dims=({"a": 0, "b": 1}, None)
    )({"a": t(X), "b": (t(S.repeat(4, 1)[:, :4]),)}, t(Y)),
    "nested": lambda m, f, t: f.vmap(f.vmap(lambda x, y: x * y, (0, None)), (None, 0))(t(Y), t(V)),
    "nested over one": lambda m, f, t: f.vmap(f.vmap(lambda x: x.softmax(0), in_dims=1))(t(POINTS)),
    "nested with what is outside": lambda m, f, t: f.vmap(lambda x: f.vmap(lambda y: x @ y)(t(X)))(
        t(X)
    ),
    "in chunks": lambda m, f, t: f.vmap(lambda x: (x, x.sum()), out_dims=(1, 0), chunk_size=3)(
        t(X)
    ),
    "matrix by vector": lambda m, f, t: f.vmap(lambda w, x: w @ x, (None, 0))(t(W), t(X)),
    "matrices by vector": lambda m, f, t: f.vmap(lambda w, x: w @ x, (0, None))(t(POINTS), t(Y)),
    "matrices by matrix": lambda m, f, t: f.vmap(lambda w, x: w @ x, (0, None))(t(POINTS), t(S)),
    "matrix by matrices": lambda m, f, t: f.vmap(lambda w, x: w @ x, (None, 0))(
        t(W), t(POINTS.swapaxes(1, 2))
    ),
    "matrices by matrices": lambda m, f, t: f.vmap(lambda w, x: w @ x.T)(t(POINTS), t(POINTS)),
    "views": lambda m, f, t: f.vmap(lambda x: x.T.reshape(-1)[2:].view(2, -1)[:, None].flip(0))(
        t(POINTS)
    ),
    "split": lambda m, f, t: f.vmap(lambda x: list(x.split(2)))(t(POINTS)),
    "indices for all": lambda m, f, t: f.vmap(lambda x: x[m.tensor([2, 0])])(t(POINTS)),
    "indices of each": lambda m, f, t: f.vmap(lambda x, i: x[i])(
        t(POINTS), m.tensor([[1, 0], [2, 2], [3, 0], [1, 1], [0, 3]])
    ),
    "indices into one": lambda m, f, t: f.vmap(lambda x, i: x[i], (None, 0))(
        t(X), m.tensor([[1, 0], [2, 2]])
    ),
    "two indices": lambda m, f, t: f.vmap(lambda x, i: x[i, m.tensor([0, 2])])(
        t(POINTS), m.tensor([[1, 0]] * 5)
    ),
    "writes in place": lambda m, f, t: f.vmap(_writes)(t(POINTS)),
    "writes into new zeros": lambda m, f, t: f.vmap(lambda x: x.new_zeros(3).add_(x))(t(X)),
    "writes into zeros like it": lambda m, f, t: f.vmap(lambda x: m.zeros_like(x).add_(x))(t(X)),
    "sort": lambda m, f, t: f.vmap(lambda x: tuple(x.sort(0)))(t(POINTS)),
    "where": lambda m, f, t: f.vmap(lambda x: m.where(x > 0, x, -x * 2))(t(X)),
    "per-sample grad": lambda m, f, t: f.vmap(f.grad(lambda p, x: mlp(m, p, x)), in_dims=(None, 0))(
        {"w": t(W), "b": t(B)}, t(X)
    ),
    "per-sample grad and value": lambda m, f, t: f.vmap(
        f.grad_and_value(lambda p, x: mlp(m, p, x)), in_dims=(None, 0)
    )({"w": t(W), "b": t(B)}, t(X)),
    "per-sample grad of a convolution": lambda m, f, t: f.vmap(
        f.grad(lambda k, x: conv_loss(m, k, x), argnums=(0, 1)), in_dims=(None, 0)
    )(t(KERNEL), t(IMAGES)),
    "per-sample grad of classes": lambda m, f, t: f.vmap(
        f.grad(lambda w, x, c: classify(m, w, x, c)), in_dims=(None, 0, 0)
    )(t(W), t(X), m.tensor([0, 1, 1, 0])),
    "per-sample grad of an embedding": lambda m, f, t: f.vmap(
        f.grad(lambda e, i: (m.nn.functional.embedding(i, e, padding_idx=1) ** 2).sum()),
        in_dims=(None, 0),
    )(t(X), m.tensor([[0, 1, 3], [2, 2, 0]])),
    "grad of vmap": lambda m, f, t: f.grad(lambda w: (f.vmap(lambda x: w @ x)(t(X)) ** 2).sum())(
        t(W)
    ),
    "grad of vmap of grad": lambda m, f, t: f.grad(
        lambda p: sum(
            (g**2).sum()
            for g in f.vmap(f.grad(lambda q, x: mlp(m, q, x)), (None, 0))(p, t(X)).values()
        )
    )({"w": t(W), "b": t(B)}),
    "vmap of jacrev": lambda m, f, t: f.vmap(f.jacrev(lambda x: x.softmax(0)))(t(X)),
    "vmap of jacfwd": lambda m, f, t: f.vmap(f.jacfwd(lambda x: x.softmax(0)))(t(X)),
    "vmap of hessian": lambda m, f, t: f.vmap(f.hessian(lambda x: (x.sin() * x.sum()).sum()))(t(X)),
    "jacrev of vmap": lambda m, f, t: f.jacrev(f.vmap(lambda x: (x**2).sum()))(t(X)),
    "vmap of vjp": lambda m, f, t: f.vmap(lambda x, v: f.vjp(m.sin, x)[1](v))(t(X), t(X)),
    "vmap of jvp": lambda m, f, t: f.vmap(lambda x: f.jvp(m.sin, (x,), (t(V),)))(t(X)),
    "vmap of vjp's function": lambda m, f, t: f.vmap(f.vjp(lambda x: t(W) @ x, t(Y))[1])(
        t(np.eye(2))
    ),
    "vmap of vmap of grad": lambda m, f, t: f.vmap(f.vmap(f.grad(lambda x: (x**3).prod())))(
        t(POINTS)
    ),
    "one of an ensemble": lambda m, f, t: f.vmap(lambda w, x: (w @ x).relu(), (0, None))(
        t(POINTS), t(Y)
    ),
    "loops in Python": lambda m, f, t: f.vmap(lambda x: sum(x[i] * i for i in range(3)))(t(X)),
    "normalized": lambda m, f, t: f.vmap(lambda x: m.nn.functional.layer_norm(x, (3,)))(t(POINTS)),
    "batch norm of each": lambda m, f, t: f.vmap(
        lambda x: m.nn.functional.batch_norm(x, None, None, training=True)
    )(t(POINTS)),
    "a kernel of each": lambda m, f, t: f.vmap(
        lambda x, k: m.nn.functional.conv2d(x[None], k), (0, 0)
    )(t(IMAGES[:3]), t(R(9).randn(3, 3, 2, 3, 3))),
    "a kernel of each, one image": lambda m, f, t: f.vmap(
        lambda x, k: m.nn.functional.conv2d(x, k), (None, 0)
    )(t(IMAGES), t(R(9).randn(3, 3, 2, 3, 3))),
}


def _writes(x: Any) -> Any:
    y = x.clone()
    y[0] = 7.0
    y[1:, 0] += x[:3, 1]
    y[:, 2].mul_(2)
    return y


def _connected(m: Any, f: Any, t: Any) -> Any:
    """A transformation's result is itself on the tape of what it was given."""
    x = t(Y).requires_grad_()
    f.grad(lambda y: (y**3).sum())(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("name", [*GRADIENTS, *BATCHES])
def test_as_pytorch(name: str) -> None:
    case = (GRADIENTS | BATCHES)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of its forward gradients
        expected = case(torch, torch.func, lambda a: torch.tensor(a))
    found = case(tw, tw.func, lambda a: tw.tensor(a))
    assert structure(found) == structure(expected)
    for a, b in zip(arrays(found), arrays(expected), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
