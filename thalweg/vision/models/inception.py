"""Inception v3: GoogLeNet's modules with large kernels cut into small and narrow ones; for pictures of 299 pixels.

Source: C. Szegedy and others, "Rethinking the Inception architecture for computer vision", 2016, table 1 and figures
5 to 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ... import nn
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.joining import cat
from ..ops.layers import Making
from .googlenet import BasicConv2d, recentered, warn_of_slow_start
from .registry import builder
from .weights import Weights, trained

Inception_V3_Weights = trained(
    "Inception_V3_Weights", IMAGENET1K_V1=Weights("inception_v3_google-0cc3c7bd.pth", 299, 342)
)
_Kernel = int | tuple[int, int]
_Step = tuple[str, int, _Kernel, int]
_WIDE, _HIGH = (1, 7), (7, 1)


class InceptionOutputs(NamedTuple):
    """The scores, and those of the network beside, while training."""

    logits: Tensor
    aux_logits: Tensor | None


def _same(kernel: _Kernel, stride: int) -> Any:
    """Padding that keeps the size; none where the stride halves it."""
    if stride > 1:
        return 0
    return (kernel - 1) // 2 if isinstance(kernel, int) else tuple((k - 1) // 2 for k in kernel)


class _Branches(nn.Module):
    """Rows of convolutions side by side."""

    def _row(self, before: int, steps: Sequence[_Step], make: Making | None) -> None:
        """Add convolutions: name, channels, kernel and stride of each."""
        for name, channels, kernel, stride in steps:
            padding = _same(kernel, stride)
            block = (make or BasicConv2d)(
                before, channels, kernel_size=kernel, stride=stride, padding=padding
            )
            self.add_module(name, block)
            before = channels

    def _through(self, x: Tensor, prefix: str, count: int) -> Tensor:
        """x: (N, C, H, W), through the convolutions ``prefix`` 1 to ``count``."""
        for k in range(1, count + 1):
            x = self.get_submodule(f"{prefix}_{k}")(x)
        return x

    def _averaged(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), its means of 3 x 3 through ``branch_pool``."""
        return self.get_submodule("branch_pool")(F.avg_pool2d(x, 3, 1, 1))


