"""Order: sorting, the largest, the middle, the running extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ir.dtype import uint8
from ..ops import indexing as i
from ..ops import reduction as r
from ..ops import sorting as s
from ..ops.composite import Op, op
from ..ops.movement import slice_
from ..ops.reduction import reduced_shape
from . import return_types
from .arithmetic import maximum, minimum
from .core import TensorCore
from .counting import CountMethods
from .dispatch import dispatch
from .naming import numpy_names
from .reduce import whole_extreme, wrap_dim

if TYPE_CHECKING:
    from .tensor import Tensor

Pair = tuple[Var, Var]


def _lined(x: Var) -> Var:
    return x if x.ndim else x.reshape((1,))


def _picked(x: Var, places: Var, axis: int, keepdim: bool) -> Pair:
    """The values at ``places`` (size 1 along the axis) and the places, with or without the axis."""
    values: Var = i.gather(_lined(x), places, axis=axis)
    shape = () if not x.ndim else reduced_shape(x.shape, (axis,), keepdim)
    return values.reshape(shape), places.reshape(shape)


def _not_empty(name: str, input: TensorCore, axis: int) -> None:
    if input.ndim and not input.shape[axis]:
        raise IndexError(
            f"{name}(): Expected reduction dim {axis} to have non-zero size. The input's shape is {list(input.shape)}"
        )


# Sorted


@op("SortBackward0")
def _sort(x: Var, axis: int, descending: bool) -> Pair:
    places = s.argsort(_lined(x), axis=axis, descending=descending)
    return i.gather(_lined(x), places, axis=axis).reshape(x.shape), places.reshape(x.shape)


_sort_stable = Op(_sort.function, "SortBackward1")


@op("")
def _argsort(x: Var, axis: int, descending: bool) -> Var:
    return s.argsort(_lined(x), axis=axis, descending=descending).reshape(x.shape)


@numpy_names
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Any:
    """(values, indices) in order along ``dim``. Equal elements keep their order; NaN counts as the largest."""
    node = _sort if stable is None else _sort_stable
    return return_types.sort(
        *dispatch(node, (input,), (wrap_dim(dim, input.ndim), bool(descending)))
    )


@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along ``dim``. Equal elements keep their order; NaN counts as the largest."""
    return dispatch(_argsort, (input,), (wrap_dim(dim, input.ndim), bool(descending)))


def msort(input: Tensor) -> Tensor:
    """Sorted along the first axis."""
    return sort(input, 0)[0]


@op("TopkBackward0")
def _topk(x: Var, axis: int, k: int, largest: bool) -> Pair:
    places = s.argtop(_lined(x), axis=axis, k=k, largest=largest)
    values = i.gather(_lined(x), places, axis=axis)
    shape = values.shape if x.ndim or k != 1 else ()
    return values.reshape(shape), places.reshape(shape)


