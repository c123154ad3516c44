"""The named pairs that some functions give, printed as PyTorch prints them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _printed(self: Any) -> str:
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"thalweg.return_types.{type(self).__name__}(\n{fields})"


def _pair(name: str, fields: str = "values indices") -> Any:
    made: Any = namedtuple(name, fields)  # noqa: PYI024  # made at run time, one for each function
    made.__repr__ = _printed
    return made


max, min, sort, topk, median, mode = (_pair(n) for n in ("max", "min", "sort", "topk", "median", "mode"))
kthvalue, nanmedian, cummax, cummin = (_pair(n) for n in ("kthvalue", "nanmedian", "cummax", "cummin"))
aminmax = _pair("aminmax", "min max")
