"""Do all ways of running a user's program agree? Random programs, one after another, under several ways.

    python -m thalweg.testing.agree --programs 20000 --seed 0 --ways eager,lazy,joined,cuts,native,torch

The first way is what the others are held against. Ways of the interpreter must give the same bits; native code and
PyTorch must come within what rounding explains: the program is also run with every floating-point result moved by a
few units in the last place, and what that changes bounds what may differ. Exceptions must be of one type.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..runtime import interpreter, native
from ..runtime.recorder import clear_caches, synchronize
from ..runtime.tiers import tier
from ..tensor import Tensor
from .programs import Program, Statement, draw_program, execute, namespace, source

Array = np.ndarray[Any, Any]
Outcome = dict[str, Array] | str


@dataclass(frozen=True)
class Way:
    """How a program is run: on which tier, with which probability something is read after a line, and whether each
    trace is joined into one graph at its first run already."""

    tier: str
    cut: float = 0.0
    exact: bool = True
    foreign: bool = False
    joined: bool = False


WAYS = {
    "eager": Way("eager"),
    "lazy": Way("interpret"),
    "joined": Way("interpret", joined=True),
    "cuts": Way("interpret", cut=0.3),
    "steps": Way("interpret", cut=1.0),
    "native": Way("native", exact=False),
    "native-cuts": Way("native", cut=0.3, exact=False),
    "torch": Way("", exact=False, foreign=True),
}
# PyTorch refuses these, Thalweg's immutable values need not (docs: what is written in place).
_DELIBERATE = (
    "modified by an inplace operation",
    "a view of a leaf",
    "a leaf Variable",
    "single memory location",
    "function that returns multiple views",
    "Autograd not support dtype",
    "without overflow",
    "backward through the graph a second time",
    "not differentiable with respect to argument 'weight'",
    "A view was created in no_grad mode",
)
_UNDEFINED = re.compile(r"(\w+)\[:, 1:\] = \1\[:, :-1\]")  # PyTorch reads what it has just written

DELIBERATE = "a deliberate difference"


class Disagreement(AssertionError):
    """Two ways gave different results; the text says where."""


class _Refused(logging.Handler):
    """What is logged of a native program that could not be compiled or run is the end of the program here."""

    def emit(self, record: logging.LogRecord) -> None:
        raise Disagreement(record.getMessage())


def run(
    program: Program, way: Way, seed: int = 0, after: Callable[..., None] | None = None
) -> Outcome:
    """All tensors and gradients that the program leaves behind, or the name of the exception it raised."""
    if way.foreign and any(_UNDEFINED.match(statement.source) for statement in program):
        return DELIBERATE
    framework = import_module("torch" if way.foreign else "thalweg")
    log, refused = logging.getLogger("thalweg"), _Refused(logging.WARNING)
    log.addHandler(refused)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with nullcontext() if way.foreign else tier(way.tier):
            interpreter.at_once = way.joined
            try:
                return _results(
                    framework, _play(program, way, framework, random.Random(seed), after)
                )
            except Exception as error:
                known = way.foreign and any(text in str(error) for text in _DELIBERATE)
                return DELIBERATE if known else f"{type(error).__name__}: {error}"
            finally:
                interpreter.at_once = False
                log.removeHandler(refused)


def _play(
    program: Program,
    way: Way,
    framework: ModuleType,
    chance: random.Random,
    after: Callable[..., None] | None,
) -> dict[str, Any]:
    names = namespace(framework)
    for statement in program:
        execute(statement, names)
        if after is not None:
            after(names, statement)
        if chance.random() < way.cut:
            _read_something(framework, names, chance)
    return names


def _read_something(framework: ModuleType, names: dict[str, Any], chance: random.Random) -> None:
    if chance.random() < 0.4:
        synchronize()
        return
    tensor = chance.choice([v for v in names.values() if isinstance(v, framework.Tensor)])
    chance.choice((repr, framework.Tensor.tolist, lambda v: v.detach().numpy()))(tensor)


def _results(framework: ModuleType, names: dict[str, Any]) -> dict[str, Array]:
    found = {}
    for name, value in names.items():
        if isinstance(value, framework.Tensor):
            found[name] = value.detach().numpy().copy()
            if value.is_leaf and value.grad is not None:
                found[name + ".grad"] = value.grad.detach().numpy().copy()
    return found


def compare(
    found: Outcome, expected: Outcome, slack: dict[str, Array | None] | None = None
) -> None:
    """Hold two outcomes against each other: bit for bit, or, given ``slack``, within it.

    Raises:
        Disagreement: they differ.
    """
    if DELIBERATE in (found, expected):
        return
    if isinstance(found, str) or isinstance(expected, str):
        if _kind(found) != _kind(expected):
            raise Disagreement(f"{_ending(found)} where {_ending(expected)} is expected")
        return
    if found.keys() != expected.keys():
        raise Disagreement(f"only one of them has {sorted(found.keys() ^ expected.keys())}")
    for name, array in found.items():
        other = expected[name]
        if array.dtype != other.dtype or array.shape != other.shape:
            raise Disagreement(
                f"{name}: {array.dtype}{array.shape}, expected {other.dtype}{other.shape}"
            )
        room = None if slack is None else slack[name]
        if slack is None and not _same_bits(array, other):
            raise Disagreement(f"{name}: other bits\n{array}\nexpected\n{other}")
        if room is not None and not _within(array, other, room):
            raise Disagreement(f"{name}: too far\n{array}\nexpected\n{other}\nallowed\n{room}")


def _kind(outcome: Outcome) -> str:
    return outcome.partition(":")[0] if isinstance(outcome, str) else ""


def _ending(outcome: Outcome) -> str:
    return outcome if isinstance(outcome, str) else "an end without exception"


def _same_bits(a: Array, b: Array) -> bool:
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    same = np.array_equal(a, b, equal_nan=True)
    return same and np.array_equal(np.signbit(a) | np.isnan(a), np.signbit(b) | np.isnan(b))


def _within(a: Array, b: Array, room: Array) -> bool:
    with np.errstate(all="ignore"):
        near = np.abs(np.subtract(a, b, dtype=float)) <= room
    return bool(np.all(near | (a == b) | ((a != a) & (b != b))))


def rounding(program: Program, expected: Outcome, runs: int = 3) -> dict[str, Array | None] | None:
    """How far each element may be from ``expected``; None for a tensor of which rounding decides everything.

    None altogether when rounding decides whether the program raises.
    """
    if isinstance(expected, str):
        return {}
    moved = [run(program, WAYS["eager"], seed, _Shaking(seed)) for seed in range(runs)]
    room: dict[str, Array | None] = {}
    for name, array in expected.items():
        shaken = [m.get(name) for m in moved if not isinstance(m, str)]
        if len(shaken) < runs or any(s is None or s.shape != array.shape for s in shaken):
            return None
        room[name] = _room(array, [s for s in shaken if s is not None])
    return room


def _room(array: Array, shaken: list[Array]) -> Array | None:
    if array.dtype.kind != "f":
        steady = all(np.array_equal(array, s) for s in shaken)
        return np.zeros(array.shape) if steady else None
    if any(not np.array_equal(np.isfinite(array), np.isfinite(s)) for s in shaken):
        return None
    values = np.where(np.isfinite(array), array, 0).astype(float)
    apart = [np.abs(np.where(np.isfinite(s), s, 0).astype(float) - values) for s in shaken]
    scale = max(
        float(np.abs(values).max(initial=0)), 1.0
    )  # gradients cancel inside of one operation
    spread = max(float(a.max(initial=0)) for a in apart)
    if spread > 0.01 * scale:
        return None  # what was divided by is zero but for rounding
    unit = float(np.finfo(array.dtype).eps)
    return np.full(array.shape, 32 * spread + 32 * unit * scale + float(np.finfo(array.dtype).tiny))


class _Shaking:
    """Moves each new floating-point tensor by a few units in the last place."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(seed)

    def __call__(self, names: dict[str, Any], statement: Statement) -> None:
        for name in statement.makes:
            tensor = names[name]
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                unit = 4 * float(np.finfo(tensor.dtype.numpy).eps)
                noise = 1 + unit * self.rng.uniform(-1, 1, tuple(tensor.shape))
                tensor.data = tensor.data * names["t"].tensor(noise, dtype=tensor.dtype)
        if not statement.makes:
            self._move_gradients(names)

    def _move_gradients(self, names: dict[str, Any]) -> None:
        """By the last place of the largest: what cancels inside of one operation is not seen otherwise."""
        for tensor in names.values():
            if isinstance(tensor, Tensor) and tensor.is_leaf and tensor.grad is not None:
                grad = tensor.grad.detach().numpy()
                unit = (
                    4
                    * float(np.finfo(grad.dtype).eps)
                    * max(float(np.abs(grad).max(initial=0)), 1.0)
                )
                grad += (unit * self.rng.uniform(-1, 1, grad.shape)).astype(grad.dtype)


