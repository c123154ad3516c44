"""Groups of layers of which networks for images are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.creation import full

__all__ = [
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "MLP",
    "Permute",
    "SqueezeExcitation",
]
Making = Callable[..., nn.Module]
"""A class of layers, or what makes one."""


def _flag(inplace: bool | None) -> dict[str, bool]:
    """``inplace`` as an argument, where the layer has one."""
    return {} if inplace is None else {"inplace": inplace}


class ConvNormActivation(nn.Sequential):
    """A convolution, a normalization and an activation in a row.

    Args:
        in_channels, out_channels, kernel_size, stride, groups, dilation: the convolution's.
        padding: the convolution's; None keeps the size of the image at stride 1.
        norm_layer, activation_layer: classes of layers; None leaves one out.
        inplace: whether the activation writes over its input; None where it has no such argument.
        bias: whether the convolution has one; None: where there is no normalization.
    Attributes:
        out_channels: how many channels come out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str | None = None,
        groups: int = 1,
        norm_layer: Making | None = nn.BatchNorm2d,
        activation_layer: Making | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Making = nn.Conv2d,
    ) -> None:
        row = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                _keeping(kernel_size, dilation) if padding is None else padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            row.append(norm_layer(out_channels))
        if activation_layer is not None:
            row.append(activation_layer(**_flag(inplace)))
        super().__init__(*row)
        self.out_channels = out_channels


def _keeping(kernel: int | tuple[int, ...], dilation: int | tuple[int, ...]) -> Any:
    """The padding at which an odd kernel keeps the size of an image."""
    if isinstance(kernel, int) and isinstance(dilation, int):
        return (kernel - 1) // 2 * dilation
    axes = len(kernel) if isinstance(kernel, tuple) else len(dilation)  # type: ignore[arg-type]
    kernels = kernel if isinstance(kernel, tuple) else (kernel,) * axes
    steps = dilation if isinstance(dilation, tuple) else (dilation,) * axes
    return tuple((k - 1) // 2 * d for k, d in zip(kernels, steps, strict=True))


class Conv2dNormActivation(ConvNormActivation):
    """A Conv2d, a normalization and an activation; (N, C, H, W) to (N, out_channels, H', W')."""


class Conv3dNormActivation(ConvNormActivation):
    """A Conv3d, a normalization and an activation; (N, C, D, H, W) to (N, out_channels, D', H', W')."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str | None = None,
        groups: int = 1,
        norm_layer: Making | None = nn.BatchNorm3d,
        *further: Any,
        **named: Any,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            *further,
            **{**named, "conv_layer": nn.Conv3d},
        )


class SqueezeExcitation(nn.Module):
    """Each channel times a weight that two small layers find from the means of all channels.

    Args:
        input_channels: channels of the images.
        squeeze_channels: channels between the two layers.
        activation: the class of what stands between them.
        scale_activation: the class of what makes the weights.
    Source: J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", 2018.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Making = nn.ReLU,
        scale_activation: Making = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W); gives the same shape."""
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed)) * input


class MLP(nn.Sequential):
    """Linear layers in a row, each but the last with normalization, activation and dropout; the last with dropout.

    Args:
        in_channels: features that come in.
        hidden_channels: features after each linear layer.
        norm_layer, activation_layer: classes of layers; None leaves one out.
        inplace: for activation and dropout; None leaves it out.
        bias: whether the linear layers have one.
        dropout: how probably an element is dropped.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Making | None = None,
        activation_layer: Making | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        flag = _flag(inplace)
        row: list[nn.Module] = []
        before = in_channels
        for channels in hidden_channels[:-1]:
            row.append(nn.Linear(before, channels, bias=bias))
            if norm_layer is not None:
                row.append(norm_layer(channels))
            if activation_layer is not None:
                row.append(activation_layer(**flag))
            row.append(nn.Dropout(dropout, **flag))
            before = channels
        row += [nn.Linear(before, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **flag)]
        super().__init__(*row)


class Permute(nn.Module):
    """The axes in another order, ``dims``."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = list(dims)

    def forward(self, x: Tensor) -> Tensor:
        """x: any shape, of as many axes as ``dims`` has; gives them in that order."""
        return x.permute(*self.dims)


class FrozenBatchNorm2d(nn.Module):
    """BatchNorm2d whose statistics, weight and bias never change: all four are buffers.

    Args:
        num_features: channels.
        eps: is added to the variance.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
            self.register_buffer(name, _filled(num_features, value))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *further: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *further)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W); gives the same shape."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"


def _filled(count: int, value: float) -> Tensor:
    return full((count,), float(value))
