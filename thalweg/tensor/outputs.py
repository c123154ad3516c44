"""``out=``: results that are written into tensors which the caller gives."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..runtime.state import state
from .core import TensorCore
from .inplace import check_writable

_MADE = """arange empty eye full linspace logspace ones rand randint randn randperm range zeros"""
_CAST = """addcdiv addcmul addr bernoulli bucketize cat cholesky cholesky_inverse cholesky_solve column_stack concat
    concatenate cond cumprod cumsum dstack geqrf ger householder_product hstack kron lerp logit logsumexp lstsq
    matrix_power matrix_rank max min nanmean nansum nonzero normal outer pinv row_stack searchsorted square stack std
    std_mean tensorinv tensorsolve all any isin logical_and logical_or logical_xor clamp_max clamp_min var var_mean
    vstack"""
_EXACT = """addbmm addmm addmv alias_copy amax amin aminmax argmax argmin as_strided_copy baddbmm bmm cholesky_ex
    conj_physical cross cummax cummin det diag diagonal_copy diff dot eigh eigvalsh empty_like expand_copy frexp gather
    histc histogram index_add index_copy index_reduce index_select inner inv inv_ex inverse kthvalue ldl_factor
    ldl_factor_ex ldl_solve log_softmax logcumsumexp lu lu_factor lu_factor_ex lu_solve lu_unpack masked_select matmul
    matrix_norm mm mode msort multi_dot multinomial mv nan_to_num nanquantile narrow_copy norm ones_like ormqr permute_copy qr
    quantile rand_like randn_like renorm round scatter scatter_add scatter_reduce slice_scatter slogdet softmax solve
    solve_ex solve_triangular sort split_with_sizes_copy squeeze_copy svd svdvals t_copy take take_along_dim tensordot
    topk transpose_copy triangular_solve tril triu unbind_copy unfold_copy unsqueeze_copy vdot vecdot vector_norm
    view_copy where zeros_like"""
_APART = {
    "bernoulli", "cat", "concat", "concatenate", "gather", "index_select", "kthvalue", "masked_select", "take",
}  # fmt: skip
OF_ONE_TYPE = {"abs", "ceil", "floor", "frac", "heaviside", "neg", "sgn", "sign", "trunc"}
_FUNCTIONS = {name: name in _CAST.split() for name in f"{_MADE} {_CAST} {_EXACT}".split()}
_TYPED = frozenset(_MADE.split())


def give(result: Any, out: Any, cast: bool = True) -> Any:
    """``result``, written into ``out`` where the caller gave one; an ``out`` of another shape is resized.

    Raises:
        TypeError: ``out`` is no tensor.
        RuntimeError: its type is none that the result may be written into (without ``cast``: not the result's), or a
            gradient is asked for.
    """
    if out is None:
        return result
    if not isinstance(out, TensorCore):
        raise TypeError(f"out: must be Tensor, not {type(out).__name__}")
    if state.grad and (result.requires_grad or out.requires_grad):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad: use the result, or no_grad()"
        )
    if not cast and result.dtype is not out.dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead"
        )
    if result.dtype.category > out.dtype.category:
        raise RuntimeError(
            f"result type {result.dtype} can't be cast to the desired output type {out.dtype}"
        )
    check_writable(out)
    if tuple(out.shape) != tuple(result.shape):
        if out._aval().size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
                f"match the required output shape {list(result.shape)}: give one of that shape, or an empty one",
                UserWarning,
                stacklevel=3,
            )
        out.resize_(result.shape)  # type: ignore[attr-defined]
    return out.copy_(result)  # type: ignore[attr-defined]


def _give_all(name: str, results: Any, out: Any, cast: bool) -> Any:
    if not isinstance(results, tuple):
        return give(results, out, cast)
    outs = tuple(out)
    if len(outs) != len(results):
        raise TypeError(f"{name}: out has {len(outs)} tensors, there are {len(results)} results")
    written = [give(r, o, cast) for r, o in zip(results, outs, strict=True)]
    return tuple(written) if type(results) is tuple else type(results)(*written)


def _tensors(given: Any) -> Iterator[TensorCore]:
    for x in given:
        if isinstance(x, TensorCore):
            yield x
        elif isinstance(x, list | tuple):
            yield from _tensors(x)


def _check_apart(name: str, given: Any, out: Any) -> None:
    for target in _tensors([out]):
        if any(
            x is target or (x._storage is target._storage and x._aval().size)
            for x in _tensors(given)
        ):
            raise RuntimeError(
                f"{name}: unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                "single memory location. Please clone() the tensor before performing the operation."
            )


def _with_out(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with ``out=``."""
    cast, typed, apart = _FUNCTIONS[name], name in _TYPED, name in _APART

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **named: Any) -> Any:
        if out is None:
            return function(*args, **named)
        if typed and named.get("dtype") is None:
            named["dtype"] = out.dtype
        if apart:
            _check_apart(name, (*args, *named.values()), out)
        return _give_all(name, function(*args, **named), out, cast)

    return call


def with_outputs(room: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """Those of a module's functions that PyTorch gives ``out=`` and that have none themselves, with it."""
    return {name: _with_out(name, room[name]) for name in _FUNCTIONS if name in room}
