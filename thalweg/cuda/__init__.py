"""What programs ask of ``cuda`` before they choose a device. Thalweg has none: they choose the CPU."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..runtime.device import OutOfMemoryError as OutOfMemoryError
from ..tensor.typed import ON_CUDA

FloatTensor, DoubleTensor, LongTensor = (
    ON_CUDA[name] for name in ("FloatTensor", "DoubleTensor", "LongTensor")
)
IntTensor, ShortTensor, CharTensor = (
    ON_CUDA[name] for name in ("IntTensor", "ShortTensor", "CharTensor")
)
ByteTensor, BoolTensor, HalfTensor = (
    ON_CUDA[name] for name in ("ByteTensor", "BoolTensor", "HalfTensor")
)


def is_available() -> bool:
    """False: there is no CUDA device here."""
    return False


def device_count() -> int:
    """0 devices."""
    return 0


def is_initialized() -> bool:
    """False: there is nothing to begin."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no device that could."""
    return False


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """There is nothing to count from."""


reset_accumulated_memory_stats = reset_max_memory_allocated = reset_peak_memory_stats


def memory_stats(device: Any = None) -> dict[str, Any]:
    """No counts."""
    return {}


def manual_seed(seed: int) -> None:
    """Seed no device, as PyTorch does where there is none."""


def manual_seed_all(seed: int) -> None:
    """Seed no device, as PyTorch does where there is none."""


def seed() -> None:
    """Seed no device, as PyTorch does where there is none."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """The states of no devices."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of no devices."""


def empty_cache() -> None:
    """Give back no memory."""


def _none(asked: str) -> RuntimeError:
    return RuntimeError(
        f"cuda.{asked}: there is no CUDA device here: ask cuda.is_available() first"
    )


def current_device() -> int:
    """Raise: there is no device."""
    raise _none("current_device")


def get_device_name(device: Any = None) -> str:
    """Raise: there is no device."""
    raise _none("get_device_name")


def get_device_properties(device: Any = None) -> Any:
    """Raise: there is no device."""
    raise _none("get_device_properties")


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Raise: there is no device."""
    raise _none("get_device_capability")


def set_device(device: Any) -> None:
    """Raise: there is no device."""
    raise _none("set_device")


def synchronize(device: Any = None) -> None:
    """Raise: there is nothing to wait for."""
    raise RuntimeError(f"{_none('synchronize')}, or call thalweg.synchronize()")


class Event:
    """A place in a queue of a device: making one raises, since there is no device."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise _none("Event")


class Stream(Event):
    """A queue of a device: making one raises, since there is no device."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise _none("Stream")


class device:
    """Work on device ``device`` as long as the context lasts: entering raises but for None and below 0, which is none.

    Args:
        device: its number, or what names it.
    """

    def __init__(self, device: Any) -> None:
        index = getattr(device, "index", device)
        self.idx = -1 if index is None or (isinstance(index, int) and index < 0) else index

    def __enter__(self) -> None:
        if self.idx != -1:
            raise _none("device")

    def __exit__(self, *ended: Any) -> None:
        """Go back to no device."""


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Raise: there is no device whose memory could be told."""
    raise _none("memory_summary")


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Raise: there is no device whose memory could be told."""
    raise _none("mem_get_info")


def __getattr__(name: str) -> Any:
    if name != "amp":  # which loads what a plain training does without
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.amp")
