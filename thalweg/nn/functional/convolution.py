"""Convolution, and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir.builder import Var
from ...ops import window as w
from ...ops.composite import op
from ...ops.movement import pad as with_border
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from .padding import pad
from .sizes import Sizes, per_axis

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "conv_tbc",
]  # fmt: skip


@op("ConvolutionBackward0")
def _conv(
    x: Var, weight: Var, bias: Var | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Var:
    out: Var = w.conv(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out if bias is None else out + bias.reshape((bias.size, *(1,) * (out.ndim - 2)))


def _same_padding(
    input: Tensor, kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """The padding that keeps sizes; an odd element is padded at the end first."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(t % 2 for t in totals):
        extra = [side for t in reversed(totals) for side in (0, t % 2)]
        input = pad(input, extra)
    return input, tuple(t // 2 for t in totals)


def _convolve(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Any, dilation: Sizes,
    groups: int,
) -> Tensor:  # fmt: skip
    name = f"conv{n}d"
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
        )
    if weight.ndim != n + 2:
        raise RuntimeError(
            f"{name}: expected a {n + 2}-dimensional weight, got size {list(weight.shape)}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise RuntimeError(
            f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {weight.shape[0]} "
            f"elements, but got bias of size {list(bias.shape)} instead"
        )
    if bias is not None and bias.dtype is not weight.dtype:
        raise RuntimeError(
            f"Input type ({weight.dtype}) and bias type ({bias.dtype}) should be the same: convert one of them"
        )
    steps, spread = per_axis(stride, n, "stride"), per_axis(dilation, n, "dilation")
    if min(spread) < 1:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {spread}")
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: {padding!r}: it is 'valid' or 'same'")
        if padding == "same" and any(s != 1 for s in steps):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
    unbatched = input.ndim == n + 1
    x = input.unsqueeze(0) if unbatched else input
    if padding == "same":
        x, room = _same_padding(x, weight.shape[2:], spread)
    else:
        room = (0,) * n if padding == "valid" else per_axis(padding, n, "padding")
    out = dispatch(_conv, (x, weight, bias), (steps, room, spread, groups))
    return out.squeeze(0) if unbatched else out


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation along one axis: input (N, C, L), weight (O, C/groups, K), bias (O,), out (N, O, L')."""
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over two axes.

    Args:
        input: (N, C, H, W) or (C, H, W). weight: (O, C/groups, KH, KW). bias: (O,) or None.
        padding: zeros on both sides; "same" keeps the size, "valid" adds none.
    Returns:
        (N, O, H', W') with H' = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1, rounded down.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Any = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over three axes: input (N, C, D, H, W), weight (O, C/groups, KD, KH, KW)."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@op("ConvolutionBackward0")
def _conv_transpose(
    x: Var,
    weight: Var,
    bias: Var | None,
    stride: Any,
    padding: Any,
    extra: Any,
    dilation: Any,
    groups: int,
) -> Var:
    kernel = weight.shape[2:]
    spatial = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, o, d in zip(
            x.shape[2:], kernel, stride, padding, extra, dilation, strict=True
        )
    )
    shape = (x.shape[0], weight.shape[1] * groups, *spatial)
    more = tuple(o // s for o, s in zip(extra, stride, strict=True))
    if any(more):  # windows that the convolution of such an output has as well, of nothing
        zero = x.builder.constant(0, x.dtype)
        x = with_border(x, zero, low=(0,) * x.ndim, high=(0, 0, *more))
    out: Var = w.conv_input_grad(
        x,
        weight,
        input_shape=shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return out if bias is None else out + bias.reshape((bias.size, *(1,) * (out.ndim - 2)))


def _transposed(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any
) -> Tensor:
    stride, padding, extra, groups, dilation = settings
    x = input.unsqueeze(0) if input.ndim == n + 1 else input
    if x.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    sizes = [per_axis(v, n, "conv_transpose") for v in (stride, padding, extra, dilation)]
    out = dispatch(_conv_transpose, (x, weight, bias), (*sizes, groups))
    return out.squeeze(0) if input.ndim == n + 1 else out


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of ``conv1d``: input (N, C, L), weight (C, O/groups, K), bias (O,), out (N, O, L')."""
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of ``conv2d``: input (N, C, H, W), weight (C, O/groups, KH, KW), bias (O,), out (N, O, H', W')."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of ``conv3d``: input (N, C, D, H, W), weight (C, O/groups, KD, KH, KW), bias (O,)."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """``conv1d`` with time first: input (T, N, C), weight (K, C, O), bias (O,), out (T', N, O)."""
    found = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return found.permute(2, 0, 1)
