"""The named pairs that some functions give, printed as PyTorch prints them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ..ir.spelling import spoken


class _Pair(tuple[Any, ...]):
    """A pair whose parts have names."""

    __slots__ = ()
    _fields = ("values", "indices")

    def __new__(cls, *parts: Any) -> Any:
        return tuple.__new__(cls, parts)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        fields = ",\n".join(
            f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)
        )
        return f"{spoken()}.return_types.{type(self).__name__}(\n{fields})"


def _pair(name: str, fields: tuple[str, str] = ("values", "indices")) -> Any:
    members = {field: property(itemgetter(k)) for k, field in enumerate(fields)}
    return type(
        name, (_Pair,), {"__slots__": (), "_fields": fields, "__module__": __name__, **members}
    )


max, min, sort, topk, median, mode = (
    _pair(n) for n in ("max", "min", "sort", "topk", "median", "mode")
)
kthvalue, nanmedian, cummax, cummin = (
    _pair(n) for n in ("kthvalue", "nanmedian", "cummax", "cummin")
)
aminmax = _pair("aminmax", ("min", "max"))
histogram = _pair("histogram", ("hist", "bin_edges"))
histogramdd = _pair("histogramdd", ("hist", "bin_edges"))
frexp = _pair("frexp", ("mantissa", "exponent"))
