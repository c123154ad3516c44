"""Functions that fold axes away, and the matrix products."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ir.dtype import DType, bool_, int64, uint8
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops import movement as m
from ..ops import reduction as r
from ..ops.composite import Op, floating, op
from . import return_types
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .naming import numpy_names
from .outputs import give
from .pointwise import isnan, logical_not

if TYPE_CHECKING:
    from .tensor import Tensor

Dim = int | Sequence[int] | None


def wrap_dim(dim: Any, ndim: int) -> int:
    """``dim`` counted from the front; IndexError outside the range."""
    if not isinstance(dim, int):
        dim = index(dim)
    low = max(ndim, 1)
    if not -low <= dim < low:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-low}, {low - 1}], but got {dim})"
        )
    return dim % low


def axes_of(input: TensorCore, dim: Dim) -> tuple[int, ...]:
    """The axes meant by ``dim``: all for None or (), sorted, each once."""
    ndim = input.ndim
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(ndim))
    axes = [wrap_dim(a, ndim) for a in ([dim] if isinstance(dim, int) else dim)]
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {axes} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if ndim else ()


def _counting(x: Var, dtype: DType | None) -> Var:
    """``x`` in the type that sums are kept in: integers in int64."""
    if dtype is not None:
        return x.astype(dtype)
    return x if x.dtype.is_differentiable else x.astype(int64)


@op("SumBackward1")
def _sum(x: Var, axes: tuple[int, ...], keepdim: bool, dtype: DType | None) -> Var:
    return _counting(x, dtype).sum(axes, keepdim)


_sum_all = Op(_sum.function, "SumBackward0")


@op("MeanBackward1")
def _mean(x: Var, axes: tuple[int, ...], keepdim: bool, dtype: DType | None) -> Var:
    x = x if dtype is None else x.astype(dtype)
    count = math.prod(x.shape[a] for a in axes)
    total = x.sum(axes, keepdim)
    return total / count if count else total * math.nan


_mean_all = Op(_mean.function, "MeanBackward0")


@numpy_names
def sum(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The sum over ``dim`` (all axes by default); integers are summed in int64."""
    whole = dim is None
    return give(
        dispatch(
            _sum_all if whole else _sum, (input,), (axes_of(input, dim), bool(keepdim), dtype)
        ),
        out,
    )