class InceptionA(_Branches):
    """1 x 1; 5 x 5; two of 3 x 3; means. (N, C, H, W) to (N, 224 + pool_features, H, W)."""

    def __init__(
        self, in_channels: int, pool_features: int, conv_block: Making | None = None
    ) -> None:
        super().__init__()
        self._row(in_channels, [("branch1x1", 64, 1, 1)], conv_block)
        self._row(in_channels, [("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)], conv_block)
        steps = [("branch3x3dbl_1", 64, 1, 1), *((f"branch3x3dbl_{k}", 96, 3, 1) for k in (2, 3))]
        self._row(in_channels, steps, conv_block)
        self._row(in_channels, [("branch_pool", pool_features, 1, 1)], conv_block)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, 224 + pool_features, H, W)."""
        five, three = self._through(x, "branch5x5", 2), self._through(x, "branch3x3dbl", 3)
        return cat([self.get_submodule("branch1x1")(x), five, three, self._averaged(x)], 1)


class InceptionB(_Branches):
    """3 x 3; two of 3 x 3; maxima: all halve the image."""

    def __init__(self, in_channels: int, conv_block: Making | None = None) -> None:
        super().__init__()
        self._row(in_channels, [("branch3x3", 384, 3, 2)], conv_block)
        steps = [
            ("branch3x3dbl_1", 64, 1, 1),
            ("branch3x3dbl_2", 96, 3, 1),
            ("branch3x3dbl_3", 96, 3, 2),
        ]
        self._row(in_channels, steps, conv_block)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, 480 + in_channels, H / 2, W / 2)."""
        three = self._through(x, "branch3x3dbl", 3)
        return cat([self.get_submodule("branch3x3")(x), three, F.max_pool2d(x, 3, 2)], 1)


class InceptionC(_Branches):
    """1 x 1; 1 x 7 and 7 x 1; both twice; means. (N, C, H, W) to (N, 768, H, W)."""

    def __init__(
        self, in_channels: int, channels_7x7: int, conv_block: Making | None = None
    ) -> None:
        super().__init__()
        few = channels_7x7
        self._row(in_channels, [("branch1x1", 192, 1, 1)], conv_block)
        steps: list[_Step] = [
            ("branch7x7_1", few, 1, 1),
            ("branch7x7_2", few, _WIDE, 1),
            ("branch7x7_3", 192, _HIGH, 1),
        ]
        self._row(in_channels, steps, conv_block)
        kernels: tuple[_Kernel, ...] = (1, _HIGH, _WIDE, _HIGH, _WIDE)
        steps = [
            (f"branch7x7dbl_{k}", 192 if k == 5 else few, kernel, 1)
            for k, kernel in enumerate(kernels, 1)
        ]
        self._row(in_channels, steps, conv_block)
        self._row(in_channels, [("branch_pool", 192, 1, 1)], conv_block)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, 768, H, W)."""
        once, twice = self._through(x, "branch7x7", 3), self._through(x, "branch7x7dbl", 5)
        return cat([self.get_submodule("branch1x1")(x), once, twice, self._averaged(x)], 1)


class InceptionD(_Branches):
    """3 x 3; 1 x 7, 7 x 1 and 3 x 3; maxima: all halve the image."""

    def __init__(self, in_channels: int, conv_block: Making | None = None) -> None:
        super().__init__()
        steps: list[_Step] = [("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)]
        self._row(in_channels, steps, conv_block)
        kernels: tuple[_Kernel, ...] = (1, _WIDE, _HIGH, 3)
        steps = [
            (f"branch7x7x3_{k}", 192, kernel, 2 if k == 4 else 1)
            for k, kernel in enumerate(kernels, 1)
        ]
        self._row(in_channels, steps, conv_block)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, 512 + in_channels, H / 2, W / 2)."""
        three, seven = self._through(x, "branch3x3", 2), self._through(x, "branch7x7x3", 4)
        return cat([three, seven, F.max_pool2d(x, 3, 2)], 1)


class InceptionE(_Branches):
    """1 x 1; 1 x 3 beside 3 x 1; both after 3 x 3; means. (N, C, H, W) to (N, 2048, H, W)."""

    def __init__(self, in_channels: int, conv_block: Making | None = None) -> None:
        super().__init__()
        self._row(in_channels, [("branch1x1", 320, 1, 1)], conv_block)
        self._row(in_channels, [("branch3x3_1", 384, 1, 1)], conv_block)
        self._pair("branch3x3_2", conv_block)
        steps = [("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1)]
        self._row(in_channels, steps, conv_block)
        self._pair("branch3x3dbl_3", conv_block)
        self._row(in_channels, [("branch_pool", 192, 1, 1)], conv_block)

    def _pair(self, name: str, make: Making | None) -> None:
        self._row(384, [(f"{name}a", 384, (1, 3), 1)], make)
        self._row(384, [(f"{name}b", 384, (3, 1), 1)], make)

    def _split(self, x: Tensor, name: str) -> Tensor:
        """x: (N, 384, H, W), through 1 x 3 and through 3 x 1."""
        return cat([self.get_submodule(f"{name}{side}")(x) for side in "ab"], 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, H, W); gives (N, 2048, H, W)."""
        once = self._split(self._through(x, "branch3x3", 1), "branch3x3_2")
        twice = self._split(self._through(x, "branch3x3dbl", 2), "branch3x3dbl_3")
        return cat([self.get_submodule("branch1x1")(x), once, twice, self._averaged(x)], 1)


class InceptionAux(nn.Module):
    """A small network beside the large one, which gives its early layers a gradient of their own."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: Making | None = None
    ) -> None:
        super().__init__()
        make = conv_block or BasicConv2d
        self.conv0 = make(in_channels, 128, kernel_size=1)
        self.conv1 = make(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in_channels, 17, 17); gives (N, num_classes)."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        return self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class Inception3(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) scores; while training to InceptionOutputs, if there is one beside.

    Args:
        num_classes: how many scores there are.
        aux_logits: whether there is a small network beside; pictures are then 299 pixels wide while it trains.
        transform_input: take pictures normalized as ImageNet's.
        inception_blocks: other classes than BasicConv2d, InceptionA to InceptionE and InceptionAux.
        init_weights: draw weights from a cut-off normal law, else leave each layer's own.
        dropout: how probably an input of the last layer is dropped.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Making] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if init_weights is None:
            warn_of_slow_start("inception_v3")
        blocks = inception_blocks or (
            BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux,
        )  # fmt: skip
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        make, a, b, c, d, e, beside = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = make(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = make(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = make(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = make(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = make(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        for name, before, features in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
            self.add_module(f"Mixed_{name}", a(before, pool_features=features))
        self.Mixed_6a = b(288)
        for name, channels in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            self.add_module(f"Mixed_{name}", c(768, channels_7x7=channels))
        self.AuxLogits = beside(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights is None or init_weights:
            self._draw()

    def _draw(self) -> None:
        small = getattr(self.AuxLogits, "fc", None)
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(part.weight, 0.0, 0.001 if part is small else 0.1, -2, 2)

    def forward(self, x: Tensor) -> Any:
        """x: (N, 3, H, W); gives (N, num_classes), or two of them."""
        x = recentered(x) if self.transform_input else x
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.maxpool2(x)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        beside = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(x, beside) if self.training and self.aux_logits else x


@builder(Inception_V3_Weights, transform_input=True, init_weights=False)
def inception_v3(**options: Any) -> Inception3:
    """Inception v3."""
    return Inception3(**options)
