"""AlexNet: five convolutions and three linear layers, which won ImageNet in 2012.

Source: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, whose network has no
normalization and fewer channels than that of A. Krizhevsky, I. Sutskever and G. Hinton, 2012.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from .registry import builder
from .weights import Weights, trained

AlexNet_Weights = trained("AlexNet_Weights", IMAGENET1K_V1=Weights("alexnet-owt-7be5be79.pth"))
_CONVOLUTIONS = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
"""(channels, kernel, stride, padding) of each."""
_POOLED = (0, 1, 4)


class AlexNet(nn.Module):
    """(N, 3, H, W) images, at least 63 pixels wide, to (N, num_classes) scores.

    Args:
        num_classes: how many scores there are.
        dropout: how probably an input of the first two linear layers is dropped.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        row: list[nn.Module] = []
        before = 3
        for k, (channels, kernel, stride, padding) in enumerate(_CONVOLUTIONS):
            row += [nn.Conv2d(before, channels, kernel, stride, padding), nn.ReLU(inplace=True)]
            if k in _POOLED:
                row.append(nn.MaxPool2d(3, 2))
            before = channels
        self.features = nn.Sequential(*row)
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(before * 36, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


@builder(AlexNet_Weights)
def alexnet(**options: Any) -> AlexNet:
    """AlexNet."""
    return AlexNet(**options)
