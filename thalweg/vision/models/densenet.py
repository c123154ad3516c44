"""DenseNet: each layer of a block sees what all layers before it made.

Source: G. Huang, Z. Liu, L. van der Maaten and K. Weinberger, "Densely connected convolutional networks", 2017.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.joining import cat
from .registry import builder
from .weights import Weights, trained

DenseNet121_Weights = trained(
    "DenseNet121_Weights", IMAGENET1K_V1=Weights("densenet121-a639ec97.pth")
)
DenseNet161_Weights = trained(
    "DenseNet161_Weights", IMAGENET1K_V1=Weights("densenet161-8d451a50.pth")
)
DenseNet169_Weights = trained(
    "DenseNet169_Weights", IMAGENET1K_V1=Weights("densenet169-b2777c0a.pth")
)
DenseNet201_Weights = trained(
    "DenseNet201_Weights", IMAGENET1K_V1=Weights("densenet201-c1103571.pth")
)
_OLD_NAME = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)")


def _renamed(key: str) -> str:
    """``conv1.weight`` of what old files call ``conv.1.weight``."""
    found = _OLD_NAME.fullmatch(key)
    return key if found is None else found[1] + found[2]


class _DenseLayer(nn.Module):
    """A 1 x 1 convolution to ``bn_size`` · ``growth_rate`` channels and a 3 x 3 one to ``growth_rate``, each after
    a normalization and an activation."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, inputs: list[Tensor]) -> Tensor:
        """inputs: (N, *, H, W) each; gives (N, bn_size · growth_rate, H, W)."""
        return self.conv1(self.relu1(self.norm1(cat(inputs, 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        """input: (N, *, H, W), or several; gives (N, growth_rate, H, W)."""
        inputs = [input] if isinstance(input, Tensor) else input
        made = self.conv2(self.relu2(self.norm2(self.bn_function(inputs))))
        if self.drop_rate > 0:
            made = nn.functional.dropout(made, self.drop_rate, self.training)
        return made


class _DenseBlock(nn.ModuleDict):
    """Dense layers; all that they made, and the input, side by side."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for k in range(num_layers):
            before = num_input_features + k * growth_rate
            layer = _DenseLayer(before, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{k + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        """init_features: (N, C, H, W); gives (N, C + num_layers · growth_rate, H, W)."""
        found = [init_features]
        for layer in self.values():
            found.append(layer(found))
        return cat(found, 1)


class _Transition(nn.Sequential):
    """Fewer channels and half the image."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """(N, 3, H, W) images, at least 29 pixels wide, to (N, num_classes) scores.

    Args:
        growth_rate: channels that each layer adds.
        block_config: layers of each block.
        num_init_features: channels of the first convolution.
        bn_size: channels inside a layer, in ``growth_rate``.
        drop_rate: how probably an element of a layer's result is dropped.
        num_classes: how many scores there are.
        memory_efficient: is kept; no part is computed again on the way back, with the same results.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        row: list[tuple[str, nn.Module]] = [
            ("conv0", nn.Conv2d(3, num_init_features, 7, 2, 3, bias=False)),
            ("norm0", nn.BatchNorm2d(num_init_features)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(3, 2, 1)),
        ]
        channels = num_init_features
        for k, count in enumerate(block_config, 1):
            block = _DenseBlock(count, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            row.append((f"denseblock{k}", block))
            channels += count * growth_rate
            if k < len(block_config):
                row.append((f"transition{k}", _Transition(channels, channels // 2)))
                channels //= 2
        row.append(("norm5", nn.BatchNorm2d(channels)))
        self.features = nn.Sequential(OrderedDict(row))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        x = nn.functional.relu(self.features(x), inplace=True)
        return self.classifier(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


@builder(DenseNet121_Weights, _renamed)
def densenet121(**options: Any) -> DenseNet:
    """121 layers."""
    return DenseNet(32, (6, 12, 24, 16), 64, **options)


@builder(DenseNet161_Weights, _renamed)
def densenet161(**options: Any) -> DenseNet:
    """161 layers, each of which adds 48 channels."""
    return DenseNet(48, (6, 12, 36, 24), 96, **options)


@builder(DenseNet169_Weights, _renamed)
def densenet169(**options: Any) -> DenseNet:
    """169 layers."""
    return DenseNet(32, (6, 12, 32, 32), 64, **options)


@builder(DenseNet201_Weights, _renamed)
def densenet201(**options: Any) -> DenseNet:
    """201 layers."""
    return DenseNet(32, (6, 12, 48, 32), 64, **options)
