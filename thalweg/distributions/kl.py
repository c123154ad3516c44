"""Kullback-Leibler divergence: E[log p - log q] under p, by what is registered for the pair."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor

__all__ = ["kl_divergence", "register_kl"]

Rule = Callable[[Any, Any], Tensor]
_RULES: dict[tuple[type, type], Rule] = {}
_CHOSEN: dict[tuple[type, type], Rule | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Rule], Rule]:
    """A decorator: the function computes the divergence of ``type_p`` from ``type_q``, and of their subclasses.

    Raises:
        TypeError: one of the two is no class of laws.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and hasattr(kind, "log_prob")):
            raise TypeError(f"Expected a Distribution subclass but got {kind}")

    def add(rule: Rule) -> Rule:
        _RULES[type_p, type_q] = rule
        _CHOSEN.clear()
        return rule

    return add


def _rule(type_p: type, type_q: type) -> Rule | None:
    """The rule of the nearest base classes; warns where nearest in p is not nearest in q."""
    found = [pair for pair in _RULES if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not found:
        return None

    def distance(pair: tuple[type, type]) -> tuple[int, int]:
        return type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])

    by_p = min(found, key=distance)
    by_q = min(found, key=lambda pair: distance(pair)[::-1])
    if _RULES[by_p] is not _RULES[by_q]:
        names = [f"{a.__name__}, {b.__name__}" for a, b in (by_p, by_q)]
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl one of "
            f"({names[0]}) and ({names[1]}) for it",
            RuntimeWarning,
            stacklevel=4,
        )
    return _RULES[by_p]


def kl_divergence(p: Any, q: Any) -> Tensor:
    """The divergence of law ``p`` from law ``q``, in nats, of their common batch shape.

    Raises:
        NotImplementedError: nothing is registered for the pair.
    """
    pair = (type(p), type(q))
    if pair not in _CHOSEN:
        _CHOSEN[pair] = _rule(*pair)
    rule = _CHOSEN[pair]
    if rule is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return rule(p, q)
