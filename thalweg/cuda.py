"""What programs ask of ``cuda`` before they choose a device. Thalweg has none: they choose the CPU."""

from __future__ import annotations

from typing import Any

from .tensor.typed import ON_CUDA

FloatTensor, DoubleTensor, LongTensor = (
    ON_CUDA[name] for name in ("FloatTensor", "DoubleTensor", "LongTensor")
)
IntTensor, ShortTensor, CharTensor = (
    ON_CUDA[name] for name in ("IntTensor", "ShortTensor", "CharTensor")
)
ByteTensor, BoolTensor = ON_CUDA["ByteTensor"], ON_CUDA["BoolTensor"]


def is_available() -> bool:
    """False: there is no CUDA device here."""
    return False


def device_count() -> int:
    """0 devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed no device, as PyTorch does where there is none."""


def manual_seed_all(seed: int) -> None:
    """Seed no device, as PyTorch does where there is none."""


def empty_cache() -> None:
    """Give back no memory."""


def synchronize(device: Any = None) -> None:
    """Raise: there is nothing to wait for."""
    raise RuntimeError(
        "cuda.synchronize: there is no CUDA device here: ask cuda.is_available() first, or call thalweg.synchronize()"
    )
