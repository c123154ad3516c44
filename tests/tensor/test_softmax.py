"""Softmax and its kin: first and second derivatives are PyTorch's, ties and infinities included."""

import numpy as np
import pytest

import thalweg as tw

ROWS = {
    "plain": [[0.3, -1.2, 2.0], [1.0, 0.5, -0.7]],
    "ties": [[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]],
    "huge": [[1e4, 1e4 - 1, 0.0], [-1e4, 3.0, 1e3]],
    "shut out": [[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 2.0]],
}
FUNCTIONS = {
    "softmax": lambda t, x: t.softmax(x, 1),
    "log_softmax": lambda t, x: t.log_softmax(x, 1)[:, [0, 2]].exp(),
    "logsumexp": lambda t, x: t.logsumexp(x, 1),
}


def derivatives(t, function, rows):
    """The value, its gradient, and the gradient of a square of that gradient."""
    x = t.tensor(rows, dtype=t.float64, requires_grad=True)
    y = function(t, x)
    weights = t.arange(1, y.numel() + 1, dtype=t.float64).reshape(y.shape)
    (g,) = t.autograd.grad((y * weights).sum(), x, create_graph=True)
    (h,) = t.autograd.grad((g * g * weights.sum()).sum(), x)
    return [a.detach().numpy() for a in (y, g, h)]


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_derivatives_are_those_of_torch(function, rows):
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(
        derivatives(tw, function, rows), derivatives(torch, function, rows), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)


def test_std_of_huge_values_has_torchs_gradient():
    torch = pytest.importorskip("torch")
    found = []
    for t in (tw, torch):
        x = t.tensor([1e20, 3e20, -2e20, 5e20], dtype=t.float64, requires_grad=True)
        x.std().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("ndim", range(5))
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_an_axis_left_out_is_chosen_with_a_warning(name: str, ndim: int) -> None:
    x = tw.randn((2,) * ndim)
    function = getattr(tw.nn.functional, name)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been") as said:
        made = function(x)
    assert said[0].filename == __file__
    assert made.tolist() == function(x, dim=1 if ndim in (2, 4) else 0).tolist()
    torch = pytest.importorskip("torch")
    with pytest.warns(UserWarning):
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x.tolist()))
    np.testing.assert_allclose(made.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)
