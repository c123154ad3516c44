"""Matrix products of every rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.aval import broadcast_shapes
from ..ir.builder import Var
from ..ops.composite import Op, Shown, kind_of, op
from ..ops.contraction import matmul as _product
from ..ops.elementwise import where
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .naming import also_named
from .older import numbers_first

if TYPE_CHECKING:
    from .tensor import Tensor


def _same_dtype(x: Any, y: Any) -> None:
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {x.dtype} != {y.dtype}: convert one"
        )


def multiplied(x: Var, y: Var) -> Var:
    """``x @ y`` by the rank rules: a vector is a row on the left and a column on the right."""
    _same_dtype(x, y)
    left = x.reshape((1, *x.shape)) if x.ndim == 1 else x
    right = y.reshape((*y.shape, 1)) if y.ndim == 1 else y
    if left.ndim > 2 and right.ndim == 2:
        rows = left.reshape((_rows(left), left.shape[-1]))
        product: Var = _product(rows, right)
        product = product.reshape((*left.shape[:-1], right.shape[-1]))
    else:
        product = _product(left, right)
    shape = list(product.shape)
    if y.ndim == 1:
        shape.pop()
    if x.ndim == 1:
        shape.pop(-1 if y.ndim == 1 else -2)
    return product.reshape(tuple(shape))


def _rows(x: Var) -> int:
    rows = 1
    for n in x.shape[:-1]:
        rows *= n
    return rows


def _rows_of(k: int) -> Shown:
    return ("ViewBackward0", (k,))


def _unsafe_view(*shown: Shown) -> Op:
    return Op(multiplied, "UnsafeViewBackward0", shown)


def _turned(k: int) -> Shown:
    return ("TransposeBackward0", (k,))


_mm_node, _bmm_node = "MmBackward0", "BmmBackward0"
_folded_left = ("UnsafeViewBackward0", (("CloneBackward0", (_turned(1),)),))
_bmm = Op(multiplied, _bmm_node)
_MATMUL: dict[tuple[Any, Any], Op] = {
    (1, 1): Op(multiplied, "DotBackward0"),
    (2, 1): Op(multiplied, "MvBackward0"),
    (2, 2): Op(multiplied, _mm_node),
    (1, 2): Op(multiplied, "SqueezeBackward4", ((_mm_node, (("UnsqueezeBackward0", (0,)), 1)),)),
    ("many", 1): _unsafe_view(("MvBackward0", (_rows_of(0), 1))),
    ("many", 2): _unsafe_view((_mm_node, (_rows_of(0), 1))),
    (1, "many"): _unsafe_view(("MvBackward0", (("ViewBackward0", (_turned(1),)), 0))),
    (2, "many"): Op(
        multiplied,
        "CloneBackward0",
        (
            (
                "TransposeBackward0",
                (("UnsafeViewBackward0", ((_mm_node, (_folded_left, ("TBackward0", (0,)))),)),),
            ),
        ),
    ),
    ("many", "many"): _unsafe_view(
        (
            _bmm_node,
            (
                ("ViewBackward0", (("ExpandBackward0", (0,)),)),
                ("ViewBackward0", (("ExpandBackward0", (1,)),)),
            ),
        )
    ),
}


def _matmul_op(x: Any, y: Any) -> Op:
    """The op whose tape node has PyTorch's name for operands of these ranks, and shows what it shows."""
    left, right = x.ndim, y.ndim
    return _MATMUL[left if left < 3 else "many", right if right < 3 else "many"]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product.

    Args:
        input: (K,), (N, K) or (..., N, K).
        other: (K,), (K, M) or (..., K, M); leading axes broadcast.
    Returns:
        (..., N, M), without N for a 1-d input and without M for a 1-d other.
    """
    if not input.ndim or not other.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D"
        )
    return dispatch(_matmul_op(input, other), (input, other))


def _ranked(name: str, left: int, right: int, doc: str) -> Any:
    applied = _bmm if left == 3 else _MATMUL[left, right]

    def function(input: Tensor, mat2: Tensor) -> Tensor:
        if input.ndim != left or mat2.ndim != right:
            raise RuntimeError(
                f"{name}: expected a {left}-D and a {right}-D tensor, got shapes {list(input.shape)} and {list(mat2.shape)}"
            )
        return dispatch(applied, (input, mat2))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


mm = _ranked("mm", 2, 2, "(N, K) @ (K, M) gives (N, M).")
mv = also_named(vec="mat2")(_ranked("mv", 2, 1, "(N, K) @ (K,) gives (N,)."))
dot = also_named(tensor="mat2")(_ranked("dot", 1, 1, "(K,) by (K,) gives () the sum of products."))
bmm = _ranked("bmm", 3, 3, "(B, N, K) @ (B, K, M) gives (B, N, M).")


@op("AddmmBackward0", (0, 1, 2))
def _addmm(bias: Var, x: Var, y: Var, beta: Var | None, alpha: Var | None) -> Var:
    """The factors are operands, so that they may vary from step to step; None: 1. Nothing of what a beta of 0
    takes away is seen, not even a NaN."""
    return _weighted(bias, multiplied(x, y), beta, alpha)


@op("AddbmmBackward0", (0, 1, 2))
def _addbmm(bias: Var, x: Var, y: Var, beta: Var | None, alpha: Var | None) -> Var:
    """``_addmm`` of the sum of products."""
    return _weighted(bias, multiplied(x, y).sum((0,)).astype(x.dtype), beta, alpha)


def _weighted(bias: Var, product: Var, beta: Var | None, alpha: Var | None) -> Var:
    if kind_of(product.dtype) == "bool":
        raise NotImplementedError("addmm: not implemented for bool: convert the tensors first")
    _same_dtype(bias, product)
    if broadcast_shapes(bias.shape, product.shape) != product.shape:
        raise RuntimeError(
            f"addmm: the input of shape {list(bias.shape)} does not expand to the product's {list(product.shape)}"
        )
    if alpha is not None:
        product = product * alpha.astype(product.dtype)
    if beta is not None:
        factor = beta.astype(bias.dtype)
        bias = where(factor.eq(0), bias.zeros_like(), bias * factor)
    return product + bias


_addmv = Op(_addmm.function, "AddmvBackward0", _addmm.shows)
_baddbmm = Op(_addmm.function, "BaddbmmBackward0", _addmm.shows)


def _added(
    name: str,
    applied: Op,
    ranks: tuple[int, int],
    operands: tuple[Any, Any, Any],
    beta: Any,
    alpha: Any,
) -> Any:
    """``applied`` on an input and two factors, which must have these ranks."""
    found = operands[1].ndim, operands[2].ndim
    if found != ranks:
        raise RuntimeError(f"{name}: expected factors of {ranks} axes, got {found}")
    factors = [f.item() if isinstance(f, TensorCore) else f for f in (beta, alpha)]  # type: ignore[attr-defined]
    return dispatch(applied, (*operands, *(None if f == 1 else f for f in factors)))


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *older: Any, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``; (N, K) by (K, M), input broadcasts to (N, M)."""
    if older:
        given = (input, mat1, mat2, *older)
        (input, mat1, mat2), (beta, alpha) = numbers_first("addmm", given, 3, 2)
    return _added("addmm", _addmm, (2, 2), (input, mat1, mat2), beta, alpha)


