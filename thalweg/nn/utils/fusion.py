"""A layer and the batch norm after it as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ...tensor import Tensor
from ..linear import Linear
from ..module import Module
from ..normalization import _BatchNorm
from ..parameter import Parameter

C = TypeVar("C", bound=Module)


def _scaled(
    weight: Tensor, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, scale: Tensor | None,
    shift: Tensor | None, axis: int,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """``weight`` (*), of C outputs along ``axis``, and ``bias`` (C,) with what the norm would do to the outputs."""
    factor = (var + eps).rsqrt()
    if scale is not None:
        factor = factor * scale
    shape = [1] * weight.ndim
    shape[axis] = -1
    new = (weight * factor.reshape(*shape)).to(weight.dtype)
    centered = -mean if bias is None else bias - mean
    moved = centered * factor
    if shift is not None:
        moved = moved + shift
    trained = weight.requires_grad
    kept = trained if bias is None else bias.requires_grad
    dtype = weight.dtype if bias is None else bias.dtype
    return Parameter(new.detach(), trained), Parameter(moved.to(dtype).detach(), kept)


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None,
    bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a convolution that does what a batch norm after it did as well.

    Args:
        conv_w: (O, C/groups, *K), or (C, O, *K) with ``transpose``. conv_b: (O,) or None.
        bn_rm, bn_rv, bn_w, bn_b: (O,) running mean and variance, scale and shift, the last two or None.
    Returns:
        the shapes of conv_w and (O,).
    """
    return _scaled(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """As ``fuse_conv_bn_weights``, of a linear map (O, I) and bias (O,) or None."""
    return _scaled(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _check_eval(layer: Module, bn: _BatchNorm) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def fuse_conv_bn_eval(conv: C, bn: Any, transpose: bool = False) -> C:
    """A copy of ``conv``, which is in evaluation mode, that does what ``bn`` after it did as well."""
    _check_eval(conv, bn)
    fused = copy.deepcopy(conv)
    own: Any = fused
    own.weight, own.bias = fuse_conv_bn_weights(
        own.weight, own.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: Linear, bn: Any) -> Linear:
    """A copy of ``linear``, which is in evaluation mode, that does what ``bn`` after it did as well.

    Raises:
        AssertionError: the sizes differ: a norm of one feature is not one of each of several.
    """
    _check_eval(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1: they are "
            f"{linear.out_features} and {bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
