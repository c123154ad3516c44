"""Signals as spectra of windows that overlap (short-time Fourier transforms), and back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .complex import view_as_real
from .core import TensorCore
from .creation import from_array, ones, zeros
from .fourier import fft, ifft, irfft, rfft
from .joining import cat
from .picking import index_add, index_select

if TYPE_CHECKING:
    from .tensor import Tensor

_NOTHING = 1e-11


def _reflected(places: Any, size: int) -> Any:
    places = np.abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


_PLACES: dict[str, Callable[[Any, int], Any]] = {  # of what a padded signal shows
    "reflect": _reflected,
    "replicate": lambda places, size: np.clip(places, 0, size - 1),
    "circular": lambda places, size: places % size,
}


def _padded(input: Tensor, width: int, mode: str) -> Tensor:
    """(B, L) with ``width`` more at both ends: (B, L + 2 width)."""
    size = input.shape[1]
    if mode == "constant":
        edge = zeros((input.shape[0], width), dtype=input.dtype)
        return cat([edge, input, edge], 1)
    if mode not in _PLACES:
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: choose one of constant, {', '.join(_PLACES)}"
        )
    if mode == "reflect" and width >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({width}, {width}) at dimension 1 of input {list(input.shape)}"
        )
    places = _PLACES[mode](np.arange(-width, size + width), size)
    return index_select(input, 1, from_array(places.astype(np.int64)))


def _window(name: str, window: Any, win_length: int, n_fft: int, dtype: Any) -> Tensor:
    """(n_fft,) the window with zeros at both sides."""
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length} and n_fft={n_fft}"
        )
    if window is None:
        window = ones(win_length, dtype=dtype)
    elif tuple(window.shape) != (win_length,):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    left = (n_fft - win_length) // 2
    if win_length == n_fft:
        return window
    sides = [zeros(k, dtype=window.dtype) for k in (left, n_fft - win_length - left)]
    return cat([sides[0], window, sides[1]], 0)


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Tensor:
    """The spectra of windows of a signal, each ``hop_length`` (n_fft // 4) after the one before.

    Args:
        input: (L) or (B, L).
        window: (win_length) what each stretch is multiplied by, in the middle of n_fft zeros; ones by default.
        center: the signal is padded, so that window t is around element t * hop_length.
        normalized: the spectra are divided by sqrt(n_fft).
        onesided: without the frequencies that real signals repeat; by default where the signal is real.
        return_complex: complex numbers, or else their parts as a last axis of 2.
    Returns:
        (B, N, T) for N = n_fft // 2 + 1 frequencies (n_fft if not ``onesided``) of T windows.
    Raises:
        RuntimeError: sizes do not fit, or ``return_complex`` is not given for a real signal.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    given = input
    if not input.dtype.is_differentiable:
        raise RuntimeError(
            f"stft: expected a tensor of floating point or complex values, got {input.dtype}"
        )
    if not 0 < input.ndim < 3:
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got {list(input.shape)}")
    if given.ndim == 1:
        input = input.unsqueeze(0)
    if center:
        input = _padded(input, n_fft // 2, pad_mode)
    length = input.shape[1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    shape = _window("stft", window, win_length or n_fft, n_fft, input.dtype)
    is_complex = input.dtype.is_complex or shape.dtype.is_complex
    if return_complex is None and not is_complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs: give return_complex=True"
        )
    half = not is_complex if onesided is None else onesided
    if half and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    starts = np.arange((length - n_fft) // hop + 1) * hop
    places = from_array(starts[:, None] + np.arange(n_fft))
    frames = input[:, places]
    if window is not None or (win_length or n_fft) < n_fft:
        frames = frames * shape
    spectra = (rfft if half else fft)(frames, norm="ortho" if normalized else None).transpose(1, 2)
    if given.ndim == 1:
        spectra = spectra.squeeze(0)
    return spectra if return_complex or return_complex is None else view_as_real(spectra)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal of which ``stft`` with the same arguments gave these spectra, by least squares.

    Args:
        input: (N, T) or (B, N, T) complex.
        length: of the result, cut or filled with zeros.
        return_complex: the signal is complex, its spectra are whole.
    Returns:
        (L) or (B, L).
    Raises:
        RuntimeError: sizes do not fit, or the windows leave a part of the signal out.
    Source: Griffin and Lim 1984, "Signal estimation from modified short-time Fourier transform", equation 6.
    """
    size = win_length or n_fft
    hop = n_fft // 4 if hop_length is None else hop_length
    half = _check_spectra(input, n_fft, hop, size, window, onesided, return_complex)
    spectra = input if input.ndim == 3 else input.unsqueeze(0)
    count = spectra.shape[2]
    shape = _window("istft", window, size, n_fft, spectra.dtype.to_real())
    norm = "ortho" if normalized else None
    spectra = spectra.transpose(1, 2)
    if return_complex:
        frames = ifft(spectra, norm=norm)
    else:  # of whole spectra the first half says all about a real signal, as in PyTorch
        frames = irfft(spectra if half else spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)
    whole = n_fft + hop * (count - 1)
    places = from_array(
        (np.arange(count)[:, None] * hop + np.arange(n_fft)).reshape(-1).astype(np.int64)
    )

    def overlapped(parts: Tensor) -> Tensor:
        """(B, T, n_fft) added up where they lie: (B, L)."""
        blank = zeros((parts.shape[0], whole), dtype=parts.dtype)
        return index_add(blank, 1, places, parts.reshape(parts.shape[0], -1))

    signal = overlapped(frames * shape)
    weight = overlapped((shape * shape).expand(1, count, n_fft))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - start
    signal, weight = signal[:, start:end], weight[:, start:end]
    if weight._aval().size and float(weight.abs().min()) <= _NOTHING:
        raise RuntimeError(
            "istft: window overlap add min is 0: the windows leave a part of the signal out: hop less far, say"
        )
    signal = signal / weight
    if end > whole:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=2,
        )
        rest = zeros((signal.shape[0], end - whole), dtype=signal.dtype)
        signal = cat([signal, rest], 1)
    return signal if input.ndim == 3 else signal.squeeze(0)


def _check_spectra(
    input: Tensor, n_fft: int, hop: int, size: int, window: Any, onesided: bool | None, is_complex: bool
) -> bool:  # fmt: skip
    """Whether the spectra are one-sided."""
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if input.ndim not in (2, 3) or 0 in input.shape:
        raise RuntimeError(
            f"istft: input tensor cannot be empty and has 2 or 3 axes, got {list(input.shape)}"
        )
    half = input.shape[-2] != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if half else n_fft
    if input.shape[-2] != wanted:
        raise RuntimeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft: {wanted} for "
            f"n_fft={n_fft}, got {input.shape[-2]}"
        )
    if not 0 < hop <= size:
        raise RuntimeError(
            f"istft: expected 0 < hop_length <= win_length, got hop_length={hop} and win_length={size}"
        )
    if is_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not is_complex and window is not None and window.dtype.is_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    return half


class SpectrogramMethods(TensorCore):
    """Tensor's methods of this room."""

    stft, istft = stft, istft