def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *older: Any, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``; (N, K) by (K,)."""
    if older:
        given = (input, mat, vec, *older)
        (input, mat, vec), (beta, alpha) = numbers_first("addmv", given, 3, 2)
    return _added("addmv", _addmv, (2, 1), (input, mat, vec), beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *older: Any, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2)``; (B, N, K) by (B, K, M)."""
    if older:
        given = (input, batch1, batch2, *older)
        (input, batch1, batch2), (beta, alpha) = numbers_first("baddbmm", given, 3, 2)
    return _added("baddbmm", _baddbmm, (3, 3), (input, batch1, batch2), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2).sum(0)``; (B, N, K) by (B, K, M), input broadcasts to (N, M)."""
    return _added("addbmm", _addbmm, (3, 3), (input, batch1, batch2), beta, alpha)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """(N,) and (M,) give (N, M) the products of all pairs."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"outer: Expected 1-D tensors, but got {input.ndim}-D and {vec2.ndim}-D")
    return input.reshape(-1, 1) * vec2


class ProductMethods(TensorCore):
    """Tensor's matrix products."""

    matmul, mm, mv, dot, bmm, addmm, addmv, baddbmm, outer = (
        matmul,
        mm,
        mv,
        dot,
        bmm,
        addmm,
        addmv,
        baddbmm,
        outer,
    )
    ger = outer
    addmm_, addmv_, baddbmm_ = inplace(addmm), inplace(addmv), inplace(baddbmm)
    addbmm, addbmm_ = addbmm, inplace(addbmm)

    def __matmul__(self, other: Any) -> Tensor:
        if not isinstance(other, TensorCore):
            return NotImplemented
        return matmul(self, other)  # type: ignore[arg-type]

    def __rmatmul__(self, other: Any) -> Tensor:
        if not isinstance(other, TensorCore):
            return NotImplemented
        return matmul(other, self)  # type: ignore[arg-type]
