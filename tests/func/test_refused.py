"""What func refuses: the same errors as PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import thalweg as tw

X = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
Y = [1.0, 2.0, 3.0]
REFUSED: dict[str, tuple[Any, str]] = {
    "grad of a vector": (lambda m, f, x, y: f.grad(m.sin)(y), "to return a scalar Tensor, got tensor with 1 dims"),
    "grad of whole numbers": (lambda m, f, x, y: f.grad(m.sum)(y.long()), "floating point"),
    "grad of a number": (lambda m, f, x, y: f.grad(lambda a: a)(3.0), "Thing passed to transform API must be Tensor"),
    "grad to a number": (lambda m, f, x, y: f.grad(lambda a: 3.0)(y), "to return a Tensor, got"),
    "no such argument": (lambda m, f, x, y: f.grad(m.sum, argnums=1)(y), "Got argnum=1, but only 1 positional"),
    "the same argument twice": (lambda m, f, x, y: f.grad(m.dot, (0, 0))(y, y), "argnums elements must be unique"),
    "no argument": (lambda m, f, x, y: f.grad(m.sum, ())(y), "argnums must be non-empty"),
    "half an argument": (lambda m, f, x, y: f.grad(m.sum, 0.5)(y), "argnums must be int or"),
    "no aux": (lambda m, f, x, y: f.grad(m.sum, has_aux=True)(y), "should be a tuple: \\(output, aux\\)"),
    "a write to what is differentiated": (lambda m, f, x, y: f.grad(lambda a: a.mul_(2).sum())(y), "a leaf Variable"),
    "vjp to a number": (lambda m, f, x, y: f.vjp(lambda a: 3.0, y), "to return only tensors"),
    "other cotangents": (lambda m, f, x, y: f.vjp(m.sin, y)[1]((y, y)), "Expected pytree structure of cotangents"),
    "cotangents of another shape": (lambda m, f, x, y: f.vjp(m.sin, y)[1](y[:2]), "Mismatch in shape"),
    "primals are no tuple": (lambda m, f, x, y: f.jvp(m.sin, y, y), "Expected primals to be a tuple"),
    "no primals": (lambda m, f, x, y: f.jvp(lambda: 1, (), ()), "at least one Tensor"),
    "other tangents": (lambda m, f, x, y: f.jvp(m.sin, (y,), (y, y)), "to have the same python structure"),
    "tangents of another shape": (lambda m, f, x, y: f.jvp(m.sin, (y,), (y[:2],)), "that has a different size"),
    "jvp strict": (lambda m, f, x, y: f.jvp(lambda a: m.ones(2), (y,), (y,), strict=True), "independent of the inputs"),
    "jvp to a number": (lambda m, f, x, y: f.jvp(lambda a: 2.0, (y,), (y,)), "to return only tensors"),
    "chunks of none": (lambda m, f, x, y: f.jacrev(m.sin, chunk_size=0), "should be greater than 0"),
    "vmap over nothing": (lambda m, f, x, y: f.vmap(lambda: 1)(), "got no inputs"),
    "vmap over a number": (lambda m, f, x, y: f.vmap(m.sin)(3), "We cannot vmap over non-Tensor arguments"),
    "vmap over 0-d": (lambda m, f, x, y: f.vmap(m.sin)(y[0]), "is a Tensor of dimensionality 0"),
    "vmap to a number": (lambda m, f, x, y: f.vmap(lambda a: 3)(x), "must only return Tensors, got type"),
    "vmap to None": (lambda m, f, x, y: f.vmap(lambda a: None)(x), "Did you mean to set out_dims="),
    "in_dims too large": (lambda m, f, x, y: f.vmap(m.sin, 2)(x), "expected in_dim to satisfy -2 <= in_dim < 2"),
    "in_dims too many": (lambda m, f, x, y: f.vmap(m.sin, (0, 0))(x), "in_dims is not compatible with the structure"),
    "in_dims of another kind": (lambda m, f, x, y: f.vmap(m.sin, ([0],))(x), "in_dims is not compatible"),
    "in_dims a list": (lambda m, f, x, y: f.vmap(m.sin, [0, 0])(x), "expected `in_dims` to be int or a"),
    "in_dims a float": (lambda m, f, x, y: f.vmap(m.sin, (0.0,))(x), "must be either an integer dimension or None"),
    "in_dims None": (lambda m, f, x, y: f.vmap(m.sin, None)(x), "expected `in_dims` to be int or a"),
    "nothing mapped": (lambda m, f, x, y: f.vmap(m.sin, (None,))(x), "Expected at least one Tensor to vmap over"),
    "other sizes": (lambda m, f, x, y: f.vmap(m.add)(x, y), "to have the same size in the mapped dimension"),
    "out_dims too large": (lambda m, f, x, y: f.vmap(m.sin, out_dims=2)(x), "Dimension out of range"),
    "out_dims too many": (lambda m, f, x, y: f.vmap(m.sin, out_dims=(1, 1))(x), "out_dims is not compatible"),
    "out_dims too few": (lambda m, f, x, y: f.vmap(lambda a: (a, a), out_dims=(1,))(x), "out_dims is not compatible"),
    "out_dims a float": (lambda m, f, x, y: f.vmap(m.sin, out_dims=1.0)(x), "`out_dims` must be an int, None or"),
    "out_dims None": (lambda m, f, x, y: f.vmap(m.sin, out_dims=None)(x), "can not return a BatchedTensor when"),
    "no such randomness": (lambda m, f, x, y: f.vmap(m.sin, randomness="odd")(x), "Only allowed values for randomness"),
    "random numbers": (lambda m, f, x, y: f.vmap(lambda a: a + m.rand(3))(x), "randomness error mode"),
    "a random mask": (lambda m, f, x, y: f.vmap(m.nn.functional.dropout)(x), "randomness error mode"),
    "drawn from what differs": (
        lambda m, f, x, y: f.vmap(lambda a: m.bernoulli(a / 9), randomness="same")(x), "same randomness with a batched"
    ),
    "chunk of none": (lambda m, f, x, y: f.vmap(m.sin, chunk_size=0), "chunk_size should be None or greater than 0"),
    "if": (lambda m, f, x, y: f.vmap(lambda a: a if a.sum() > 0 else -a)(x), "data-dependent control flow"),
    "item": (lambda m, f, x, y: f.vmap(lambda a: a.sum().item() * a)(x), "calling .item\\(\\) on a Tensor"),
    "nonzero": (lambda m, f, x, y: f.vmap(lambda a: a.nonzero())(x), "vmap: "),
    "a mask as index": (lambda m, f, x, y: f.vmap(lambda a: a[a > 1])(x), "vmap: "),
    "a write to what is the same": (lambda m, f, x, y: f.vmap(lambda a: m.zeros(3).add_(a))(x), "vmap|broadcast shape"),
    "running statistics": (
        lambda m, f, x, y: f.vmap(
            lambda a: m.nn.functional.batch_norm(a[None].T, m.zeros(1), m.ones(1), training=True)
        )(x), "running_mean or running_var, which will be updated"
    ),
    "stacking no model": (lambda m, f, x, y: f.stack_module_state([]), "Expected at least one model"),
    "stacking other classes": (
        lambda m, f, x, y: f.stack_module_state([m.nn.Linear(3, 2), m.nn.Sequential()]), "of the same class"
    ),
    "stacking other modes": (
        lambda m, f, x, y: f.stack_module_state([m.nn.Linear(3, 2), m.nn.Linear(3, 2).eval()]), "training/eval mode"
    ),
    "no dict": (lambda m, f, x, y: f.functional_call(m.nn.Linear(3, 2), (3,), (x,)), "to be dictionaries"),
    "a name twice": (
        lambda m, f, x, y: f.functional_call(m.nn.Linear(3, 2), ({"bias": y[:2]}, {"bias": y[:2]}), x), "ambiguous"
    ),
    "strict: one is missing": (
        lambda m, f, x, y: f.functional_call(m.nn.Linear(3, 2), {"bias": y[:2]}, x, strict=True), "Missing key"
    ),
    "strict: one is unknown": (
        lambda m, f, x, y: f.functional_call(
            m.nn.Linear(3, 2), {"weight": x, "bias": y[:2], "c": y}, x, strict=True
        ), "Unexpected key"
    ),
    "a parameter that is none": (
        lambda m, f, x, y: f.functional_call(m.nn.Linear(3, 2), {"bias": 3}, x), "is not an instance of"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, text = REFUSED[name]
    with pytest.raises(Exception, match=text) as found:
        call(tw, tw.func, tw.tensor(X), tw.tensor(Y))
    assert not tw.func.vmap(lambda a: a * 2)(tw.tensor(X)).isnan().any()  # nothing is left behind
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), pytest.raises(type(found.value), match=text):
        warnings.simplefilter("ignore")  # PyTorch's own, of its forward gradients
        call(torch, torch.func, torch.tensor(X), torch.tensor(Y))
