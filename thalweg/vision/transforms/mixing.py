"""Batches whose pictures are mixed with their neighbors', and their classes with them."""

from __future__ import annotations

import math
from typing import Any

from ... import nn
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.creation import full
from ...tensor.draws import sample_dirichlet
from .draws import whole

__all__ = ["CutMix", "MixUp"]


class _Mixing(nn.Module):
    """What mixes (N, C, H, W) pictures and their (N,) or (N, classes) classes.

    Args:
        alpha: how evenly pictures are mixed: their share is drawn from Beta(alpha, alpha).
        num_classes: how many there are; needed where classes are numbers.
    """

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes

    def forward(self, inpt: Any, labels: Any = None) -> tuple[Tensor, Tensor]:
        """inpt: (N, C, H, W), labels: (N,) or (N, classes), or both as one pair; gives both, labels (N, classes).

        Raises:
            ValueError: the shapes do not fit together, or ``num_classes`` is needed.
        """
        images, labels = inpt if labels is None else (inpt, labels)
        if not isinstance(images, Tensor) or not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2) or images.ndim != 4 or len(images) != len(labels):
            raise ValueError(
                f"{type(self).__name__}: pictures (N, C, H, W) and labels (N,) or (N, classes) expected, got "
                f"{tuple(images.shape)} and {tuple(labels.shape)}"
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        share = float(sample_dirichlet(full((1, 2), self.alpha))[0, 0])
        images, share = self.mixed(images, share)
        if labels.ndim == 1:
            labels = F.one_hot(labels, self.num_classes or -1)
        labels = labels if labels.is_floating_point() else labels.float()
        return images, labels.roll(1, 0) * (1.0 - share) + labels * share

    def mixed(self, images: Tensor, share: float) -> tuple[Tensor, float]:
        """(N, C, H, W) with their neighbors, and what share of each is still its own."""
        raise NotImplementedError


class MixUp(_Mixing):
    """A share of each picture, and the rest of the one before it.

    Source: H. Zhang and others, "mixup: beyond empirical risk minimization", 2018.
    """

    def mixed(self, images: Tensor, share: float) -> tuple[Tensor, float]:
        """images: (N, C, H, W); gives the same shape."""
        return images.roll(1, 0) * (1.0 - share) + images * share, share


class CutMix(_Mixing):
    """Each picture with a rectangle of the one before it.

    Source: S. Yun and others, "CutMix: regularization strategy to train strong classifiers", 2019.
    """

    def mixed(self, images: Tensor, share: float) -> tuple[Tensor, float]:
        """images: (N, C, H, W); gives the same shape."""
        height, width = images.shape[-2:]
        middle_x, middle_y = whole(0, width), whole(0, height)
        half = 0.5 * math.sqrt(1.0 - share)
        across, down = int(half * width), int(half * height)
        left, right = max(middle_x - across, 0), min(middle_x + across, width)
        top, bottom = max(middle_y - down, 0), min(middle_y + down, height)
        made: Any = images.clone()
        made[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
        return made, 1.0 - (right - left) * (bottom - top) / (width * height)
