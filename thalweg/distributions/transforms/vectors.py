"""Maps of vectors and matrices: to shares of a whole, to Cholesky factors."""

from __future__ import annotations

from typing import Any

from ...nn.functional import logsigmoid, softmax
from ...tensor import Size, Tensor
from ...tensor.creation import arange, ones_like, tensor
from ...tensor.grids import tril_indices
from ...tensor.joining import cat
from ...tensor.matrices import cholesky
from .. import constraints
from ..utils import eps_of, tiny_of
from .base import Transform, alike
from .numbers import tanh_stretch


class SoftmaxTransform(Transform):
    """exp(x) over its sum along the last axis; not one-to-one, the inverse is the logarithm."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError(
                f"Too few dimensions on input: SoftmaxTransform wants vectors, got {shape}"
            )
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """(..., K) numbers as (..., K + 1) shares of a stick: each breaks off a part of what is left.

    Source: Stan reference manual, "Unit simplex"; shifted so that 0 gives equal shares.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__

    @staticmethod
    def _shift(x: Tensor) -> Tensor:
        """log of how many pieces come after each."""
        return arange(x.shape[-1], 0, -1, dtype=x.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._shift(x)).sigmoid().clamp(tiny_of(x), 1.0)
        one = ones_like(x[..., :1])
        return cat([z, one], -1) * cat([one, (1 - z).cumprod(-1)], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        pieces = y[..., :-1]
        left = (1 - pieces.cumsum(-1)).clamp(min=tiny_of(y))
        return pieces.log() - left.log() + self._shift(pieces)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        shifted = x - self._shift(x)
        return (-shifted + logsigmoid(shifted) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return self._longer(shape, 1)

    def inverse_shape(self, shape: Any) -> Any:
        return self._longer(shape, -1)

    @staticmethod
    def _longer(shape: Any, more: int) -> Size:
        if len(shape) < 1:
            raise ValueError(
                f"Too few dimensions on input: stick-breaking wants vectors, got {shape}"
            )
        return Size((*shape[:-1], shape[-1] + more))


class CorrCholeskyTransform(Transform):
    """(..., D (D - 1) / 2) numbers as (..., D, D) Cholesky factors of correlation matrices.

    Each row's tanh values break off parts of a length of 1. Source: Stan reference manual, "Cholesky factors of
    correlation matrices".
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        x = x.tanh().clamp(-1 + eps_of(x), 1 - eps_of(x))
        size = self._side(x.shape[-1])
        r = lower_from_vector(x, size)
        left = (1 - r * r).sqrt().cumprod(-1)
        diagonal = r + ones_like(r[..., 0]).diag_embed()
        return diagonal * cat([ones_like(left[..., :1]), left[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        left = cat([ones_like(left[..., :1]), left[..., :-1]], -1)
        t = _vector_from_lower(y, -1) / _vector_from_lower(left, -1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        of_sticks = 0.5 * _vector_from_lower(left, -2).log().sum(-1)
        return of_sticks + tanh_stretch(x).sum(-1)

    @staticmethod
    def _side(count: int) -> int:
        size = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != count:
            raise ValueError(f"Input is not a flattened lower-triangular number: {count}")
        return size

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input: CorrCholeskyTransform wants vectors")
        size = self._side(shape[-1])
        return Size((*shape[:-1], size, size))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input: the inverse wants matrices")
        if shape[-2] != shape[-1]:
            raise ValueError(f"Input is not square: {tuple(shape)}")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


def lower_from_vector(x: Tensor, size: int) -> Tensor:
    """(..., N) as (..., size, size) with the numbers below the diagonal, row by row."""
    rows, columns = tril_indices(size, size, -1).tolist()
    places = tensor([row * size + column for row, column in zip(rows, columns, strict=True)]).long()
    flat = x.new_zeros((*tuple(x.shape)[:-1], size * size))
    return flat.index_copy(-1, places, x).unflatten(-1, (size, size))


def _vector_from_lower(y: Tensor, diagonal: int) -> Tensor:
    """(..., D, D) as (..., N): what stands on and below that diagonal, row by row."""
    size = y.shape[-1]
    rows, columns = tril_indices(size, size, diagonal).tolist()
    places = tensor([row * size + column for row, column in zip(rows, columns, strict=True)]).long()
    return y.flatten(-2).index_select(-1, places)


class LowerCholeskyTransform(Transform):
    """(..., D, D): what is below the diagonal, and exp of the diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(0, -2, -1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(0, -2, -1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """L @ L.mT of the triangle that LowerCholeskyTransform gives: (..., D, D) in, the same out."""

    domain = constraints.independent(constraints.real, 2)
    codomain: Any = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))
