"""Factors of matrices multiply to the matrix; their gradients, first and second, agree with differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw

L = tw.linalg


def drawn(*shape, seed=0, grad=False):
    values = np.random.default_rng(seed).normal(size=shape)
    return tw.tensor(values, dtype=tw.float64, requires_grad=grad)


def positive(n=3):
    x = drawn(n, n)
    return x @ x.mT + tw.eye(n, dtype=tw.float64)


def close(found, expected, tolerance=1e-10):
    assert tuple(found.shape) == tuple(expected.shape)
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), tolerance, tolerance
    )


SHAPES = [(4, 3), (3, 3), (2, 3), (2, 3, 4), (0, 3), (2, 0, 0)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_factors_multiply_to_the_matrix(shape):
    x = drawn(*shape)
    for mode in ("reduced", "complete"):
        q, r = L.qr(x, mode)
        close(q @ r, x)
        close(r, r.triu(), 0)
    u, s, vh = L.svd(x, full_matrices=False)
    close(u * s.unsqueeze(-2) @ vh, x)
    close(L.svdvals(x), s)
    u, s, vh = L.svd(x)
    assert u.shape[-1] == x.shape[-2] and vh.shape[-2] == x.shape[-1]
    p, lower, upper = L.lu(x)
    close(p @ lower @ upper, x)
    packed, pivots = tw.lu(x)
    again = tw.lu_unpack(packed, pivots)
    close(again.L, lower, 0), close(again.U, upper, 0), close(again.P, p, 0)


def test_symmetric_matrices():
    x = positive()
    values, vectors = L.eigh(x)
    close(vectors * values @ vectors.mT, x)
    close(L.eigvalsh(x.triu(), "U"), values)
    assert values.tolist() == sorted(values.tolist())
    factor, info = L.cholesky_ex(x)
    close(factor @ factor.mT, x)
    assert info.item() == 0 and info.dtype is tw.int32
    close(L.cholesky_ex(x, upper=True).L, factor.mT)
    ld, pivots = L.ldl_factor(x - 3 * tw.eye(3, dtype=tw.float64))
    b = drawn(3, 2, seed=1)
    close((x - 3 * tw.eye(3, dtype=tw.float64)) @ L.ldl_solve(ld, pivots, b), b)


def test_reflections_are_those_of_qr():
    x = drawn(2, 4, 3)
    packed, tau = tw.geqrf(x)
    q, r = L.qr(x)
    close(L.householder_product(packed, tau), q), close(packed[:, :3].triu(), r)
    whole = L.qr(x, "complete").Q
    other = drawn(2, 4, 2, seed=1)
    close(tw.ormqr(packed, tau, other), whole @ other)
    close(tw.ormqr(packed, tau, other, transpose=True), whole.mT @ other)
    close(tw.ormqr(packed, tau, other.mT, left=False), other.mT @ whole)


def test_equations_by_factors():
    x, b = drawn(2, 3, 3), drawn(3, 2, seed=1)
    factors = L.lu_factor(x)
    close(x @ L.lu_solve(*factors, b), b.expand(2, 3, 2))
    close(x.mT @ L.lu_solve(*factors, b, adjoint=True), b.expand(2, 3, 2))
    close(L.lu_solve(*factors, b.mT, left=False) @ x, b.mT.expand(2, 2, 3))
    upper = x.triu()
    close(upper @ L.solve_triangular(upper, b, upper=True), b.expand(2, 3, 2))
    close(L.solve_triangular(upper, b.mT, upper=True, left=False) @ upper, b.mT.expand(2, 2, 3))
    ones = x.tril(-1) + tw.eye(3, dtype=tw.float64)
    close(ones @ L.solve_triangular(x, b, upper=False, unitriangular=True), b.expand(2, 3, 2))
    solution, copied = tw.triangular_solve(b, x, transpose=True)
    close(upper.mT @ solution, b.expand(2, 3, 2)), close(copied, x, 0)
    result, info = L.solve_ex(x, b)
    close(x @ result, b.expand(2, 3, 2))
    assert info.tolist() == [0, 0]
    close(L.inv_ex(x).inverse, L.inv(x))
    a = positive()
    factor = L.cholesky(a)
    close(a @ tw.cholesky_solve(b, factor), b), close(tw.cholesky_inverse(factor), L.inv(a))
    close(a @ tw.cholesky_solve(b, factor.mT, upper=True), b)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4), (2, 3, 2)])
def test_pseudoinverses_and_least_squares(shape):
    x = drawn(*shape)
    p = L.pinv(x)
    close(x @ p @ x, x), close(p @ x @ p, p), close(x @ p, (x @ p).mT)
    b = drawn(*shape[:-1], 2, seed=1)
    found = L.lstsq(x, b, driver="gelsd")
    np.testing.assert_allclose(
        found.solution.numpy(), np.linalg.pinv(x.numpy()) @ b.numpy(), rtol=1e-9
    )
    assert (found.rank == min(shape[-2:])).all() and (L.matrix_rank(x) == found.rank).all()
    close(found.singular_values, L.svdvals(x))
    if shape[-2] > shape[-1]:
        close(found.residuals, ((x @ found.solution - b) ** 2).sum(-2))


def test_ranks_and_conditions():
    x = tw.diag(tw.tensor([4.0, 2.0, 0.0]))
    assert L.matrix_rank(x).item() == 2 and L.matrix_rank(x, tol=3.0).item() == 1
    assert L.matrix_rank(x, hermitian=True, rtol=0.6).item() == 1
    assert L.cond(tw.diag(tw.tensor([4.0, 2.0]))).item() == 2.0
    assert L.cond(tw.diag(tw.tensor([4.0, 2.0])), -2).item() == 0.5
    assert L.cond(x, 1).item() == math.inf and L.cond(tw.eye(2), "fro").item() == pytest.approx(2.0)
    assert L.matrix_norm(x, "nuc").item() == 6.0 and L.matrix_norm(x, 2).item() == 4.0
    assert tuple(L.matrix_norm(drawn(2, 3, 4), -2, (0, 2), keepdim=True).shape) == (1, 3, 1)
    for empty, ord in ((tw.ones(0, 3), 2), (tw.ones(0, 3), math.inf), (tw.ones(3, 0), 1)):
        assert L.matrix_norm(empty, ord).item() == 0
        assert tuple(L.matrix_norm(empty, ord, keepdim=True).shape) == (1, 1)
        with pytest.raises(IndexError, match="non-zero size"):
            L.matrix_norm(empty, -ord)
    close(L.pinv(x, hermitian=True), tw.diag(tw.tensor([0.25, 0.5, 0.0])))
    close(L.pinv(x, atol=tw.tensor(3.0)), tw.diag(tw.tensor([0.25, 0.0, 0.0])))


def test_exponentials_and_tensors():
    turn = tw.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=tw.float64)
    expected = [[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]]
    np.testing.assert_allclose(tw.matrix_exp(turn).numpy(), expected, atol=1e-12)
    x = drawn(2, 3, 6)
    inverse = L.tensorinv(x)
    close(tw.tensordot(inverse, x.reshape(2, 3, 6), 2).reshape(6, 6), tw.eye(6, dtype=tw.float64))
    b = drawn(2, 3, seed=1)
    close(tw.tensordot(x, L.tensorsolve(x, b), 1), b)
    assert L.vander(tw.tensor([2, 3]), N=3).tolist() == [[1, 2, 4], [1, 3, 9]]
    assert tw.vander(tw.tensor([2, 3])).tolist() == [[2, 1], [3, 1]]
    y = tw.tensor([1.0, 2.0, 4.0])
    assert tw.trapezoid(y).item() == 4.5 and tw.trapezoid(y, dx=2).item() == 9.0
    assert tw.cumulative_trapezoid(y, tw.tensor([0.0, 1.0, 3.0])).tolist() == [1.5, 7.5]
    assert tw.cross(tw.tensor([1, 0, 0]), tw.tensor([0, 1, 0])).tolist() == [0, 0, 1]


def test_products_added_in_place():
    x, y = tw.ones(2, 2), tw.eye(2)
    assert x.clone().addmm_(y, y, beta=2).tolist() == [[3, 2], [2, 3]]
    assert x[0].clone().addmv_(y, tw.ones(2)).tolist() == [2, 2]
    assert x.clone().addbmm_(y.expand(3, 2, 2), y.expand(3, 2, 2)).tolist() == [[4, 1], [1, 4]]
    assert x[None].clone().baddbmm_(y[None], y[None]).tolist() == [[[2, 1], [1, 2]]]
    assert x.clone().addr_(tw.ones(2), tw.tensor([0.0, 2.0])).tolist() == [[1, 3], [1, 3]]


def symmetric(x):
    return (x + x.mT) / 2


GRADIENTS = {
    "qr": lambda x: L.qr(x[:, :2]),
    "qr, wide": lambda x: L.qr(x[:2]),
    "svd": lambda x: [abs(t) for t in L.svd(x[:, :2], False)],
    "svdvals": lambda x: L.svdvals(x[:2]),
    "eigh": lambda x: [abs(t) for t in L.eigh(symmetric(x))],
    "eigvalsh": lambda x: L.eigvalsh(symmetric(x)),
    "lu": lambda x: L.lu(x)[1:],
    "lu, tall": lambda x: L.lu_factor(x[:, :2]).LU,
    "lu, wide": lambda x: L.lu_factor(x[:2]).LU,
    "lu_solve": lambda x: L.lu_solve(*L.lu_factor(x), x[:, :1], adjoint=True),
    "cholesky_ex": lambda x: L.cholesky_ex(x @ x.mT).L,
    "solve_triangular": lambda x: L.solve_triangular(x, x[:, :2], upper=False),
    "unit": lambda x: L.solve_triangular(x, x[:2], upper=True, left=False, unitriangular=True),
    "solve_ex": lambda x: L.solve_ex(x, x[:, 0]).result,
    "inv_ex": lambda x: L.inv_ex(x).inverse,
    "cholesky_solve": lambda x: tw.cholesky_solve(x[:, :1], x.tril()),
    "cholesky_inverse": lambda x: tw.cholesky_inverse(x.tril()),
    "pinv": lambda x: L.pinv(x[:, :2]),
    "pinv, of less rank": lambda x: L.pinv(x[:, :1] @ x[:1], rtol=1e-5),
    "pinv, hermitian": lambda x: L.pinv(symmetric(x), hermitian=True),
    "lstsq": lambda x: L.lstsq(x[:, :2], x[:, 2:], driver="gels")[:2],
    "matrix_exp": lambda x: tw.matrix_exp(x),
    "householder_product": lambda x: L.householder_product(x[:, :2], x[0, :2]),
    "ormqr": lambda x: tw.ormqr(x[:, :2], x[0, :2], x),
    "matrix_norm": lambda x: L.matrix_norm(x, "nuc"),
    "cond": lambda x: L.cond(x),
    "tensorsolve": lambda x: L.tensorsolve(x, x[0]),
    "vander": lambda x: L.vander(x),
    "trapezoid": lambda x: tw.trapezoid(x, x[0]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_agree_with_differences(name):
    def function(x):
        found = GRADIENTS[name](x)
        return tuple(found) if isinstance(found, list | tuple) else found

    x = drawn(3, 3, seed=2, grad=True)
    assert tw.autograd.gradcheck(function, (x,))


SECOND = ["qr", "svdvals", "eigh", "lu", "pinv", "matrix_exp", "solve_triangular", "cholesky_ex"]


@pytest.mark.parametrize("name", SECOND)
def test_second_gradients_agree_with_differences(name):
    weights = drawn(3, 3, seed=5)

    @tw.enable_grad()
    def first(x):
        x = x if x.requires_grad else x.detach().requires_grad_()
        found = GRADIENTS[name](x)
        parts = found if isinstance(found, list | tuple) else [found]
        total = sum(
            (p * p * weights.reshape(-1)[: p.numel()].reshape(p.shape)).sum() for p in parts
        )
        return tw.autograd.grad(total, x, create_graph=True)[0]

    assert tw.autograd.gradcheck(first, (drawn(3, 3, seed=2, grad=True),))


def test_singular_values_that_are_equal_have_a_gradient():
    x = tw.eye(3, dtype=tw.float64).requires_grad_()
    L.svd(x).S.sum().backward()
    close(x.grad, tw.eye(3, dtype=tw.float64))
    x.grad = None
    L.eigh(x).eigenvalues.sum().backward()
    close(x.grad, tw.eye(3, dtype=tw.float64))


def test_low_rank():
    tw.manual_seed(0)
    x = drawn(8, 2) @ drawn(2, 6, seed=1)
    for given in (x, x.mT):
        u, s, v = tw.svd_lowrank(given, q=3)
        close(u * s @ v.mT, given)
        u, s, v = tw.pca_lowrank(given, q=3)
        close(u * s @ v.mT, given - given.mean(0, keepdim=True))
    with pytest.raises(ValueError, match="non-negative integer"):
        tw.pca_lowrank(x, q=7)
    with pytest.raises(ValueError, match="niter"):
        tw.pca_lowrank(x, niter=-1)


def test_results_have_names():
    found = L.qr(tw.eye(2))
    assert found.Q is found[0] and repr(found).startswith("thalweg.return_types.linalg_qr(\nQ=")
    assert tw.slogdet(tw.eye(2)).logabsdet.item() == 0.0 and L.slogdet(tw.eye(2)).sign.item() == 1.0
    assert tw.tensor([[2.0]]).inverse().item() == 0.5 and tw.eye(2).det().item() == 1.0
    u, s, v = tw.svd(tw.ones(3, 2), compute_uv=False)
    assert (tuple(u.shape), tuple(v.shape)) == ((3, 3), (2, 2)) and not u.any() and s.shape[0] == 2


ONES, ZERO = tw.ones(2, 2), tw.zeros(2, 2)
REFUSED = [
    (lambda: L.qr(tw.ones(3)), "at least 2 dimensions"),
    (lambda: L.qr(ONES, "full"), "unrecognized mode 'full'"),
    (lambda: L.svd(ONES, driver="gesvd"), "only supported on CUDA"),
    (lambda: L.svd(ONES.long()), "floating point"),
    (lambda: L.eigh(tw.ones(2, 3)), "square matrices"),
    (lambda: L.eigh(ONES, "X"), "UPLO"),
    (lambda: L.lu(ONES, pivot=False), "without pivoting"),
    (lambda: L.lu_factor(ZERO), r"U\[1,1\] is zero"),
    (lambda: L.lu_factor_ex(tw.stack([tw.eye(2), ZERO]), check_errors=True), "Batch element 1"),
    (lambda: L.cholesky_ex(-tw.eye(2), check_errors=True), "minor of order 1"),
    (lambda: L.inv_ex(ZERO, check_errors=True), "input matrix is singular"),
    (lambda: L.inv_ex(tw.ones(2, 3)), "square matrices"),
    (lambda: L.solve_ex(ZERO, ONES, check_errors=True), "input matrix is singular"),
    (lambda: L.solve_ex(ONES, tw.ones(2), left=False), "Vector broadcasting"),
    (lambda: L.ldl_factor(ZERO), r"D\[1,1\] is zero"),
    (lambda: L.solve_triangular(ONES, tw.ones(3, 1), upper=True), "Incompatible shapes"),
    (lambda: tw.cholesky_solve(tw.ones(2), ONES), "at least 2 dimensions"),
    (lambda: tw.cholesky_inverse(tw.ones(2)), "at least 2 dimensions"),
    (lambda: L.householder_product(tw.ones(2), tw.ones(1)), "at least 2 dimensions"),
    (lambda: L.householder_product(tw.ones(2, 3), tw.ones(2)), "greater than or equal"),
    (lambda: L.householder_product(ONES, tw.ones(3)), "greater than or equal"),
    (lambda: L.householder_product(ONES, ONES), "one dimension less"),
    (lambda: L.householder_product(ONES, tw.ones(2).double()), "does not match"),
    (lambda: tw.ormqr(ONES, tw.ones(2), tw.ones(2)), "at least 2 dimensions"),
    (lambda: tw.ormqr(ONES, tw.ones(2), tw.ones(3, 1)), "must be equal"),
    (lambda: tw.ormqr(ONES, tw.ones(2), ONES.double()), "same dtype"),
    (lambda: L.lstsq(tw.ones(2), ONES), "at least 2 dimensions"),
    (lambda: L.lstsq(ONES, tw.tensor(1.0)), "at least 1 dimension"),
    (lambda: L.lstsq(ONES, tw.ones(3, 1)), "should match"),
    (lambda: L.lstsq(ONES, ONES, driver="qr"), "`driver` should be one of"),
    (lambda: L.tensorinv(tw.ones(2, 3)), "requirement prod"),
    (lambda: L.tensorinv(tw.ones(2, 3), 0), "strictly positive"),
    (lambda: L.tensorsolve(tw.ones(2, 3), tw.ones(2)), "requirement prod"),
    (lambda: L.vander(tw.ones(2), N=1), "greater than 1"),
    (lambda: tw.vander(ONES), "one-dimensional"),
    (lambda: L.cond(tw.ones(2, 3), 1), "square matrices"),
    (lambda: L.matrix_norm(ONES, 3), "not supported"),
    (lambda: tw.cross(ONES, ONES), "no dimension of size 3"),
    (lambda: tw.addbmm(ONES, ONES, ONES), "3, 3"),
    (lambda: tw.trapezoid(ONES, tw.ones(3)), "one `x` value"),
    (lambda: tw.geqrf(tw.ones(3)), "at least 2 dimensions"),
    (lambda: L.matrix_exp(tw.ones(2, 3)), "square matrices"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_is_refused(number):
    call, text = REFUSED[number]
    with pytest.raises(RuntimeError, match=text):
        call()


def test_gradients_that_are_refused():
    x = drawn(3, 2, grad=True)
    with pytest.raises(RuntimeError, match="mode='complete' and nrows > ncols"):
        L.qr(x, "complete").R.sum().backward()
    with pytest.raises(RuntimeError, match="mode='r'"):
        L.qr(x, "r").R.sum().backward()
