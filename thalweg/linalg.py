"""``thalweg.linalg``: linear algebra under PyTorch's name; the functions live in ``tensor``."""

from .tensor.linear_algebra import matmul
from .tensor.matrices import (
    LinAlgError,
    cholesky,
    det,
    diagonal,
    inv,
    matrix_power,
    multi_dot,
    slogdet,
    solve,
    vecdot,
)
from .tensor.matrices import linalg_cross as cross
from .tensor.norms import matrix_norm, norm, vector_norm

__all__ = ["LinAlgError", "cholesky", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power",
           "multi_dot", "norm", "slogdet", "solve", "vecdot", "vector_norm"]  # fmt: skip
