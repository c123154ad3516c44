"""Whole branches that are left out at random while a network trains."""

from __future__ import annotations

from ... import nn
from ...tensor import Tensor
from ...tensor.creation import empty

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """``input`` with what it holds left out, with probability ``p``, and what stays made larger by as much.

    Args:
        input: (N, ...); gives the same shape.
        p: how probably something is left out.
        mode: "batch" leaves all of it out or nothing, "row" each of the N by itself.
        training: False gives ``input`` as it is.
    Raises:
        ValueError: ``p`` is not in [0, 1], or the mode is another.
    Source: G. Huang and others, "Deep networks with stochastic depth", 2016.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(
            f"stochastic_depth: drop probability has to be between 0 and 1, but got {p}"
        )
    if mode not in ("batch", "row"):
        raise ValueError(
            f"stochastic_depth: mode has to be either 'batch' or 'row', but got {mode!r}"
        )
    if not training or p == 0.0:
        return input
    count = input.shape[0] if mode == "row" else 1
    noise = empty((count,) + (1,) * (input.ndim - 1), dtype=input.dtype).bernoulli_(1 - p)
    return input * (noise / (1 - p) if p < 1.0 else noise)


class StochasticDepth(nn.Module):
    """``stochastic_depth`` while training, else nothing.

    Args:
        p: how probably something is left out.
        mode: "batch" leaves all of a batch out or nothing, "row" each of its items by itself.
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, ...); gives the same shape."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"
