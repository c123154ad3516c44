"""ConvNeXt: a residual network with what transformers have brought: few normalizations, patches, wide kernels.

Source: Z. Liu and others, "A ConvNet for the 2020s", 2022, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.creation import full
from ..ops.layers import Conv2dNormActivation, Making, Permute
from ..ops.stochastic_depth import StochasticDepth
from .registry import builder
from .weights import Weights, trained


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W); gives the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """7 x 7 on each channel by itself, then two linear layers on each pixel; scaled, and the input added.

    Args:
        dim: channels.
        layer_scale: what the scales of the channels begin with.
        stochastic_depth_prob: how probably the block is left out.
        norm_layer: the class of normalizations.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            (norm_layer or partial(nn.LayerNorm, eps=1e-6))(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(full((dim, 1, 1), layer_scale))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, dim, H, W); gives the same shape."""
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig:
    """A stage: its channels, those of the next one (None after the last), and how many blocks it has."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"CNBlockConfig({told})"


class ConvNeXt(nn.Module):
    """(N, 3, H, W) images, at least 32 pixels wide, to (N, num_classes) scores.

    Args:
        block_setting: what each stage is like.
        stochastic_depth_prob: how probably the last block is left out; those before less, in proportion.
        layer_scale: what the scales of the blocks' results begin with.
        num_classes: how many scores there are.
        block: another class than CNBlock.
        norm_layer: the class of normalizations between the stages.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Making | None = None,
        norm_layer: Making | None = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not all(isinstance(stage, CNBlockConfig) for stage in block_setting):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        make, norm = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        first = Conv2dNormActivation(
            3, block_setting[0].input_channels, 4, 4, 0,
            norm_layer=norm, activation_layer=None, bias=True,
        )  # fmt: skip
        row: list[nn.Module] = [first]
        total, done = sum(stage.num_layers for stage in block_setting), 0
        channels = 0
        for stage in block_setting:
            channels = stage.input_channels
            chances = [
                stochastic_depth_prob * (done + k) / (total - 1.0) for k in range(stage.num_layers)
            ]
            row.append(nn.Sequential(*[make(channels, layer_scale, p) for p in chances]))
            done += stage.num_layers
            if stage.out_channels is not None:
                halved = nn.Conv2d(channels, stage.out_channels, 2, 2)
                row.append(nn.Sequential(norm(channels), halved))
                channels = stage.out_channels
        self.features = nn.Sequential(*row)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            norm(channels), nn.Flatten(1), nn.Linear(channels, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W); gives (N, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)))


def _network(channels: int, middle: int, chance: float, options: dict[str, Any]) -> ConvNeXt:
    """Four stages, each twice as wide as the one before, the third of ``middle`` blocks."""
    stages = [
        CNBlockConfig(channels * 2**k, None if k == 3 else channels * 2 ** (k + 1), count)
        for k, count in enumerate((3, 3, middle, 3))
    ]
    return ConvNeXt(stages, **{"stochastic_depth_prob": chance, **options})


ConvNeXt_Tiny_Weights = trained(
    "ConvNeXt_Tiny_Weights", IMAGENET1K_V1=Weights("convnext_tiny-983f1562.pth", resize=236)
)
ConvNeXt_Small_Weights = trained(
    "ConvNeXt_Small_Weights", IMAGENET1K_V1=Weights("convnext_small-0c510722.pth", resize=230)
)
ConvNeXt_Base_Weights = trained(
    "ConvNeXt_Base_Weights", IMAGENET1K_V1=Weights("convnext_base-6075fbad.pth", resize=232)
)
ConvNeXt_Large_Weights = trained(
    "ConvNeXt_Large_Weights", IMAGENET1K_V1=Weights("convnext_large-ea097f82.pth", resize=232)
)


@builder(ConvNeXt_Tiny_Weights)
def convnext_tiny(**options: Any) -> ConvNeXt:
    """96 channels, 18 blocks."""
    return _network(96, 9, 0.1, options)


@builder(ConvNeXt_Small_Weights)
def convnext_small(**options: Any) -> ConvNeXt:
    """96 channels, 36 blocks."""
    return _network(96, 27, 0.4, options)


@builder(ConvNeXt_Base_Weights)
def convnext_base(**options: Any) -> ConvNeXt:
    """128 channels, 36 blocks."""
    return _network(128, 27, 0.5, options)


@builder(ConvNeXt_Large_Weights)
def convnext_large(**options: Any) -> ConvNeXt:
    """192 channels, 36 blocks."""
    return _network(192, 27, 0.5, options)
