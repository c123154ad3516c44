"""What weight and spectral normalization compute from a weight."""

from __future__ import annotations

from ...tensor import Tensor
from .. import functional as F


def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norms of ``v`` (*) over all axes but ``dim``, which keeps its size, the others 1; of -1: () over all."""
    if dim == -1:
        whole: Tensor = v.norm(pow)
        return whole
    shape = [1] * v.ndim
    shape[dim] = int(v.shape[dim])
    found: Tensor = v.movedim(dim, 0).reshape(shape[dim], -1).norm(pow, 1).reshape(*shape)
    return found


def weight_of(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """(*) ``v`` (*) with the norms ``g``, as ``norm_except_dim`` gives them. Source: Salimans and Kingma 2016."""
    found: Tensor = v * (g / norm_except_dim(v, 2, dim))
    return found


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """(H, W) ``weight`` (*) with its axis ``dim``, of size H, first and the others as one."""
    return (weight if dim == 0 else weight.movedim(dim, 0)).reshape(weight.shape[dim], -1)


def unit(x: Tensor, eps: float) -> Tensor:
    """(N,) ``x`` (N,) of length 1."""
    return F.normalize(x, dim=0, eps=eps)


def largest_singular(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """() u · matrix v: matrix (H, W), u (H,), v (W,). Source: Miyato et al. 2018."""
    found: Tensor = u.dot(matrix.mv(v))
    return found
