"""EfficientNet: MobileNet's blocks, made deeper, wider and for larger pictures all at once; its second version joins
the first two convolutions of early blocks into one.

Source: M. Tan and Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, table 1;
"EfficientNetV2: smaller models and faster training", 2021, table 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...tensor import Tensor
from ..ops.layers import Conv2dNormActivation, Making, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ..transforms.modes import InterpolationMode
from .channels import divisible
from .mobilenetv2 import draw
from .registry import builder
from .weights import Weights, trained

_Row = tuple[str, int, int, int, int, int]
_FIRST: tuple[_Row, ...] = (
    ("MB", 1, 3, 1, 16, 1), ("MB", 6, 3, 2, 24, 2), ("MB", 6, 5, 2, 40, 2), ("MB", 6, 3, 2, 80, 3),
    ("MB", 6, 5, 1, 112, 3), ("MB", 6, 5, 2, 192, 4), ("MB", 6, 3, 1, 320, 1),
)  # fmt: skip
"""Kind of block, how much wider inside, kernel, stride of the first, channels, blocks."""
_SMALL: tuple[_Row, ...] = (
    ("fused", 1, 3, 1, 24, 2), ("fused", 4, 3, 2, 48, 4), ("fused", 4, 3, 2, 64, 4), ("MB", 4, 3, 2, 128, 6),
    ("MB", 6, 3, 1, 160, 9), ("MB", 6, 3, 2, 256, 15),
)  # fmt: skip
_MEDIUM: tuple[_Row, ...] = (
    ("fused", 1, 3, 1, 24, 3), ("fused", 4, 3, 2, 48, 5), ("fused", 4, 3, 2, 80, 5), ("MB", 4, 3, 2, 160, 7),
    ("MB", 6, 3, 1, 176, 14), ("MB", 6, 3, 2, 304, 18), ("MB", 6, 3, 1, 512, 5),
)  # fmt: skip
_BIG: tuple[_Row, ...] = (
    ("fused", 1, 3, 1, 32, 4), ("fused", 4, 3, 2, 64, 7), ("fused", 4, 3, 2, 96, 7), ("MB", 4, 3, 2, 192, 10),
    ("MB", 6, 3, 1, 224, 19), ("MB", 6, 3, 2, 384, 25), ("MB", 6, 3, 1, 640, 7),
)  # fmt: skip


class _BlockConfig:
    """What a block is like: a row of the tables, and the channels that come in."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
    ) -> None:
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """So many times as many channels, in eights."""
        return max(divisible(channels * width_mult), min_value or 0)

    @property
    def block(self) -> Making:
        """The class of such blocks."""
        raise NotImplementedError


class MBConvConfig(_BlockConfig):
    """A stage of MBConv blocks, ``width_mult`` times as wide and ``depth_mult`` times as deep."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            math.ceil(num_layers * depth_mult),
        )

    @property
    def block(self) -> Making:
        return MBConv


class FusedMBConvConfig(_BlockConfig):
    """A stage of FusedMBConv blocks."""

    @property
    def block(self) -> Making:
        return FusedMBConv


class _Added(nn.Module):
    """What is added to its input where the shapes allow, and left out at random while training."""

    def __init__(
        self, cnf: _BlockConfig, row: list[nn.Module], stochastic_depth_prob: float
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value {cnf.stride}: 1 or 2 expected")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*row)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W); gives (N, out_channels, H / stride, W / stride)."""
        made = self.block(input)
        return self.stochastic_depth(made) + input if self.use_res_connect else made


