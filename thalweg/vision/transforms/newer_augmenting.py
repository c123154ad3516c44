"""AutoAugment and what came after it as torchvision's second version draws them."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor
from . import augmenting as first
from .coloring import bound
from .draws import at_most, whole

__all__ = ["AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"]


class _Newer(first.Augmenting):
    """Signs are drawn as floats, and only where there is one; thresholds are parts of the largest color."""

    _brightest = 1.0

    def _negative(self) -> bool:
        return at_most(0.5)

    def _threshold(self, img: Any, strength: float) -> float:
        return (bound(img) if isinstance(img, Tensor) else 255.0) * strength


class AutoAugment(_Newer, first.AutoAugment):
    """``transforms.AutoAugment`` by other draws."""

    def forward(self, img: Any) -> Any:
        """img: (..., 1 or 3, H, W), or Pillow's; gives the same shape."""
        tried = self._tried(img)
        for name, probability, strength in self.policies[whole(0, len(self.policies))]:
            if at_most(probability):
                img = self._changed(img, name, self._either_way(tried[name], strength or 0))
        return img


class RandAugment(_Newer, first.RandAugment):
    """``transforms.RandAugment`` by other draws.

    Raises:
        ValueError: ``num_ops`` is no whole number, or below 0.
    """

    def __init__(self, num_ops: int = 2, *args: Any, **kwargs: Any) -> None:
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(
                f"num_ops should be a non-negative integer, but got {num_ops} instead."
            )
        super().__init__(num_ops, *args, **kwargs)


class TrivialAugmentWide(_Newer, first.TrivialAugmentWide):
    """``transforms.TrivialAugmentWide`` by other draws."""


class AugMix(_Newer, first.AugMix):
    """``transforms.AugMix`` by other draws."""
