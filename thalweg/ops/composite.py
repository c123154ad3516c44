"""What the functional API dispatches: composites, each one named node of the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.aval import promote
from ..ir.builder import Var
from ..ir.dtype import DType, bool_, get_default_dtype
from ..ir.graph import Graph
from ..ir.primitive import Primitive
from ..ir.vjp import Vjp, vjp

Shown = int | None | tuple[str, tuple[Any, ...]]


class Op:
    """A function over Vars with the name its tape node prints.

    ``shows`` are the operands that the node's ``next_functions`` lists, in PyTorch's order; None: all. A pair
    (name, operands) among them stands for a node that PyTorch has there and that is part of this one here, None
    for an operand that only PyTorch has.
    ``frees`` says whether a walk over the node frees it, so that a second one is an error; None: if it saved
    anything.

    Attributes:
        nodes: the kind of its nodes, where that is not Node.
        hides: all but its first result are for the tape only.
        rounds: half types are rounded after each of its primitives, not once at its end (ir/halves.py).
        views: its results are views of its operands, not copied.
        row_major: in PyTorch its results are so whatever its operands are, also if it computes element by element.
        later: its function is ``(statics, avals) -> Graph``, of a graph that is written only when somebody reads it.
    """

    nodes: Any = None
    hides = False
    rounds = False
    views = False
    row_major = False
    later = False

    def __init__(
        self,
        function: Callable[..., Any],
        node: str,
        shows: tuple[Shown, ...] | None = None,
        frees: bool | None = None,
    ) -> None:
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.function, self.node, self.shows, self.frees = function, node, shows, frees

    def __call__(self, *operands: Any) -> Any:
        return self.function(*operands)

    def gradient(self, graph: Graph, wanted: tuple[bool, ...]) -> Vjp:
        """The gradient graph of what it wrote, for the operands ``wanted``."""
        given = tuple([a.dtype.is_differentiable for a in graph.out_avals()])
        return vjp(graph, wanted, given)

    def __repr__(self) -> str:
        return f"<op {self.__name__}>"


def op(
    node: str, shows: tuple[Shown, ...] | None = None, frees: bool | None = None
) -> Callable[[Callable[..., Any]], Op]:
    """Make a function over Vars an Op whose tape node is called ``node``; see Op for ``shows`` and ``frees``."""
    return lambda function: Op(function, node, shows, frees)


def per_reduction(
    function: Callable[..., Any], name: str, shown: tuple[Shown, ...]
) -> dict[str, Op]:
    """For each reduction the op with the nodes that PyTorch has for it."""
    inner, total = ((name, shown),), ("SumBackward0", ((name, shown),))
    names = {"mean": "MeanBackward0", "sum": "SumBackward0"}
    ops = {how: Op(function, node, inner) for how, node in names.items()}
    whole = Op(function, "DivBackward0", (total, None))
    return {**ops, "none": Op(function, name, shown), "batchmean": whole}


def promoted(*operands: Var) -> tuple[Var, ...]:
    """The operands in their common type."""
    dtype = promote(*(x.aval for x in operands))
    return tuple(x.astype(dtype) for x in operands)


def promoted_to_float(*operands: Var) -> tuple[Var, ...]:
    """The operands in the floating type of their common type; 300 is 300 beside a uint8, where its own type is not
    that of the result."""
    dtype = float_of(promote(*(x.aval for x in operands)))
    return tuple(x.astype(dtype) for x in operands)


def floating(x: Var) -> Var:
    """``x``, or in the default floating type if it is integer or bool."""
    return x if x.dtype.is_differentiable and not x.aval.weak else x.astype(float_of(x.dtype))


def float_of(dtype: DType) -> DType:
    return dtype if dtype.is_differentiable else get_default_dtype()


def kind_of(dtype: DType) -> str:
    """ "bool", "complex", "floating" or "integer"."""
    if dtype.is_complex:
        return "complex"
    return "bool" if dtype is bool_ else "floating" if dtype.is_floating_point else "integer"


def elementwise(
    primitive: Primitive, node: str, *, to_float: bool = False, but_not: tuple[str, ...] = ()
) -> Op:
    """An Op that promotes its operands (to floating, if asked) and applies one primitive.

    ``but_not`` names the kinds (``kind_of``) of common types that it refuses, with NotImplementedError.
    """

    def apply(*operands: Var) -> Any:
        common = (promoted_to_float if to_float else promoted)(*operands)
        if kind_of(common[0].dtype) in but_not:
            raise NotImplementedError(
                f"{primitive.name}: not implemented for {common[0].dtype}: convert the tensor first"
            )
        return primitive(*common)

    apply.__name__ = primitive.name
    return Op(apply, node)
