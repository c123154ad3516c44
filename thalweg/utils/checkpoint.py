"""PyTorch's way to keep less of a forward pass for the backward one: compute parts of it again.

What is kept and what is computed again is decided by the compiler here, over the whole step (``compiler.again``); a part
that is marked is computed like any other, and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..nn import Sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
_OPTIONS = {"context_fn", "determinism_check", "debug", "early_stop", "preserve_rng_state"}


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """``function(*args, **kwargs)``.

    Args:
        function: a part of a model.
        use_reentrant: which way PyTorch goes about it; with True, ``function`` takes no keywords.
        kwargs: those of ``function``, and PyTorch's own options, which say how parts are computed again.
    Raises:
        ValueError: ``use_reentrant`` is True, and there are keywords for ``function``.
    """
    own = {name: value for name, value in kwargs.items() if name not in _OPTIONS}
    if use_reentrant and own:
        raise ValueError(f"Unexpected keyword arguments: {','.join(own)}")
    return function(*args, **own)


def checkpoint_sequential(
    functions: Sequential | Iterable[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """``functions`` one after another, from ``input`` on; into how many segments they would be cut does not matter.

    Raises:
        ValueError: there are keywords other than ``preserve_rng_state``.
    """
    further = set(kwargs) - {"preserve_rng_state"}
    if further:
        raise ValueError(f"Unexpected keyword arguments: {','.join(sorted(further))}")
    for function in functions:
        input = function(input)
    return input
