"""``torch.nn.attention``: which kernel a program wants for attention, of the one that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from ...backends.cuda import sdp_kernel

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(Enum):
    """PyTorch's kernels for attention, by its numbers."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(
    backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False
) -> Iterator[dict[str, object]]:
    """Only ``backends`` are said to be enabled until the block ends; what attention gives stays the same.

    Raises:
        AssertionError: ``backends`` is neither a kernel nor a list of kernels.
    """
    if not isinstance(backends, SDPBackend | list):
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
        )
    asked = {backends} if isinstance(backends, SDPBackend) else set(backends)
    with sdp_kernel(
        enable_flash=SDPBackend.FLASH_ATTENTION in asked,
        enable_math=SDPBackend.MATH in asked,
        enable_mem_efficient=SDPBackend.EFFICIENT_ATTENTION in asked,
        enable_cudnn=SDPBackend.CUDNN_ATTENTION in asked,
    ):
        yield {}
