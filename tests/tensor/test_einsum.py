"""einsum: numbers by NumPy's, and where a product's elements lie by PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

SIZES = {"b": 2, "i": 4, "j": 3, "k": 5, "m": 6}
EQUATIONS = [
    "ij,jk->ik", "ij,kj->ki", "bij,bkj->bki", "bij,jk->kbi", "ij,bjk->bki", "bij,kj->bki", "ij,kj,km->mi",
    "bij,bjk,bkm->bim", "ij,j->i", "bij->jb",
]  # fmt: skip


def operands(equation: str) -> list[np.ndarray]:
    terms = equation.split("->")[0].split(",")
    draw = np.random.default_rng(0).standard_normal
    return [draw([SIZES[c] for c in term]) for term in terms]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_as_in_numpy(equation):
    given = operands(equation)
    found = tw.einsum(equation, *map(tw.tensor, given))
    np.testing.assert_allclose(found.numpy(), np.einsum(equation, *given), atol=1e-12)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_results_lie_as_in_pytorch(equation):
    """Random masks are drawn in the order of memory."""
    torch = pytest.importorskip("torch")
    given = operands(equation)
    found = tw.einsum(equation, *map(tw.tensor, given))
    expected = torch.einsum(equation, *map(torch.tensor, given))
    assert found.stride() == expected.stride()
