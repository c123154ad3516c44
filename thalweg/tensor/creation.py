"""New tensors: from data, from numbers, like another one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import dtype as d
from ..ir.dtype import DType, get_default_dtype
from ..runtime.device import Device, as_device
from ..runtime.fused import fused
from ..runtime.recorder import clear_caches, synchronize
from ..runtime.state import state
from ..runtime.value import Storage, realized
from .core import TensorCore, check_differentiable
from .dispatch import owned, wrap
from .formats import preserve_format
from .modes import made_now
from .scalars import converted, scalar_of
from .view import Laid, View

if TYPE_CHECKING:
    from .tensor import Tensor

DeviceLike = Device | str | None


def set_default_dtype(dtype: DType) -> None:
    """Make ``dtype``, a floating type, the type of new floating tensors.

    What was recorded runs first, and its graphs are forgotten: the default type is part of them.
    """
    synchronize()
    d.set_default_dtype(dtype)
    clear_caches()


def from_array(array: np.ndarray[Any, Any], requires_grad: bool = False) -> Tensor:
    """A tensor that owns ``array``, which nobody may write to from now on."""
    if not array.flags.c_contiguous:
        array = np.array(array, order="C")
    t = made_now(wrap(realized(array)))
    if requires_grad:
        check_differentiable(t.dtype)
        t._requires_grad = True
    result: Tensor = t
    return result


def infer_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """A new array of nested numbers, arrays or tensors, in PyTorch's inferred type."""
    if isinstance(data, TensorCore):
        array = np.array(data._array())
    elif isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
        d.from_numpy(array.dtype)
    elif hasattr(data, "__array__") and hasattr(data, "__len__"):  # a column of a table
        array = np.array(data)
        if array.ndim != 1:
            raise ValueError(
                f"could not determine the shape of object type '{type(data).__name__}': take its .values"
            )
        d.from_numpy(array.dtype)
    else:
        array = _from_nested(data, dtype)
        return array if dtype is None else converted(array, dtype)
    return array if dtype is None else np.asarray(array.astype(dtype.numpy, copy=False))


