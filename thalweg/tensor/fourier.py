"""Fourier transforms of tensors: PyTorch's ``fft`` functions.

Shapes: a transform keeps the axes it does not name. Over its axis n numbers give n complex ones, in order of frequency
from 0 up and then from the most negative up to -1; of a real or Hermitian side only the first n // 2 + 1 are kept.
``n`` (``s`` for several axes) cuts or pads with zeros first. ``norm`` says where 1/n stands: "backward" in transforms
back, "forward" in those forth, "ortho" as 1/sqrt(n) in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Var
from ..ir.dtype import DType, float32, get_default_dtype
from ..ops import complex as c
from ..ops import fourier as f
from ..ops.composite import Op, floating
from ..ops.movement import pad, slice_
from ..runtime.state import state
from .core import TensorCore
from .creation import DeviceLike, from_array
from .dispatch import dispatch
from .outputs import give
from .parts import roll
from .reduce import wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor

Sizes = Sequence[int] | int | None
_NORMS = ("backward", "forward", "ortho")


def _fitted(x: Var, axes: tuple[int, ...], sizes: tuple[int, ...]) -> Var:
    """``x`` cut or padded with zeros to ``sizes`` along ``axes``."""
    stops, missing = list(x.shape), [0] * x.ndim
    for axis, n in zip(axes, sizes, strict=True):
        stops[axis] = min(n, x.shape[axis])
        missing[axis] = n - stops[axis]
    if tuple(stops) != x.shape:
        x = slice_(x, starts=(0,) * x.ndim, stops=tuple(stops), steps=(1,) * x.ndim)
    if any(missing):
        zero = x.builder.constant(0, x.dtype)
        x = pad(x, zero, low=(0,) * x.ndim, high=tuple(missing))
    return x


def _as_complex(x: Var) -> Var:
    x = floating(x)
    return x if x.dtype.is_complex else c.no_imag(x)


def _between_complex(
    x: Var, axes: tuple[int, ...], sizes: tuple[int, ...], forward: bool, scale: float
) -> Var:
    x = _fitted(_as_complex(x), axes, sizes)
    result: Var = f.fourier(x, axes=axes, forward=forward) if axes else x
    return result if scale == 1 else result * scale


def _from_real(
    x: Var, axes: tuple[int, ...], sizes: tuple[int, ...], forward: bool, scale: float
) -> Var:
    """The last axis first, since it is real."""
    result: Var = f.of_real(_fitted(floating(x), axes, sizes), axis=axes[-1])
    if not forward:
        result = c.conj(result)
    if axes[:-1]:
        result = f.fourier(result, axes=axes[:-1], forward=forward)
    return result if scale == 1 else result * scale


def _into_real(
    x: Var, axes: tuple[int, ...], sizes: tuple[int, ...], forward: bool, scale: float
) -> Var:
    n, axis = sizes[-1], axes[-1]
    x = _fitted(_as_complex(x), axes, (*sizes[:-1], n // 2 + 1))
    if axes[:-1]:
        x = f.fourier(x, axes=axes[:-1], forward=forward)
    result: Var = f.to_real(c.conj(x) if forward else x, axis=axis, n=n)
    return result if scale == 1 else result * scale


_COMPLEX = Op(_between_complex, "FftC2CBackward0")
_OF_REAL_INPUT = {  # by forward
    True: Op(_between_complex, "FftR2CBackward0"),
    False: Op(_between_complex, "ConjBackward0"),
}
_FROM_REAL = Op(_from_real, "FftR2CBackward0")
_CONJUGATED = Op(_from_real, "ConjBackward0")
_CONJUGATED_FURTHER = Op(_from_real, "FftC2CBackward0")
_INTO_REAL = Op(_into_real, "FftC2RBackward0")


def _scale(norm: str | None, sizes: tuple[int, ...], forward: bool) -> float:
    norm = "backward" if norm is None else norm
    if norm not in _NORMS:
        raise RuntimeError(
            f'Invalid normalization mode: "{norm}": choose one of {", ".join(_NORMS)}'
        )
    count = math.prod(sizes)
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") == forward else 1.0


def _check_type(name: str, input: TensorCore, real: bool) -> None:
    if input.dtype.is_half:
        raise RuntimeError(f"Unsupported dtype {input.dtype}: convert the input of {name} first")
    if real and input.dtype.is_complex:
        wanted = "real" if name.endswith("fft") else "real-valued"
        name = name.replace("2", "n")
        raise RuntimeError(f"{name} expects a {wanted} input tensor, but got {input.dtype}")


def _ints(given: Sizes) -> tuple[int, ...] | None:
    return None if given is None else (given,) if isinstance(given, int) else tuple(given)


def _axes_and_sizes(
    input: TensorCore, s: Sizes, dim: Sizes, into_real: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes to transform and their sizes, of the result where that is real."""
    shape, given, named = tuple(input.shape), _ints(s), _ints(dim)
    ndim = len(shape)
    if named is not None:
        axes = tuple(_axis(a, ndim) for a in named)
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"FFT dims must be unique: got {list(named)}")
        if given is not None and len(given) != len(axes):
            raise RuntimeError(
                f"When given, dim and shape arguments must have the same length: got {list(named)} and {list(given)}"
            )
    elif given is not None:
        if len(given) > ndim:
            raise RuntimeError(
                f"Got shape with {len(given)} values but input tensor only has {ndim} dimensions."
            )
        axes = tuple(range(ndim - len(given), ndim))
    else:
        axes = tuple(range(ndim))
    sizes = [shape[a] for a in axes]
    if into_real and sizes:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if given is not None:
        sizes = [old if n == -1 else n for n, old in zip(given, sizes, strict=True)]
    for n in sizes:
        if n < 1:
            raise RuntimeError(
                f"Invalid number of data points ({n}) specified: a transform needs one"
            )
    return axes, tuple(sizes)


