"""What a schedule consists of: kernels, contractions, host calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

from ..ir.aval import Shape
from ..ir.dtype import DType
from ..ir.graph import Instr
from .access import Access
from .loops import Kernel, Load, Store, arguments


@dataclass(frozen=True)
class KernelStep:
    """One launch of a kernel.

    Attributes:
        buffers: for each of the kernel's buffers the slot it reads or writes.
        writes: those that it writes.
        words: its arguments after the buffers: extents, then the statements' words.
        count: the extent of the dimension that threads divide (1 if there is none).
        vector_shared: whether that is the vector dimension.
        work: points of the iteration space times statements, to tell small from large.
        names: the primitives in it, for people.
    """

    kernel: Kernel
    buffers: tuple[int, ...]
    writes: tuple[int, ...]
    words: tuple[int, ...]
    count: int
    vector_shared: bool
    work: int
    names: tuple[str, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        """Of the dimensions, outer before inner."""
        return self.words[: self.kernel.outer + self.kernel.inner]

    @property
    def statement_words(self) -> list[tuple[int, ...]]:
        """The words of each of the kernel's statements."""
        at, found = self.kernel.outer + self.kernel.inner, []
        for n in self.kernel.word_counts:
            found.append(self.words[at : at + n])
            at += n
        return found


@dataclass(frozen=True)
class Operand:
    """A matrix of a contraction: where it lies, in elements of its slot's buffer."""

    slot: int
    offset: int
    batch: Shape
    row: int
    column: int


@dataclass(frozen=True)
class ContractionStep:
    """``out[..., m, n] = a[..., m, k] @ b[..., k, n]``; ``out`` is row-major.

    Attributes:
        epilogue: a kernel that goes through each tile of ``out`` when that is computed. Its last two dimensions are
            rows and columns, those before them are the members of the batch; each point is computed alone.
    """

    a: Operand
    b: Operand
    out: int
    batch: Shape
    m: int
    n: int
    k: int
    dtype: DType
    epilogue: KernelStep | None = None


@dataclass(frozen=True)
class HostStep:
    """A primitive that the interpreter's reference computes, from the memory of the slots ``reads``."""

    instr: Instr
    reads: tuple[int, ...]


Step = KernelStep | ContractionStep | HostStep


@dataclass
class Plan:
    """The steps of a graph in order.

    Attributes:
        outputs: for each of the graph's outputs the slot in whose buffer it lies, row-major.
        faults: slots () bool, made beyond the graph's, that are true where the interpreter would raise.
        shapes: shape and dtype of every slot, those included.
        access: where each slot is seen in memory; this never changes in the course of a plan.
        numbers: the values of slots that are constants.
        assumed: values of inputs, by slot, without which the plan does not hold.
    """

    steps: list[Step]
    outputs: list[int]
    faults: list[int]
    shapes: dict[int, tuple[Shape, DType]]
    access: dict[int, Access]
    numbers: dict[int, Any]
    assumed: dict[int, int]

    def bytes_of(self, slot: int) -> int:
        """How much memory a slot takes."""
        shape, dtype = self.shapes[slot]
        return prod(shape) * dtype.itemsize

    def __str__(self) -> str:
        return "\n".join(_line(step) for step in self.steps)


def _line(step: Step) -> str:
    if isinstance(step, KernelStep):
        dims = "x".join(map(str, step.extents)) or "1"
        return f"kernel    {dims:<16} {' '.join(step.names)}"
    if isinstance(step, ContractionStep):
        then = f" then {' '.join(step.epilogue.names)}" if step.epilogue else ""
        return f"contract  {(*step.batch, step.m, step.k, step.n)}{then}"
    return f"host      {step.instr.primitive.name}"


def same_points(step: KernelStep) -> list[tuple[int, int]]:
    """(what a kernel writes, what it computes that from), where both are walked alike, and each in one place only."""
    code, words = step.kernel.code, step.statement_words
    uses = Counter(s.buffer for s in code if isinstance(s, Load | Store))

    def is_plain(access: Load | Store) -> bool:
        return uses[access.buffer] == 1 and not access.at

    found = []
    for k, store in enumerate(code):
        if isinstance(store, Store) and store.op == "set" and is_plain(store):
            for below in _beneath(step.kernel, store.arg):
                load = code[below]
                if isinstance(load, Load) and is_plain(load) and words[below] == words[k]:
                    found.append((step.buffers[store.buffer], step.buffers[load.buffer]))
    return found


def _beneath(kernel: Kernel, k: int) -> list[int]:
    """The statements that value ``k`` is computed from, itself included."""
    todo, found = [k], {k}
    while todo:
        below = set(arguments(kernel.code[todo.pop()])) - found
        found |= below
        todo += below
    return sorted(found)
