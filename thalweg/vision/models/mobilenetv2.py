"""MobileNetV2: blocks that are wide inside and narrow between, whose wide part is filtered channel by channel.

Source: M. Sandler and others, "MobileNetV2: inverted residuals and linear bottlenecks", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...tensor import Tensor
from ..ops.layers import Conv2dNormActivation, Making
from .channels import divisible
from .registry import builder
from .weights import Weights, trained

MobileNet_V2_Weights = trained(
    "MobileNet_V2_Weights",
    IMAGENET1K_V1=Weights("mobilenet_v2-b0353104.pth"),
    IMAGENET1K_V2=Weights("mobilenet_v2-7ebf99e0.pth", resize=232),
)
_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
"""The paper's table 2: how much wider inside, channels, blocks, stride of the first."""


class InvertedResidual(nn.Module):
    """1 x 1 to many channels, 3 x 3 on each channel by itself, 1 x 1 to few without an activation.

    Args:
        inp, oup: channels that come in and go out; where they are equal at stride 1, the input is added.
        stride: 1 or 2.
        expand_ratio: how many times more channels there are inside; 1 leaves the first convolution out.
        norm_layer: the class of normalizations.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: float,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        inside = round(inp * expand_ratio)
        row: list[nn.Module] = []
        if expand_ratio != 1:
            row.append(convolution(inp, inside, 1))
        row.append(convolution(inside, inside, stride=stride, groups=inside))
        row += [nn.Conv2d(inside, oup, 1, bias=False), norm(oup)]
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        self.conv = nn.Sequential(*row)
        self.out_channels = oup

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inp, H, W); gives (N, oup, H / stride, W / stride)."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores.

    Args:
        num_classes: how many scores there are.
        width_mult: how much wider all is.
        inverted_residual_setting: another table of (expand_ratio, channels, blocks, stride).
        round_nearest: channels are multiples of it.
        block: another class than InvertedResidual.
        norm_layer: the class of normalizations.
        dropout: how probably an input of the linear layer is dropped.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Making | None = None,
        norm_layer: Making | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}"
            )
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        channels = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        row: list[nn.Module] = [convolution(3, channels, stride=2)]
        for wider, planes, count, stride in stages:
            out = divisible(planes * width_mult, round_nearest)
            for k in range(count):
                row.append(
                    block(channels, out, 1 if k else stride, expand_ratio=wider, norm_layer=norm)
                )
                channels = out
        row.append(convolution(channels, self.last_channel, 1))
        self.features = nn.Sequential(*row)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        for module in self.modules():
            draw(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


def draw(module: nn.Module) -> None:
    """The weights with which MobileNets begin: those of convolutions by their outputs, linear ones small."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@builder(MobileNet_V2_Weights)
def mobilenet_v2(**options: Any) -> MobileNetV2:
    """The network of the paper."""
    return MobileNetV2(**options)
