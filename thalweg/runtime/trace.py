"""The recorder: a trace per thread, walking a trie that remembers every way taken before.

Note: edges. What is recorded is an edge: one operation, a whole ``backward()`` or a whole
``optimizer.step()``. Its key is (op, statics, marks, operand references); a reference is the slot of an
earlier result (>= 0), the number of a leaf seen before in this trace (< 0), or the Aval of a leaf that is
new. The first time a key is met its Graph is built; from then on an edge costs a dict look-up.

Note: marks. An edge's ``marks`` say to which nodes of the tape its operands belong (tensor/node.py), so that a
position knows the whole tape that was made on the way to it, and ``backward()`` from there is known as well.
"""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from sys import getrefcount
from typing import Any, ClassVar, Protocol
from weakref import WeakSet

import numpy as np

from ..ir.aval import WEAK_FLOAT, Aval
from ..ir.builder import Builder, Var
from ..ir.graph import Graph
from .flight import Fault, Job
from .holding import FREE, held_elsewhere
from .program import Program
from .spare import spare
from .value import Storage, Value

Op = Callable[..., Any]
Ref = int | None
_PACKAGE = str(Path(__file__).resolve().parent.parent)
_MAX_GRAPHS, _MAX_POSITIONS = 50_000, 100_000
_MAX_INSTRUCTIONS = 400_000  # of graphs and programs: half a KB each, 1 KB where they are native
LONG, _TOO_LONG = 200, 5_000
_SOON = 4  # programs of a loop that alternate
_generations = itertools.count(1)
_new = object.__new__


class Pending(Protocol):
    """Where a pending Value comes from."""

    def realize(self, value: Value) -> None: ...


class Position:
    """A node of the trie: how it was reached, what its edge computes, where it leads."""

    __slots__ = (
        "next",
        "parent",
        "graph",
        "refs",
        "base",
        "depth",
        "n_leaves",
        "out_avals",
        "programs",
        "where",
        "op",
        "tape",
        "ways",
    )

    def __init__(
        self,
        parent: Position | None,
        op: Op | None,
        graph: Graph,
        refs: tuple[Ref, ...],
        n_leaves: int,
    ) -> None:
        self.next: dict[Any, Position] = {}
        self.parent, self.op, self.graph, self.refs, self.n_leaves = (
            parent,
            op,
            graph,
            refs,
            n_leaves,
        )
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.base: int = 0 if parent is None else parent.base + len(parent.out_avals)
        self.out_avals: tuple[Aval, ...] = graph.out_avals()
        self.programs: dict[tuple[bool, ...], Program] = {}
        self.where = "" if parent is None else user_line()
        self.tape: Any = None  # of the node that this edge puts on the tape, once known
        self.ways: dict[int, Any] = {}  # backward() from that node's outputs

    def path(self) -> list[Position]:
        """The positions from the first edge to this one."""
        found: list[Position] = []
        here = self
        while here.parent is not None:
            found.append(here)
            here = here.parent
        found.reverse()
        return found


class _Trie:
    """The root, shared by all threads; forgotten whole when it has grown too large."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.root = Position(None, None, Graph([], 0, [], ()), (), 0)
        self.size = self._in_graphs = Program.joined = 0
        self.graphs: dict[Any, Graph] = {}
        self.chains: dict[Any, Any] = {}  # operations that are made of others (tensor/chain.py)

    @property
    def instructions(self) -> int:
        """How many there are in all graphs and programs."""
        return self._in_graphs + Program.joined

    def graph(self, op: Op, statics: tuple[Any, ...], avals: tuple[Aval | None, ...]) -> Graph:
        """The graph of ``op`` on operands like these; built the first time."""
        key = (op, statics, avals)
        found = self.graphs.get(key)
        if found is None:
            if len(self.graphs) >= _MAX_GRAPHS:
                self.graphs.clear()
            found = self.graphs[key] = build(op, statics, avals)
            self._in_graphs += found.size
        return found

    def grow(
        self, trace: Trace, key: Any, op: Op, statics: tuple[Any, ...], refs: tuple[Ref, ...]
    ) -> Position:
        """A new position after the trace's, for an edge met for the first time."""
        graph = self.graph(
            op, statics, tuple(None if r is None else trace.aval_of(r) for r in refs)
        )
        if self.size >= _MAX_POSITIONS or self.instructions >= _MAX_INSTRUCTIONS:
            self.clear()
        self.size += 1
        position = Position(trace.position, op, graph, refs, len(trace.leaves))
        trace.position.next[key] = position
        return position


trie = _Trie()


