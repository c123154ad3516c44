"""Linear algebra of complex matrices, and eigenvalues of any: values and gradients as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")
Function = Callable[[Any, Any, Any, Any], Any]


def _sizes(parts: Any) -> list[Any]:
    """Magnitudes: what does not depend on phases."""
    return [t.abs() for t in parts]


# of the library, a (3, 3), h (3, 3) Hermitian and positive, b (3, 2)
TABLE: dict[str, Function] = {
    "eig": lambda L, a, h, b: [L.linalg.eig(a)[0], L.linalg.eig(a)[1].abs()],
    "eig of a batch": lambda L, a, h, b: _sizes(L.linalg.eig(L.stack([a, h, a @ a]))),
    "eig of reals": lambda L, a, h, b: [L.linalg.eig(a.real)[0], L.linalg.eig(a.imag)[1].abs()],
    "eig together": lambda L, a, h, b: (lambda r: r[1] * r[0] @ r[1].mH)(L.linalg.eig(a)),
    "eigvals": lambda L, a, h, b: L.linalg.eigvals(a),
    "eigvals of reals": lambda L, a, h, b: L.linalg.eigvals(L.stack([a.real, a.imag])),
    "eigh": lambda L, a, h, b: _sizes(L.linalg.eigh(h)),
    "eigh of reals": lambda L, a, h, b: L.linalg.eigh(h.real)[1].abs(),
    "eigvalsh": lambda L, a, h, b: L.linalg.eigvalsh(h, "U"),
    "svd": lambda L, a, h, b: _sizes(L.linalg.svd(a)),
    "svd tall": lambda L, a, h, b: _sizes(L.linalg.svd(b, full_matrices=False)),
    "svd wide": lambda L, a, h, b: (lambda r: r[0] @ r[2])(L.linalg.svd(b.mT, False)),
    "svd of U": lambda L, a, h, b: L.linalg.svd(a)[0].abs(),
    "svd older": lambda L, a, h, b: _sizes(L.svd(a)),
    "svdvals": lambda L, a, h, b: L.linalg.svdvals(b),
    "qr": lambda L, a, h, b: L.linalg.qr(a),
    "qr tall": lambda L, a, h, b: L.linalg.qr(b),
    "qr wide": lambda L, a, h, b: L.linalg.qr(b.mT),
    "cholesky": lambda L, a, h, b: L.linalg.cholesky(h),
    "cholesky_ex": lambda L, a, h, b: L.linalg.cholesky_ex(h)[0],
    "cholesky upper": lambda L, a, h, b: L.linalg.cholesky(h, upper=True).abs(),
    "cholesky_solve": lambda L, a, h, b: L.cholesky_solve(b, h.tril()),
    "cholesky_solve upper": lambda L, a, h, b: L.cholesky_solve(b, h.triu(), True),
    "cholesky_inverse": lambda L, a, h, b: L.cholesky_inverse(h.tril()),
    "lu": lambda L, a, h, b: L.linalg.lu(a),
    "lu_solve": lambda L, a, h, b: L.linalg.lu_solve(*L.linalg.lu_factor(a), b),
    "lu_solve adjoint": lambda L, a, h, b: L.linalg.lu_solve(*L.linalg.lu_factor(a), b, adjoint=True),
    "lu_solve right": lambda L, a, h, b: L.linalg.lu_solve(*L.linalg.lu_factor(a), b.mT, left=False),
    "solve_triangular": lambda L, a, h, b: L.linalg.solve_triangular(a.triu(), b, upper=True),
    "householder_product": lambda L, a, h, b: L.linalg.householder_product(a, b[:, 0]),
    "ormqr": lambda L, a, h, b: L.ormqr(a, b[:, 0], b, True, True),
    "ormqr right": lambda L, a, h, b: L.ormqr(a, b[:, 0], b.mT, False),
    "geqrf": lambda L, a, h, b: L.geqrf(a.detach()),
    "ldl": lambda L, a, h, b: L.linalg.ldl_factor((a + a.mT).detach()),
    "ldl hermitian": lambda L, a, h, b: L.linalg.ldl_factor(h.detach(), hermitian=True),
    "pinv": lambda L, a, h, b: L.linalg.pinv(b),
    "pinv hermitian": lambda L, a, h, b: L.linalg.pinv(h, hermitian=True),
    "pinv hermitian real": lambda L, a, h, b: L.linalg.pinv(h.real, hermitian=True),
    "matrix_rank": lambda L, a, h, b: L.linalg.matrix_rank(h, hermitian=True),
    "lstsq": lambda L, a, h, b: list(L.linalg.lstsq(h[:, :2], b, driver="gelsd")),
    "slogdet": lambda L, a, h, b: L.linalg.slogdet(a),
    "logdet": lambda L, a, h, b: L.logdet(a),
    "norm 2": lambda L, a, h, b: L.linalg.matrix_norm(a, 2),
    "cond": lambda L, a, h, b: L.linalg.cond(a),
    "corrcoef": lambda L, a, h, b: L.corrcoef(a),
}  # fmt: skip


def _numbers() -> tuple[Any, Any, Any]:
    rng = np.random.RandomState(0)
    a, b = (rng.randn(3, n) + 1j * rng.randn(3, n) for n in (3, 2))
    return a, a @ a.conj().T + np.eye(3), b


def computed(lib: Any, function: Function) -> list[Any]:
    """Values, and the gradients of their weighted squares."""
    leaves = [lib.tensor(x).requires_grad_() for x in _numbers()]
    found = function(lib, *leaves)
    results = list(found) if isinstance(found, list | tuple) else [found]
    loss: Any = 0
    for t in results:
        if t.requires_grad:
            weighted = t * lib.arange(1.0, 1 + t.numel()).reshape(tuple(t.shape))
            parts = lib.view_as_real(weighted).sum(-1) if weighted.is_complex() else weighted
            loss = loss + (parts * parts).sum()
    if not isinstance(loss, int):
        loss.backward()
    grads = [x.grad for x in leaves if x.grad is not None]
    return [t.detach().resolve_conj().numpy() for t in (*results, *grads)]


@pytest.mark.parametrize("name", TABLE)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = computed(tw, TABLE[name]), computed(torch, TABLE[name])
    assert len(mine) == len(theirs)
    for x, y in zip(mine, theirs, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name, result", [("eig", 1), ("eigh", 1), ("svd", 0), ("svd", 2)])
def test_a_loss_of_phases_is_refused(name: str, result: int) -> None:
    a, h, _ = _numbers()
    x = tw.tensor(h if name == "eigh" else a).requires_grad_()
    with pytest.raises(RuntimeError, match="specified up to multiplication"):
        getattr(tw.linalg, name)(x)[result].real.sum().backward()
        assert x.grad.tolist()


def test_eig_by_hand() -> None:
    x = tw.tensor([[0.0, -2.0], [2.0, 0.0]], requires_grad=True)
    values, vectors = tw.linalg.eig(x)
    assert sorted(values.detach().imag.tolist()) == [-2.0, 2.0]
    assert values.dtype is tw.complex64
    whole = (x + 0j) @ vectors - vectors * values
    np.testing.assert_allclose(whole.detach(), np.zeros((2, 2)), atol=1e-6)
    values.abs().sum().backward()
    np.testing.assert_allclose(x.grad, [[0, -1], [1, 0]], atol=1e-6)


def test_eig_refuses() -> None:
    for function in (tw.linalg.eig, tw.linalg.eigvals):
        with pytest.raises(RuntimeError, match="square matrices"):
            function(tw.ones(2, 3))
        with pytest.raises(RuntimeError, match="at least 2 dimensions"):
            function(tw.ones(3))
        with pytest.raises(RuntimeError, match="infs or NaNs"):
            repr(function(tw.full((2, 2), tw.inf)))


def test_complex_numbers_are_drawn_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for n in (3, 40):
        for draw in (
            lambda lib, n: lib.randn(n, dtype=lib.complex64),
            lambda lib, n: lib.rand(n, 2, dtype=lib.complex128),
            lambda lib, n: lib.empty(n, dtype=lib.complex64).normal_(1, 2),
            lambda lib, n: lib.empty(n, dtype=lib.complex64).uniform_(-1, 1),
            lambda lib, n: lib.nn.Linear(n, 2, dtype=lib.complex64).weight.detach(),
        ):
            tw.manual_seed(5)
            torch.manual_seed(5)
            np.testing.assert_allclose(draw(tw, n).numpy(), draw(torch, n).numpy(), rtol=1e-6)


def _some_eigenvalues(lib: Any) -> list[Any]:
    lib.manual_seed(0)
    a, b = lib.randn(2, 7, 7, dtype=lib.float64), lib.randn(7, 7, dtype=lib.float64)
    a, b = a @ a.mT, b @ b.mT + 9 * lib.eye(7, dtype=lib.float64)
    a.requires_grad_()
    found: list[Any] = [
        *lib.lobpcg(a, 2),
        *lib.lobpcg(a.detach()[0], 2, b),
        *lib.lobpcg(a, 2, largest=False),
    ]
    found += lib.lobpcg(a.detach()[1], X=lib.randn(7, 2, dtype=lib.float64))
    following = lib.randn(2)  # PyTorch's backward draws, too
    (found[0].sum() + (found[1].abs() * lib.arange(1.0, 3.0)).sum()).backward()
    return [t.detach().abs().numpy() for t in (*found, a.grad, following)]


def test_some_eigenvalues_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for x, y in zip(_some_eigenvalues(tw), _some_eigenvalues(torch), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def test_some_eigenvalues_refuse() -> None:
    with pytest.raises(ValueError, match="smaller than 3 x"):
        tw.lobpcg(tw.eye(5), 2)
    with pytest.raises(AssertionError, match="must be square"):
        tw.lobpcg(tw.ones(5, 4))
    with pytest.raises(RuntimeError, match="no iterations to track"):
        tw.lobpcg(tw.eye(5), tracker=print)
    assert tw.lobpcg(tw.diag(tw.tensor([3.0, 1.0, 2.0])))[0].tolist() == [3.0]
