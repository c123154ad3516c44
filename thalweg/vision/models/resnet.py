"""Residual networks: each block learns what is to be added to its input, so that a hundred blocks still train.

Three convolutions of 1, 3 and 1 pixels (a bottleneck) or two of 3 make a block; four stages of blocks, each but the
first halving the image and doubling the channels, make the network. ResNeXt cuts the middle convolution into groups,
a wide ResNet makes it wider. The stride of a bottleneck is in its middle convolution, as in NVIDIA's "ResNet v1.5".
Source: K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2016; S. Xie and others,
"Aggregated residual transformations for deep neural networks", 2017; S. Zagoruyko and N. Komodakis, "Wide residual
networks", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...tensor import Tensor
from ..ops.layers import Making
from .registry import builder
from .weights import Weights, trained

STAGES = (64, 128, 256, 512)


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution of 3 x 3 without a bias, which keeps the image's size at stride 1."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A convolution of 1 x 1 without a bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3, and the input added.

    Args:
        inplanes, planes: channels that come in and go out.
        stride: of the first convolution.
        downsample: what makes the input of the result's shape; None where it is.
        groups, base_width, dilation: only 1, 64 and 1; a Bottleneck has others.
        norm_layer: the class of normalizations.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock only supports groups=1 and base_width=64, got {groups} and {base_width}"
            )
        if dilation > 1:
            raise NotImplementedError(f"Dilation > 1 not supported in BasicBlock, got {dilation}")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inplanes, H, W); gives (N, planes, H / stride, W / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += kept
        return self.relu(out)


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1, the middle one of fewer channels, and the input added.

    Args:
        inplanes: channels that come in; four times ``planes`` go out.
        planes: channels in the middle, where ``base_width`` is 64 and there is one group.
        stride, dilation, groups: of the middle convolution.
        downsample: what makes the input of the result's shape; None where it is.
        base_width: channels of a group where ``planes`` is 64.
        norm_layer: the class of normalizations.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inplanes, H, W); gives (N, 4 planes, H / stride, W / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += kept
        return self.relu(out)


class ResNet(nn.Module):
    """A residual network: (N, 3, H, W) images to (N, num_classes) scores.

    Args:
        block: BasicBlock or Bottleneck.
        layers: how many blocks each of the four stages has.
        num_classes: how many scores there are.
        zero_init_residual: each block begins as the identity, since its last normalization is 0.
        groups, width_per_group: of the blocks.
        replace_stride_with_dilation: which of the last three stages keep the image's size and look wider instead.
        norm_layer: the class of normalizations.
    """

    def __init__(
        self,
        block: Any,
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        dilate = (
            (False,) * 3 if replace_stride_with_dilation is None else replace_stride_with_dilation
        )
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, "
                f"got {replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = STAGES[0]
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, STAGES[0], layers[0])
        self.layer2 = self._make_layer(block, STAGES[1], layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, STAGES[2], layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, STAGES[3], layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(STAGES[3] * block.expansion, num_classes)
        self._initialize(zero_init_residual)

    def _initialize(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck | BasicBlock):
                    last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    if last.weight is not None:
                        nn.init.constant_(last.weight, 0)

    def _make_layer(
        self, block: Any, planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        """A stage: the first block changes size and channels, the others keep them."""
        first_dilation = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        shared = (self.groups, self.base_width)
        first = block(
            self.inplanes, planes, stride, downsample, *shared, first_dilation, self._norm_layer
        )
        self.inplanes = out
        others = [
            block(out, planes, 1, None, *shared, self.dilation, self._norm_layer)
            for _ in range(1, blocks)
        ]
        return nn.Sequential(first, *others)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self._forward_impl(x)


def _two(name: str, first: str, second: str) -> Any:
    """Weights of the first recipe and of the second, whose pictures are resized to 232 pixels."""
    return trained(name, IMAGENET1K_V1=Weights(first), IMAGENET1K_V2=Weights(second, resize=232))


ResNet18_Weights = trained("ResNet18_Weights", IMAGENET1K_V1=Weights("resnet18-f37072fd.pth"))
ResNet34_Weights = trained("ResNet34_Weights", IMAGENET1K_V1=Weights("resnet34-b627a593.pth"))
ResNet50_Weights = _two("ResNet50_Weights", "resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth")
ResNet101_Weights = _two("ResNet101_Weights", "resnet101-63fe2227.pth", "resnet101-cd907fc2.pth")
ResNet152_Weights = _two("ResNet152_Weights", "resnet152-394f9c45.pth", "resnet152-f82ba261.pth")
ResNeXt50_32X4D_Weights = _two(
    "ResNeXt50_32X4D_Weights", "resnext50_32x4d-7cdf4587.pth", "resnext50_32x4d-1a0047aa.pth"
)
ResNeXt101_32X8D_Weights = _two(
    "ResNeXt101_32X8D_Weights", "resnext101_32x8d-8ba56ff5.pth", "resnext101_32x8d-110c445d.pth"
)
ResNeXt101_64X4D_Weights = trained(
    "ResNeXt101_64X4D_Weights",
    IMAGENET1K_V1=Weights("resnext101_64x4d-173b62eb.pth", resize=232),
)
Wide_ResNet50_2_Weights = _two(
    "Wide_ResNet50_2_Weights", "wide_resnet50_2-95faca4d.pth", "wide_resnet50_2-9ba9bcbe.pth"
)
Wide_ResNet101_2_Weights = _two(
    "Wide_ResNet101_2_Weights", "wide_resnet101_2-32ee1156.pth", "wide_resnet101_2-d733dc28.pth"
)


@builder(ResNet18_Weights)
def resnet18(**options: Any) -> ResNet:
    """Two basic blocks a stage, 18 layers."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **options)


@builder(ResNet34_Weights)
def resnet34(**options: Any) -> ResNet:
    """34 layers of basic blocks."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **options)


@builder(ResNet50_Weights)
def resnet50(**options: Any) -> ResNet:
    """50 layers of bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **options)


@builder(ResNet101_Weights)
def resnet101(**options: Any) -> ResNet:
    """101 layers of bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **options)


@builder(ResNet152_Weights)
def resnet152(**options: Any) -> ResNet:
    """152 layers of bottlenecks."""
    return ResNet(Bottleneck, (3, 8, 36, 3), **options)


@builder(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**options: Any) -> ResNet:
    """50 layers, whose middle convolutions have 32 groups of 4 channels."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **{**options, "groups": 32, "width_per_group": 4})


@builder(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**options: Any) -> ResNet:
    """101 layers, whose middle convolutions have 32 groups of 8 channels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **{**options, "groups": 32, "width_per_group": 8})


@builder(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**options: Any) -> ResNet:
    """101 layers, whose middle convolutions have 64 groups of 4 channels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **{**options, "groups": 64, "width_per_group": 4})


@builder(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**options: Any) -> ResNet:
    """50 layers, whose middle convolutions are twice as wide."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **{**options, "width_per_group": 128})


@builder(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**options: Any) -> ResNet:
    """101 layers, whose middle convolutions are twice as wide."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **{**options, "width_per_group": 128})
