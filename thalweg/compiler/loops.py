"""The loop IR: what one kernel computes, as data. The structure is the kernel's key; sizes are arguments.

A kernel walks ``outer`` dimensions, in which its results lie, and within each of their points ``inner``
dimensions, over which it reduces. One dimension is the vector dimension, walked 16 elements at a time: the
last inner one, or (``vector_inner`` False) the last outer one. Softmax over rows is outer=1, inner=1,
vector_inner=True; the sum over a matrix's rows is outer=1, inner=1, vector_inner=False; an elementwise chain
has inner=0.

``code`` is in single assignment: a value is named by its index. A value is of *inner* level if it is a
Load or Coordinate marked inner or computed from one; a Reduce takes it to *outer* level. A value's stage is
the number of Reduces that lie one after another beneath it; for each stage the inner dimensions are walked once,
evaluating what that stage's Reduces and Stores need. What an earlier walk has evaluated is evaluated again if it is
cheap; if it is ``COSTLY`` it is read again where it was stored, or from the stack, if a row is ``short``.

Note: a kernel's arguments. ``kernel(table, meta, begin, end)``: ``table`` holds the addresses of all buffers of
a program; ``meta`` is an array of int64: the place in ``table`` of each of the kernel's buffers; the extents of
its dimensions, outer before inner; then for each statement of ``code`` that has them, in order, its words
(``Load``, ``Store``: offset and strides in elements, one for each dimension, then for each value of ``at`` how many
elements its axis has and how far apart they lie; ``Constant``: its bits).
The kernel handles the indices ``begin`` to ``end`` of outer dimension ``shared`` (0 to 1 if there is none); where that
is the vector dimension, ``begin`` is a multiple of 16.

Note: reductions. Their tree depends on the extents alone: element i of the vector dimension goes to lane i mod 16,
each lane is added up in order, float32 sums in float64; lanes meet in halves (8, 4, 2, 1) at the end.

Note: places named by values. A Load or Store with ``at`` touches the element at this point moved by whole numbers:
each (int64) counts along an axis, a negative one from its end, and one that is out of range stands for some element
in it (a kernel of its own finds that out). A Store's points may then meet in one element. They do so in the order of
the loops, row-major; points that differ in the shared dimension, or in the vector dimension, never meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..ir.dtype import DType

LANES = 16
SHORT = 4096  # elements of a row of which values may be kept on the stack
COSTLY = frozenset(
    {
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
        "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "sigmoid", "pow", "atan2", "hypot", "fmod", "div", "sqrt",
        "rsqrt",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Load:
    """The element of buffer ``buffer`` at this point, moved by the values ``at``. ``along``: how it moves with the
    vector dimension, those apart: "still" (stride 0: one element for all lanes), "step" (stride 1) or "jump" (another
    stride)."""

    buffer: int
    dtype: DType
    along: str
    inner: bool
    at: tuple[int, ...] = ()


@dataclass(frozen=True)
class Constant:
    """A number that is an argument of the kernel; its word in ``meta`` is its bits, zero-extended."""

    dtype: DType


@dataclass(frozen=True)
class Coordinate:
    """The index of this point along dimension ``dim`` (outer before inner), as int64."""

    dim: int
    inner: bool


@dataclass(frozen=True)
class Compute:
    """An elementwise primitive by its name (``add``, ``exp``, ``where``, ``cast``…) on earlier values."""

    op: str
    dtype: DType
    args: tuple[int, ...]


@dataclass(frozen=True)
class Reduce:
    """``op`` (sum, prod, amax, amin, any, all) of an earlier value over all inner dimensions; gives ``dtype``.

    ``pick`` is the sum of one element and of -0.0 elsewhere: that element, be it -0.0 itself.
    """

    op: str
    dtype: DType
    arg: int


@dataclass(frozen=True)
class Store:
    """Write value ``arg`` to a buffer, at each point of its level. ``along`` and ``at`` as in Load (never "still",
    except for what is stored once for each outer point while the vector dimension is inner). ``op``: "set", or the
    reduction (sum, prod, amax, amin, any, all) by which it joins what is there."""

    buffer: int
    dtype: DType
    arg: int
    along: str
    inner: bool
    at: tuple[int, ...] = ()
    op: str = "set"


Statement = Load | Constant | Coordinate | Compute | Reduce | Store


@dataclass(frozen=True)
class Kernel:
    """One loop nest; see the module's text.

    Attributes:
        shared: the outer dimension that threads divide, -1 for none.
        short: whether the one inner dimension has at most ``SHORT`` elements.
    """

    outer: int
    inner: int
    vector_inner: bool
    code: tuple[Statement, ...]
    shared: int = 0
    short: bool = False

    def __str__(self) -> str:
        dims = [f"outer{d}" for d in range(self.outer)] + [f"inner{d}" for d in range(self.inner)]
        vector = (
            "vectors along " + (dims[-1] if self.vector_inner else dims[self.outer - 1])
            if dims
            else "scalars"
        )
        lines = [f"kernel over {', '.join(dims) or 'nothing'}; {vector}"]
        for k, s in enumerate(self.code):
            fields = ", ".join(f"{name}={value}" for name, value in vars(s).items())
            lines.append(f"  {k}: {type(s).__name__.lower()} {fields}")
        return "\n".join(lines)

    @property
    def n_buffers(self) -> int:
        return 1 + max((s.buffer for s in self.code if isinstance(s, Load | Store)), default=-1)

    @property
    def word_counts(self) -> list[int]:
        """For each statement how many words it has among the kernel's arguments."""
        access = 1 + self.outer + self.inner
        return [
            access + 2 * len(s.at) if isinstance(s, Load | Store) else int(isinstance(s, Constant))
            for s in self.code
        ]

    @cached_property
    def inside(self) -> list[bool]:
        """For each statement whether it is of inner level."""
        found: list[bool] = []
        for s in self.code:
            if isinstance(s, Load | Coordinate | Store):
                found.append(s.inner)
            else:
                found.append(not isinstance(s, Reduce) and any(found[a] for a in arguments(s)))
        return found

    @cached_property
    def walks(self) -> list[list[int]]:
        """For each stage that has some, its Reduces and inner Stores."""
        stage: list[int] = []
        sinks: dict[int, list[int]] = {}
        for k, s in enumerate(self.code):
            below = max((stage[a] for a in arguments(s)), default=0)
            stage.append(below + isinstance(s, Reduce))
            if isinstance(s, Reduce) or (isinstance(s, Store) and s.inner):
                sinks.setdefault(below, []).append(k)
        return [sinks[n] for n in sorted(sinks)]

    @cached_property
    def again(self) -> dict[int, int]:
        """The costly inner values that several walks need, each with the number of the first one."""
        first: dict[int, int] = {}
        found: dict[int, int] = {}
        for walk, sinks in enumerate(self.walks):
            todo = [a for k in sinks for a in arguments(self.code[k])]
            while todo:
                k = todo.pop()
                s = self.code[k]
                if not self.inside[k] or k in found:
                    continue
                first.setdefault(k, walk)
                if first[k] < walk and isinstance(s, Compute) and s.op in COSTLY:
                    found[k] = first[k]
                else:
                    todo += arguments(s)
        return found

    @cached_property
    def stores(self) -> dict[int, int]:
        """Inner values that are stored row by row, each with its Store."""
        return {
            s.arg: k for k, s in enumerate(self.code)
            if isinstance(s, Store) and s.inner and s.along == "step" and not s.at and s.op == "set"
        }  # fmt: skip


def arguments(s: Statement) -> tuple[int, ...]:
    """The values that a statement reads."""
    if isinstance(s, Compute):
        return s.args
    if isinstance(s, Store):
        return s.arg, *s.at
    if isinstance(s, Load):
        return s.at
    return (s.arg,) if isinstance(s, Reduce) else ()