def build(op: Op, statics: tuple[Any, ...], avals: tuple[Aval | None, ...]) -> Graph:
    """Run ``op`` on Vars and keep what it wrote; at once, or when somebody reads it."""
    if getattr(op, "later", False):
        written: Graph = op(statics, avals)
        return written
    builder = Builder(avals, getattr(op, "rounds", False))
    results = op(*builder.inputs(), *statics)
    outputs: tuple[Var, ...] = tuple(results) if isinstance(results, tuple | list) else (results,)
    return builder.finish(outputs, getattr(op, "views", False))


def user_line() -> str:
    """``file:line`` of the innermost frame outside the package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


traces: WeakSet[Trace] = WeakSet()  # every thread's


def _restore(overwritten: dict[Storage, Value], made: Sequence[Value]) -> None:
    """Put back what storages showed before they got one of the Values ``made``."""
    among = set(made)
    for storage, old in overwritten.items():
        if storage.value in among:
            storage.value = old


def unseen(
    overwritten: dict[Storage, Value], leaf_of: dict[Value, int], wanted: Collection[int]
) -> list[tuple[int, int, int]]:
    """For the leaves ``wanted`` that storages no longer show: their number, and how many references there are to the
    Value and to its array, which ``leaves`` and the list of a program's inputs hold as well."""
    found = []
    for old in overwritten.values():
        number = -1 - leaf_of.get(old, 0)
        if number in wanted:
            found.append((number, getrefcount(old), getrefcount(old.array)))
    return found


def _references_of_the_unseen() -> tuple[int, int]:
    """What ``unseen`` says, on this Python, of a leaf that nobody else holds, nor its array; (0, 0) where that can't be
    told from one that somebody holds."""
    alone, held = (Value(WEAK_FLOAT, np.zeros(1)) for _ in range(2))
    overwritten = {Storage(None): alone, Storage(None): held}
    leaves = [alone, held]
    leaf_of = {alone: -1, held: -2}
    holders, inputs = [held, held.array], [alone.array, held.array]
    del alone
    (_, *one), (_, *other) = unseen(overwritten, leaf_of, (0, 1))
    del leaves, holders, inputs
    return (one[0], one[1]) if other == [one[0] + 2, one[1] + 1] else (0, 0)


UNSEEN = _references_of_the_unseen()


