"""explain(): what a step runs as, and where its time goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from ..compiler.order import touched
from ..compiler.plan import ContractionStep, KernelStep, Plan, Step
from ..runtime.program import Program
from ..runtime.recorder import synchronize
from ..runtime.tiers import tier
from ..runtime.trace import Trace


@dataclass(frozen=True)
class Line:
    """One step of a program.

    Attributes:
        what: the kernel's fused primitives, the product's sizes, or the host call.
        flops: arithmetic operations. bytes: what it reads and writes, each buffer once.
        seconds: measured, the best of three runs.
    """

    kind: str
    what: str
    flops: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class ProgramReport:
    """One program of the step: why the trace was cut there, and what ran.

    Attributes:
        cut: the user's line that made it run.
        native: whether it is compiled; if not, ``lines`` is empty and the interpreter ran ``instructions``.
    """

    cut: str
    native: bool
    instructions: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Explanation:
    """What ``explain`` found; printing it gives a table."""

    programs: tuple[ProgramReport, ...]

    def __str__(self) -> str:
        text = []
        for n, program in enumerate(self.programs, 1):
            total = sum(line.seconds for line in program.lines)
            how = (
                f"{len(program.lines)} steps, {total * 1e6:.1f} us"
                if program.native
                else "interpreted"
            )
            text.append(
                f"program {n}: {program.instructions} primitives, {how}; cut at {program.cut}"
            )
            for line in program.lines:
                rate = f"{line.flops / line.seconds / 1e9:6.1f} GF/s" if line.seconds > 0 else ""
                text.append(
                    f"  {line.seconds * 1e6:9.2f} us {rate:>12} {line.bytes / 1e3:10.1f} kB  {line.kind:<8} {line.what}"
                )
        return "\n".join(text)

    __repr__ = __str__


def explain(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation:
    """Call ``fn`` twice on the native tier and tell what its second call ran as.

    ``fn`` is one step of a loop, as ``def step(): ...``. It is really carried out, both times.

    Returns:
        The programs in order, each with its kernels, products and host calls; print it.
    """
    found: list[tuple[Program, list[Any], str]] = []
    synchronize()
    with tier("native"):
        fn(*args, **kwargs)
        synchronize()
        Trace.watch = lambda program, inputs, line: found.append((program, inputs, line))
        try:
            fn(*args, **kwargs)
            synchronize()
        finally:
            Trace.watch = None
    return Explanation(tuple(_report(*seen) for seen in found))


def _report(program: Program, inputs: list[Any], cut: str) -> ProgramReport:
    native = program.native
    count = len(program.graph.instrs)
    if native is None:
        return ProgramReport(cut, False, count, ())
    runs = [native.timed(inputs) for _ in range(3)]
    seconds = [min(times) for times in zip(*runs, strict=True)]
    plan = native.plan
    lines = [_line(step, time, plan) for step, time in zip(plan.steps, seconds, strict=True)]
    return ProgramReport(cut, True, count, tuple(lines))


def _line(step: Step, seconds: float, plan: Plan) -> Line:
    def size(slots: tuple[int, ...]) -> int:
        return sum(plan.bytes_of(s) for s in set(slots) if s in plan.shapes)

    if isinstance(step, KernelStep):
        what = f"{'x'.join(map(str, step.extents)) or 'scalars'}: {' '.join(step.names)}"
        return Line("kernel", what, _operations(step), size(touched(step)), seconds)
    if isinstance(step, ContractionStep):
        flops = 2 * prod(step.batch) * step.m * step.n * step.k
        what = f"{step.m}x{step.k} @ {step.k}x{step.n}" + (
            f" batch {step.batch}" if step.batch else ""
        )
        if step.epilogue is not None:
            what += f", then {' '.join(step.epilogue.names)}"
            flops += _operations(step.epilogue)
        return Line("product", what, flops, size(touched(step)), seconds)
    instr = step.instr
    return Line("host", instr.primitive.name, 0, size((*step.reads, *instr.outs)), seconds)


def _operations(step: KernelStep) -> int:
    return prod(step.extents) * len(step.names)
