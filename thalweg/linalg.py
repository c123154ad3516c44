"""``thalweg.linalg``: linear algebra under PyTorch's name; the functions live in ``tensor``."""

from .tensor.linear_algebra import matmul
from .tensor.norms import matrix_norm, norm, vector_norm

__all__ = ["matmul", "matrix_norm", "norm", "vector_norm"]
