"""A Graph: straight-line code over numbered slots, as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .aval import Aval
from .primitive import Primitive


class Instr(NamedTuple):
    """One primitive applied: ``outs = primitive(*ins, *statics)``; the numbers are slots."""

    primitive: Primitive
    statics: tuple[Any, ...]
    ins: tuple[int, ...]
    outs: tuple[int, ...]


_WITHOUT_NEIGHBORS = {"broadcast_to", "constant", "dense", "detached", "no_derivative"}


class Graph:
    """Inputs are slots 0 to n_inputs-1; each instruction's results take the next slots.

    An input that is absent (an optional tensor that was None) has no aval and is never read.

    Attributes:
        in_parts: ``by_parts`` carries it out, with no need of its instructions (autograd/structure.py).
        function, calls: on the interpreter, and how often it was called before it got one.
    """

    __slots__ = (
        "avals",
        "n_inputs",
        "instrs",
        "outputs",
        "results",
        "vjps",
        "function",
        "calls",
        "in_parts",
        "_elementwise",
        "__weakref__",
    )

    def __init__(
        self, avals: list[Aval | None], n_inputs: int, instrs: list[Instr], outputs: tuple[int, ...]
    ) -> None:
        self.avals, self.n_inputs, self.instrs, self.outputs = avals, n_inputs, instrs, outputs
        self.results = tuple([avals[slot] for slot in outputs])
        self.vjps: dict[Any, Any] = {}
        self.function: Any = None
        self.calls = 0
        self.in_parts = False
        self._elementwise: bool | None = None

    @property
    def elementwise(self) -> bool:
        """Whether each element of the results is computed of those at its place in the inputs, which may broadcast."""
        if self._elementwise is None:
            self._elementwise = not self.in_parts and all(
                instr.primitive.elementwise or instr.primitive.name in _WITHOUT_NEIGHBORS
                for instr in self.instrs
            )
        return self._elementwise

    def by_parts(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The results for arrays ``inputs``."""
        raise NotImplementedError("this graph has no parts: carry out its instructions")

    @property
    def size(self) -> int:
        """How many instructions it holds, or what takes as much memory."""
        return len(self.instrs)

    def out_avals(self) -> tuple[Aval, ...]:
        return self.results  # type: ignore[return-value]  # an output always has an aval

    def giving(self, which: tuple[int, ...]) -> Graph:
        """The graph that gives only those of the outputs, and computes nothing for the others."""
        if which == tuple(range(len(self.results))):
            return self
        key = ("giving", which)
        found: Graph | None = self.vjps.get(key)
        if found is None:
            found = self.vjps[key] = self._giving(which)
        return found

    def _giving(self, which: tuple[int, ...]) -> Graph:
        outputs = tuple([self.outputs[k] for k in which])
        return self._only(outputs, tuple(range(self.n_inputs)))

    def live(self, outputs: tuple[int, ...]) -> list[Instr]:
        """The instructions that ``outputs`` need, in order."""
        needed = set(outputs)
        kept: list[Instr] = []
        for instr in reversed(self.instrs):
            if not needed.isdisjoint(instr.outs):
                kept.append(instr)
                needed.update(instr.ins)
        kept.reverse()
        return kept

    def pruned(self) -> tuple[Graph, tuple[int, ...]]:
        """The same graph without dead code and unread inputs, and which inputs it kept."""
        read = {s for instr in self.live(self.outputs) for s in instr.ins} | set(self.outputs)
        kept = tuple(slot for slot in range(self.n_inputs) if slot in read)
        return self._only(self.outputs, kept), kept

    def _only(self, outputs: tuple[int, ...], kept: tuple[int, ...]) -> Graph:
        """What ``outputs`` need, numbered anew, with the inputs ``kept``."""
        number = {slot: n for n, slot in enumerate(kept)}
        avals = [self.avals[slot] for slot in kept]
        renumbered = []
        for primitive, statics, ins, outs in self.live(outputs):
            for slot in outs:
                number[slot] = len(avals)
                avals.append(self.avals[slot])
            new_ins, new_outs = tuple(number[s] for s in ins), tuple(number[s] for s in outs)
            renumbered.append(Instr(primitive, statics, new_ins, new_outs))
        return Graph(avals, len(kept), renumbered, tuple(number[s] for s in outputs))

    def __str__(self) -> str:
        lines = [
            f"inputs  {', '.join(f'%{i}: {a}' for i, a in enumerate(self.avals[: self.n_inputs]))}"
        ]
        for primitive, statics, ins, outs in self.instrs:
            given = [f"%{s}" for s in ins]
            given += [f"{k}={v}" for k, v in zip(primitive.statics, statics, strict=True)]
            results = ", ".join(f"%{s}: {self.avals[s]}" for s in outs)
            lines.append(f"{results} = {primitive.name}({', '.join(given)})")
        return "\n".join([*lines, f"outputs {', '.join(f'%{s}' for s in self.outputs)}"])
