"""``thalweg.random``: the default random stream under PyTorch's names."""

import contextlib
from collections.abc import Iterator
from typing import Any

from .runtime.generator import default_generator, initial_seed, seed
from .tensor.random import get_rng_state, manual_seed, set_rng_state

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


@contextlib.contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: Any = None, **names: Any
) -> Iterator[None]:
    """Inside the ``with`` the default stream may go on as it likes; after it, it is where it was before.

    Args:
        devices: further devices; there are none.
        enabled: False leaves the stream alone.
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
