"""NumPy's names for arguments, which PyTorch takes too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
_MEANINGS = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: F) -> F:
    """Let ``function`` be called with ``axis`` and ``keepdims``, as ``np.sum(tensor, axis=0)`` does."""

    @functools.wraps(function)
    def named(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {_MEANINGS.get(k, k): v for k, v in kwargs.items()}
            if "out" in kwargs and kwargs["out"] is None:
                del kwargs["out"]
        return function(*args, **kwargs)

    return cast(F, named)
