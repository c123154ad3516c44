"""The named tuples that some functions give, printed as PyTorch prints them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ..ir.spelling import spoken


class _Named(tuple[Any, ...]):
    """A tuple whose parts have names."""

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


def _named(name: str, fields: tuple[str, ...] = ("values", "indices")) -> Any:
    members = {field: property(itemgetter(k)) for k, field in enumerate(fields)}
    return type(
        name,
        (_Named,),
        {
            "__slots__": (),
            "_fields": fields,
            "__module__": __name__,
            "__match_args__": fields,
            **members,
        },
    )


max, min, sort, topk, median, mode = (
    _named(n) for n in ("max", "min", "sort", "topk", "median", "mode")
)
kthvalue, nanmedian, cummax, cummin = (
    _named(n) for n in ("kthvalue", "nanmedian", "cummax", "cummin")
)
aminmax = _named("aminmax", ("min", "max"))
histogram, histogramdd = (_named(n, ("hist", "bin_edges")) for n in ("histogram", "histogramdd"))
frexp = _named("frexp", ("mantissa", "exponent"))

qr, linalg_qr = (_named(n, ("Q", "R")) for n in ("qr", "linalg_qr"))
svd, linalg_svd = _named("svd", ("U", "S", "V")), _named("linalg_svd", ("U", "S", "Vh"))
linalg_eig = _named("linalg_eig", ("eigenvalues", "eigenvectors"))
linalg_eigh = _named("linalg_eigh", ("eigenvalues", "eigenvectors"))
slogdet, linalg_slogdet = (_named(n, ("sign", "logabsdet")) for n in ("slogdet", "linalg_slogdet"))
linalg_lu_factor = _named("linalg_lu_factor", ("LU", "pivots"))
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", ("LU", "pivots", "info"))
linalg_lu, lu_unpack = (_named(n, ("P", "L", "U")) for n in ("linalg_lu", "lu_unpack"))
linalg_cholesky_ex = _named("linalg_cholesky_ex", ("L", "info"))
linalg_inv_ex = _named("linalg_inv_ex", ("inverse", "info"))
linalg_solve_ex = _named("linalg_solve_ex", ("result", "info"))
linalg_ldl_factor = _named("linalg_ldl_factor", ("LD", "pivots"))
linalg_ldl_factor_ex = _named("linalg_ldl_factor_ex", ("LD", "pivots", "info"))
linalg_lstsq = _named("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"))
triangular_solve = _named("triangular_solve", ("solution", "cloned_coefficient"))
geqrf = _named("geqrf", ("a", "tau"))
