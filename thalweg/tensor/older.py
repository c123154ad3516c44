"""The order of arguments in PyTorch's early years: numbers before the tensors that they multiply."""

from __future__ import annotations

import warnings
from typing import Any

from .core import TensorCore


def numbers_first(
    name: str, given: tuple[Any, ...], tensors: int, numbers: int
) -> tuple[list[Any], list[Any]]:
    """The tensors and the numbers of ``add(x, alpha, other)``, ``addmm(beta, x, alpha, a, b)``, and their like.

    Args:
        name: the function's, for messages.
        given: all positional arguments.
        tensors: how many tensors it takes.
        numbers: how many numbers at most; those left out are 1.
    Raises:
        TypeError: these are not the arguments of ``name`` in that order either.
    """
    held = [x for x in given if isinstance(x, TensorCore)]
    others = [x for x in given if not isinstance(x, TensorCore)]
    plain = all(isinstance(x, int | float) for x in others)
    if (
        len(held) != tensors
        or not 0 < len(others) <= numbers
        or not plain
        or given[-1] is not held[-1]
    ):
        kinds = ", ".join(type(x).__name__ for x in given)
        raise TypeError(
            f"{name}() takes {tensors} tensors, and numbers as keywords after them: got ({kinds})"
        )
    warnings.warn(
        f"This overload of {name} is deprecated: give its numbers as keywords, after the tensors",
        UserWarning,
        stacklevel=3,
    )
    return held, others + [1] * (numbers - len(others))