def check(program: Program, ways: Sequence[str], seed: int = 0) -> None:
    """Run the program under all ways.

    Raises:
        Disagreement: a way differs from the first.
    """
    expected = run(program, WAYS[ways[0]], seed)
    slack: dict[str, Array | None] | None = None
    measured = False
    for name in ways[1:]:
        way = WAYS[name]
        if way.foreign and any(".data" in statement.source for statement in program):
            continue  # a value that was saved for backward() and overwritten this way: kept here, not there
        found = run(program, way, seed)
        if not way.exact and not measured:
            slack, measured = rounding(program, expected), True
        if not way.exact and slack is None:
            continue
        try:
            compare(found, expected, None if way.exact else slack)
        except Disagreement as error:
            raise Disagreement(f"{name} against {ways[0]}: {error}") from None


def shrink(program: Program, fails: Callable[[Program], bool]) -> Program:
    """A smaller program that still fails: lines dropped, one by one, with all that needs them."""
    again = True
    while again:
        again = False
        for n in reversed(range(len(program))):
            smaller = _without(program, n)
            if len(smaller) < len(program) and smaller and fails(smaller):
                program, again = smaller, True
                break
    return program


def _without(program: Program, dropped: int) -> Program:
    gone: set[str] = set()
    kept = []
    for n, statement in enumerate(program):
        if n == dropped or statement.reads() & gone:
            gone |= set(statement.makes)
        else:
            kept.append(statement)
    return tuple(kept)


