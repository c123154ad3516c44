"""Which outputs of a plan may lie where an input lay: the memory of what a step renews.

An input gives its memory to an output that one kernel computes from it point by point, both walked alike, if nothing
reads the input later. What an input gives is lost with the run, so nothing may be given before all checks on values
have been made; who runs the plan looks at them between (``Gifts.first``).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .order import last_touched, ready_after, written
from .plan import ContractionStep, HostStep, KernelStep, Plan, Step, same_points


class Gifts(NamedTuple):
    """Who gives memory to whom.

    Attributes:
        givers: for an output's slot the input's that may give it its memory.
        first: the number of the first step that writes over an input.
    """

    givers: dict[int, int]
    first: int


def gifts(plan: Plan, n_inputs: int, least: int) -> Gifts:
    """The gifts of at least ``least`` bytes; none where host calls are part of the plan."""
    if any(isinstance(step, HostStep) for step in plan.steps):
        return Gifts({}, 0)
    ready = ready_after(plan.steps)
    checked = max((ready[slot] for slot in plan.faults), default=0)
    last = last_touched(plan.steps)
    writers = Counter(slot for step in plan.steps for slot in written(step))
    givers: dict[int, int] = {}
    first = len(plan.steps)
    for n, step in enumerate(plan.steps):
        kernel = _kernel_of(step)
        if n < checked or kernel is None or kernel.kernel.inner:
            continue
        for out, source in same_points(kernel):
            fits = (
                source < n_inputs <= out
                and plan.shapes.get(source) == plan.shapes[out]
                and plan.bytes_of(out) >= least
                and plan.outputs.count(out) == 1
                and source not in plan.outputs
                and writers[out] == 1
                and last[source] == n
                and source not in _factors(step)
            )
            if fits and out not in givers and source not in givers.values():
                givers[out] = source
                first = min(first, n)
    return Gifts(givers, first)


def _kernel_of(step: Step) -> KernelStep | None:
    if isinstance(step, ContractionStep):
        return step.epilogue
    return step if isinstance(step, KernelStep) else None


def _factors(step: Step) -> tuple[int, ...]:
    """What a product multiplies: all of it is read for each of its tiles."""
    return (step.a.slot, step.b.slot) if isinstance(step, ContractionStep) else ()
