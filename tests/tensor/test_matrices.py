"""Inverses, equations, determinants and factors of square matrices."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw


def matrix():
    return tw.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=tw.float64, requires_grad=True)


def test_the_inverse_undoes():
    x = matrix()
    np.testing.assert_allclose((tw.linalg.inv(x) @ x).detach().numpy(), np.eye(2), atol=1e-12)


def test_the_solution_solves():
    x, b = matrix(), tw.tensor([1.0, 2.0], dtype=tw.float64)
    np.testing.assert_allclose((x @ tw.linalg.solve(x, b)).detach().numpy(), [1, 2])


def test_the_gradient_of_the_logarithm_of_the_determinant_is_the_inverse():
    x = matrix()
    tw.logdet(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.linalg.inv(x.detach().numpy()).T)


def test_cholesky_reads_the_lower_half():
    x = tw.tensor([[4.0, 100.0], [2.0, 5.0]])
    np.testing.assert_allclose(tw.linalg.cholesky(x).numpy(), [[2, 0], [1, 2]], atol=1e-4)


@pytest.mark.parametrize(
    "function", [tw.linalg.inv, tw.linalg.det, tw.linalg.slogdet, tw.linalg.cholesky]
)
def test_what_is_not_square_is_refused(function):
    with pytest.raises(RuntimeError, match="square matrices"):
        function(tw.ones(2, 3))


def test_a_singular_matrix_has_no_inverse():
    with pytest.raises(tw.linalg.LinAlgError, match="singular"):
        tw.linalg.inv(tw.zeros(2, 2)).tolist()
