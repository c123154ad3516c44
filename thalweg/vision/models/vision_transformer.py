"""The vision transformer: a picture's patches as words of a sentence.

Source: A. Dosovitskiy and others, "An image is worth 16x16 words: transformers for image recognition at scale", 2021.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ... import nn
from ...tensor import Tensor
from ...tensor.creation import empty, zeros
from ...tensor.joining import cat
from ..ops.layers import MLP, Conv2dNormActivation, Making
from ..transforms.modes import InterpolationMode
from .registry import builder
from .weights import Weights, trained

_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of those that may make the patches."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Making = nn.BatchNorm2d
    activation_layer: Making = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between, and dropout after each."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)  # type: ignore[arg-type]  # it has one

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *further: Any) -> None:
        for number, place in (
            ("linear_1", "0"),
            ("linear_2", "3"),
        ):  # as the first version had them
            for kind in ("weight", "bias"):
                old = f"{prefix}{number}.{kind}"
                if old in state_dict:
                    state_dict[f"{prefix}{place}.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *further)


class EncoderBlock(nn.Module):
    """Attention among patches, then two linear layers on each, both added to their inputs."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Making = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, L, hidden_dim); gives the same shape."""
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Blocks in a row, over patches that know where they are."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Making = _NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        sizes = (num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{k}", EncoderBlock(*sizes)) for k in range(num_layers))
        )
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, seq_length, hidden_dim); gives the same shape."""
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """(N, 3, image_size, image_size) images to (N, num_classes) scores.

    Args:
        image_size, patch_size: pixels of the sides.
        num_layers, num_heads: of the encoder.
        hidden_dim: features of a patch.
        mlp_dim: features between the two linear layers of a block.
        dropout, attention_dropout: how probably features and weights of attention are dropped.
        num_classes: how many scores there are.
        representation_size: features of a layer before the last one; None: there is none.
        norm_layer: the class of normalizations.
        conv_stem_configs: convolutions that make the patches, as of T. Xiao and others 2021; None: one alone.
    Raises:
        ValueError: patches do not fill the picture.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Making = _NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(
                f"Input shape indivisible by patch size: {image_size} pixels, patches of {patch_size}"
            )
        self.image_size, self.patch_size = image_size, patch_size
        self.hidden_dim, self.mlp_dim = hidden_dim, mlp_dim
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = (
            nn.Conv2d(3, hidden_dim, patch_size, patch_size)
            if conv_stem_configs is None
            else _stem(conv_stem_configs, hidden_dim)
        )
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        row: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is not None:
            row["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            row["act"] = nn.Tanh()
        row["head"] = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads = nn.Sequential(row)
        self._draw(row)

    def _draw(self, heads: OrderedDict[str, nn.Module]) -> None:
        last: Any = self.conv_proj
        if isinstance(last, nn.Conv2d):
            fan_in = last.in_channels * last.kernel_size[0] * last.kernel_size[1]
            nn.init.trunc_normal_(last.weight, std=math.sqrt(1 / fan_in))
        else:
            last = last.conv_last
            nn.init.normal_(last.weight, 0.0, math.sqrt(2.0 / last.out_channels))
        nn.init.zeros_(last.bias)
        before: Any = heads.get("pre_logits")
        if before is not None:
            nn.init.trunc_normal_(before.weight, std=math.sqrt(1 / before.in_features))
            nn.init.zeros_(before.bias)
        head: Any = heads["head"]
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        """(N, L, hidden_dim) patches of (N, 3, H, W)."""
        if tuple(x.shape[-2:]) != (self.image_size, self.image_size):
            raise ValueError(
                f"Wrong image height or width! Expected {self.image_size} but got {tuple(x.shape)}"
            )
        return self.conv_proj(x).flatten(2).permute(0, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, image_size, image_size); gives (N, num_classes)."""
        patches = self._process_input(x)
        token = self.class_token.expand(patches.shape[0], -1, -1)
        return self.heads(self.encoder(cat([token, patches], 1))[:, 0])


def _stem(configs: Sequence[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    row: OrderedDict[str, nn.Module] = OrderedDict()
    before = 3
    for k, it in enumerate(configs):
        row[f"conv_bn_relu_{k}"] = Conv2dNormActivation(
            before,
            it.out_channels,
            it.kernel_size,
            it.stride,
            norm_layer=it.norm_layer,
            activation_layer=it.activation_layer,
        )
        before = it.out_channels
    row["conv_last"] = nn.Conv2d(before, hidden_dim, 1)
    return nn.Sequential(row)


_CUBIC = InterpolationMode.BICUBIC
ViT_B_16_Weights = trained(
    "ViT_B_16_Weights",
    IMAGENET1K_V1=Weights("vit_b_16-c867db91.pth"),
    IMAGENET1K_SWAG_E2E_V1=Weights("vit_b_16_swag-9ac1b537.pth", 384, 384, _CUBIC),
    IMAGENET1K_SWAG_LINEAR_V1=Weights("vit_b_16_lc_swag-4e70ced5.pth", 224, 224, _CUBIC),
)
ViT_B_32_Weights = trained("ViT_B_32_Weights", IMAGENET1K_V1=Weights("vit_b_32-d86f8d99.pth"))
ViT_L_16_Weights = trained(
    "ViT_L_16_Weights",
    IMAGENET1K_V1=Weights("vit_l_16-852ce7e3.pth", resize=242),
    IMAGENET1K_SWAG_E2E_V1=Weights("vit_l_16_swag-4f3808c9.pth", 512, 512, _CUBIC),
    IMAGENET1K_SWAG_LINEAR_V1=Weights("vit_l_16_lc_swag-4d563306.pth", 224, 224, _CUBIC),
)
ViT_L_32_Weights = trained("ViT_L_32_Weights", IMAGENET1K_V1=Weights("vit_l_32-c7638314.pth"))
ViT_H_14_Weights = trained(
    "ViT_H_14_Weights",
    "IMAGENET1K_SWAG_E2E_V1",
    IMAGENET1K_SWAG_E2E_V1=Weights("vit_h_14_swag-80465313.pth", 518, 518, _CUBIC),
    IMAGENET1K_SWAG_LINEAR_V1=Weights("vit_h_14_lc_swag-c1eb923e.pth", 224, 224, _CUBIC),
)


def _transformer(
    sizes: tuple[int, int, int, int, int], options: dict[str, Any]
) -> VisionTransformer:
    """Of patches, layers, heads, features of a patch and between linear layers."""
    size = options.pop("image_size", 224)
    return VisionTransformer(size, *sizes, **options)


@builder(ViT_B_16_Weights)
def vit_b_16(**options: Any) -> VisionTransformer:
    """The base network of the paper, patches of 16 pixels."""
    return _transformer((16, 12, 12, 768, 3072), options)


@builder(ViT_B_32_Weights)
def vit_b_32(**options: Any) -> VisionTransformer:
    """The base network, patches of 32 pixels."""
    return _transformer((32, 12, 12, 768, 3072), options)


@builder(ViT_L_16_Weights)
def vit_l_16(**options: Any) -> VisionTransformer:
    """The large network, patches of 16 pixels."""
    return _transformer((16, 24, 16, 1024, 4096), options)


@builder(ViT_L_32_Weights)
def vit_l_32(**options: Any) -> VisionTransformer:
    """The large network, patches of 32 pixels."""
    return _transformer((32, 24, 16, 1024, 4096), options)


@builder(ViT_H_14_Weights)
def vit_h_14(**options: Any) -> VisionTransformer:
    """The huge network, patches of 14 pixels."""
    return _transformer((14, 32, 16, 1280, 5120), options)
