"""MobileNetV3: MobileNetV2's blocks with weights for channels and cheaper bends, chosen by a search.

Source: A. Howard and others, "Searching for MobileNetV3", 2019, tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...tensor import Tensor
from ..ops.layers import Conv2dNormActivation, Making, SqueezeExcitation
from .channels import divisible
from .mobilenetv2 import draw
from .registry import builder
from .weights import Weights, trained

MobileNet_V3_Large_Weights = trained(
    "MobileNet_V3_Large_Weights",
    IMAGENET1K_V1=Weights("mobilenet_v3_large-8738ca79.pth"),
    IMAGENET1K_V2=Weights("mobilenet_v3_large-5c1a4163.pth", resize=232),
)
MobileNet_V3_Small_Weights = trained(
    "MobileNet_V3_Small_Weights", IMAGENET1K_V1=Weights("mobilenet_v3_small-047dcff4.pth")
)
_Row = tuple[int, int, int, bool, str, int]
_LARGE: tuple[_Row, ...] = (
    (3, 16, 16, False, "RE", 1), (3, 64, 24, False, "RE", 2), (3, 72, 24, False, "RE", 1),
    (5, 72, 40, True, "RE", 2), (5, 120, 40, True, "RE", 1), (5, 120, 40, True, "RE", 1),
    (3, 240, 80, False, "HS", 2), (3, 200, 80, False, "HS", 1), (3, 184, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1), (3, 480, 112, True, "HS", 1), (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2), (5, 960, 160, True, "HS", 1), (5, 960, 160, True, "HS", 1),
)  # fmt: skip
_SMALL: tuple[_Row, ...] = (
    (3, 16, 16, True, "RE", 2), (3, 72, 24, False, "RE", 2), (3, 88, 24, False, "RE", 1),
    (5, 96, 40, True, "HS", 2), (5, 240, 40, True, "HS", 1), (5, 240, 40, True, "HS", 1),
    (5, 120, 48, True, "HS", 1), (5, 144, 48, True, "HS", 1), (5, 288, 96, True, "HS", 2),
    (5, 576, 96, True, "HS", 1), (5, 576, 96, True, "HS", 1),
)  # fmt: skip
"""The papers' tables: kernel, channels inside, channels out, whether channels are weighed, which bend, stride."""


_WEIGHING = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """A row of the tables, for a network ``width_mult`` times as wide."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        return divisible(channels * width_mult)


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, a kernel on each by itself, weights for channels, 1 x 1 to fewer; the input added.

    Args:
        cnf: the row of the table.
        norm_layer: the class of normalizations.
        se_layer: what makes the weights of channels, from how many there are inside and squeezed.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Making,
        se_layer: Making = _WEIGHING,
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value {cnf.stride}: 1 or 2 expected")
        bend: Making = nn.Hardswish if cnf.use_hs else nn.ReLU
        convolution = partial(Conv2dNormActivation, norm_layer=norm_layer)
        inside = cnf.expanded_channels
        row: list[nn.Module] = []
        if inside != cnf.input_channels:
            row.append(convolution(cnf.input_channels, inside, 1, activation_layer=bend))
        row.append(
            convolution(
                inside,
                inside,
                cnf.kernel,
                1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=inside,
                activation_layer=bend,
            )
        )
        if cnf.use_se:
            row.append(se_layer(inside, divisible(inside // 4)))
        row.append(convolution(inside, cnf.out_channels, 1, activation_layer=None))
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*row)
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W); gives (N, out_channels, H / stride, W / stride)."""
        made = self.block(input)
        return made + input if self.use_res_connect else made


class MobileNetV3(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores.

    Args:
        inverted_residual_setting: the rows of the table.
        last_channel: features before the last linear layer.
        num_classes: how many scores there are.
        block: another class than InvertedResidual.
        norm_layer: the class of normalizations.
        dropout: how probably an input of the last linear layer is dropped.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Making | None = None,
        norm_layer: Making | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        rows = inverted_residual_setting
        if not rows:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(row, InvertedResidualConfig) for row in rows):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        make = block or InvertedResidual
        before = rows[-1].out_channels
        self.features = nn.Sequential(
            convolution(3, rows[0].input_channels, stride=2),
            *[make(row, norm) for row in rows],
            convolution(before, 6 * before, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * before, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        for module in self.modules():
            draw(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _network(
    table: tuple[_Row, ...],
    last: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **options: Any,
) -> MobileNetV3:
    """The network of a table; its last three blocks and what follows half as wide, or dilated, where asked for."""
    rows = []
    before = 16
    for k, (kernel, inside, out, weighed, bend, stride) in enumerate(table):
        tail = len(table) - 3 - k
        if reduced_tail and tail <= 0:
            inside, out = inside if tail == 0 else inside // 2, out // 2
        dilation = 2 if dilated and tail <= 0 else 1
        rows.append(
            InvertedResidualConfig(
                before, kernel, inside, out, weighed, bend, stride, dilation, width_mult
            )
        )
        before = out
    last_channel = divisible((last // 2 if reduced_tail else last) * width_mult)
    return MobileNetV3(rows, last_channel, **options)


@builder(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**options: Any) -> MobileNetV3:
    """The paper's table 1."""
    return _network(_LARGE, 1280, **options)


@builder(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**options: Any) -> MobileNetV3:
    """The paper's table 2."""
    return _network(_SMALL, 1024, **options)
