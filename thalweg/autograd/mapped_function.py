"""Custom Functions under ``vmap``: their ``forward`` and ``backward`` see one example, as everything there does.

Note: levels of a Function's node. The tape is one of ordinary tensors, with axes for the levels (tensor/mapped.py), and
a walk over it may come when no ``vmap`` is under way. So the node keeps the levels of its operands and results:
``backward`` is called with them under way again, on gradients that are mapped as the results were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor.core import TensorCore
from ..tensor.mapped import (
    Levels,
    arriving,
    entered,
    inner_of,
    leaving,
    left,
    levels_of,
    mapped,
    mapping,
    sorted_levels,
    under_way,
)


class Info:
    """What a Function's own ``vmap`` is told: how many examples there are, and the ``randomness``."""

    def __init__(self, batch_size: int, randomness: str) -> None:
        self.batch_size, self.randomness = batch_size, randomness


def by_own_rule(cls: Any, args: tuple[Any, ...]) -> Any:
    """What ``cls.vmap`` gives for the innermost level that an operand has."""
    level = levels_of(*args)[-1]
    here = [isinstance(a, TensorCore) and level in a._levels for a in args]
    with mapping(tuple([other for other in under_way() if other is not level])):
        whole = [left(a, 0, level) if inside else a for a, inside in zip(args, here, strict=True)]
        dims = tuple([0 if inside else None for inside in here])
        given = cls.vmap(Info(level.size, level.randomness), dims, *whole)
    if not (isinstance(given, tuple) and len(given) == 2):
        raise RuntimeError(
            f"{cls.__name__}: the vmap staticmethod has to give two things: the output, and where its batch is"
        )
    output, out_dims = given
    many = output if isinstance(output, tuple) else (output,)
    places = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(many)
    pairs = zip(many, places, strict=True)
    found = tuple([t if dim is None else entered(t, dim % t.ndim, level) for t, dim in pairs])
    return found if isinstance(output, tuple) else found[0]


class Levelled:
    """How the gradients at a Function's node are mapped.

    Args:
        operands, results: the levels of each.
    """

    def __init__(self, operands: Sequence[Levels], results: Sequence[Levels]) -> None:
        self.operands, self.results = operands, results
        self.all = sorted_levels(level for levels in (*operands, *results) for level in levels)

    def backward(self, function: Callable[..., Any], incoming: list[Any]) -> list[Any]:
        """What ``function`` gives for gradients of the inner results, as gradients of the inner operands."""
        with mapping(sorted_levels((*self.all, *under_way()))):
            seen = [leaving(own, g) for own, g in zip(self.results, incoming, strict=True)]
            given: list[Any] = function(seen)
            pairs = zip(self.operands, given, strict=False)
            return [self._arriving(own, g) for own, g in pairs] + given[len(self.operands) :]

    def _arriving(self, own: Levels, g: Any) -> Any:
        """One operand's gradient; of an operand that is the same for all examples, the sum over them."""
        if g is None:
            return None
        levels = levels_of(g)
        missing = [level for level in self.all if level not in own]
        whole = sorted_levels((*levels, *missing))
        if missing:
            inner = inner_of(g, whole).sum([whole.index(level) for level in missing])
            rest = tuple([level for level in whole if level not in missing])
            g = mapped(inner, rest)
        return arriving(own, g)