def _from_nested(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    shape: list[int] = []
    probe = data
    while isinstance(probe, Sequence) and not isinstance(probe, str):
        shape.append(len(probe))
        if not probe:
            return np.zeros(shape, (dtype or get_default_dtype()).numpy)
        probe = probe[0]
    if isinstance(probe, str):
        if shape:
            raise ValueError(f"tensor(): too many dimensions 'str': {probe!r} is no number")
        raise TypeError("new(): invalid data type 'str': tensor() takes numbers")
    if probe is None:
        raise RuntimeError("tensor(): could not infer the dtype of NoneType: give numbers")
    plain = _plain(data, tuple(shape), 0)
    try:
        array = np.array(plain)
        if array.dtype.kind == "f" and (np.abs(array) >= 2.0**63).any():
            array = np.array(plain, object)  # NumPy took long integers for floating numbers
    except OverflowError:
        raise ValueError(
            "Overflow when unpacking long long: a number does not fit in 64 bits"
        ) from None
    if array.dtype == object or array.dtype == np.uint64:
        array = _of_long(array, dtype)
    if array.dtype == object or array.dtype.kind in "US":
        raise TypeError(f"tensor(): could not make numbers of {type(probe).__name__}")
    if isinstance(probe, np.ndarray | np.generic):
        return array
    if array.dtype.kind in "fc" and dtype is None:
        default = get_default_dtype()
        return converted(array, default if array.dtype.kind == "f" else default.to_complex())
    return array


def _of_long(array: np.ndarray[Any, Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    """Numbers of which some need more than 64 bits, or the sign's: for floating and bool elements only."""
    flat = array.ravel().tolist()
    if not all(isinstance(v, int | float) for v in flat):
        return array
    if dtype is None and not all(isinstance(v, int) for v in flat):
        dtype = get_default_dtype()
    if not any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in flat):
        return np.array(flat, np.float64).reshape(array.shape)
    if dtype is None or not (dtype.is_floating_point or dtype is d.bool_):
        raise ValueError("Overflow when unpacking long long: a number does not fit in 64 bits")
    kind = bool if dtype is d.bool_ else float
    return np.array([kind(v) for v in flat]).reshape(array.shape)


def _plain(data: Any, shape: tuple[int, ...], depth: int) -> Any:
    """Nested data as lists, with the check that it is rectangular."""
    if isinstance(data, TensorCore):
        return data._array()
    if isinstance(data, Sequence) and not isinstance(data, str):
        if depth >= len(shape):
            raise TypeError(
                f"only numbers can be converted to tensor elements, got a {type(data).__name__} at depth {depth}"
            )
        if len(data) != shape[depth]:
            raise ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)}): rows must be equally long"
            )
        return [_plain(item, shape, depth + 1) for item in data]
    return data


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of ``data`` (numbers, nested sequences, an array or a tensor)."""
    as_device(device)
    return from_array(infer_array(data, dtype), requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: DeviceLike = None) -> Tensor:
    """``data`` as a tensor, sharing its memory where possible."""
    as_device(device)
    if isinstance(data, TensorCore):
        return data if dtype is None or dtype is data.dtype else data.to(dtype)  # type: ignore
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtype.numpy):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of ``ndarray``: writing to one changes the other.

    Raises:
        TypeError: the array's element type has no counterpart.
        ValueError: the array has a negative stride.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtype = d.from_numpy(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            f"from_numpy: the array has a negative stride, {ndarray.strides}: make a copy of it with array.copy()"
        )
    size = ndarray.itemsize
    t = wrap(realized(np.empty(0, dtype.numpy)))
    if ndarray.flags.c_contiguous:
        t._storage = Storage.sharing(ndarray, None)
        return t
    if any(s % size for s in ndarray.strides):
        raise ValueError(
            "from_numpy: given numpy array strides not a multiple of the element byte size: copy() it"
        )
    reach = 1 + sum(
        (n - 1) * s // size for n, s in zip(ndarray.shape, ndarray.strides, strict=True)
    )
    flat = np.lib.stride_tricks.as_strided(
        ndarray, (reach,), (size,), writeable=ndarray.flags.writeable
    )
    t._storage = Storage.sharing(flat, None)
    t._view = View(ndarray.shape, tuple(s // size for s in ndarray.strides))
    return t


def size_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as separate integers or as one sequence, checked."""
    if len(size) == 1 and isinstance(size[0], Sequence):
        size = tuple(size[0])
    shape = tuple(int(n.item()) if isinstance(n, TensorCore) else _index(n) for n in size)  # type: ignore
    for n in shape:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


def _index(n: Any) -> int:
    try:
        return int(n.__index__())
    except AttributeError:
        raise TypeError(f"sizes must be integers, got {n!r} ({type(n).__name__})") from None


def _filled(
    shape: tuple[int, ...],
    fill: float,
    dtype: DType | None,
    device: DeviceLike,
    requires_grad: bool,
) -> Tensor:
    as_device(device)
    return from_array(np.full(shape, scalar_of(fill, dtype or get_default_dtype())), requires_grad)