def disagreement(program: Program, ways: Sequence[str], seed: int) -> str | None:
    """What differs between the ways, or None."""
    try:
        check(program, ways, seed)
    except Disagreement as error:
        return str(error)
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all programs agree, 1 after the first that does not."""
    parser = argparse.ArgumentParser(
        prog="python -m thalweg.testing.agree", description="Random programs, several ways."
    )
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--length", type=int, default=14)
    parser.add_argument("--ways", default="eager,lazy,joined,cuts,native")
    parser.add_argument(
        "--keep-going", action="store_true", help="look for more after a disagreement"
    )
    parser.add_argument(
        "--fly",
        action="store_true",
        help="small native programs run ahead of the loop as well, and small inputs give their memory",
    )
    given = parser.parse_args(arguments)
    if given.fly:
        vars(native).update(_LIGHT=0, LARGE=0)
    ways = given.ways.split(",")
    start, failures = time.monotonic(), 0
    for seed in range(given.seed, given.seed + given.programs):
        program = draw_program(seed, given.length)
        if disagreement(program, ways, seed) is not None:
            failures += 1
            _report(program, ways, seed)
            if not given.keep_going:
                return 1
        done = seed - given.seed + 1
        if done % 500 == 0:
            clear_caches()
            print(
                f"{done} programs, {failures} disagreements, {time.monotonic() - start:.0f} s",
                flush=True,
            )
    return 1 if failures else 0


def _report(program: Program, ways: Sequence[str], seed: int) -> None:
    small = shrink(program, lambda p: disagreement(p, ways, seed) is not None)
    print(
        f"program {seed}\n{source(small)}\n{disagreement(small, ways, seed)}\n",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
