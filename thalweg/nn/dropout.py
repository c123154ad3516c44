"""Layers that drop part of their input while training."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from .module import Module


class _DropoutNd(Module):
    """What the dropouts share: the probability ``p`` of being dropped."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Sets elements to zero with probability ``p``, the others grow by 1/(1-p); nothing in evaluation mode.

    Source: Hinton et al. 2012.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Drops whole channels of sequences."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, L) or (C, L); gives the same shape."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Drops whole channels of images."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, H, W) or (N, C, L); gives the same shape."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Drops whole channels of volumes."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, D, H, W) or (C, D, H, W); gives the same shape."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Drops to the negative saturation of SELU, keeping mean 0 and variance 1.

    Source: Klambauer et al. 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (*); gives the same shape."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """Drops whole channels to the negative saturation of SELU, keeping mean 0 and variance 1.

    Source: Klambauer et al. 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, ...); gives the same shape."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
