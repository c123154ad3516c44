"""The order of steps: what somebody waits for comes first."""

from __future__ import annotations

from collections.abc import Sequence

from .plan import HostStep, KernelStep, Step


def touched(step: Step) -> tuple[int, ...]:
    """The slots whose memory a step reads or writes."""
    if isinstance(step, KernelStep):
        return step.buffers
    if isinstance(step, HostStep):
        return (*step.reads, *step.instr.outs)
    return step.a.slot, step.b.slot, step.out, *(step.epilogue.buffers if step.epilogue else ())


def written(step: Step) -> tuple[int, ...]:
    """The slots whose memory a step writes."""
    if isinstance(step, KernelStep):
        return step.writes
    if isinstance(step, HostStep):
        return step.instr.outs
    then = step.epilogue.writes if step.epilogue else ()
    return step.out, *(slot for slot in then if slot != step.out)


def asked_first(steps: Sequence[Step], slot: int) -> list[Step]:
    """The steps without which ``slot`` is not computed, then the others, both in the order they had."""
    read, overwritten = {slot}, set[int]()  # by the steps chosen so far, from the last on
    first: set[int] = set()
    for number in reversed(range(len(steps))):
        step = steps[number]
        if not read.isdisjoint(written(step)) or not overwritten.isdisjoint(touched(step)):
            first.add(number)
            read.update(touched(step))
            overwritten.update(written(step))
    rest = [s for n, s in enumerate(steps) if n not in first]
    return [*(s for n, s in enumerate(steps) if n in first), *rest]


def last_touched(steps: Sequence[Step]) -> dict[int, int]:
    """For each slot the number of the last step that reads or writes it."""
    return {slot: n for n, step in enumerate(steps) for slot in touched(step)}


def ready_after(steps: Sequence[Step]) -> dict[int, int]:
    """For each slot that steps write, how many steps it takes until it is complete."""
    return {slot: n for n, step in enumerate(steps, 1) for slot in written(step)}
