"""How a tensor prints: PyTorch's layout, to the character."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PrintOptions:
    """Digits after the point, elements before summarizing, elements kept at each edge, columns, notation."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print. ``profile`` is "default", "short" or "full"; the rest overrides it.

    Raises:
        ValueError: no such profile.
    """
    global _options
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"set_printoptions: profile is one of {', '.join(_PROFILES)}, got {profile!r}"
            )
        _options = _PROFILES[profile]
    given: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options = replace(
        _options, **{k: v for k, v in given.items() if v is not None}, sci_mode=sci_mode
    )


def get_printoptions() -> dict[str, Any]:
    """The options in force, by name."""
    return dict(vars(_options))


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """``set_printoptions`` until the end of the block."""
    global _options
    before = _options
    try:
        set_printoptions(**options)
        yield
    finally:
        _options = before


class _Formatter:
    """One width and one notation for all elements of a tensor."""

    @classmethod
    def of(cls, array: Array) -> _Formatter:
        return _ComplexFormatter(array) if array.dtype.kind == "c" else cls(array)

    def __init__(self, array: Array) -> None:
        self.kind = array.dtype.kind
        self.whole = self.scientific = False
        values = array.reshape(-1)
        if self.kind != "f":
            self.width = max((len(str(v)) for v in values.tolist()), default=1)
            return
        finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        if not finite.size:
            self.width, self.whole = 1, True
            return
        sizes = np.abs(finite)
        large, small = sizes.max(), sizes.min()
        self.whole = bool((finite == np.ceil(finite)).all())
        wide = large / small > 1000 or large > 1e8
        self.scientific = self._sci(wide if self.whole else wide or small < 1e-4)
        if self.whole and not self.scientific:
            self.width = max(len(f"{v:.0f}") + 1 for v in finite.tolist())
        else:
            self.width = max(len(self._number(v)) for v in finite.tolist())

    @staticmethod
    def _sci(automatic: bool) -> bool:
        return automatic if _options.sci_mode is None else _options.sci_mode

    def _number(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def format(self, value: Any) -> str:
        text = self._number(value) if self.kind == "f" else str(value)
        return text.rjust(self.width)


class _ComplexFormatter(_Formatter):
    """Real and imaginary parts, each in its own width and notation."""

    def __init__(self, array: Array) -> None:
        self.real, self.imag = _Formatter(array.real), _Formatter(array.imag)
        self.width = self.real.width + self.imag.width + 1

    def format(self, value: Any) -> str:
        imag = (self.imag.format(value.imag) + "j").lstrip()
        return self.real.format(value.real) + (imag if imag[0] in "+-" else "+" + imag)


def _ends(array: Array) -> Array:
    """The elements that a summarized tensor shows."""
    edge = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis)
    return array


def _row(array: Array, indent: int, summarize: bool, formatter: _Formatter) -> str:
    per_line = max(1, (_options.linewidth - indent) // (formatter.width + 2))
    edge = _options.edgeitems
    if summarize and array.shape[0] > 2 * edge:
        texts = [formatter.format(v) for v in array[:edge].tolist()]
        texts += [" ..."] + [formatter.format(v) for v in array[-edge:].tolist()]
    else:
        texts = [formatter.format(v) for v in array.tolist()]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _body(array: Array, indent: int, summarize: bool, formatter: _Formatter) -> str:
    if array.ndim == 0:
        return formatter.format(array.item())
    if array.ndim == 1:
        return _row(array, indent, summarize, formatter)
    edge = _options.edgeitems
    if summarize and array.shape[0] > 2 * edge:
        parts = [_body(a, indent + 1, summarize, formatter) for a in array[:edge]]
        parts += ["..."] + [_body(a, indent + 1, summarize, formatter) for a in array[-edge:]]
    else:
        parts = [_body(a, indent + 1, summarize, formatter) for a in array]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def format_tensor(
    array: Array,
    *,
    dtype_name: str,
    is_default_dtype: bool,
    is_common_dtype: bool,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
) -> str:
    """The printed form of a tensor with these elements.

    Args:
        array: any shape.
        dtype_name: as it is printed after ``dtype=``.
        is_default_dtype: it is the default floating type, which an empty tensor need not name.
        is_common_dtype: it is one that no tensor names: the default floating type, int64 or bool.
    """
    prefix, indent = "tensor(", len("tensor(")
    if array.dtype.itemsize == 2 and array.dtype.kind in "fV":  # float16, bfloat16
        array = array.astype(np.float32)
    suffixes = []
    if array.size == 0:
        body = "[]"
        if array.ndim != 1:
            suffixes.append(f"size={array.shape}")
        if not is_default_dtype:
            suffixes.append(f"dtype={dtype_name}")
    else:
        summarize = array.size > _options.threshold
        formatter = _Formatter.of(_ends(array) if summarize else array)
        body = _body(array, indent, summarize, formatter)
        if not is_common_dtype:
            suffixes.append(f"dtype={dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + body, suffixes, indent)


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
