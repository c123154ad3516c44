"""VGG: nothing but convolutions of 3 x 3, in stages between which the image is halved.

Source: K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015;
with normalizations (``_bn``) by S. Ioffe and C. Szegedy, "Batch normalization", 2015.
"""

from __future__ import annotations

from typing import Any

from ... import nn
from ...tensor import Tensor
from .registry import builder
from .weights import Weights, trained

_CHANNELS = (64, 128, 256, 512, 512)
_COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""How many convolutions each stage has, by the number of layers with weights."""


class VGG(nn.Module):
    """(N, 3, H, W) images, at least 32 pixels wide, to (N, num_classes) scores.

    Args:
        features: the convolutions, which end with 512 channels.
        num_classes: how many scores there are.
        init_weights: draw weights as He and others 2015, else leave each layer's own.
        dropout: how probably an output of the first two linear layers is dropped.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for module in self.modules():
                _draw(module)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _draw(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    else:
        return
    if module.bias is not None:
        nn.init.constant_(module.bias, 0)


def make_layers(cfg: list[str | int], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions: a number is one's channels, "M" halves the image."""
    row: list[nn.Module] = []
    before = 3
    for entry in cfg:
        if isinstance(entry, str):
            row.append(nn.MaxPool2d(2, 2))
            continue
        row.append(nn.Conv2d(before, entry, 3, padding=1))
        if batch_norm:
            row.append(nn.BatchNorm2d(entry))
        row.append(nn.ReLU(inplace=True))
        before = entry
    return nn.Sequential(*row)


def _vgg(depth: int, batch_norm: bool, options: dict[str, Any]) -> VGG:
    cfg: list[str | int] = []
    for channels, count in zip(_CHANNELS, _COUNTS[depth], strict=True):
        cfg += [*[channels] * count, "M"]
    return VGG(make_layers(cfg, batch_norm), **options)


VGG11_Weights = trained("VGG11_Weights", IMAGENET1K_V1=Weights("vgg11-8a719046.pth"))
VGG11_BN_Weights = trained("VGG11_BN_Weights", IMAGENET1K_V1=Weights("vgg11_bn-6002323d.pth"))
VGG13_Weights = trained("VGG13_Weights", IMAGENET1K_V1=Weights("vgg13-19584684.pth"))
VGG13_BN_Weights = trained("VGG13_BN_Weights", IMAGENET1K_V1=Weights("vgg13_bn-abd245e5.pth"))
VGG16_Weights = trained(
    "VGG16_Weights",
    IMAGENET1K_V1=Weights("vgg16-397923af.pth"),
    IMAGENET1K_FEATURES=Weights(
        "vgg16_features-amdegroot-88682ab5.pth",
        mean=(0.48235, 0.45882, 0.40784),
        std=(1 / 255, 1 / 255, 1 / 255),
    ),
)
VGG16_BN_Weights = trained("VGG16_BN_Weights", IMAGENET1K_V1=Weights("vgg16_bn-6c64b313.pth"))
VGG19_Weights = trained("VGG19_Weights", IMAGENET1K_V1=Weights("vgg19-dcbb9e9d.pth"))
VGG19_BN_Weights = trained("VGG19_BN_Weights", IMAGENET1K_V1=Weights("vgg19_bn-c79401a0.pth"))


@builder(VGG11_Weights)
def vgg11(**options: Any) -> VGG:
    """Configuration A of the paper, 11 layers."""
    return _vgg(11, False, options)


@builder(VGG11_BN_Weights)
def vgg11_bn(**options: Any) -> VGG:
    """Configuration A with normalizations."""
    return _vgg(11, True, options)


@builder(VGG13_Weights)
def vgg13(**options: Any) -> VGG:
    """Configuration B, 13 layers."""
    return _vgg(13, False, options)


@builder(VGG13_BN_Weights)
def vgg13_bn(**options: Any) -> VGG:
    """Configuration B with normalizations."""
    return _vgg(13, True, options)


@builder(VGG16_Weights)
def vgg16(**options: Any) -> VGG:
    """Configuration D, 16 layers."""
    return _vgg(16, False, options)


@builder(VGG16_BN_Weights)
def vgg16_bn(**options: Any) -> VGG:
    """Configuration D with normalizations."""
    return _vgg(16, True, options)


@builder(VGG19_Weights)
def vgg19(**options: Any) -> VGG:
    """Configuration E, 19 layers."""
    return _vgg(19, False, options)


@builder(VGG19_BN_Weights)
def vgg19_bn(**options: Any) -> VGG:
    """Configuration E with normalizations."""
    return _vgg(19, True, options)
