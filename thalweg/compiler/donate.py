"""Which outputs of a plan may lie where an input lay: the memory of what a step renews.

An input gives its memory to an output that one kernel computes from it point by point, both walked alike, if nothing
reads the input later. What an input gives is lost with the run, so nothing may be given before all checks on values
have been made; who runs the plan looks at them between (``Gifts.first``).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .loops import Kernel, Load, Store, arguments
from .order import last_touched, ready_after, written
from .plan import HostStep, KernelStep, Plan


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
        if n < checked or not isinstance(step, KernelStep) or step.kernel.inner:
            continue
        for out, source in _pairs(step):
            fits = (
                source < n_inputs <= out
                and plan.shapes.get(source) == plan.shapes[out]
                and plan.bytes_of(out) >= least
                and plan.outputs.count(out) == 1
                and source not in plan.outputs
                and writers[out] == 1
                and last[source] == n
            )
            if fits and out not in givers and source not in givers.values():
                givers[out] = source
                first = min(first, n)
    return Gifts(givers, first)


def _pairs(step: KernelStep) -> list[tuple[int, int]]:
    """(what a kernel writes, what it computes that from), where both are walked alike, and each in one place only."""
    code, words = step.kernel.code, _words(step)
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


def _words(step: KernelStep) -> list[tuple[int, ...]]:
    """Each statement's words, of which only those of an access count here."""
    at, found = step.kernel.outer + step.kernel.inner, []
    for n in step.kernel.word_counts:
        found.append(step.words[at : at + n])
        at += n
    return found


def _beneath(kernel: Kernel, k: int) -> list[int]:
    """The statements that value ``k`` is computed from, itself included."""
    todo, found = [k], {k}
    while todo:
        below = set(arguments(kernel.code[todo.pop()])) - found
        found |= below
        todo += below
    return sorted(found)
