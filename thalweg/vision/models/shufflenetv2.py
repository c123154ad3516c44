"""ShuffleNetV2: half of the channels pass each block untouched, and the halves are shuffled after it.

Source: N. Ma and others, "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018, table 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.joining import cat
from ..ops.layers import Making
from .registry import builder
from .weights import Weights, trained


class InvertedResidual(nn.Module):
    """1 x 1, 3 x 3 on each channel by itself, 1 x 1: on half of the channels, or at stride 2 beside another row.

    Args:
        inp, oup: channels that come in and go out, the same number at stride 1.
        stride: 1, 2 or 3.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError(f"illegal stride value {stride}: 1 to 3 expected")
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values: inp has to be {2 * half}"
            )
        self.stride = stride
        beside: list[nn.Module] = []
        if stride > 1:
            beside = [*_each(inp, stride), *_across(inp, half)]
        self.branch1 = nn.Sequential(*beside)
        before = inp if stride > 1 else half
        self.branch2 = nn.Sequential(
            *_across(before, half), *_each(half, stride), *_across(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inp, H, W); gives (N, oup, H / stride, W / stride)."""
        if self.stride > 1:
            return F.channel_shuffle(cat((self.branch1(x), self.branch2(x)), 1), 2)
        kept, changed = x.chunk(2, 1)
        return F.channel_shuffle(cat((kept, self.branch2(changed)), 1), 2)


def _each(channels: int, stride: int) -> list[nn.Module]:
    """3 x 3 on each channel by itself, normalized."""
    convolution = nn.Conv2d(channels, channels, 3, stride, 1, bias=False, groups=channels)
    return [convolution, nn.BatchNorm2d(channels)]


def _across(before: int, channels: int) -> list[nn.Module]:
    """1 x 1, normalized, with a ReLU."""
    convolution = nn.Conv2d(before, channels, 1, bias=False)
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


class ShuffleNetV2(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores.

    Args:
        stages_repeats: blocks of each of three stages.
        stages_out_channels: channels of the first convolution, of the stages, and of the last convolution.
        num_classes: how many scores there are.
        inverted_residual: another class than InvertedResidual.
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Making = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ValueError(
                f"expected 3 stages_repeats and 5 stages_out_channels, got {stages_repeats} and {stages_out_channels}"
            )
        first, *channels, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = first
        for number, count, out in zip((2, 3, 4), stages_repeats, channels, strict=True):
            blocks = [inverted_residual(before, out, 2)]
            blocks += [inverted_residual(out, out, 1) for _ in range(count - 1)]
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
            before = out
        self.conv5 = nn.Sequential(*_across(before, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        x = self.maxpool(self.conv1(x))
        for number in (2, 3, 4):
            x = self.get_submodule(f"stage{number}")(x)
        return self.fc(self.conv5(x).mean((2, 3)))


ShuffleNet_V2_X0_5_Weights = trained(
    "ShuffleNet_V2_X0_5_Weights", IMAGENET1K_V1=Weights("shufflenetv2_x0.5-f707e7126e.pth")
)
ShuffleNet_V2_X1_0_Weights = trained(
    "ShuffleNet_V2_X1_0_Weights", IMAGENET1K_V1=Weights("shufflenetv2_x1-5666bf0f80.pth")
)
ShuffleNet_V2_X1_5_Weights = trained(
    "ShuffleNet_V2_X1_5_Weights",
    IMAGENET1K_V1=Weights("shufflenetv2_x1_5-3c479a10.pth", resize=232),
)
ShuffleNet_V2_X2_0_Weights = trained(
    "ShuffleNet_V2_X2_0_Weights",
    IMAGENET1K_V1=Weights("shufflenetv2_x2_0-8be3c8ee.pth", resize=232),
)
_BLOCKS = (4, 8, 4)


@builder(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**options: Any) -> ShuffleNetV2:
    """Half as wide."""
    return ShuffleNetV2(_BLOCKS, (24, 48, 96, 192, 1024), **options)


@builder(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**options: Any) -> ShuffleNetV2:
    """The network of the paper."""
    return ShuffleNetV2(_BLOCKS, (24, 116, 232, 464, 1024), **options)


@builder(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**options: Any) -> ShuffleNetV2:
    """One and a half times as wide."""
    return ShuffleNetV2(_BLOCKS, (24, 176, 352, 704, 1024), **options)


@builder(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**options: Any) -> ShuffleNetV2:
    """Twice as wide."""
    return ShuffleNetV2(_BLOCKS, (24, 244, 488, 976, 2048), **options)
