"""The record of one primitive: everything the system knows of one operation, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .aval import Aval

if TYPE_CHECKING:
    from .builder import Var

Infer = Callable[..., "Aval | tuple[Aval, ...]"]
GradRule = Callable[..., "Var | None"]


class Primitive:
    """One operation of the closed set.

    Attributes:
        name: unique; the registry's key.
        infer: ``(*avals, **statics) -> Aval`` (or a tuple): shape and dtype rule; raises what PyTorch raises.
        reference: ``(*arrays, **statics) -> array`` (or a tuple): the NumPy oracle; never writes its inputs.
        grads: per input a rule ``(g, out, *inputs, **statics) -> Var``, or None where nothing flows.
            A rule gives the gradient at the broadcast shape; the walk undoes broadcasting.
        statics: names of the compile-time arguments, in the order in which they are stored.
        elementwise: inputs broadcast against each other and the result has the broadcast shape.
        dense: the reference gives row-major arrays (False: it may give a strided view of its input).
        moves: each element of the result is one of an operand's, or 0: nothing is computed, so it is right for every type.
        holomorphic: on complex numbers its rules are derivatives, which the walk turns into PyTorch's gradients (vjp.py);
            False: they are gradients as they stand.
        ordered: it needs an order of numbers, which complex ones don't have: they are refused.
        symmetric: of a matrix one triangle is read, and the gradient is that along symmetric changes.
        fresh: the reference's result is always new memory, which a later one may overwrite.
        samples: ``() -> [(arrays, statics), ...]`` for the table tests; ties, kinks and empties included.
        errors: ``() -> [(arrays, statics, exception, text), ...]``: one case for every ``raise``.
        source: where the formula is from, if it is not plain.
    """

    registry: ClassVar[dict[str, Primitive]] = {}

    def __init__(
        self,
        name: str,
        *,
        infer: Infer,
        reference: Callable[..., Any],
        grads: tuple[GradRule | None, ...] | GradRule | None,
        statics: tuple[str, ...] = (),
        elementwise: bool = False,
        dense: bool = True,
        symmetric: bool = False,
        fresh: bool | None = None,
        moves: bool = False,
        holomorphic: bool = True,
        ordered: bool = False,
        samples: Callable[[], list[Any]],
        errors: Callable[[], list[Any]] = list,
        source: str = "",
    ) -> None:
        if name in self.registry:
            raise ValueError(f"primitive {name!r} is declared twice")
        self.name, self.infer, self.reference, self.grads = name, infer, reference, grads
        self.statics, self.elementwise, self.dense = statics, elementwise, dense
        self.ordered = ordered
        self.moves, self.holomorphic = moves, holomorphic and not moves
        self.samples, self.errors, self.source = samples, errors, source
        self.symmetric = symmetric
        self.donating: Callable[..., Any] | None = getattr(reference, "donating", None)
        self.fresh = (elementwise or self.donating is not None) if fresh is None else fresh
        self.registry[name] = self

    def __call__(self, *inputs: Var, **statics: Any) -> Any:
        """Record this primitive in the builder of its inputs; gives the result's Var (or a tuple)."""
        builder = next(x.builder for x in inputs)
        return builder.emit(self, inputs, self.pack(statics))

    def pack(self, statics: Mapping[str, Any]) -> tuple[Any, ...]:
        """The compile-time arguments as a hashable tuple in declared order."""
        if len(statics) != len(self.statics):
            raise TypeError(f"{self.name}: statics are {self.statics}, got {tuple(statics)}")
        return tuple(statics[name] for name in self.statics)

    def unpack(self, packed: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(self.statics, packed, strict=True))

    def rule(self, index: int) -> GradRule | None:
        """The gradient rule of input ``index``; one callable alone serves every input, given ``index``."""
        if self.grads is None:
            return None
        if callable(self.grads):
            whole = self.grads
            return lambda g, out, *inputs, **statics: whole(index, g, out, *inputs, **statics)
        return self.grads[index]

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


primitive = Primitive