class MBConv(_Added):
    """1 x 1 to more channels, a kernel on each by itself, weights for channels, 1 x 1 to fewer.

    Args:
        cnf: what the block is like.
        stochastic_depth_prob: how probably it is left out.
        norm_layer: the class of normalizations.
        se_layer: what makes the weights of channels, from how many there are inside and squeezed.
    """

    def __init__(
        self,
        cnf: _BlockConfig,
        stochastic_depth_prob: float,
        norm_layer: Making,
        se_layer: Making = SqueezeExcitation,
    ) -> None:
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        before, kernel, stride = cnf.input_channels, cnf.kernel, cnf.stride
        inside = cnf.adjust_channels(before, cnf.expand_ratio)
        row: list[nn.Module] = [convolution(before, inside, 1)] if inside != before else []
        row.append(convolution(inside, inside, kernel, stride, groups=inside))
        bend = partial(nn.SiLU, inplace=True)
        row.append(se_layer(inside, max(1, before // 4), activation=bend))
        row.append(convolution(inside, cnf.out_channels, 1, activation_layer=None))
        super().__init__(cnf, row, stochastic_depth_prob)


class FusedMBConv(_Added):
    """A kernel to more channels, 1 x 1 to fewer; one kernel only where there are not more inside.

    Args:
        cnf: what the block is like.
        stochastic_depth_prob: how probably it is left out.
        norm_layer: the class of normalizations.
    """

    def __init__(self, cnf: _BlockConfig, stochastic_depth_prob: float, norm_layer: Making) -> None:
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        before, kernel, stride = cnf.input_channels, cnf.kernel, cnf.stride
        inside = cnf.adjust_channels(before, cnf.expand_ratio)
        wider = inside != before
        row: list[nn.Module] = [
            convolution(before, inside if wider else cnf.out_channels, kernel, stride)
        ]
        if wider:
            row.append(convolution(inside, cnf.out_channels, 1, activation_layer=None))
        super().__init__(cnf, row, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores.

    Args:
        inverted_residual_setting: what each stage is like.
        dropout: how probably an input of the linear layer is dropped.
        stochastic_depth_prob: how probably the last block is left out; those before less, in proportion.
        num_classes: how many scores there are.
        norm_layer: the class of normalizations.
        last_channel: features before the linear layer; None: four times the last stage's channels.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[_BlockConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Making | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        stages = inverted_residual_setting
        if not stages:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(stage, _BlockConfig) for stage in stages):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm = norm_layer or nn.BatchNorm2d
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        row: list[nn.Module] = [convolution(3, stages[0].input_channels, stride=2)]
        total, done = sum(stage.num_layers for stage in stages), 0
        for stage in stages:
            chances = [stochastic_depth_prob * (done + k) / total for k in range(stage.num_layers)]
            row.append(_stage(stage, chances, norm))
            done += stage.num_layers
        before = stages[-1].out_channels
        last = last_channel or 4 * before
        row.append(convolution(before, last, 1))
        self.features = nn.Sequential(*row)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                width = 1.0 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -width, width)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # it has one
            else:
                draw(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _stage(stage: _BlockConfig, chances: list[float], norm: Making) -> nn.Sequential:
    """The first block changes channels and size, the others keep them."""
    kept = _BlockConfig(
        stage.expand_ratio,
        stage.kernel,
        1,
        stage.out_channels,
        stage.out_channels,
        stage.num_layers,
    )
    return nn.Sequential(
        *[stage.block(kept if k else stage, chance, norm) for k, chance in enumerate(chances)]
    )


def _first(width: float, depth: float, dropout: float, options: dict[str, Any]) -> EfficientNet:
    """The first version, so much wider and deeper."""
    stages: list[_BlockConfig] = []
    before = 32
    for _, wider, kernel, stride, channels, count in _FIRST:
        stages.append(MBConvConfig(wider, kernel, stride, before, channels, count, width, depth))
        before = channels
    return EfficientNet(stages, **{"dropout": dropout, **options})


def _second(table: tuple[_Row, ...], dropout: float, options: dict[str, Any]) -> EfficientNet:
    """The second version of a table."""
    stages: list[_BlockConfig] = []
    before = table[0][4]
    for kind, wider, kernel, stride, channels, count in table:
        make = FusedMBConvConfig if kind == "fused" else MBConvConfig
        stages.append(make(wider, kernel, stride, before, channels, count))
        before = channels
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    defaults = {"dropout": dropout, "norm_layer": norm, "last_channel": 1280}
    return EfficientNet(stages, **{**defaults, **options})


_CUBIC = InterpolationMode.BICUBIC
_LARGE_NORM = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


def _one(name: str, file: str, crop: int, resize: int, **further: Any) -> Any:
    return trained(name, IMAGENET1K_V1=Weights(file, crop, resize, **further))


EfficientNet_B0_Weights = _one(
    "EfficientNet_B0_Weights",
    "efficientnet_b0_rwightman-7f5810bc.pth",
    224,
    256,
    interpolation=_CUBIC,
)
EfficientNet_B1_Weights = trained(
    "EfficientNet_B1_Weights",
    IMAGENET1K_V1=Weights("efficientnet_b1_rwightman-bac287d4.pth", 240, 256, _CUBIC),
    IMAGENET1K_V2=Weights("efficientnet_b1-c27df63c.pth", 240, 255),
)
EfficientNet_B2_Weights = _one(
    "EfficientNet_B2_Weights",
    "efficientnet_b2_rwightman-c35c1473.pth",
    288,
    288,
    interpolation=_CUBIC,
)
EfficientNet_B3_Weights = _one(
    "EfficientNet_B3_Weights",
    "efficientnet_b3_rwightman-b3899882.pth",
    300,
    320,
    interpolation=_CUBIC,
)
EfficientNet_B4_Weights = _one(
    "EfficientNet_B4_Weights",
    "efficientnet_b4_rwightman-23ab8bcd.pth",
    380,
    384,
    interpolation=_CUBIC,
)
EfficientNet_B5_Weights = _one(
    "EfficientNet_B5_Weights",
    "efficientnet_b5_lukemelas-1a07897c.pth",
    456,
    456,
    interpolation=_CUBIC,
)
EfficientNet_B6_Weights = _one(
    "EfficientNet_B6_Weights",
    "efficientnet_b6_lukemelas-24a108a5.pth",
    528,
    528,
    interpolation=_CUBIC,
)
EfficientNet_B7_Weights = _one(
    "EfficientNet_B7_Weights",
    "efficientnet_b7_lukemelas-c5b4e57e.pth",
    600,
    600,
    interpolation=_CUBIC,
)
EfficientNet_V2_S_Weights = _one(
    "EfficientNet_V2_S_Weights", "efficientnet_v2_s-dd5fe13b.pth", 384, 384
)
EfficientNet_V2_M_Weights = _one(
    "EfficientNet_V2_M_Weights", "efficientnet_v2_m-dc08266a.pth", 480, 480
)
EfficientNet_V2_L_Weights = _one(
    "EfficientNet_V2_L_Weights", "efficientnet_v2_l-59c71312.pth", 480, 480,
    interpolation=_CUBIC, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
)  # fmt: skip


@builder(EfficientNet_B0_Weights)
def efficientnet_b0(**options: Any) -> EfficientNet:
    """The network of the paper's table 1."""
    return _first(1.0, 1.0, 0.2, options)


@builder(EfficientNet_B1_Weights)
def efficientnet_b1(**options: Any) -> EfficientNet:
    """1.1 times as deep."""
    return _first(1.0, 1.1, 0.2, options)


@builder(EfficientNet_B2_Weights)
def efficientnet_b2(**options: Any) -> EfficientNet:
    """1.1 times as wide, 1.2 times as deep."""
    return _first(1.1, 1.2, 0.3, options)


@builder(EfficientNet_B3_Weights)
def efficientnet_b3(**options: Any) -> EfficientNet:
    """1.2 times as wide, 1.4 times as deep."""
    return _first(1.2, 1.4, 0.3, options)


@builder(EfficientNet_B4_Weights)
def efficientnet_b4(**options: Any) -> EfficientNet:
    """1.4 times as wide, 1.8 times as deep."""
    return _first(1.4, 1.8, 0.4, options)


@builder(EfficientNet_B5_Weights)
def efficientnet_b5(**options: Any) -> EfficientNet:
    """1.6 times as wide, 2.2 times as deep."""
    return _first(1.6, 2.2, 0.4, {"norm_layer": _LARGE_NORM, **options})


@builder(EfficientNet_B6_Weights)
def efficientnet_b6(**options: Any) -> EfficientNet:
    """1.8 times as wide, 2.6 times as deep."""
    return _first(1.8, 2.6, 0.5, {"norm_layer": _LARGE_NORM, **options})


@builder(EfficientNet_B7_Weights)
def efficientnet_b7(**options: Any) -> EfficientNet:
    """Twice as wide, 3.1 times as deep."""
    return _first(2.0, 3.1, 0.5, {"norm_layer": _LARGE_NORM, **options})


@builder(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**options: Any) -> EfficientNet:
    """The second version, small."""
    return _second(_SMALL, 0.2, options)


@builder(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**options: Any) -> EfficientNet:
    """The second version, medium."""
    return _second(_MEDIUM, 0.3, options)


@builder(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**options: Any) -> EfficientNet:
    """The second version, large."""
    return _second(_BIG, 0.4, options)
