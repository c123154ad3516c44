"""GoogLeNet: modules of four convolutions side by side, of different sizes.

Source: C. Szegedy and others, "Going deeper with convolutions", 2015, table 1; with normalizations, and 3 x 3 in the
place of 5 x 5, as the trained weights have it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from ... import nn
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.creation import tensor
from ...tensor.joining import cat
from ..ops.layers import Making
from .registry import builder
from .weights import Weights, trained

GoogLeNet_Weights = trained("GoogLeNet_Weights", IMAGENET1K_V1=Weights("googlenet-1378be20.pth"))
_MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""The paper's table 1: channels that come in, of 1 x 1, of 3 x 3 and before it, of "5 x 5" and before it, of pooling."""


class GoogLeNetOutputs(NamedTuple):
    """The scores, and those of the two networks beside, while training."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution, a normalization and a ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, out_channels, H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """1 x 1; 1 x 1 and 3 x 3; the same again; pooling and 1 x 1: side by side."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Making | None = None,
    ) -> None:
        super().__init__()
        make = conv_block or BasicConv2d
        self.branch1 = make(in_channels, ch1x1, kernel_size=1)
        self.branch2, self.branch3 = (
            nn.Sequential(
                make(in_channels, before, kernel_size=1),
                make(before, channels, kernel_size=3, padding=1),
            )
            for before, channels in ((ch3x3red, ch3x3), (ch5x5red, ch5x5))
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, 1, ceil_mode=True), make(in_channels, pool_proj, kernel_size=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, all channels, H, W)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return cat([branch(x) for branch in branches], 1)


class InceptionAux(nn.Module):
    """A small network beside the large one, which gives its early layers a gradient of their own."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Making | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, num_classes)."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


def recentered(x: Tensor) -> Tensor:
    """(N, 3, H, W) normalized as ImageNet's pictures are, as if normalized by 0.5 and 0.5."""
    scale = tensor([0.229, 0.224, 0.225], dtype=x.dtype).reshape(3, 1, 1) / 0.5
    shift = (tensor([0.485, 0.456, 0.406], dtype=x.dtype).reshape(3, 1, 1) - 0.5) / 0.5
    return x * scale + shift


def warn_of_slow_start(name: str) -> None:
    """As torchvision does where nobody said whether weights are to be drawn."""
    warnings.warn(
        f"The default weight initialization of {name} will be changed in future releases of torchvision. If you wish "
        "to keep the old behavior, please set init_weights=True.",
        FutureWarning,
        stacklevel=3,
    )


class GoogLeNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores; while training to GoogLeNetOutputs, if there are networks beside.

    Args:
        num_classes: how many scores there are.
        aux_logits: whether there are two small networks beside.
        transform_input: take pictures normalized as ImageNet's.
        init_weights: draw weights from a cut-off normal law, else leave each layer's own.
        blocks: other classes than BasicConv2d, Inception and InceptionAux.
        dropout, dropout_aux: how probably an input of the last layers is dropped.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Making] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        if init_weights is None:
            warn_of_slow_start("GoogleNet")
        blocks = blocks or (BasicConv2d, Inception, InceptionAux)
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        convolution, module, beside = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = convolution(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = convolution(64, 64, kernel_size=1)
        self.conv3 = convolution(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        for name, channels in _MODULES.items():
            if name == "4a":
                self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
            elif name == "5a":
                self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
            self.add_module(f"inception{name}", module(*channels))
        self.aux1 = beside(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = beside(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights is None or init_weights:
            for part in self.modules():
                if isinstance(part, nn.Conv2d | nn.Linear):
                    nn.init.trunc_normal_(part.weight, 0.0, 0.01, -2, 2)

    def forward(self, x: Tensor) -> Any:
        """x: (N, 3, H, W); gives (N, num_classes), or three of them."""
        x = recentered(x) if self.transform_input else x
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        beside: dict[str, Tensor] = {}
        for name in _MODULES:
            if name == "4a":
                x = self.maxpool3(x)
            elif name == "5a":
                x = self.maxpool4(x)
            x = self.get_submodule(f"inception{name}")(x)
            aux = {"4a": self.aux1, "4d": self.aux2}.get(name)
            if aux is not None and self.training:
                beside[name] = aux(x)
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(x, beside.get("4d"), beside.get("4a"))
        return x


@builder(GoogLeNet_Weights, transform_input=True, aux_logits=False, init_weights=False)
def googlenet(**options: Any) -> GoogLeNet:
    """GoogLeNet."""
    return GoogLeNet(**options)
