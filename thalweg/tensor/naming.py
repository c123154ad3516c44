"""Further names for arguments: NumPy's, which PyTorch takes too, and those of PyTorch's own variants."""

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


def also_named(**meanings: str) -> Callable[[F], F]:
    """Let a function's arguments be given by further names: ``also_named(new="own")``."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                kwargs = {meanings.get(k, k): v for k, v in kwargs.items()}
            return function(*args, **kwargs)

        return cast(F, named)

    return decorate
