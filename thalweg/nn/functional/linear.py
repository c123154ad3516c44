"""Affine maps, embeddings and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.builder import Var
from ...ir.dtype import bool_, int32, int64
from ...ops import elementwise as e
from ...ops.composite import Op, op
from ...ops.lookup import take_rows
from ...runtime.generator import default_generator
from ...tensor import Tensor
from ...tensor.arithmetic import mul
from ...tensor.creation import drawn, from_array
from ...tensor.dispatch import by_example, dispatch
from ...tensor.linear_algebra import multiplied

__all__ = [
    "alpha_dropout", "bilinear", "dropout", "dropout1d", "dropout2d", "dropout3d", "embedding", "linear", "one_hot",
]  # fmt: skip


_TURNED = ("TBackward0", (1,))


@op("AddmmBackward0", (2, 0, _TURNED))
def _linear(x: Var, weight: Var, bias: Var | None) -> Var:
    if not x.shape or x.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            f"linear: input has {x.shape[-1] if x.shape else 'no'} features, weight wants {weight.shape[-1]}: mat1 "
            f"and mat2 shapes cannot be multiplied: input {x.shape}, weight {weight.shape}"
        )
    if x.dtype is not weight.dtype:
        raise RuntimeError(
            f"linear: mat1 and mat2 must have the same dtype, but got {x.dtype} and {weight.dtype}: "
            "convert the input with .to(weight.dtype)"
        )
    product = multiplied(x, weight.swap() if weight.ndim == 2 else weight)
    return product if bias is None else product + bias


_ROWS = ("ViewBackward0", (0,))
_linear_plain = Op(_linear.function, "MmBackward0", (0, _TURNED))
_linear_many = Op(_linear.function, "ViewBackward0", (("AddmmBackward0", (2, _ROWS, _TURNED)),))
_linear_many_plain = Op(
    _linear.function, "UnsafeViewBackward0", (("MmBackward0", (_ROWS, _TURNED)),)
)
_linear_of_vector = Op(
    _linear.function,
    "SqueezeBackward4",
    (("MmBackward0", (("UnsqueezeBackward0", (0,)), _TURNED)),),
)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features), or (in_features,).
        bias: (out_features,) or None.
    Returns:
        (..., out_features).
    Raises:
        RuntimeError: the features differ, or the types do.
    """
    if input.ndim == 2:
        chosen = _linear_plain if bias is None else _linear
    elif bias is not None:
        chosen = _linear_many
    else:
        chosen = _linear_of_vector if input.ndim == 1 else _linear_many_plain
    return dispatch(chosen, (input, weight, bias))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 A x2 + b for each output.

    Args:
        input1: (..., in1). input2: (..., in2). weight: (out, in1, in2). bias: (out,) or None.
    Returns:
        (..., out).
    """
    lead = input1.shape[:-1]
    left, right = input1.reshape(-1, input1.shape[-1]), input2.reshape(-1, input2.shape[-1])
    products = (left.matmul(weight) * right).sum(-1).t()
    result = products if bias is None else products + bias
    return result.reshape(*lead, weight.shape[0])


@op("EmbeddingBackward0", (0,))
def _embedding(weight: Var, index: Var, skip: int | None) -> Var:
    return take_rows(weight, index.astype(int64), skip=skip)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` with the numbers in ``input``.

    Args:
        input: (...,) integers in [0, V). weight: (V, D).
        padding_idx: a row that gets no gradient.
    Returns:
        (..., D).
    Raises:
        IndexError: a number is outside [0, V).
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError(
            "embedding: max_norm, scale_grad_by_freq and sparse are not supported yet: leave them out"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, got shape {list(weight.shape)}")
    if input.dtype not in (int64, int32):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.dtype} instead (while checking arguments for embedding): convert it with .long()"
        )
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError(
                f"Padding_idx must be within num_embeddings: {padding_idx} among {rows}"
            )
        padding_idx %= rows
    return dispatch(_embedding, (weight, input), (padding_idx,))


@by_example
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class number, 0 elsewhere.

    Args:
        tensor: (...,) int64 class numbers.
        num_classes: C; by default one more than the largest number.
    Returns:
        (..., C) int64.
    Raises:
        RuntimeError: the numbers are not int64, negative, or not below ``num_classes``.
    """
    if tensor.dtype is not int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}"
        )
    classes = tensor._array()
    if not classes.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return from_array(np.zeros((*classes.shape, num_classes), np.int64))
    if classes.min() < 0:
        raise RuntimeError(f"Class values must be non-negative, got {classes.min()}")
    if num_classes == -1:
        num_classes = int(classes.max()) + 1
    if classes.max() >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes: {classes.max()} of {num_classes}"
        )
    return from_array((classes[..., None] == np.arange(num_classes)).astype(np.int64))


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """1 / (1 - p) with probability 1 - p, else 0."""
    kind = like.dtype.numpy

    def draw(shape: tuple[int, ...]) -> Any:
        kept = default_generator.bernoulli(1 - p, shape).astype(kind)
        return kept if p == 1 else kept / kind.type(1 - p)

    noise: Tensor = drawn(draw, shape)
    return noise


def _noise_along(input: Tensor, p: float) -> Tensor:
    """Noise of the shape of ``input``, drawn in the order in which its elements lie in memory."""
    view, shape = input._view, tuple(input.shape)
    if view is None or view.is_contiguous():
        return _noise(shape, p, input)
    order = view.memory_order()
    noise = _noise(tuple([shape[axis] for axis in order]), p, input)
    return noise.permute([order.index(axis) for axis in range(len(order))])


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
    noise = _noise_along(input, p)
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
    if p == 1:
        return input * 0
    kept = drawn(lambda shape: default_generator.bernoulli(1 - p, shape), tuple(input.shape))
    return dispatch(_alpha_dropout, (input, kept), (p,))