def zeros(
    *size: Any,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros of the given size."""
    as_device(device)
    return from_array(np.zeros(size_of(size), (dtype or get_default_dtype()).numpy), requires_grad)


def ones(
    *size: Any,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones of the given size."""
    return _filled(size_of(size), 1, dtype, device, requires_grad)


def empty(
    *size: Any,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are yet to be written; here they are zeros."""
    return zeros(size_of(size), dtype=dtype, device=device, requires_grad=requires_grad)


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """``fill_value`` everywhere, in the type of the value unless ``dtype`` says otherwise."""
    value = fill_value.item() if isinstance(fill_value, TensorCore) else fill_value  # type: ignore
    return _filled(size_of((size,)), value, dtype or d.of_scalar(value), device, requires_grad)


def _like(source: TensorCore, dtype: DType | None) -> tuple[tuple[int, ...], DType]:
    return tuple(source.shape), dtype or source.dtype


def _lying(new: Tensor, like: TensorCore, memory_format: Any) -> Tensor:
    """``new``, whose elements PyTorch would have in the order of those of ``like``, if no other is asked for."""
    if like._view is not None and not like._levels and memory_format in (None, preserve_format):
        order = like._view.memory_order()
        if order is not None:
            new._view = Laid(tuple(like.shape), order)
    return owned(new, like)


def drawn(draw: Callable[..., np.ndarray[Any, Any]], shape: tuple[int, ...], *sources: Any) -> Any:
    """A tensor of the random numbers that ``draw(shape, *arrays of the sources)`` gives; under ``vmap``, which may
    want others for each example, all passes here."""
    watch = state.here.watch
    if watch is None or not watch.levels:
        return from_array(np.asarray(draw(shape, *[t._array() for t in sources])))
    return watch.drawn(draw, shape, sources)


def zeros_like(input: TensorCore, *, dtype: DType | None = None, device: DeviceLike = None,
               requires_grad: bool = False, layout: Any = None, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros of the shape and type of ``input``."""
    shape, kind = _like(input, dtype)
    made = zeros(shape, dtype=kind, device=device, requires_grad=requires_grad)
    return _lying(made, input, memory_format)


def ones_like(input: TensorCore, *, dtype: DType | None = None, device: DeviceLike = None,
              requires_grad: bool = False, layout: Any = None, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Ones of the shape and type of ``input``."""
    shape, kind = _like(input, dtype)
    return _lying(_filled(shape, 1, kind, device, requires_grad), input, memory_format)


def empty_like(input: TensorCore, *, dtype: DType | None = None, device: DeviceLike = None,
               requires_grad: bool = False, layout: Any = None, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor yet to be written, of the shape and type of ``input``; here it is zeros."""
    return zeros_like(
        input, dtype=dtype, device=device, requires_grad=requires_grad, memory_format=memory_format
    )


def full_like(input: TensorCore, fill_value: Any, *, dtype: DType | None = None, device: DeviceLike = None,
              requires_grad: bool = False, layout: Any = None, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """``fill_value`` everywhere, of the shape and type of ``input``."""
    shape, kind = _like(input, dtype)
    made = _filled(shape, fill_value, kind, device, requires_grad)
    return _lying(made, input, memory_format)


def _stepped(start: float, step: float, count: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """(count,) start, start + step, ... of a floating type, to PyTorch's last bits.

    Its processors' kernel takes 32 bytes at a time: the first of them is rounded, the others are counted from it. What
    is left after an even number of such vectors is computed one by one.
    """
    index = np.arange(count)
    with np.errstate(over="ignore"):
        found: np.ndarray[Any, Any] = fused(step, index, start).astype(kind)
    lanes = 32 // kind.itemsize
    whole = count - count % (2 * lanes)
    firsts = found[:whole:lanes, None].astype(np.float64)
    found[:whole] = fused(step, index[:lanes], firsts).reshape(-1)
    return found


def arange(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(N,) the numbers start, start + step, ... below ``end``; N = ceil((end - start) / step)."""
    start, end, step = (x.item() if isinstance(x, TensorCore) else x for x in (start, end, step))  # type: ignore
    if end is None:
        start, end = 0, start
    given = step
    if dtype is not None and dtype.category == d.int64.category:
        start, end, step = (int(x) if math.isfinite(x) else x for x in (start, end, step))
    if step == 0:
        kind_of_error = RuntimeError if given == 0 else ValueError  # a part of 1 in whole numbers
        raise kind_of_error("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})"
        )
    whole = all(isinstance(x, int) for x in (start, end, step))
    kind = dtype or (d.int64 if whole else get_default_dtype())
    count = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    as_device(device)
    if kind.is_floating_point:
        return from_array(_stepped(start, step, count, kind.numpy), requires_grad)
    exact = np.int64 if whole else np.float64
    return from_array((start + np.arange(count, dtype=exact) * step).astype(kind.numpy))


def inclusive_range(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(N,) the numbers start, start + step, ... up to ``end``, floating. PyTorch's deprecated ``range``."""
    warnings.warn(
        "range is deprecated and will be removed in a future release: use arange, whose end is not included",
        UserWarning,
        stacklevel=3,  # through the call that takes ``out``
    )
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign: range({start}, {end}, {step})"
        )
    as_device(device)
    count = int((end - start) / step + 1)
    kind = (dtype or get_default_dtype()).numpy
    return from_array((start + np.arange(count) * step).astype(kind), requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(steps,) evenly spaced numbers from ``start`` to ``end``, both included; complex if one of them is."""
    first, last, kind = _ends("linspace", start, end, steps, dtype)
    as_device(device)
    return from_array(_spaced(first, last, steps, kind.numpy), requires_grad)


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype: DType | None = None,
    device: DeviceLike = None, requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(steps,) numbers from base**start to base**end, evenly spaced on a log scale; complex if an end is."""
    first, last, kind = _ends("logspace", start, end, steps, dtype)
    as_device(device)
    if kind.is_differentiable or steps < 2:
        wide = np.dtype(np.complex128 if kind.is_complex else np.float64)
        exponents = _spaced(first, last, steps, wide)
    else:  # whole numbers: each product is rounded, as in PyTorch
        first, last, index = int(first), int(last), np.arange(steps)
        step = (last - first) / (steps - 1)
        low, high = first + step * index, last - step * (steps - 1 - index)
        exponents = np.where(index < steps // 2, low, high)
    with np.errstate(over="ignore", invalid="ignore"):  # past the largest whole number
        return from_array(np.power(float(base), exponents).astype(kind.numpy), requires_grad)


def _ends(
    name: str, start: Any, end: Any, steps: int, dtype: DType | None
) -> tuple[Any, Any, DType]:
    """Both ends as numbers, and the type of what is between them."""
    start, end = (x.item() if isinstance(x, TensorCore) else x for x in (start, end))  # type: ignore
    if steps < 0:
        raise RuntimeError(f"{name}: number of steps must be non-negative, got {steps}")
    kind = dtype or get_default_dtype()
    if isinstance(start, complex) or isinstance(end, complex):
        if dtype is not None and not dtype.is_complex:
            raise RuntimeError(
                f"{name}: from {start} to {end} can't be cast to {dtype}: give a complex dtype"
            )
        kind = kind.to_complex()
    return start, end, kind


def _spaced(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if steps < 2:
        return np.full(steps, start, kind)
    if kind.kind == "c":
        both = np.empty(steps, kind)
        both.real = _spaced(start.real, end.real, steps, both.real.dtype)
        both.imag = _spaced(start.imag, end.imag, steps, both.imag.dtype)
        return both
    whole = kind.kind in "biu"
    work = np.dtype(np.float64) if whole else kind
    first, last = (work.type(int(x) if whole else x) for x in (start, end))
    step = float((last - first) / work.type(steps - 1))
    index = np.arange(steps)
    low = fused(step, index, float(first)).astype(work)
    high = fused(-step, steps - 1 - index, float(last)).astype(work)
    return np.where(index < steps // 2, low, high).astype(kind)


def eye(
    n: int, m: int | None = None, *, dtype: DType | None = None, device: DeviceLike = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """(n, m) ones on the diagonal, zeros elsewhere; square by default."""
    as_device(device)
    size_of((n, n if m is None else m))
    return from_array(np.eye(n, m, dtype=(dtype or get_default_dtype()).numpy), requires_grad)


def scalar_tensor(
    s: float,
    *,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """() one number."""
    kind = dtype or get_default_dtype()
    return full((), s, dtype=kind, device=device, requires_grad=requires_grad)
