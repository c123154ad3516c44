"""Random graphs on both tiers: ``python -m thalweg.testing.fuzz --programs 20000 --seed 0``.

Two questions for each graph. Does native code give the interpreter's numbers? Each primitive is run alone, on equal
operands, so that its own error is seen and nothing else's: elementwise ones within ``ULPS`` units in the last place,
sums and products within the rounding of their terms' sizes. And does the whole graph as native kernels give the very
bits of its primitives run natively one at a time? One thing is allowed to differ in its last bits, and counted: what a
small matrix product feeds that was computed transposed, or from a transposed operand, for which the BLAS has other
kernels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import OrderedDict
from typing import Any

import numpy as np

from ..ir.graph import Graph, Instr
from ..runtime.interpreter import run_graph
from ..runtime.native import NativeProgram
from .graphs import draw_graph

Array = np.ndarray[Any, Any]
ULPS = 4
_VIEWS = {"permute", "reshape", "broadcast_to", "slice", "flip", "dense", "constant"}
_FOLDED = {"sum", "prod", "matmul", "cumsum", "cumprod", "add_rows", "index_put", "scatter"}


class Disagreement(Exception):
    """Two ways of running a graph differ; the text says where."""


class _OneAtATime:
    """Single primitives, interpreted and native; programs are kept, since they recur."""

    def __init__(self) -> None:
        self.turned = 0
        self.known: OrderedDict[Any, tuple[Graph, NativeProgram]] = OrderedDict()

    def __call__(self, graph: Graph, instr: Instr, operands: list[Any]) -> list[Any]:
        """The native results, after a look at the interpreter's."""
        avals = tuple(graph.avals[s] for s in instr.ins)
        key = (instr.primitive, instr.statics, avals)
        if key not in self.known:
            n = len(instr.ins)
            outs = tuple(range(n, n + len(instr.outs)))
            alone = Instr(instr.primitive, instr.statics, tuple(range(n)), outs)
            slots = [*avals, *(graph.avals[s] for s in instr.outs)]
            single = Graph(slots, n, [alone], outs)
            self.known[key] = (single, NativeProgram(single))
            if len(self.known) > 5000:
                self.known.popitem(last=False)
        single, native = self.known[key]
        with np.errstate(all="ignore"):
            expected = [np.asarray(r) for r in run_graph(single, operands)]
        if instr.primitive.name in _VIEWS:
            return [np.ascontiguousarray(r).reshape(r.shape) for r in expected]
        found = native(operands)
        for a, b in zip(found, expected, strict=True):
            _compare(instr, a, b, operands)
        return list(found)


def _compare(instr: Instr, found: Array, expected: Array, operands: list[Any]) -> None:
    name = instr.primitive.name
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise Disagreement(
            f"{name}: {found.dtype}{found.shape} and {expected.dtype}{expected.shape}"
        )
    if found.dtype.kind != "f":
        same = np.array_equal(found, expected, equal_nan=found.dtype.kind in "cV")
        bound: Any = 0
    else:
        step = np.finfo(found.dtype).eps
        if (
            name == "prod"
        ):  # the interpreter's may overflow on the way; native code multiplies in float64
            axes, keepdim = instr.statics
            with np.errstate(all="ignore"):
                exact = np.prod(operands[0], axis=axes, keepdims=keepdim, dtype=np.float64)
                expected = np.where(np.isfinite(expected), expected, exact.astype(found.dtype))
        with np.errstate(all="ignore"):
            if name in _FOLDED:
                terms = max([1, *(np.size(o) for o in operands)])
                sizes = [_largest(o) for o in operands if np.asarray(o).dtype.kind == "f"]
                largest = np.prod(sizes) if name == "matmul" else max(sizes)
                bound = 4 * step * max(terms, 4) * largest + 16 * terms * step * np.abs(expected)
            else:
                bound = ULPS * np.maximum(
                    np.spacing(np.abs(expected)), np.finfo(found.dtype).smallest_normal
                )
            near = np.abs(found.astype(np.float64) - expected) <= bound
        near |= (found == expected) | (np.isnan(found) & np.isnan(expected))
        same = bool(np.all(near))
    if not same:
        raise Disagreement(
            f"{name} {instr.statics}: native {found!r}, interpreter {expected!r}, of {operands!r}"
        )


def _has_turned_product(graph: Graph) -> bool:
    names = {instr.primitive.name for instr in graph.instrs}
    return "matmul" in names and "permute" in names


def _is_near(found: Array, expected: Array) -> bool:
    """Whether two arrays differ by little, beside the largest element, in all but a few places (where a test or a
    floor lay on the border)."""
    if found.dtype != expected.dtype or found.dtype.kind != "f":
        return True
    bound = 1e3 * np.finfo(found.dtype).eps * _largest(expected)
    with np.errstate(all="ignore"):
        far = ~(np.abs(found - expected) <= bound) & ~(np.isnan(found) & np.isnan(expected))
    return bool(np.mean(far) <= 0.1)


def _largest(x: Any) -> float:
    finite = np.asarray(x, np.float64)
    finite = finite[np.isfinite(finite)]
    return float(np.abs(finite).max()) if finite.size else 1.0


def check(graph: Graph, inputs: list[Any], one: _OneAtATime) -> None:
    """Raise Disagreement if a graph's tiers, or its native forms, differ."""
    values: dict[int, Any] = dict(enumerate(inputs))
    for instr in graph.instrs:
        made = one(graph, instr, [values[s] for s in instr.ins])
        values.update(zip(instr.outs, made, strict=True))
    native = NativeProgram(graph)
    for attempt in ("first", "second"):
        for slot, found in zip(graph.outputs, native(inputs), strict=True):
            expected = np.asarray(values[slot])
            if found.dtype != expected.dtype or not np.array_equal(
                found, expected, equal_nan=found.dtype.kind in "fcV"
            ):
                if _has_turned_product(graph) and _is_near(found, expected):
                    one.turned += 1
                    continue
                raise Disagreement(
                    f"%{slot} of the whole graph ({attempt} run) is {found!r}, one primitive at a time {expected!r}"
                )


def shrunk(graph: Graph, inputs: list[Any], one: _OneAtATime) -> tuple[Graph, list[Any]]:
    """A smaller graph that disagrees as well: fewer outputs, fewer instructions."""
    for slots in [(s,) for s in graph.outputs] + [(i.outs[0],) for i in graph.instrs]:
        smaller = Graph(graph.avals, graph.n_inputs, graph.live(slots), slots)
        if len(smaller.instrs) >= len(graph.instrs) and len(slots) >= len(graph.outputs):
            continue
        try:
            check(smaller, inputs, one)
        except Disagreement:
            return shrunk(smaller, inputs, one)
        except Exception:  # another fault than the one looked for
            continue
    return graph, inputs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m thalweg.testing.fuzz", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--length", type=int, default=25, help="instructions in a graph, about")
    options = parser.parse_args(arguments)
    one = _OneAtATime()
    found, start = 0, time.perf_counter()
    for seed in range(options.seed, options.seed + options.programs):
        graph, inputs = draw_graph(seed, options.length)
        try:
            check(graph, inputs, one)
        except Exception as error:
            found += 1
            smaller, _ = (
                shrunk(graph, inputs, one) if isinstance(error, Disagreement) else (graph, inputs)
            )
            print(f"seed {seed}: {type(error).__name__}: {error}\n{smaller}\n", file=sys.stderr)
        if (seed + 1 - options.seed) % 100 == 0:
            seconds = time.perf_counter() - start
            print(
                f"{seed + 1 - options.seed} graphs, {found} disagreements, {seconds:.0f} s",
                flush=True,
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
