"""SqueezeNet: AlexNet's accuracy with a fiftieth of its weights, by few channels before the larger convolutions.

Source: F. Iandola and others, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size",
2016; version 1.1 has smaller kernels at its start and pools earlier.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.joining import cat
from .registry import builder
from .weights import Weights, trained

SqueezeNet1_0_Weights = trained(
    "SqueezeNet1_0_Weights", IMAGENET1K_V1=Weights("squeezenet1_0-b66bff10.pth")
)
SqueezeNet1_1_Weights = trained(
    "SqueezeNet1_1_Weights", IMAGENET1K_V1=Weights("squeezenet1_1-b8a52dc0.pth")
)
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""(squeezed channels, channels of each of the two convolutions) of the Fire modules."""
_STARTS = {"1_0": (96, 7, (0, 3, 7)), "1_1": (64, 3, (0, 2, 4))}
"""Channels and kernel of the first convolution, and before which Fire modules the image is halved."""


class Fire(nn.Module):
    """A convolution of 1 x 1 to few channels, from which one of 1 x 1 and one of 3 x 3 make the result's halves."""

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inplanes, H, W); gives (N, expand1x1_planes + expand3x3_planes, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        small = self.expand1x1_activation(self.expand1x1(x))
        return cat([small, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores.

    Args:
        version: "1_0" or "1_1".
        num_classes: how many scores there are.
        dropout: how probably an element before the last convolution is dropped.
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _STARTS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        before, kernel, halved = _STARTS[version]
        row: list[nn.Module] = [nn.Conv2d(3, before, kernel, 2), nn.ReLU(inplace=True)]
        for k, (squeezed, channels) in enumerate(_FIRES):
            if k in halved:
                row.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            row.append(Fire(before, squeezed, channels, channels))
            before = 2 * channels
        self.features = nn.Sequential(*row)
        last = nn.Conv2d(before, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                if module is last:
                    nn.init.normal_(module.weight, 0.0, 0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.features(x)).flatten(1)


@builder(SqueezeNet1_0_Weights)
def squeezenet1_0(**options: Any) -> SqueezeNet:
    """The network of the paper."""
    return SqueezeNet("1_0", **options)


@builder(SqueezeNet1_1_Weights)
def squeezenet1_1(**options: Any) -> SqueezeNet:
    """Version 1.1, which needs less than half the work."""
    return SqueezeNet("1_1", **options)
