"""Windows as ``torch.hann_window`` and its like make them: periodic unless said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import windows

if TYPE_CHECKING:
    from .tensor import Tensor


def _made(name: str, length: int, window: Any, periodic: bool, options: dict[str, Any]) -> Tensor:
    """``window(length)``, checked as these functions do."""
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    dtype = options.get("dtype")
    if dtype is not None and not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    options.pop("pin_memory", None)
    return window(length, sym=not periodic, **options)


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """(window_length,) a raised cosine, 0 at the ends; one period of it unless ``periodic`` is False."""
    return _made("hann_window", window_length, windows.hann, periodic, options)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """(window_length,) ``alpha - beta * cos(phase)``; one period of it unless ``periodic`` is False."""

    def window(length: int, **made: Any) -> Tensor:
        return windows.general_cosine(length, a=[alpha, beta], **made)

    return _made("hamming_window", window_length, window, periodic, options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """(window_length,) three cosines; one period of them unless ``periodic`` is False."""
    return _made("blackman_window", window_length, windows.blackman, periodic, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """(window_length,) a triangle; one period of it unless ``periodic`` is False."""
    return _made("bartlett_window", window_length, windows.bartlett, periodic, options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """(window_length,) Kaiser's window; one period of it unless ``periodic`` is False."""

    def window(length: int, **made: Any) -> Tensor:
        return windows.kaiser(length, beta=beta, **made)

    return _made("kaiser_window", window_length, window, periodic, options)