@numpy_names
def topk(input: Tensor, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the ``k`` largest (or smallest) elements along ``dim``, in order."""
    axis = wrap_dim(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"selected index k out of range: k is {k}, the axis has {size} elements")
    return return_types.topk(*dispatch(_topk, (input,), (axis, int(k), bool(largest))))


# One element along an axis


def _one_of(
    name: str, node: str, result: Any, places_of: Callable[[Var, int], Var], doc: str
) -> Any:
    """The function (input, dim, keepdim) that gives the values and indices at ``places_of(x, axis)``."""

    def composite(x: Var, axis: int, keepdim: bool) -> Pair:
        return _picked(x, places_of(_lined(x), axis), axis, keepdim)

    composite.__name__ = name
    along = Op(composite, node)

    def function(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
        axis = wrap_dim(dim, input.ndim)
        _not_empty(name, input, axis)
        return result(*dispatch(along, (input,), (axis, bool(keepdim))))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _arg(primitive: Any) -> Callable[[Var, int], Var]:
    def places(x: Var, axis: int) -> Var:
        numbers = x if x.dtype.category else x.astype(uint8)
        return primitive(numbers, axis=axis, keepdim=True)

    return places


max_dim = _one_of(
    "max",
    "MaxBackward0",
    return_types.max,
    _arg(r.argmax),
    "(values, indices) of the largest along ``dim``.",
)
min_dim = _one_of(
    "min",
    "MinBackward0",
    return_types.min,
    _arg(r.argmin),
    "(values, indices) of the smallest along ``dim``.",
)
mode = _one_of(
    "mode",
    "ModeBackward0",
    return_types.mode,
    lambda x, axis: s.argmode(x, axis=axis),
    "(values, indices) of the most frequent along ``dim``: the smallest of such, where it occurs last.",
)
_median_dim = _one_of(
    "median",
    "MedianBackward1",
    return_types.median,
    lambda x, axis: s.argmedian(x, axis=axis, skip_nan=False),
    "(values, indices) of the lower median along ``dim``.",
)
_nanmedian_dim = _one_of(
    "nanmedian",
    "NanmedianBackward1",
    return_types.nanmedian,
    lambda x, axis: s.argmedian(x, axis=axis, skip_nan=True),
    "(values, indices) of the lower median along ``dim`` of what is not NaN.",
)


def _max_or_min(name: str, pair: Any, along: Any) -> Any:
    def function(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, TensorCore) or other is not None:
            return pair(input, dim if other is None else other)
        return whole_extreme(input, name == "max") if dim is None else along(input, dim, keepdim)

    which = "largest" if name == "max" else "smallest"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The {which}: of all elements, (values, indices) along ``dim``, or of each pair."
    )
    return numpy_names(function)


max, min = _max_or_min("max", maximum, max_dim), _max_or_min("min", minimum, min_dim)


def _median(x: Var, skip_nan: bool) -> Var:
    return s.median(x.reshape((x.size,)), skip_nan=skip_nan)


_median_all, _nanmedian_all = Op(_median, "MedianBackward0"), Op(_median, "NanmedianBackward0")


@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements, or (values, indices) along ``dim``; NaN where there is one."""
    if dim is not None:
        return _median_dim(input, dim, keepdim)
    return dispatch(_median_all, (input,), (False,))


@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of what is not NaN: of all elements, or (values, indices) along ``dim``."""
    if dim is not None:
        return _nanmedian_dim(input, dim, keepdim)
    return dispatch(_nanmedian_all, (input,), (True,))


@op("KthvalueBackward0")
def _kthvalue(x: Var, k: int, axis: int, keepdim: bool) -> Pair:
    order = s.argtop(_lined(x), axis=axis, k=k, largest=False)
    starts, stops = [0] * order.ndim, list(order.shape)
    starts[axis] = k - 1
    place = slice_(order, starts=tuple(starts), stops=tuple(stops), steps=(1,) * order.ndim)
    return _picked(x, place, axis, keepdim)


@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the ``k``-th smallest along ``dim``, counted from 1."""
    axis = wrap_dim(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}: {k} of {size}"
        )
    return return_types.kthvalue(*dispatch(_kthvalue, (input,), (int(k), axis, bool(keepdim))))


# Running


def _running(name: str, node: str, result: Any, largest: bool) -> Any:
    def composite(x: Var, axis: int) -> Pair:
        places = s.running_position(_lined(x), axis=axis, largest=largest)
        return i.gather(_lined(x), places, axis=axis).reshape(x.shape), places.reshape(x.shape)

    composite.__name__ = name
    along = Op(composite, node)

    def function(input: Any, dim: int) -> Any:
        return result(*dispatch(along, (input,), (wrap_dim(dim, input.ndim),)))

    function.__name__ = function.__qualname__ = name
    which = "largest" if largest else "smallest"
    function.__doc__ = (
        f"(values, indices) of the {which} so far along ``dim``; the last of equal ones."
    )
    return function


cummax = _running("cummax", "CummaxBackward0", return_types.cummax, True)
cummin = _running("cummin", "CumminBackward0", return_types.cummin, False)


@op("LogcumsumexpBackward0")
def _logcumsumexp(x: Var, axis: int) -> Var:
    return s.logcumsumexp(_lined(x), axis=axis).reshape(x.shape)


@numpy_names
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log of the running sums of exponentials along ``dim``, without overflow."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"logcumsumexp: the input's type is {input.dtype}: convert it with .float()"
        )
    return dispatch(_logcumsumexp, (input,), (wrap_dim(dim, input.ndim),))


class SortMethods(CountMethods):
    """Tensor's methods of order."""

    sort, argsort, msort, topk, max, min = sort, argsort, msort, topk, max, min
    kthvalue, median, nanmedian, mode = kthvalue, median, nanmedian, mode
    cummax, cummin, logcumsumexp = cummax, cummin, logcumsumexp
