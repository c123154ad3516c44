"""autograd.functional, and grad for a batch of gradients, against PyTorch's; and by numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import functional as own
from thalweg.func.pytree import flatten

X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])


def square(x: Any) -> Any:
    return x**2


def total(x: Any) -> Any:
    return (x**3).sum()


def mixed(x: Any, y: Any) -> Any:
    return (x * y**2).sum()


def pair(x: Any, y: Any) -> Any:
    return x * y, (x * x).sum()


CASES: dict[str, Any] = {
    "vjp": lambda f, t: f.vjp(square, t(X), t(Y)),
    "vjp of one element": lambda f, t: f.vjp(total, t(X)),
    "vjp of tuples": lambda f, t: f.vjp(pair, (t(X), t(Y)), (t(Y), t(np.array(2.0)))),
    "jvp": lambda f, t: f.jvp(square, t(X), t(Y)),
    "jvp of tuples": lambda f, t: f.jvp(pair, (t(X), t(Y)), (t(Y), t(X))),
    "vhp": lambda f, t: f.vhp(mixed, (t(X), t(Y)), (t(Y), t(X))),
    "hvp": lambda f, t: f.hvp(mixed, (t(X), t(Y)), (t(Y), t(X))),
    "vhp of a linear function": lambda f, t: f.vhp(lambda x: x.sum(), t(X), t(Y)),
    "jacobian": lambda f, t: f.jacobian(square, t(X)),
    "jacobian of tuples": lambda f, t: f.jacobian(pair, (t(X), t(Y))),
    "jacobian at once": lambda f, t: f.jacobian(pair, (t(X), t(Y)), vectorize=True),
    "jacobian forward": lambda f, t: _tupled(
        f.jacobian(pair, (t(X), t(Y)), vectorize=True, strategy="forward-mode")
    ),
    "jacobian of what is independent": lambda f, t: f.jacobian(lambda x, y: x * 2, (t(X), t(Y))),
    "jacobian of the jacobian": lambda f, t: f.jacobian(
        lambda x: f.jacobian(total, x, create_graph=True), t(X)
    ),
    "hessian": lambda f, t: f.hessian(total, t(X)),
    "hessian of tuples": lambda f, t: f.hessian(mixed, (t(X), t(Y))),
    "hessian at once": lambda f, t: f.hessian(mixed, (t(X), t(Y)), vectorize=True),
    "hessian forward": lambda f, t: _tupled(
        f.hessian(mixed, (t(X), t(Y)), vectorize=True, outer_jacobian_strategy="forward-mode")
    ),
    "a gradient of a gradient product": lambda f, t: _through(f, t),
}
ERRORS: dict[str, tuple[Any, str]] = {
    "v is missing": (lambda f, t: f.vjp(square, t(X)), "The vector v can only be None if"),
    "v has another shape": (lambda f, t: f.vjp(square, t(X), t(X)[:2]), "v has invalid size"),
    "v is a number": (lambda f, t: f.vjp(square, t(X), 3.0), "The v given to vjp must be"),
    "inputs are a list": (lambda f, t: f.jvp(square, [t(X)], t(X)), "The inputs given to jvp must be"),
    "an input is a number": (lambda f, t: f.vjp(mixed, (t(X), 3.0)), "the value at index 1 has type"),
    "the output is a number": (lambda f, t: f.vjp(lambda x: 3.0, t(X)), "the given outputs of the user-provided"),
    "inputs are whole": (lambda f, t: f.jacobian(square, t(X).long()), "floating point"),
    "strict: off the tape": (
        lambda f, t: f.jacobian(lambda x: t(Y), t(X), strict=True), "Output 0 of the user-provided function does not"
    ),
    "strict: independent": (
        lambda f, t: f.jacobian(lambda x, y: x * 2, (t(X), t(Y)), strict=True), "independent of input 1"
    ),
    "strict: independent product": (
        lambda f, t: f.vjp(lambda x, y: x * 2, (t(X), t(Y)), t(X), strict=True), "independent of input 1"
    ),
    "strict: a linear function": (
        lambda f, t: f.hessian(lambda x: x.sum(), t(X), strict=True), "While computing the hessian"
    ),
    "strict: vhp of a linear function": (
        lambda f, t: f.vhp(lambda x: x.sum(), t(X), t(Y), strict=True), "While computing the hessian"
    ),
    "strict: the jacobian is independent": (
        lambda f, t: f.jacobian(lambda x: x * 2, t(X), create_graph=True, strict=True), "when create_graph=True"
    ),
    "strict and vectorize": (lambda f, t: f.jacobian(square, t(X), strict=True, vectorize=True), "not supported together"),
    "forward and strict": (
        lambda f, t: f.jacobian(square, t(X), strict=True, vectorize=True, strategy="forward-mode"),
        "not supported together",
    ),
    "forward and create_graph": (
        lambda f, t: f.jacobian(square, t(X), create_graph=True, vectorize=True, strategy="forward-mode"),
        "not supported together",
    ),
    "forward row by row": (lambda f, t: f.jacobian(square, t(X), strategy="forward-mode"), "implemented for"),
    "no such strategy": (lambda f, t: f.jacobian(square, t(X), strategy="sideways"), "Expected strategy to be"),
    "no such strategy of a hessian": (
        lambda f, t: f.hessian(total, t(X), outer_jacobian_strategy="sideways"), "Expected strategy to be"
    ),
    "several elements": (lambda f, t: f.hessian(square, t(X)), "should contain a single element"),
    "several outputs": (lambda f, t: f.hessian(lambda x: (total(x), total(x)), t(X)), "should return a single Tensor"),
}  # fmt: skip


def _tupled(x: Any) -> Any:
    """PyTorch gives lists from the forward strategy, though its documentation says tuples."""
    return tuple(_tupled(v) for v in x) if isinstance(x, list | tuple) else x


def _through(f: Any, t: Any) -> Any:
    x = t(X).requires_grad_()
    f.vjp(total, x, create_graph=True)[1].sum().backward()
    return x.grad


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of its forward gradients
        expected = CASES[name](torch.autograd.functional, torch.tensor)
    found = CASES[name](own, tw.tensor)
    (a, shape), (b, other) = flatten(found), flatten(expected)
    assert str(shape) == str(other)
    for x, y in zip(a, b, strict=True):
        assert x.requires_grad == y.requires_grad or name == "hessian forward"
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ERRORS)
def test_refused(name: str) -> None:
    call, text = ERRORS[name]
    with pytest.raises(Exception, match=text) as found:
        call(own, tw.tensor)
    torch = pytest.importorskip("torch")
    with pytest.raises(type(found.value), match=text):
        call(torch.autograd.functional, torch.tensor)


def test_a_hessian_by_numbers() -> None:
    found = own.hessian(mixed, (tw.tensor([1.0, 2.0]), tw.tensor([3.0, 5.0])))
    assert found[0][0].tolist() == [[0, 0], [0, 0]]
    assert found[0][1].tolist() == [[6, 0], [0, 10]]
    assert found[1][1].tolist() == [[2, 0], [0, 4]]
    assert not found[1][1].requires_grad


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_batch_of_gradients(create_graph: bool) -> None:
    x = tw.tensor([1.0, 2.0, 3.0], requires_grad=True)
    unused = tw.ones(2, requires_grad=True)
    y = x**2
    rows = tw.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    found, none = tw.autograd.grad(
        y, [x, unused], rows, is_grads_batched=True, create_graph=create_graph, allow_unused=True
    )
    assert found.tolist() == [[2, 0, 0], [0, 4, 6]] and none is None
    assert found.requires_grad == create_graph
    if create_graph:
        found.sum().backward()
        assert x.grad is not None and x.grad.tolist() == [2, 2, 2]


def test_a_batch_of_gradients_is_checked() -> None:
    x = tw.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a mismatch was detected"):
        tw.autograd.grad(x * 2, x, tw.ones(2, 2), is_grads_batched=True)
    with pytest.raises(RuntimeError, match="implicitly created only for scalar"):
        tw.autograd.grad(x * 2, x, None, is_grads_batched=True)
