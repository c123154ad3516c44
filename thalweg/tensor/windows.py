"""Windows to weight the samples of a signal with: each gives (M,) numbers that fall towards both ends.

Source: F. J. Harris 1978, "On the use of windows for harmonic analysis with the discrete Fourier transform".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.dtype import DType, float32, float64, get_default_dtype
from ..runtime.device import as_device
from .creation import from_array

if TYPE_CHECKING:
    from .tensor import Tensor

Array = np.ndarray[Any, Any]


def _length(name: str, M: int, dtype: DType | None) -> None:
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if dtype not in (None, float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")


def _steps(M: int, sym: bool) -> int:
    """How many steps a whole period has: symmetric windows end where they began."""
    return M - 1 if sym and M > 1 else M


def _given(window: Array, M: int, dtype: DType | None, device: Any, requires_grad: bool) -> Tensor:
    as_device(device)
    kind = (dtype or get_default_dtype()).numpy
    return from_array((np.ones(1) if M == 1 else window).astype(kind), requires_grad)


def general_cosine(
    M: int, *, a: Sequence[float], sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) the sum of ``a[k] * cos(k * phase)`` with alternating signs."""
    _length("general_cosine", M, dtype)
    if not isinstance(a, Sequence):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    phase = 2 * np.pi * np.arange(M) / max(_steps(M, sym), 1)
    terms = [(-1) ** k * weight * np.cos(k * phase) for k, weight in enumerate(a)]
    return _given(np.sum(terms, axis=0), M, dtype, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **made: Any) -> Tensor:
    """(M,) ``alpha - (1 - alpha) * cos(phase)``."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **made)


def hamming(M: int, *, sym: bool = True, **made: Any) -> Tensor:
    """(M,) a raised cosine that keeps 0.08 at the ends."""
    return general_hamming(M, sym=sym, **made)


def hann(M: int, *, sym: bool = True, **made: Any) -> Tensor:
    """(M,) a raised cosine that is 0 at the ends."""
    return general_hamming(M, alpha=0.5, sym=sym, **made)


def blackman(M: int, *, sym: bool = True, **made: Any) -> Tensor:
    """(M,) three cosines with weights 0.42, 0.5 and 0.08."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **made)


def nuttall(M: int, *, sym: bool = True, **made: Any) -> Tensor:
    """(M,) four cosines, with side lobes of least height."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **made)


def bartlett(
    M: int, *, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) a triangle that is 0 at the ends."""
    _length("bartlett", M, dtype)
    place = -1 + 2 * np.arange(M) / max(_steps(M, sym), 1)
    return _given(1 - np.abs(place), M, dtype, device, requires_grad)


def cosine(
    M: int, *, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) half a period of the sine, sampled amid the steps."""
    _length("cosine", M, dtype)
    steps = M if sym else M + 1
    return _given(np.sin(np.pi * (np.arange(M) + 0.5) / steps), M, dtype, device, requires_grad)


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) a normal density of ``std`` steps, 1 in the middle."""
    _length("gaussian", M, dtype)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (M if not sym and M > 1 else M - 1) / 2
    place = (np.arange(M) - middle) / (std * np.sqrt(2))
    return _given(np.exp(-(place**2)), M, dtype, device, requires_grad)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True,
    dtype: DType | None = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) ``exp(-|n - center| / tau)``; the center is the middle by default."""
    _length("exponential", M, dtype)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M if not sym and M > 1 else M - 1) / 2 if center is None else center
    return _given(np.exp(-np.abs(np.arange(M) - middle) / tau), M, dtype, device, requires_grad)


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """(M,) the Bessel function I0 over a half circle of height ``beta``."""
    _length("kaiser", M, dtype)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    place = -1 + 2 * np.arange(M) / max(_steps(M, sym), 1)
    height = beta * np.sqrt(np.maximum(1 - place**2, 0))
    return _given(np.i0(height) / np.i0(beta), M, dtype, device, requires_grad)
