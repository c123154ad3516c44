"""``thalweg.linalg``: linear algebra under PyTorch's name; the functions live in ``tensor``."""

from .tensor.decompositions import (
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    ldl_factor,
    ldl_factor_ex,
    lu,
    lu_factor,
    lu_factor_ex,
    qr,
    svd,
    svdvals,
)
from .tensor.equations import (
    inv_ex,
    ldl_solve,
    lstsq,
    lu_solve,
    matrix_exp,
    matrix_rank,
    pinv,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
    vander,
)
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
from .tensor.norms import cond, matrix_norm, norm, vector_norm
from .tensor.outputs import with_outputs

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve",
    "vander", "vecdot", "vector_norm",
]  # fmt: skip

globals().update(with_outputs(globals()))
