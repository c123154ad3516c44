"""Duals and their tangents, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import forward_ad

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*has not repeated itself"),
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


def _functions(lib: Any, fw: Any) -> list[Any]:
    lib.manual_seed(0)
    x, t = lib.randn(3, 4), lib.randn(3, 4)
    y, u = lib.randn(4, 2), lib.randn(4, 2)
    z, v = lib.randn(3, dtype=lib.complex64), lib.randn(3, dtype=lib.complex64)
    log: list[Any] = []
    with fw.dual_level():
        dx, dy, dz = fw.make_dual(x, t), fw.make_dual(y, u), fw.make_dual(z, v)
        held = dx.clone()
        held.mul_(dx)
        for result in (
            dx, dx @ dy, (dx @ y).softmax(-1), x @ dy, dx.exp().sum(0), dx[:, 1:3], dx > 0, x, dx.detach(), held,
            dx.sort(-1).values, lib.nn.functional.layer_norm(dx, (4,)), dz * dz, dz.abs(), dz.real * 2, dx.T, dx.sign(),
        ):  # fmt: skip
            found = fw.unpack_dual(result)
            log += [found.primal, found.tangent, found._fields]
    return [*log, fw.unpack_dual(dx).tangent]


def _module(lib: Any, fw: Any) -> list[Any]:
    lib.manual_seed(0)
    model = lib.nn.Linear(4, 3)
    x = lib.randn(2, 4)
    given = {n: p for n, p in model.named_parameters()}
    with fw.dual_level():
        for name, p in given.items():
            delattr(model, name)
            setattr(model, name, fw.make_dual(p, lib.ones_like(p)))
        found = fw.unpack_dual(model(x).tanh())
        (found.tangent**2).sum().backward()
    return [found.primal, found.tangent, *(p.grad for p in given.values())]


def _own(lib: Any, fw: Any) -> list[Any]:
    """A gradient of a tangent by the tangent's own input."""
    x = lib.tensor([1.0, 2.0])
    t = lib.tensor([3.0, -1.0], requires_grad=True)
    with fw.dual_level():
        moved = fw.unpack_dual(fw.make_dual(x, t) ** 3).tangent
        moved.sum().backward()
    return [moved, t.grad]


SCENARIOS = {f.__name__: f for f in (_functions, _module, _own)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    from torch.autograd import forward_ad as theirs_ad

    mine, theirs = SCENARIOS[name](tw, forward_ad), SCENARIOS[name](torch, theirs_ad)
    assert len(mine) == len(theirs)
    for found, expected in zip(mine, theirs, strict=True):
        if hasattr(expected, "detach"):
            a, b = found.detach().numpy(), expected.detach().numpy()
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        else:
            assert found == expected


def _refusals(lib: Any, fw: Any) -> list[Any]:
    x = lib.ones(2)
    found = []

    def refused(call: Any) -> None:
        with pytest.raises(Exception) as caught:
            call()
        found.append(caught.type)

    refused(lambda: fw.make_dual(x, x))
    refused(fw.exit_dual_level)
    with fw.dual_level() as level:
        found.append(level)
        dual = fw.make_dual(x, x)
        refused(fw.enter_dual_level)
        refused(lambda: fw.make_dual(x, lib.ones(3)))
        refused(lambda: fw.make_dual(x.int(), x))
        refused(lambda: fw.make_dual(x, x.int()))
        refused(lambda: fw.make_dual(dual, x))
        refused(lambda: fw.make_dual(x, x, level=2))
        refused(lambda: fw.unpack_dual(3))
        refused(lambda: fw.exit_dual_level(level=4))
    return found


WANTED = [RuntimeError, RuntimeError, 0, RuntimeError, RuntimeError, ValueError, ValueError, RuntimeError, RuntimeError,
          TypeError, RuntimeError]  # fmt: skip


def test_refusals() -> None:
    assert _refusals(tw, forward_ad) == WANTED


def test_refusals_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    from torch.autograd import forward_ad as theirs

    assert _refusals(torch, theirs) == WANTED


def test_under_no_grad_nothing_is_said_to_have_no_tangent() -> None:
    x = tw.ones(2)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, x)
        with tw.no_grad():
            with pytest.raises(RuntimeError, match="outside of no_grad"):
                forward_ad.unpack_dual(dual * 2)
            with pytest.raises(RuntimeError, match="outside of it"):
                forward_ad.make_dual(x, x)


def test_by_hand() -> None:
    with tw.autograd.forward_ad.dual_level():
        dual = forward_ad.make_dual(tw.tensor([3.0, 4.0]), tw.tensor([1.0, 10.0]))
        primal, tangent = forward_ad.unpack_dual(dual * dual)
    assert (primal.tolist(), tangent.tolist()) == ([9.0, 16.0], [6.0, 80.0])
    assert not primal.requires_grad and not tangent.requires_grad
