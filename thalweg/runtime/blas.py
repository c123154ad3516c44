"""The matrix product of a BLAS of our own, one thread a call; NumPy's copy is left as it is."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _library() -> Any:
    import scipy_openblas32

    folder = Path(scipy_openblas32.get_lib_dir())
    name = scipy_openblas32.get_library()
    path = next(p for p in folder.iterdir() if name in p.name and p.is_file())
    library = ctypes.CDLL(str(path))
    library.scipy_openblas_set_num_threads(1)
    return library


@cache
def gemm_address(name: str) -> int:
    """The address of ``cblas_sgemm`` or ``cblas_dgemm``."""
    function = getattr(_library(), f"scipy_cblas_{name}")
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def kernels() -> str:
    """For which processor the library chose its kernels (``OPENBLAS_CORETYPE`` overrides that)."""
    corename = _library().scipy_openblas_get_corename
    corename.restype = ctypes.c_char_p
    return str(corename().decode())
