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
    found = [
        p for p in folder.iterdir() if scipy_openblas32.get_library() in p.name and p.is_file()
    ]
    library = ctypes.CDLL(str(found[0]))
    library.scipy_openblas_set_num_threads(1)
    return library


@cache
def gemm_address(name: str) -> int:
    """The address of ``cblas_sgemm`` or ``cblas_dgemm``."""
    function = getattr(_library(), f"scipy_cblas_{name}")
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