class Failed:
    """What the pending results of a failed trace wait for: its error, again."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def realize(self, value: Value) -> None:
        raise self.error


class Trace:
    """What one thread has recorded since its last run.

    Note: liveness. ``values`` holds every result, and a run computes those that something else holds as well, told by
    their reference counts. So liveness only suppresses work: what is judged dead is nobody's.
    """

    grown: ClassVar[bool] = False  # whether any ever grew long: until then nobody need ask
    watch: ClassVar[Callable[[Program, list[Any], str], None] | None] = None  # is told of every run

    __slots__ = (
        "position", "values", "leaves", "leaf_of", "lock", "backward", "overwritten", "missed", "strangers",
        "generation", "ends", "n_ends", "tier", "job", "trained", "__weakref__",
    )  # fmt: skip

    def __init__(self, tier: str = "auto") -> None:
        self.lock = threading.RLock()
        traces.add(self)
        self.strangers, self.tier = 0, tier
        self.job: Job | None = None  # the last that flew
        self.trained: deque[Program] = deque(
            maxlen=_SOON
        )  # the last with a backward pass, not yet native
        self._clear()

    def _reset(self) -> None:
        try:
            self._clear()
        except BaseException:  # Ctrl-C: half of it would be worse than none
            self._clear()
            raise

    def _clear(self) -> None:
        self.position = trie.root
        self.values: list[Value] = []
        self.leaves: list[Value] = []
        self.leaf_of: dict[Value, int] = {}
        self.overwritten: dict[Storage, Value] = {}
        self.backward = False
        self.missed = ""
        self.generation = next(_generations)
        self.n_ends = 0
        self.ends: dict[Any, int] = {}

    def aval_of(self, place: int) -> Aval:
        """The aval of a result or a leaf by its reference."""
        if place < 0:
            return self.leaves[-1 - place].aval
        here = self.position
        while place < here.base:
            assert here.parent is not None
            here = here.parent
        return here.out_avals[place - here.base]

    def record(
        self,
        op: Op,
        operands: Sequence[Value | None],
        statics: tuple[Any, ...],
        marks: tuple[Any, ...] | None = None,
        hidden: Callable[[], Sequence[Value]] | None = None,
    ) -> tuple[Position, list[Value]]:
        """Take the edge of ``op`` on ``operands``; gives where it leads and its pending results.

        ``hidden`` gives further operands, which were operands or results on every way to here: only a new edge
        reads them. An exception, Ctrl-C too, leaves the trace as it was.
        """
        with self.lock:
            leaf_of = self.leaf_of
            key: list[Any] = [op, statics, marks]
            before = self.generation, self.position, len(self.values)
            try:
                for v in operands:
                    if v is None:
                        key.append(None)
                    elif v.trace is self:
                        key.append(v.slot)
                    elif v.array is None:
                        break  # another thread's
                    else:
                        key.append(leaf_of.get(v) or self._new_leaf(v))
                else:
                    return self._follow(key, operands, hidden)
                self._forget_new_leaves()
            except BaseException:
                self._take_back(*before)
                raise
        for v in operands:
            if v is not None and v.trace is not self:
                v.get()
        return self.record(op, operands, statics, marks, hidden)

    def follow(
        self, generation: int, key: list[Any], operands: list[Value | None]
    ) -> tuple[Position, list[Value]] | None:
        """``record`` with a key that lacks only the numbers of leaves: their Values stand in it.

        None if the trace was run since ``generation``, by another thread.
        """
        with self.lock:
            if self.generation != generation:
                return None
            before = generation, self.position, len(self.values)
            try:
                for at in range(3, 3 + len(operands)):
                    v = key[at]
                    if v.__class__ is Value:
                        key[at] = self.leaf_of.get(v) or self._new_leaf(v)
                return self._follow(key, operands, None)
            except BaseException:
                self._take_back(*before)
                raise

    def _new_leaf(self, value: Value) -> Aval:
        job = value.trace
        if isinstance(job, Job) and job.trace is not self:
            value.get()  # another thread's, in flight
        self.leaves.append(value)
        self.leaf_of[value] = -len(self.leaves)
        return value.aval

    def _forget_new_leaves(self) -> None:
        """Take back the leaves of an edge that was not taken."""
        for v in self.leaves[self.position.n_leaves :]:
            self.leaf_of.pop(v, None)
        del self.leaves[self.position.n_leaves :]

    def _take_back(self, generation: int, position: Position, n_values: int) -> None:
        """Be as before an edge that was not taken; nothing to do if the trace was run on the way."""
        if self.generation == generation:
            self.position = position
            del self.values[n_values:]
            self._forget_new_leaves()

    def _follow(
        self,
        key: list[Any],
        operands: Sequence[Value | None],
        hidden: Callable[[], Sequence[Value]] | None,
    ) -> tuple[Position, list[Value]]:
        edge = tuple(key)
        position = self.position.next.get(edge)
        if position is None:
            if hidden is not None:
                operands = [*operands, *hidden()]
            position = self._miss(edge, operands)
        self.position = position
        values = self.values
        slot, made = position.base, []
        for aval in position.out_avals:
            v = _new(Value)
            v.aval, v.array, v.trace, v.slot = aval, None, self, slot
            values.append(v)
            made.append(v)
            slot += 1
        if slot > LONG or position.depth > LONG:
            Trace.grown = True
            if slot > _TOO_LONG or position.depth > _TOO_LONG:
                self.run()
        return position, made

    def _miss(self, edge: Any, operands: Sequence[Value | None]) -> Position:
        refs = tuple(
            None if v is None else (v.slot if v.trace is self else self.leaf_of[v])
            for v in operands
        )
        position = trie.grow(self, edge, edge[0], edge[1], refs)
        self.missed = self.missed or position.where
        return position

    def mark(self, node: Any, nr: int) -> Any:
        """How output ``nr`` of a tape node is called in the marks of this trace's edges.

        A node made in this trace is called by the depth of its position; others (leaves' accumulators,
        nodes of earlier traces) by a number that they get, and whose first use says so.
        """
        if node.generation == self.generation:
            return (node.depth, nr) if nr else node.depth
        known = self.ends.get(node)
        if known is not None:
            return (known, nr) if nr else known
        self.n_ends += 1
        self.ends[node] = -self.n_ends
        return (node.is_leaf, self.n_ends, nr)

    def is_long(self) -> bool:
        return len(self.values) > LONG and not self.backward

    def overwrite(self, storage: Storage, value: Value) -> None:
        """Put a pending value into ``storage``, to be taken back if this trace fails.

        What is remembered is the value from before this trace; one that is pending here stays free to die.
        """
        old = storage.value
        if old is not None and old.trace is not self:
            self.overwritten.setdefault(storage, old)
        storage.value = value
        storage.version += 1

    def realize(self, value: Value) -> None:
        with self.lock:
            if value.trace is not self:
                return  # meanwhile another thread's run has brought it on
            self.run(asked=value)
        if value.array is None:
            raise AssertionError(f"a value judged dead was asked for: {value.aval}")

    def run(self, ahead: bool = False, asked: Value | None = None) -> None:
        """Compute what is recorded and alive, and begin anew.

        ``ahead``: without waiting for it. ``asked``: a result that is looked at next; the others may come later.
        A failure leaves storages as they were before this trace and makes its results raise the error.
        An interrupt leaves the trace as it is: the next read runs it again.
        """
        with self.lock:
            if not self.values:
                self._reset()
                return
            self.land()
            self.ends.clear()  # nodes keep values alive
            self.generation = next(_generations)
            values = self.values
            alive = held_elsewhere(values, FREE)
            position = self.position
            program = position.programs.get(alive)
            if program is None:
                program = Program(position.path(), position.n_leaves, alive)
                position.programs[alive] = program
            if self.backward and program.native is None:
                program.came_soon = program.came_soon + 1 if program in self.trained else 0
                self.trained.append(program)
            try:
                inputs = [v.array for v in self.leaves]
                if Trace.watch is not None:
                    results, job = program.run(inputs, self.tier, self.backward)
                else:
                    number = None if asked is None else sum(alive[: asked.slot])
                    results, job = program.run(
                        inputs, self.tier, self.backward, ahead, number, self._free
                    )
            except Exception as error:
                self._fail(error)
                raise
            living = [v for v, lives in zip(values, alive, strict=True) if lives]
            try:
                self._give(living, results, job, program)
                if Trace.watch is not None:
                    Trace.watch(program, inputs, user_line())
                self._count_strangers()
            except BaseException:
                self._give(living, results, job, program)  # all of them, Ctrl-C or not
                raise
            finally:
                try:
                    self._clear()
                except BaseException:
                    self._clear()  # as _reset does, which Ctrl-C could keep from being entered
                    raise
                finally:
                    if job is not None:
                        job.begin()

    def _free(self, wanted: Collection[int]) -> set[int]:
        """The leaves ``wanted`` that nobody can look at any more once this trace has run, and whose memory is ours."""
        found = set()
        for number, values, arrays in unseen(self.overwritten, self.leaf_of, wanted):
            array = self.leaves[number].array
            kept = arrays - (id(array) in spare.ids)
            if (values, kept) == UNSEEN and array.flags.owndata and array.flags.writeable:
                found.add(number)
        return found

    def _give(
        self, values: list[Value], results: Sequence[Any], job: Job | None, program: Program
    ) -> None:
        """Let the Values that live show their results, which ``job`` may still be filling."""
        if job is not None:
            job.trace, job.program = self, program
            job.values, job.overwritten = values, self.overwritten
            self.job = job
        for v, result in zip(values, results, strict=True):
            v.array = result
            v.trace = job

    def land(self) -> None:
        """Wait for this trace's job in flight, if there is one.

        Raises:
            Exception: a check failed in it.
        """
        job = self.job
        if job is not None:
            job.land()
            self.job = None
            if job.faulty:
                self.take_back(job)

    def _fail(self, error: Exception) -> None:
        failed = Failed(error)
        _restore(self.overwritten, self.values)
        for v in self.values:
            v.trace = failed
        self._reset()

    def take_back(self, job: Job) -> None:
        """A check failed in a job of this trace: leave all as if it had at once.

        What was recorded since then fails with it. Nothing to do if this is done already.

        Raises:
            Exception: the interpreter's error.
        """
        with self.lock:
            if not job.faulty:
                return
            assert job.program is not None and job.inputs is not None
            try:
                found = job.program.run_again(job.inputs, Fault("a check on values failed"))
            except Exception as error:
                self._fail(error)
                _restore(job.overwritten, job.values)
                failed = Failed(error)
                for v in job.values:
                    if v.trace is job:  # else it was reached and shown before, and is right
                        v.array, v.trace = None, failed
                job.faulty = False
                raise
            for v, result in zip(job.values, found, strict=False):
                v.array[...] = result
            job.faulty = False

    def _count_strangers(self) -> None:
        """Warn once when a training loop never comes round the same way."""
        if not self.backward or self.strangers < 0:
            return
        self.strangers = self.strangers + 1 if self.missed else 0
        if self.strangers == 50:
            self.strangers = -1
            warnings.warn(
                f"thalweg: this training loop has not repeated itself in 50 rounds; what varies was recorded at "
                f"{self.missed}. Each round is planned anew, which costs time: keep sizes and axes equal "
                "between rounds, or pass what changes as a number or a tensor.",
                stacklevel=3,
            )
