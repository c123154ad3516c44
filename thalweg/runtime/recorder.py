"""The three ways an operation is carried out: recorded, at once, or (eager tier) recorded nowhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.graph import Graph
from .generator import default_generator
from .interpreter import run_graph
from .state import state
from .trace import Op, Trace, traces, trie
from .value import Value


def record(op: Op, operands: Sequence[Value | None], statics: tuple[Any, ...] = ()) -> list[Value]:
    """Record ``op`` on this thread's trace, or compute it now on the eager tier."""
    here = state.here
    if here.eager:
        return execute(op, operands, statics)
    return here.trace.record(op, operands, statics)[1]


def graph_of(op: Op, operands: Sequence[Value | None], statics: tuple[Any, ...]) -> Graph:
    """The graph that ``op`` has on operands like these."""
    return trie.graph(op, statics, tuple([None if v is None else v.aval for v in operands]))


def execute(op: Op, operands: Sequence[Value | None], statics: tuple[Any, ...] = ()) -> list[Value]:
    """Compute ``op`` at once, running first what its operands wait for."""
    graph = graph_of(op, operands, statics)
    return execute_graph(graph, operands)


def execute_graph(graph: Graph, operands: Sequence[Value | None]) -> list[Value]:
    given = [None if v is None else v.get() for v in operands]
    with np.errstate(all="ignore"):
        arrays = run_graph(graph, given)
    return [Value(aval, array) for aval, array in zip(graph.out_avals(), arrays, strict=True)]


def synchronize() -> None:
    """Run what this thread has recorded, and wait for it."""
    state.trace.run()
    state.trace.land()


def clear_caches() -> None:
    """Forget all graphs, positions and programs; what is recorded runs first."""
    synchronize()
    trie.clear()
    state.trace = Trace(state.tier)


def _before_fork() -> None:
    """Run what is recorded, and let no other thread be in the middle of a draw: its lock would never open again."""
    synchronize()
    default_generator._lock.acquire()


def _begin_anew() -> None:
    """A forked child starts with an empty recorder of its own; its parent's traces are nobody's."""
    default_generator._lock.release()
    for trace in traces:
        trace.lock = threading.RLock()
    state.trace = Trace(state.tier)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=default_generator._lock.release,
        after_in_child=_begin_anew,
    )
