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

    def land(self) -> bool:
        """Wait until it is done; whether a check on values failed."""

    def reach(self, number: int) -> bool:
        """Wait until the result with this number is there, or all; whether a check on values failed so far."""


class Job:
    """One program in flight.

    Attributes:
        flyer: what flies.
        inputs: what it was given; None once landed well.
        results: the arrays that it fills, held until then.
        faulty: whether a check failed; known when landed.
        trace, program, values, overwritten: what recorded it, what it is, the results' Values, and what storages
            showed before: how to take it back. They come after it has begun.
    """

    __slots__ = (
        "flyer", "inputs", "results", "faulty", "landed", "trace", "program", "values", "overwritten",
    )  # fmt: skip

    def __init__(self, flyer: Flyer, inputs: Sequence[Any], results: Sequence[Any]) -> None:
        self.flyer = flyer
        self.inputs: Sequence[Any] | None = inputs
        self.results: Sequence[Any] | None = results
        self.landed = self.faulty = False
        self.trace: Trace | None = None
        self.program: Program | None = None
        self.values: list[Value] = []
        self.overwritten: dict[Storage, Value] = {}

    def land(self) -> None:
        """Wait until it is done, helping on the way."""
        if self.landed:
            return
        with flight.lock:
            if self.landed:
                return
            self.faulty = self.flyer.land()
            self.landed = True
            flight.job = None
        if not self.faulty:
            self.inputs = self.results = None
            self.values, self.overwritten = [], {}

    def realize(self, value: Value) -> None:
        """What ``Value.get`` asks for.

        Raises:
            Exception: what the interpreter raises where a check failed.
        """
        with flight.lock:
            flies = not self.landed and value in self.values
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
