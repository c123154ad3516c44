"""What is computed of float16 and bfloat16 elements: widened, computed in float32, rounded.

Note: halves. No primitive but ``cast`` and those that move elements ever reads a half type: the builder writes casts
around all others, so references, gradient rules and kernels know float32 only. Within one operation values stay wide
between its primitives and are rounded where they leave it, as PyTorch's CPU kernels do; a builder that ``rounds`` (of a
walk backward, of an optimizer's step) rounds after each primitive, since there PyTorch has an operation for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dtype import DType, float32
from .primitive import Primitive

if TYPE_CHECKING:
    from .builder import Builder, Var

_COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
_ROUND_NUMBERS = {"add", "sub", "pow"}  # of operands that are an operation's own


def emit_wide(
    b: Builder, primitive: Primitive, inputs: tuple[Var, ...], statics: tuple[Any, ...]
) -> Any:
    """Write ``primitive``, of whose operands or results some are of half types."""
    if primitive.name == "cast":
        return _cast(b, inputs[0], statics[0])
    if primitive.moves and not any(x.slot in b.wide for x in inputs):
        return b.write(primitive, inputs, statics)
    rounded = primitive.name in _COMPARISONS
    if primitive.name in _ROUND_NUMBERS and not b.rounds:
        rounded = not any(x.slot in b.wide for x in inputs)
    made = b.write(primitive, tuple(_widened(b, x, rounded) for x in inputs), statics)
    inferred = primitive.infer(*(x.aval for x in inputs), **primitive.unpack(statics))
    if not isinstance(inferred, tuple):
        return _narrowed(b, made, inferred.dtype)
    return tuple(_narrowed(b, x, a.dtype) for x, a in zip(made, inferred, strict=True))


def _cast(b: Builder, x: Var, dtype: DType) -> Var:
    """Between a half type and another by way of float32, as C++ converts PyTorch's."""
    cast = Primitive.registry["cast"]
    if x.dtype is dtype and not x.aval.weak:
        return x
    if x.dtype.is_half:
        x = _widened(b, x, False)
    elif x.dtype is not float32:
        x = b.write(cast, (x,), (float32,))
    return x if dtype is float32 else b.write(cast, (x,), (dtype,))


def _widened(b: Builder, x: Var, rounded: bool) -> Var:
    """``x`` in float32: as it was before it was rounded, if this operation made it.

    Numbers are not rounded either, but where PyTorch does so (``rounded``): 0.1 equals the bfloat16 next to it.
    """
    if not x.dtype.is_half:
        return x
    if x.slot in b.wide:
        return b.wide[x.slot]
    maker = b.maker(x)
    if maker is not None and maker.primitive.name == "broadcast_to":
        return _widened(b, b.var(maker.ins[0]), rounded).broadcast_to(x.shape)
    if maker is not None and not x.shape and not rounded:
        if maker.primitive.name == "constant":
            return b.constant(maker.statics[0], float32)
        if maker.primitive.name == "cast":
            return b.var(maker.ins[0])
    result: Var = b.write(Primitive.registry["cast"], (x,), (float32,))
    return result


def _narrowed(b: Builder, x: Var, dtype: DType) -> Var:
    if not dtype.is_half:
        return x
    narrow: Var = b.write(Primitive.registry["cast"], (x,), (dtype,))
    if not b.rounds:
        b.wide[narrow.slot] = x
    return narrow
