"""Which type comes out where types meet: PyTorch's, for every pair."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

NAMES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
PAIRS = list(itertools.product(NAMES, NAMES))
NUMBERS = (True, 2, 2.5)
OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
    "|": operator.or_,
}
FUNCTIONS = ("maximum", "minimum", "atan2", "fmod", "true_divide", "remainder", "logical_and")
KINDS: dict[str, Callable[[Any, str], Any]] = {
    "vector": lambda m, name: m.tensor([1, 2, 3], dtype=getattr(m, name)),
    "matrix": lambda m, name: m.tensor([[1], [2]], dtype=getattr(m, name)),
    "0-d": lambda m, name: m.tensor(2, dtype=getattr(m, name)),
}


def _outcome(case: Callable[[Any], Any], library: Any) -> Any:
    """Type and elements, or the kind of error."""
    try:
        result = case(library)
        elements = np.asarray(result.tolist(), np.float64)
    except Exception as error:
        return type(error)
    return repr(result.dtype).replace("thalweg", "torch"), elements


def _same(case: Callable[[Any], Any], what: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = _outcome(case, tw), _outcome(case, torch)
    if isinstance(theirs, type) or isinstance(mine, type):
        assert mine == theirs, what
        return
    assert mine[0] == theirs[0], what
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-6, err_msg=what)


@pytest.mark.parametrize("symbol", OPERATORS)
def test_two_tensors(symbol: str) -> None:
    apply = OPERATORS[symbol]
    for (a, b), (x, y) in itertools.product(PAIRS, itertools.product(KINDS, KINDS)):
        _same(
            lambda m, a=a, b=b, x=x, y=y: apply(KINDS[x](m, a), KINDS[y](m, b)),
            f"{x} {a} {symbol} {y} {b}",
        )


@pytest.mark.parametrize("symbol", OPERATORS)
def test_tensor_and_number(symbol: str) -> None:
    apply = OPERATORS[symbol]
    for name, kind, number in itertools.product(NAMES, KINDS, NUMBERS):
        made = KINDS[kind]
        _same(
            lambda m, made=made, n=name, k=number: apply(made(m, n), k),
            f"{kind} {name} {symbol} {number!r}",
        )
        _same(
            lambda m, made=made, n=name, k=number: apply(k, made(m, n)),
            f"{number!r} {symbol} {kind} {name}",
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_two(name: str) -> None:
    for (a, b), x in itertools.product(PAIRS, KINDS):
        _same(
            lambda m, a=a, b=b, x=x: getattr(m, name)(KINDS[x](m, a), KINDS["vector"](m, b)),
            f"{name} of {x} {a}, vector {b}",
        )


def test_where() -> None:
    for (a, b), (x, y) in itertools.product(PAIRS, itertools.product(KINDS, KINDS)):
        _same(
            lambda m, a=a, b=b, x=x, y=y: m.where(
                m.tensor([True, False, True]), KINDS[x](m, a), KINDS[y](m, b)
            ),
            f"where {x} {a}, {y} {b}",
        )
    for a, x, number in itertools.product(NAMES, KINDS, NUMBERS):
        _same(
            lambda m, a=a, x=x, k=number: m.where(m.tensor([True, False, True]), KINDS[x](m, a), k),
            f"where {x} {a}, {number!r}",
        )
        _same(
            lambda m, a=a, x=x, k=number: m.where(m.tensor([True, False, True]), k, KINDS[x](m, a)),
            f"where {number!r}, {x} {a}",
        )


def test_cat_and_stack() -> None:
    for a, b in PAIRS:
        _same(lambda m, a=a, b=b: m.cat([KINDS["vector"](m, a), KINDS["vector"](m, b)]), f"{a} {b}")
        _same(lambda m, a=a, b=b: m.stack([KINDS["0-d"](m, a), KINDS["0-d"](m, b)]), f"{a} {b}")
    for a, b, c in itertools.product(NAMES[:4], NAMES[2:6], NAMES[4:]):
        _same(
            lambda m, names=(a, b, c): m.cat([KINDS["vector"](m, n) for n in names]), f"{a} {b} {c}"
        )


def test_promote_types() -> None:
    torch = pytest.importorskip("torch")
    for a, b in PAIRS:
        mine = tw.promote_types(getattr(tw, a), getattr(tw, b))
        theirs = torch.promote_types(getattr(torch, a), getattr(torch, b))
        assert repr(mine).replace("thalweg", "torch") == repr(theirs)


@pytest.mark.parametrize("symbol", ["+=", "-=", "*=", "/=", "//=", "**="])
def test_in_place_keeps_the_type_or_raises(symbol: str) -> None:
    apply = getattr(
        operator,
        {"+=": "iadd", "-=": "isub", "*=": "imul", "/=": "itruediv", "//=": "ifloordiv"}.get(
            symbol, "ipow"
        ),
    )
    for (a, b), y in itertools.product(PAIRS, KINDS):
        if y != "matrix":
            _same(
                lambda m, a=a, b=b, y=y: apply(KINDS["vector"](m, a), KINDS[y](m, b)),
                f"vector {a} {symbol} {y} {b}",
            )
    for a, x, number in itertools.product(NAMES, KINDS, NUMBERS):
        _same(
            lambda m, a=a, x=x, k=number: apply(KINDS[x](m, a), k), f"{x} {a} {symbol} {number!r}"
        )


def test_one_argument() -> None:
    for name, function in itertools.product(
        NAMES, ("exp", "sqrt", "sin", "abs", "neg", "sign", "floor", "sum", "mean", "prod", "cumsum",
                "reciprocal", "sigmoid", "logical_not", "isnan", "square", "argmax", "amax", "std")
    ):  # fmt: skip
        arguments = (0,) if function == "cumsum" else ()
        _same(
            lambda m, n=name, f=function, rest=arguments: getattr(m, f)(
                KINDS["vector"](m, n), *rest
            ),
            f"{function} of {name}",
        )


def test_the_default_type_decides_for_whole_numbers() -> None:
    torch = pytest.importorskip("torch")
    before = tw.get_default_dtype()
    try:
        tw.set_default_dtype(tw.float64)
        torch.set_default_dtype(torch.float64)
        for case in (
            lambda m: m.tensor([1, 2]) / 2,
            lambda m: m.tensor([1, 2]) * 1.5,
            lambda m: m.tensor([1, 2]).exp(),
            lambda m: m.tensor(0.5),
            lambda m: m.tensor([1.5], dtype=m.float32) * 2.5,
            lambda m: m.zeros(2),
        ):
            _same(case, "default float64")
    finally:
        tw.set_default_dtype(before)
        torch.set_default_dtype(torch.float32)
    assert (tw.tensor([1, 2]) / 2).dtype is tw.float32


def test_equal_numbers_of_unlike_types() -> None:
    for name, kind in itertools.product(NAMES, KINDS):
        for numbers in ((2, 2.0), (1.0, 1, True), (0, False, 0.0)):
            for number, symbol in itertools.product(numbers, ("**", "+", "*", "//")):
                _same(
                    lambda m, n=name, x=kind, k=number, s=symbol: OPERATORS[s](KINDS[x](m, n), k),
                    f"{kind} {name} {symbol} {number!r}",
                )


def test_alpha() -> None:
    for (a, b), alpha in itertools.product(PAIRS, (2, 0.5)):
        for name in ("add", "sub", "rsub"):
            _same(
                lambda m, a=a, b=b, k=alpha, n=name: getattr(m, n)(
                    KINDS["vector"](m, a), KINDS["vector"](m, b), alpha=k
                ),
                f"{name} {a} {b} alpha={alpha}",
            )


REFUSED = ("hypot", "bitwise_and", "bitwise_xor", "bitwise_left_shift", "fmod", "copysign")


@pytest.mark.parametrize(
    "name", [*REFUSED, "relu", "ceil", "trunc", "round", "argmin", "reciprocal"]
)
def test_what_some_types_cannot_do(name: str) -> None:
    for a, b in PAIRS:
        rest = (b,) if name in REFUSED else ()
        _same(
            lambda m, a=a, rest=rest: getattr(m, name)(
                *(KINDS["vector"](m, n) for n in (a, *rest))
            ),
            f"{name} of {a} {rest}",
        )
