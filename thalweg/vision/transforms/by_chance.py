"""What is done with some probability."""

from __future__ import annotations

from typing import Any

from ... import nn
from .draws import chance


class ByChance(nn.Module):
    """What is done with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape."""
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        """img: (..., C, H, W); gives the same shape."""
        return self.change(img) if chance(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"