def _axis(a: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {a} but tensor has no dimensions")
    return wrap_dim(a, ndim)


def _transform(
    name: str, op: Op, forward: bool, input: TensorCore, s: Sizes, dim: Sizes, norm: str | None
) -> Tensor:
    if input.dtype.is_half and state.here.casting is not None:
        input = input.to(float32)  # type: ignore[attr-defined]
    real = op.function is _from_real
    _check_type(name, input, real)
    axes, sizes = _axes_and_sizes(input, s, dim, op is _INTO_REAL)
    if op is _CONJUGATED and len(axes) > 1:
        op = _CONJUGATED_FURTHER
    if not axes and op.function is not _between_complex:
        raise RuntimeError(f"{name} must transform at least one axis")
    return dispatch(op, (input,), (axes, sizes, forward, _scale(norm, sizes, forward)))


def _one_axis(name: str, op: Op, forward: bool, doc: str) -> Callable[..., Tensor]:
    def function(
        input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
    ) -> Tensor:  # fmt: skip
        given = None if n is None else (n if n != -1 else 0,)  # -1 is a size of several axes only
        of_real = op is _COMPLEX and not input.dtype.is_complex
        chosen = _OF_REAL_INPUT[forward] if of_real else op
        return give(_transform(name, chosen, forward, input, given, (dim,), norm), out)

    return _named(function, name, doc)


def _many_axes(
    name: str, op: Op, forward: bool, default: tuple[int, ...] | None, doc: str
) -> Callable[..., Tensor]:
    def function(
        input: Tensor, s: Sizes = None, dim: Sizes = default, norm: str | None = None, *, out: Any = None
    ) -> Tensor:  # fmt: skip
        return give(_transform(name, op, forward, input, s, dim, norm), out)

    return _named(function, name, doc)


def _named(function: Any, name: str, doc: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


fft = _one_axis("fft", _COMPLEX, True, "The spectrum along ``dim``: sums of x[k] exp(-2 pi i j k / n).")  # fmt: skip
ifft = _one_axis("ifft", _COMPLEX, False, "What ``fft`` along ``dim`` gave this spectrum.")
rfft = _one_axis("rfft", _FROM_REAL, True, "The first n // 2 + 1 of the spectrum of real numbers.")
irfft = _one_axis("irfft", _INTO_REAL, False, "The n real numbers of which ``rfft`` gave this.")
hfft = _one_axis("hfft", _INTO_REAL, True, "The real spectrum of a Hermitian signal, given in half.")  # fmt: skip
ihfft = _one_axis("ihfft", _CONJUGATED, False, "What ``hfft`` gave this real spectrum, in half.")
_LAST_TWO = (-2, -1)
fft2 = _many_axes("fft2", _COMPLEX, True, _LAST_TWO, "The spectrum over two axes.")
ifft2 = _many_axes("ifft2", _COMPLEX, False, _LAST_TWO, "What ``fft2`` gave this spectrum.")
rfft2 = _many_axes("rfft2", _FROM_REAL, True, _LAST_TWO, "``rfft`` over the last of two axes, ``fft`` over the other.")  # fmt: skip
irfft2 = _many_axes("irfft2", _INTO_REAL, False, _LAST_TWO, "What ``rfft2`` gave this spectrum.")
hfft2 = _many_axes("hfft2", _INTO_REAL, True, _LAST_TWO, "``hfft`` over the last of two axes, ``fft`` over the other.")  # fmt: skip
ihfft2 = _many_axes("ihfft2", _CONJUGATED, False, _LAST_TWO, "What ``hfft2`` gave this spectrum.")
fftn = _many_axes("fftn", _COMPLEX, True, None, "The spectrum over several axes, all by default.")
ifftn = _many_axes("ifftn", _COMPLEX, False, None, "What ``fftn`` gave this spectrum.")
rfftn = _many_axes("rfftn", _FROM_REAL, True, None, "``rfft`` over the last axis, ``fft`` over the others.")  # fmt: skip
irfftn = _many_axes("irfftn", _INTO_REAL, False, None, "What ``rfftn`` gave this spectrum.")
hfftn = _many_axes("hfftn", _INTO_REAL, True, None, "``hfft`` over the last axis, ``fft`` over the others.")  # fmt: skip
ihfftn = _many_axes("ihfftn", _CONJUGATED, False, None, "What ``hfftn`` gave this spectrum.")


def fftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, out: Any = None,
) -> Tensor:  # fmt: skip
    """(n,) the frequencies of ``fft``'s results, in cycles per unit of ``d``, the distance of samples."""
    places = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return give(_frequencies(places, n, d, dtype, requires_grad), out)


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, out: Any = None,
) -> Tensor:  # fmt: skip
    """(n // 2 + 1,) the frequencies of ``rfft``'s results, in cycles per unit of ``d``, the distance of samples."""
    return give(_frequencies(np.arange(n // 2 + 1), n, d, dtype, requires_grad), out)


def _frequencies(places: Any, n: int, d: float, dtype: DType | None, requires_grad: bool) -> Tensor:
    kind = (dtype or get_default_dtype()).numpy
    step = kind.type(1.0 / (n * d)) if n else kind.type(0)
    return from_array((places.astype(kind) * step).astype(kind), requires_grad)


def _shifted(input: Tensor, dim: Sizes, sign: int) -> Tensor:
    named = _ints(dim)
    axes = range(input.ndim) if named is None else [_axis(a, input.ndim) for a in named]
    halves = [(n + (sign < 0)) // 2 for n in (input.shape[a] for a in axes)]
    return roll(input, tuple(halves), tuple(axes)) if halves else input.clone()


def fftshift(input: Tensor, dim: Sizes = None) -> Tensor:
    """``input`` with frequency 0 in the middle of ``dim`` (all axes by default); the same shape."""
    return _shifted(input, dim, 1)


def ifftshift(input: Tensor, dim: Sizes = None) -> Tensor:
    """What ``fftshift`` moved, moved back; the same shape."""
    return _shifted(input, dim, -1)
