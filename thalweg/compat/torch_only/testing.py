"""``torch.testing``: whether two results agree, said as PyTorch's own tests say it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir.dtype import DType, bfloat16, complex64, complex128, float16, float32, float64
from ...tensor import Tensor
from ...tensor.creation import as_tensor

__all__ = ["assert_allclose", "assert_close"]
_Message = str | Callable[[str], str] | None
_TOLERANCES = {  # (relative, absolute)
    float16: (1e-3, 1e-5),
    bfloat16: (1.6e-2, 1e-5),
    float32: (1.3e-6, 1e-5),
    float64: (1e-7, 1e-7),
    complex64: (1.3e-6, 1e-5),
    complex128: (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: _Message = None,
) -> None:
    """Raise unless ``abs(actual - expected) <= atol + rtol * abs(expected)`` everywhere.

    Args:
        actual, expected: tensors, arrays or numbers of one kind, or sequences and mappings of them, of one form.
        rtol, atol: both or none; without them they follow the dtype, the larger of two.
        equal_nan: NaN equals NaN.
        check_dtype: dtypes have to be the same.
        allow_subclasses, check_device, check_layout, check_stride: there is one device, one layout and row-major memory.
        msg: what is said instead, or a function of what would be said.
    Raises:
        AssertionError: they differ.
        TypeError: they cannot be compared.
        ValueError: only one of ``rtol`` and ``atol`` is given.
    """
    if (rtol is None) != (atol is None):
        absent = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {absent}."
        )
    given = None if rtol is None or atol is None else (rtol, atol)
    found = _difference(actual, expected, given, equal_nan, check_dtype, ())
    if found is not None:
        raise AssertionError(msg(found) if callable(msg) else msg or found)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """``assert_close`` of whatever makes tensors, whichever their dtypes; deprecated by PyTorch."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated: use `torch.testing.assert_close()`",
        FutureWarning,
        stacklevel=2,
    )
    assert_close(
        as_tensor(actual), as_tensor(expected), rtol=rtol, atol=atol, equal_nan=equal_nan,
        check_dtype=False, msg=msg or None,
    )  # fmt: skip


def _difference(
    actual: Any,
    expected: Any,
    given: tuple[float, float] | None,
    equal_nan: bool,
    check_dtype: bool,
    where: tuple[Any, ...],
) -> str | None:
    """What is to be said of the first difference; None where there is none."""
    pairs: list[tuple[Any, Any, Any]]
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        missing, further = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or further:
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(further, key=str)}"
            )
        pairs = [(key, actual[key], expected[key]) for key in actual]
    elif _listed(actual) and _listed(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
        pairs = [(k, actual[k], expected[k]) for k in range(len(actual))]
    else:
        said = _of_one(actual, expected, given, equal_nan, check_dtype)
        item = "".join(f"[{part!r}]" for part in where)
        return f"{said}\n\nThe failure occurred for item {item}" if said and where else said
    for key, ours, theirs in pairs:
        said = _difference(ours, theirs, given, equal_nan, check_dtype, (*where, key))
        if said is not None:
            return said
    return None


def _listed(thing: Any) -> bool:
    return isinstance(thing, Sequence) and not isinstance(thing, str)


def _of_one(
    actual: Any,
    expected: Any,
    given: tuple[float, float] | None,
    equal_nan: bool,
    check_dtype: bool,
) -> str | None:
    if actual is None and expected is None:
        return None
    flags, numbers = (bool, np.bool_), (int, float, complex, np.number)
    if isinstance(actual, flags) and isinstance(expected, flags):
        return None if actual == expected else f"Booleans mismatch: {actual} is not {expected}"
    kinds: tuple[Any, ...] = (numbers, Tensor, np.ndarray)
    kind = next((k for k in kinds if isinstance(actual, k) and isinstance(expected, k)), None)
    if kind is None:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        )
    if kind is numbers:
        ours, theirs = (as_tensor(x, dtype=_of_number(x)) for x in (actual, expected))
        check_dtype = False
    else:
        ours, theirs = as_tensor(actual).detach(), as_tensor(expected).detach()
    for attribute in ("shape", "dtype")[: 1 + check_dtype]:
        one, other = getattr(ours, attribute), getattr(theirs, attribute)
        if one != other:
            return f"The values for attribute {attribute!r} do not match: {one} != {other}."
    relative, absolute = given or tuple(
        max(_TOLERANCES.get(x.dtype, (0.0, 0.0))[k] for x in (ours, theirs)) for k in (0, 1)
    )
    return _of_tensors(ours, theirs, relative, absolute, equal_nan)


def _of_number(number: Any) -> DType | None:
    if isinstance(number, complex | np.complexfloating):
        return complex128
    return float64 if isinstance(number, float | np.floating) else None


def _of_tensors(
    actual: Tensor, expected: Tensor, rtol: float, atol: float, equal_nan: bool
) -> str | None:
    """What differs between two tensors of one shape, written as numbers."""
    ours, theirs = (
        np.asarray((x.float() if x.dtype in (bfloat16, float16) else x).numpy(force=True))
        for x in (actual, expected)
    )
    close = np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if close.all():
        return None
    wide: Any = np.result_type(ours, theirs)
    if not np.issubdtype(wide, np.inexact):
        wide = np.int64
    with np.errstate(all="ignore"):
        distance = np.abs(ours.astype(wide) - theirs.astype(wide))
        ratio = distance / np.abs(theirs.astype(wide))
        if wide is np.int64:
            ratio = ratio.astype(np.float32)
    word = "equal" if rtol == atol == 0 else "close"
    bounds = [f" (up to {bound} allowed)" if word == "close" else "" for bound in (atol, rtol)]
    if not ours.ndim:
        return (
            f"Scalars are not {word}!\n\nExpected {theirs.item()} but got {ours.item()}.\n"
            f"Absolute difference: {distance.item()}{bounds[0]}\nRelative difference: {ratio.item()}{bounds[1]}"
        )
    lines = []
    for what, sizes, bound in (
        ("absolute", distance, bounds[0]),
        ("relative", ratio, bounds[1]),
    ):
        most = np.where(close, 0, sizes)
        place = np.unravel_index(int(np.argmax(most)), most.shape)
        at = tuple(int(k) for k in place)
        lines.append(f"Greatest {what} difference: {most[place].item()} at index {at}{bound}")
    count = int((~close).sum())
    head = f"Mismatched elements: {count} / {close.size} ({count / close.size:.1%})"
    return "\n".join([f"Tensor-likes are not {word}!\n", head, *lines])
