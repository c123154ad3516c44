"""Which of the buffers that a kernel reads may be the memory that it writes.

Note: safe in place. A Store may overwrite a buffer whose every Load is at the Store's own level with the same offset
and strides, and lies beneath what is stored: each element is read at the point that writes it, before it is written
(the emitter loads an address once at a point). Within the inner dimensions only the last walk may overwrite.
"""

from __future__ import annotations

from .loops import Compute, Constant, Load, Reduce, Statement, Store
from .plan import KernelStep


def safe_in_place(step: KernelStep) -> list[tuple[int, int]]:
    """Pairs (a slot that ``step`` writes, a slot of its type that it reads and that may lie in the same memory)."""
    code, words = step.kernel.code, _words(step)
    stages = _stages(code)
    walks = max((stages[_arguments(s)[0]] for s in code if _walks(s)), default=0)
    loads: dict[int, list[int]] = {}
    for k, s in enumerate(code):
        if isinstance(s, Load):
            loads.setdefault(s.buffer, []).append(k)
    found = []
    for k, s in enumerate(code):
        if not isinstance(s, Store) or (s.inner and stages[s.arg] < walks):
            continue
        beneath = _beneath(code, s.arg)
        for buffer, places in loads.items():
            alike = all(_same(code[n], s) and words[n] == words[k] for n in places)
            if alike and beneath.issuperset(places):
                found.append((step.buffers[s.buffer], step.buffers[buffer]))
    return sorted(found)


def _same(load: Statement, store: Store) -> bool:
    """Whether both are at one level, of one type."""
    return isinstance(load, Load) and load.inner == store.inner and load.dtype is store.dtype


def _walks(s: Statement) -> bool:
    """Whether the inner dimensions are walked for this statement."""
    return isinstance(s, Reduce) or (isinstance(s, Store) and s.inner)


def _arguments(s: Statement) -> tuple[int, ...]:
    if isinstance(s, Compute):
        return s.args
    return (s.arg,) if isinstance(s, Reduce | Store) else ()


def _stages(code: tuple[Statement, ...]) -> list[int]:
    """How many Reduces lie beneath each statement, itself included, one after another."""
    stages: list[int] = []
    for s in code:
        below = max((stages[a] for a in _arguments(s)), default=0)
        stages.append(below + isinstance(s, Reduce))
    return stages


def _beneath(code: tuple[Statement, ...], value: int) -> set[int]:
    """The statements that a value is computed from, itself included."""
    found, todo = {value}, [value]
    while todo:
        new = set(_arguments(code[todo.pop()])) - found
        found |= new
        todo += new
    return found


def _words(step: KernelStep) -> list[tuple[int, ...]]:
    """Each statement's own words."""
    dims = step.kernel.outer + step.kernel.inner
    at, found = dims, []
    for s in step.kernel.code:
        n = 1 + dims if isinstance(s, Load | Store) else int(isinstance(s, Constant))
        found.append(step.words[at : at + n])
        at += n
    return found
