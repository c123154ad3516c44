"""Dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...ir.builder import Var
from ...ir.dtype import bool_
from ...ops import elementwise as e
from ...ops.composite import op
from ...runtime.generator import default_generator
from ...tensor import Tensor
from ...tensor.arithmetic import mul
from ...tensor.creation import drawn
from ...tensor.dispatch import dispatch
from ...tensor.inplace import assign
from ...tensor.random import drawn_along

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """1 / (1 - p) with probability 1 - p, else 0."""
    noise: Tensor = drawn(_drawing(p, like), shape)
    return noise


def _drawing(p: float, like: Tensor) -> Callable[[tuple[int, ...]], Any]:
    kind = like.dtype.numpy

    def draw(shape: tuple[int, ...]) -> Any:
        kept = default_generator.bernoulli(1 - p, shape).astype(kind)
        return kept if p == 1 else kept / kind.type(1 - p)

    return draw


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability ``p`` and scale the rest by 1 / (1 - p).

    Args:
        input: any shape.
    Returns:
        the same shape.
    Raises:
        ValueError: ``p`` is outside [0, 1].
    Source: Srivastava et al. 2014.
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    noise = drawn_along(input, _drawing(p, input))
    return input.mul_(noise) if inplace else mul(input, noise)


def _dropout_maps(
    input: Tensor, p: float, training: bool, inplace: bool, unbatched: int = 0
) -> Tensor:
    """An input of ``unbatched`` axes has no batch: its first axis holds the channels."""
    _check_probability(p)
    if not training or p == 0:
        return input
    lead = 1 if input.ndim == unbatched else 2
    shape = (*input.shape[:lead], *(1,) * (input.ndim - lead))
    noise = _noise(shape, p, input)
    return input.mul_(noise) if inplace else mul(input, noise)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """``dropout`` of whole channels: input (N, C, L) or (C, L), the same shape back."""
    return _dropout_maps(input, p, training, inplace, 2)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """``dropout`` of whole channels: input (N, C, H, W), the same shape back."""
    return _dropout_maps(input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """``dropout`` of whole channels: input (N, C, D, H, W) or (C, D, H, W), the same shape back."""
    return _dropout_maps(input, p, training, inplace, 4)


@op("AddBackward0", (("MulBackward0", (0, 1)), None))
def _alpha_dropout(x: Var, kept: Var, p: float) -> Var:
    alpha = -1.7580993408473766
    scale = ((1 - p) * (1 + p * alpha**2)) ** -0.5
    dropped = e.where(kept.astype(bool_), x, x.builder.constant(alpha, x.dtype))
    return dropped * scale - scale * alpha * p


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of SELU activations; any shape in, the same out.

    Source: Klambauer et al. 2017.
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    return _alpha(input, p, partial(drawn_along, input), inplace)


def _alpha(input: Tensor, p: float, drawing: Callable[..., Tensor], inplace: bool) -> Tensor:
    """Alpha dropout where the booleans that ``drawing`` makes of a draw are False; nothing is drawn for ``p`` 1."""
    if p == 1:
        dropped = input * 0
    else:
        kept = drawing(partial(default_generator.bernoulli, 1 - p))
        dropped = dispatch(_alpha_dropout, (input, kept), (p,))
    return assign(input, dropped) if inplace else dropped


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """``alpha_dropout`` of whole channels: input (N, C, ...), the same shape back.

    Source: Klambauer et al. 2017.
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    if input.ndim < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input, got {list(input.shape)}"
        )
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _alpha(input, p, partial(drawn, shape=shape), inplace)