@numpy_names
def mean(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The mean over ``dim`` (all axes by default); NaN of nothing.

    Raises:
        RuntimeError: the input is integer or bool and no ``dtype`` is given.
    """
    if not (dtype or input.dtype).is_differentiable:
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype}: convert it with .float() first"
        )
    whole = dim is None
    return give(
        dispatch(
            _mean_all if whole else _mean, (input,), (axes_of(input, dim), bool(keepdim), dtype)
        ),
        out,
    )


@numpy_names
def nansum(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The sum that counts NaN as 0."""
    clean = input.masked_fill(isnan(input), 0) if input.dtype.is_floating_point else input
    return sum(clean, dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The mean of what is not NaN."""
    count = sum(logical_not(isnan(input)), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


@op("ProdBackward1")
def _prod(x: Var, axes: tuple[int, ...], keepdim: bool, dtype: DType | None) -> Var:
    return r.prod(_counting(x, dtype), axes=axes, keepdim=keepdim)


_prod_all = Op(_prod.function, "ProdBackward0")


@numpy_names
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The product over ``dim`` (all axes by default); integers are multiplied in int64."""
    chosen = _prod_all if dim is None else _prod
    return dispatch(chosen, (input,), (axes_of(input, dim), keepdim, dtype))


@op("VarBackward0")
def _var(x: Var, axes: tuple[int, ...], correction: float, keepdim: bool) -> Var:
    """Mean squared distance from the mean, over (count - correction)."""
    count = math.prod(x.shape[a] for a in axes)
    centered = x - x.sum(axes, True) / (count or math.nan)
    free = max(count - correction, 0)
    squares = c.real(centered * c.conj(centered)) if x.dtype.is_complex else centered * centered
    return squares.sum(axes, keepdim) / (free if free else 0.0)


def _root(total: Var) -> Var:
    """The square root; its gradient at 0 is 0, as PyTorch's of norms and standard deviations."""
    zero = total.eq(0)
    one = total.builder.full(total.shape, 1, total.dtype)
    return e.where(zero, total, e.sqrt(e.where(zero, one, total)))


@op("StdBackward0")
def _std(x: Var, axes: tuple[int, ...], correction: float, keepdim: bool) -> Var:
    """By the largest distance from the mean, so that squares of huge values do not overflow."""
    if x.dtype.is_complex:
        return _root(_var(x, axes, correction, keepdim))
    count = math.prod(x.shape[a] for a in axes)
    free = max(count - correction, 0)
    mean_ = (x / (count or math.nan)).sum(axes, True) if x.size else x.sum(axes, True) * math.nan
    centered = x - mean_
    if not x.size or not axes:
        return _root((centered * centered).sum(axes, keepdim) / (free if free else 0.0))
    peak = m.detached(r.amax(e.abs_(centered), axes=axes, keepdim=True))
    huge = (peak > 1e15) & e.bitwise_not(e.isinf(peak))
    scale = e.where(huge, peak, x.builder.full(peak.shape, 1, x.dtype))
    scaled = centered / scale
    spread = _root((scaled * scaled).sum(axes, True) / (free if free else 0.0)) * scale
    return spread if keepdim else spread.reshape(r.reduced_shape(x.shape, axes, False))


def _spread(
    which: Op,
    name: str,
    input: Tensor,
    dim: Any,
    unbiased: bool | None,
    correction: Any,
    keepdim: bool,
) -> Tensor:
    if not input.dtype.is_differentiable:
        raise RuntimeError(
            f"{name} only support floating point and complex dtypes, got {input.dtype}: use .float()"
        )
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dispatch(which, (input,), (axes_of(input, dim), correction, keepdim))


@numpy_names
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The variance over ``dim``, divided by (count - correction); correction is 1 by default."""
    return _spread(_var, "var", input, dim, unbiased, correction, keepdim)


@numpy_names
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The standard deviation over ``dim``, by (count - correction); correction is 1 by default."""
    return _spread(_std, "std", input, dim, unbiased, correction, keepdim)


@numpy_names
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean over ``dim``; arguments as of ``var``."""
    axes = None if isinstance(dim, bool) else dim
    spread = var(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, axes, keepdim)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean over ``dim``; arguments as of ``std``."""
    axes = None if isinstance(dim, bool) else dim
    spread = std(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, axes, keepdim)


@op("AmaxBackward0")
def _amax(x: Var, axes: tuple[int, ...], keepdim: bool) -> Var:
    return r.amax(x, axes=axes, keepdim=keepdim)


@op("AminBackward0")
def _amin(x: Var, axes: tuple[int, ...], keepdim: bool) -> Var:
    return r.amin(x, axes=axes, keepdim=keepdim)


_max_all, _min_all = Op(_amax.function, "MaxBackward1"), Op(_amin.function, "MinBackward1")


def not_empty(name: str, input: TensorCore, axes: tuple[int, ...]) -> None:
    """IndexError where an extreme of nothing is asked for."""
    if builtins.any(input.shape[a] == 0 for a in axes):
        raise IndexError(
            f"{name}(): Expected reduction dim to have non-zero size: the input's shape is {list(input.shape)}"
        )


def _not_empty(name: str, input: TensorCore, dim: Dim, axes: tuple[int, ...]) -> None:
    """As ``not_empty``; RuntimeError where no axis is named and there are no elements."""
    if dim in (None, (), []) and not input._aval().size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )
    not_empty(name, input, axes)


@numpy_names
def amax(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """The largest over ``dim``; ties share the gradient."""
    axes = axes_of(input, dim)
    _not_empty("amax", input, dim, axes)
    return dispatch(_amax, (input,), (axes, keepdim))


@numpy_names
def amin(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """The smallest over ``dim``; ties share the gradient."""
    axes = axes_of(input, dim)
    _not_empty("amin", input, dim, axes)
    return dispatch(_amin, (input,), (axes, keepdim))


@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max) over ``dim``."""
    axes = () if dim is None else dim
    _not_empty("aminmax", input, axes, axes_of(input, axes))
    return return_types.aminmax(amin(input, axes, keepdim), amax(input, axes, keepdim))


def whole_extreme(input: Tensor, largest: bool) -> Tensor:
    """() the largest (or smallest) of all elements; ties share the gradient."""
    axes = axes_of(input, None)
    name = "max" if largest else "min"
    if input._aval().size == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
            "with the 'dim' argument."
        )
    return dispatch(_max_all if largest else _min_all, (input,), (axes, False))


def _truths(name: str, primitive: Any) -> Op:
    def apply(x: Var, axes: tuple[int, ...], keepdim: bool) -> Var:
        found = primitive(x if x.dtype is bool_ else x.ne(0), axes=axes, keepdim=keepdim)
        return found.astype(uint8) if x.dtype is uint8 else found

    apply.__name__ = name
    return Op(apply, "")


_any, _all = _truths("any", r.any_), _truths("all", r.all_)


@numpy_names
def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element over ``dim`` is nonzero."""
    return dispatch(_any, (input,), (axes_of(input, dim), keepdim))


@numpy_names
def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether all elements over ``dim`` are nonzero."""
    return dispatch(_all, (input,), (axes_of(input, dim), keepdim))


@op("")
def _arg(x: Var, axis: int | None, keepdim: bool, largest: bool) -> Var:
    ndim = x.ndim
    if axis is None or not ndim:
        x, axis = x.reshape((x.size,)), 0
    found: Var = (r.argmax if largest else r.argmin)(
        x, axis=axis, keepdim=False if x.ndim != ndim else keepdim
    )
    return found.reshape((1,) * ndim) if keepdim and x.ndim != ndim else found


def _position(name: str, input: Tensor, dim: int | None, keepdim: bool, largest: bool) -> Tensor:
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    if input.dtype is bool_:
        raise RuntimeError(f"{name}(): does not support bool input: convert it first")
    if dim is None and input._aval().size == 0:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0")
    if axis is not None and input.ndim:
        not_empty(name, input, (axis,))
    return dispatch(_arg, (input,), (axis, keepdim, largest))


@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: along ``dim``, or in the flattened tensor. The first of ties."""
    return _position("argmax", input, dim, keepdim, True)


@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: along ``dim``, or in the flattened tensor. The first of ties."""
    return _position("argmin", input, dim, keepdim, False)


@op("CumsumBackward0")
def _cumsum(x: Var, axis: int, dtype: DType | None) -> Var:
    x = _counting(x, dtype)
    return r.cumsum(x, axis=axis) if x.ndim else x


@op("CumprodBackward0")
def _cumprod(x: Var, axis: int, dtype: DType | None) -> Var:
    x = _counting(x, dtype)
    return r.cumprod(x, axis=axis) if x.ndim else x


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Running sums along ``dim``."""
    return dispatch(_cumsum, (input,), (wrap_dim(dim, input.ndim), dtype))


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Running products along ``dim``."""
    return dispatch(_cumprod, (input,), (wrap_dim(dim, input.ndim), dtype))


@op("LogsumexpBackward0")
def _logsumexp(x: Var, axes: tuple[int, ...], keepdim: bool) -> Var:
    """log(sum(exp(x))): the largest is taken out first, so that exp cannot overflow."""
    x = floating(x)
    if not x.size:
        return e.log(e.exp(x).sum(axes, keepdim))
    peak = m.detached(r.amax(c.real_part(x), axes=axes, keepdim=True))
    finite = c.like(e.where(e.isinf(peak), peak.zeros_like(), peak), x)
    total = e.log(e.exp(x - finite).sum(axes, True)) + finite
    return total if keepdim else total.reshape(r.reduced_shape(x.shape, axes, False))


@numpy_names
def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log of the sum of exponentials over ``dim``, without overflow."""
    return dispatch(_logsumexp, (input,), (axes_of(input, dim), keepdim))


@op("LinalgVectorNormBackward0")
def _norm(x: Var, p: float, axes: tuple[int, ...], keepdim: bool) -> Var:
    if x.dtype.is_complex:
        x = c.magnitude(x)
    size = e.abs_(x)
    if p == 2:
        return _root((x * x).sum(axes, keepdim))
    if p == math.inf:
        return r.amax(size, axes=axes, keepdim=keepdim)
    if p == -math.inf:
        return r.amin(size, axes=axes, keepdim=keepdim)
    if p == 0:
        return e.where(x.ne(0), x.ones_like(), e.sign(size)).sum(axes, keepdim)  # NaN counts
    if p == 1:
        return size.sum(axes, keepdim)
    powers = size**p
    if p < 1:  # steep at 0, where PyTorch's gradient is 0
        flat = x.eq(0)
        at_zero = x.builder.full(x.shape, 0 if p > 0 else math.inf, x.dtype)
        powers = e.where(flat, at_zero, e.where(flat, x.ones_like(), size) ** p)
    total = powers.sum(axes, keepdim)
    zero = total.eq(0)
    one = total.builder.full(total.shape, 1, total.dtype)
    return e.where(zero, total, e.where(zero, one, total) ** (1 / p))


@numpy_names
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The p-norm of the elements over ``dim``; "fro" is p = 2."""
    x = input if dtype is None else input.to(dtype)
    if not x.dtype.is_differentiable:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}"
        )
    order = 2.0 if p in ("fro", None) else float(p)
    return dispatch(_norm, (x,), (order, axes_of(x, dim), keepdim))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    return norm(input - other, p)


class ReduceMethods(TensorCore):
    """Tensor's methods that fold axes away."""

    sum, mean, nansum, nanmean, prod = sum, mean, nansum, nanmean, prod
    var, std, amax, amin, aminmax = var, std, amax, amin, aminmax
    any, all, argmax, argmin = any, all, argmax, argmin
    cumsum, cumprod, logsumexp, dist = cumsum, cumprod, logsumexp, dist
    cumsum_, cumprod_ = inplace(cumsum), inplace(cumprod)
