"""Affine maps."""

from __future__ import annotations

from ...ir.builder import Var
from ...ops.composite import Op, op
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from ...tensor.linear_algebra import multiplied

__all__ = ["bilinear", "linear"]


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
