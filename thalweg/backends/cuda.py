"""What programs set for products and attention on CUDA devices, of which there is none: kept, and nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..tensor.settings import get_float32_matmul_precision, set_float32_matmul_precision


class _Matmul:
    """Settings of matrix products; a name that PyTorch does not have is an AttributeError.

    Attributes:
        allow_tf32: whether ``set_float32_matmul_precision`` allows less than "highest"; setting it says so there.
        allow_fp16_reduced_precision_reduction, allow_bf16_reduced_precision_reduction, allow_fp16_accumulation: kept.
    """

    __slots__ = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
    )

    def __init__(self) -> None:
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False
        self.allow_fp16_reduced_precision_reduction = True

    @property
    def allow_tf32(self) -> bool:
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        set_float32_matmul_precision("high" if allowed else "highest")

    @property
    def fp32_precision(self) -> str:
        """ "tf32" or "ieee"."""
        return "tf32" if self.allow_tf32 else "ieee"

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        self.allow_tf32 = precision == "tf32"


matmul = _Matmul()
_attention = dict.fromkeys(("flash", "mem_efficient", "math", "cudnn"), True)


def is_built() -> bool:
    """False: nothing here is built for such a device."""
    return False


def is_flash_attention_available() -> bool:
    """False: there is no such device here."""
    return False


def flash_sdp_enabled() -> bool:
    """What ``enable_flash_sdp`` was told; True before."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Kept to be asked for: attention is computed in one way here."""
    _attention["flash"] = enabled


def mem_efficient_sdp_enabled() -> bool:
    """What ``enable_mem_efficient_sdp`` was told; True before."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Kept to be asked for: attention is computed in one way here."""
    _attention["mem_efficient"] = enabled


def math_sdp_enabled() -> bool:
    """What ``enable_math_sdp`` was told; True before."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Kept to be asked for: attention is computed in one way here."""
    _attention["math"] = enabled


def cudnn_sdp_enabled() -> bool:
    """What ``enable_cudnn_sdp`` was told; True before."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Kept to be asked for: attention is computed in one way here."""
    _attention["cudnn"] = enabled


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict[str, Any]]:
    """The four settings of attention, until the block ends."""
    before = dict(_attention)
    _attention.update(
        flash=enable_flash, mem_efficient=enable_mem_efficient, math=enable_math, cudnn=enable_cudnn
    )
    try:
        yield {}
    finally:
        _attention.update(before)
