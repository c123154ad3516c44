"""A native program that runs ahead: begun, and not waited for until something it computes is looked at.

Note: in flight. At a cut that nobody waits for, the pool gets the program and the user's loop goes on recording the
next step. The results' arrays exist already, so their Values are no longer pending and serve as leaves; but each says
by its ``trace``, a Job, that nothing may look into its array before ``Value.get`` has waited. One job flies at a time:
it works in the arena, and whatever runs next waits for it first. What it reads and writes stays alive with it.

A check on values that fails in flight is found when the job lands; then everything is as if the program had failed
at once: see Trace.

Note: in part. Who looks at one result waits only until that one is there; the rest flies on. So ``.item()`` of an
accuracy after ``step()`` waits for the forward pass, and backward goes on while the loop fetches its next batch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .value import Storage, Value

if TYPE_CHECKING:
    from .program import Program
    from .trace import Trace


class Fault(Exception):
    """Something the interpreter would have raised: it is to be asked."""


class Flyer(Protocol):
    """A program that can run ahead."""

    def start(self, job: Job) -> None:
        """Hand it to the pool, with the arrays of ``job``."""

    def has_begun(self, job: Job) -> bool:
        """Whether that has been done."""

    def land(self) -> bool:
        """Wait until it is done; whether a check on values failed."""

    def reach(self, number: int) -> bool:
        """Wait until the result with this number is there, or all; whether a check on values failed so far."""


class Job:
    """One program in flight, or about to be.

    Note: beginning. The results are given to their Values before the program begins, so that Ctrl-C cannot come
    between: an input may have given its memory to a result (compiler/donate.py), and then nothing can run twice. Where
    it comes before the beginning, whoever waits for the job begins it.

    Attributes:
        flyer: what flies.
        inputs: what it was given; None once landed well.
        arrays: those that it reads and those that it fills, held until then.
        number: of the pool's jobs, once it is about to begin.
        faulty: whether a check failed; known when landed.
        trace, program, values, overwritten: what recorded it, what it is, the results' Values, and what storages
            showed before: how to take it back. They come when its results are given out.
    """

    __slots__ = (
        "flyer", "inputs", "arrays", "number", "faulty", "landed", "trace", "program", "values", "overwritten",
    )  # fmt: skip

    def __init__(self, flyer: Flyer, inputs: Sequence[Any], arrays: Sequence[Any]) -> None:
        self.flyer, self.number = flyer, 0
        self.inputs: Sequence[Any] | None = inputs
        self.arrays: Sequence[Any] | None = arrays
        self.landed = self.faulty = False
        self.trace: Trace | None = None
        self.program: Program | None = None
        self.values: list[Value] = []
        self.overwritten: dict[Storage, Value] = {}

    def begin(self) -> None:
        """Hand it to the pool, if that has not been done; what flies lands first."""
        with flight.lock:
            if self.landed or (flight.job is self and self.flyer.has_begun(self)):
                return
            if flight.job is not self:
                flight.land()
                flight.job = self  # what comes next waits for it, begun or not
            self.flyer.start(self)

    def land(self) -> None:
        """Wait until it is done, helping on the way."""
        if self.landed:
            return
        with flight.lock:
            if self.landed:
                return
            self.begin()
            self.faulty = self.flyer.land()
            self.landed = True
            flight.job = None
        if not self.faulty:
            self.inputs = self.arrays = None
            self.values, self.overwritten = [], {}

    def realize(self, value: Value) -> None:
        """What ``Value.get`` asks for.

        Raises:
            Exception: what the interpreter raises where a check failed.
        """
        with flight.lock:
            flies = not self.landed and value in self.values
            if flies:
                self.begin()
            if flies and not self.flyer.reach(self.values.index(value)):
                value.trace = None
                return
        self.land()
        if self.faulty:
            assert self.trace is not None
            self.trace.take_back(self)
        value.trace = None

    def share(self, value: Value) -> None:
        """Another Value over the memory of one of the results: it waits as well."""
        if not self.landed:
            value.trace = self
            self.values.append(value)


class Flight:
    """The job in flight, if there is one, and the lock under which native programs begin and land: one at a time."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Also in a forked child."""
        self.lock = threading.RLock()
        self.job: Job | None = None

    def land(self) -> None:
        job = self.job
        if job is not None:
            job.land()

    def before_fork(self) -> None:
        """Nothing flies while a process forks."""
        self.lock.acquire()
        self.land()


flight = Flight()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=flight.before_fork,
        after_in_parent=lambda: flight.lock.release(),
        after_in_child=flight.begin_anew,
    )
