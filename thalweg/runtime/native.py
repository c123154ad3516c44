"""Tier 1: a graph as native kernels behind one foreign call."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..compiler.cache import addresses
from ..compiler.plan import HostStep, KernelStep, Plan
from ..compiler.schedule import schedule
from ..compiler.show import asked, show
from ..ir.aval import WEAK_INT
from ..ir.graph import Graph
from .arena import LARGE, arena, lay_out, spare
from .contraction import contraction_command
from .driver import driver
from .pool import pool

_SMALL = 1 << 17  # work up to which the foreign call keeps the interpreter's lock
_FAMILY = 4  # programs of one graph that assume whole numbers
_SHARED = 1 << 19  # work of a kernel from which threads share it


class Fault(Exception):
    """Something the interpreter would have raised: it is to be asked."""


class NativeProgram:
    """A graph compiled. Calling it maps a list of arrays and numbers to a tuple of new arrays.

    Note: assumed numbers. With ``inputs`` the plan may build on the whole numbers among them (where a slice begins);
    a call with others goes to another program of the family, which is made if need be. After a few, one is made that
    assumes nothing.

    Raises:
        Fault: a check on values failed; no result was kept.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Any] | None = None,
        family: list[NativeProgram] | None = None,
    ) -> None:
        self.graph = graph
        self.family = [] if family is None else family
        self.family.append(self)
        self.plan = schedule(graph, None if inputs is None else _whole_numbers(graph, inputs))
        show("schedule", self.plan)
        self._places()
        self._commands()

    # Making

    def _places(self) -> None:
        """Give each buffer a place in the table: inputs, outputs, then what lies in the arena."""
        graph, plan = self.graph, self.plan
        written = _written(plan)
        read = _read(plan)
        self.inputs = [s for s in range(graph.n_inputs) if s in read]
        self.weak = [s for s in self.inputs if graph.avals[s].weak]  # type: ignore[union-attr]
        self.arrays_in = [s for s in self.inputs if s not in set(self.weak)]
        self.unsure = [  # arrays that may be strided, or NumPy scalars
            n for n, s in enumerate(self.arrays_in)
            if not graph.avals[s].dense or not graph.avals[s].shape  # type: ignore[union-attr]
        ]  # fmt: skip
        self.outputs = [s for s in dict.fromkeys(plan.outputs) if s >= graph.n_inputs]
        self.shapes_out = [plan.shapes[s][0] for s in graph.outputs]
        hosted = {s for step in plan.steps if isinstance(step, HostStep) for s in step.instr.outs}
        self.made = [s for s in self.outputs if s not in hosted]
        inner = [s for s in written if s not in set(self.outputs) and s not in hosted]
        self.dynamic = sorted(hosted)
        order = [*self.arrays_in, *self.made, *self.weak, *inner, *self.dynamic]
        self.place = {slot: n for n, slot in enumerate(order)}
        self.table = np.zeros(max(len(order), 1), np.int64)
        self.n_objects = len(self.arrays_in) + len(self.made)
        self.objects = np.zeros(max(self.n_objects, 1), np.int64)
        self.pack = struct.Struct(f"={self.n_objects}q").pack_into
        formats = {"float64": "d", "int64": "q", "bool": "?7x"}
        names = [graph.avals[s].dtype.name for s in self.weak]  # type: ignore[union-attr]
        self.pack_numbers = struct.Struct("=" + "".join(formats[n] for n in names)).pack_into
        self.numbers = np.zeros(max(len(self.weak), 1), np.int64)
        for n, slot in enumerate(self.weak):
            self.table[self.place[slot]] = self.numbers.ctypes.data + 8 * n
        sizes = {s: plan.bytes_of(s) for s in inner}
        offsets, total = lay_out(plan.steps, sizes, plan.faults)
        self.offsets, self.sizes, self.arena_size = offsets, sizes, total
        self.held: dict[int, Any] = {}
        self.memory: Any = None
        self.new = [(plan.shapes[s][0], plan.shapes[s][1].numpy) for s in self.made]

    def _commands(self) -> None:
        """Compile the kernels and write the list of commands, in stretches between host calls."""
        steps = self.plan.steps
        kernels = [s.kernel for s in steps if isinstance(s, KernelStep)]
        if asked("loops"):
            show("loops", "\n".join(map(str, dict.fromkeys(kernels))))
        found = iter(addresses(kernels))
        commands: list[tuple[int, list[int], int, int]] = []
        self.stretches: list[tuple[int, int] | HostStep] = []
        begin = 0
        for step in steps:
            if isinstance(step, HostStep):
                if len(commands) > begin:
                    self.stretches.append((begin, len(commands)))
                begin = len(commands)
                self.stretches.append(step)
            elif isinstance(step, KernelStep):
                meta = [*(self.place[s] for s in step.buffers), *step.words]
                commands.append((next(found), meta, step.count, _grain(step)))
            else:
                commands.append(contraction_command(step, self.place))
        if len(commands) > begin:
            self.stretches.append((begin, len(commands)))
        metas = [np.array(meta, np.int64) for _, meta, _, _ in commands]
        self.metas = metas
        self.commands = np.array(
            [
                (f, m.ctypes.data, count, grain)
                for (f, _, count, grain), m in zip(commands, metas, strict=True)
            ],
            np.int64,
        ).reshape(-1, 4)
        work = sum(s.work for s in steps if isinstance(s, KernelStep))
        work += sum(s.m * s.n * s.k for s in steps if not isinstance(s, KernelStep | HostStep))
        tools = driver()
        self.small = work < _SMALL
        self.call = tools.run_holding if self.small else tools.run
        self.addresses = (
            self.commands.ctypes.data,
            self.table.ctypes.data,
            self.objects.ctypes.data,
        )
        self._function = self._written()

    def is_worth_it(self) -> bool:
        """Whether there is anything but host calls."""
        return len(self.commands) > 0

    def _elsewhere(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run on the program of the family that these numbers are for."""
        for program in self.family:
            if all(inputs[s] == v for s, v in program.plan.assumed.items()):
                return program(inputs)
        few = len(self.family) < _FAMILY
        return NativeProgram(self.graph, inputs if few else None, self.family)(inputs)

    def _settle(self) -> None:
        """Lay the intermediate results into the arena, which is another than last time."""
        self.memory = memory = arena.memory(self.arena_size)
        for slot, offset in self.offsets.items():
            shape, dtype = self.plan.shapes[slot]
            part = memory[offset : offset + self.sizes[slot]]
            self.held[slot] = part.view(dtype.numpy).reshape(shape)
            self.table[self.place[slot]] = part.ctypes.data

    # Running

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        with arena.lock:
            if self.memory is not arena.block:
                self._settle()
            return self._function(inputs)

    def _written(self) -> Any:
        """The Python function of one run: memory for the results, addresses into the table, the foreign calls."""
        lines = ["def run(inputs):"]
        names: dict[str, Any] = {
            "empty": np.empty, "spare": spare.empty, "asarray": np.asarray, "pool": pool, "call": self.call, "host": self._host, "Fault": Fault,
            "pack": self.pack, "objects": self.objects.data, "pack_numbers": self.pack_numbers,
            "numbers": self.numbers.data, "held": self.held, "reshape": np.reshape,
        }  # fmt: skip
        n_inputs = self.graph.n_inputs
        if n_inputs:
            lines.append(f"    {', '.join(f'v{i}' for i in range(n_inputs))}, = inputs")
        if self.plan.assumed:
            names["elsewhere"] = self._elsewhere
            others = " or ".join(f"v{s} != {v}" for s, v in self.plan.assumed.items())
            lines.append(f"    if {others}: return elsewhere(inputs)")
        lines += [
            f"    v{self.arrays_in[n]} = asarray(v{self.arrays_in[n]}, order='C')"
            for n in self.unsure
        ]
        for n, slot in enumerate(self.made):
            names[f"shape{n}"], names[f"dtype{n}"] = self.new[n]
            kind = "spare" if self.plan.bytes_of(slot) >= LARGE else "empty"
            lines.append(f"    v{slot} = {kind}(shape{n}, dtype{n})")
        objects = [f"id(v{s})" for s in (*self.arrays_in, *self.made)]
        if objects:
            lines.append(f"    pack(objects, 0, {', '.join(objects)})")
        if self.weak:
            lines.append(f"    pack_numbers(numbers, 0, {', '.join(f'v{s}' for s in self.weak)})")
        lines.append(
            "    workers = 0" if self.small else "    workers = pool.address or pool.start()"
        )
        lines += self._calls(names)
        for n, slot in enumerate(self.plan.faults):
            lines.append(f"    if held[{slot}]: raise Fault({n})")
        for slot in set(self.dynamic) - set(self.plan.outputs):
            lines.append(f"    held.pop({slot}, None)")
        lines.append(f"    return ({''.join(r + ', ' for r in self._results())})")
        exec(compile("\n".join(lines), "<thalweg native program>", "exec"), names)
        return names["run"]

    def _calls(self, names: dict[str, Any]) -> list[str]:
        commands, table, objects = self.addresses
        lines, filled = [], False
        for n, stretch in enumerate(self.stretches):
            if isinstance(stretch, HostStep):
                names[f"step{n}"] = stretch
                made = "".join(f"{s}: v{s}, " for s in self.made)
                lines.append(f"    host(step{n}, inputs, {{{made}}})")
            else:
                count = 0 if filled else self.n_objects
                filled = True
                lines.append(
                    f"    call({commands}, {stretch[0]}, {stretch[1]}, {table}, workers, {objects}, {count})"
                )
        return lines

    def _results(self) -> list[str]:
        """For each output the expression that gives its array."""
        found = []
        for slot, shape in zip(self.plan.outputs, self.shapes_out, strict=True):
            if slot in self.made:
                text = f"v{slot}"
            elif slot < self.graph.n_inputs:
                text = f"asarray(v{slot}, order='C')"
            else:
                text = (
                    f"held.pop({slot})" if self.plan.outputs.count(slot) == 1 else f"held[{slot}]"
                )
            found.append(
                text if self.plan.shapes[slot][0] == shape else f"reshape({text}, {shape})"
            )
        return found

    def timed(self, inputs: Sequence[Any]) -> list[float]:
        """Run once more, on memory of its own, and give each step's time in seconds."""
        times: list[float] = []
        with arena.lock:
            if self.memory is not arena.block:
                self._settle()
            made = {s: np.empty(*new) for s, new in zip(self.made, self.new, strict=True)}
            given = [np.asarray(inputs[s], order="C") for s in self.arrays_in]
            self.pack(self.objects.data, 0, *map(id, given), *map(id, made.values()))
            self.pack_numbers(self.numbers.data, 0, *[inputs[s] for s in self.weak])
            commands, table, objects = self.addresses
            workers = 0 if self.small else pool.start()
            self.call(commands, 0, 0, table, workers, objects, self.n_objects)
            at = 0
            for step in self.plan.steps:
                start = time.perf_counter()
                if isinstance(step, HostStep):
                    self._host(step, inputs, made)
                else:
                    self.call(commands, at, at + 1, table, workers, objects, 0)
                    at += 1
                times.append(time.perf_counter() - start)
        return times

    def _host(self, step: HostStep, inputs: Sequence[Any], made: dict[int, Any]) -> None:
        """Compute one primitive by its reference."""
        instr = step.instr
        given = [self._seen(slot, inputs, made) for slot in instr.ins]
        with np.errstate(all="ignore"):
            results = instr.primitive.reference(*given, **instr.primitive.unpack(instr.statics))
        many = results if len(instr.outs) > 1 else (results,)
        for slot, result in zip(instr.outs, many, strict=True):
            array = np.asarray(result, self.plan.shapes[slot][1].numpy, order="C")
            if not array.flags.owndata or any(array is g for g in given):
                array = array.copy()
            self.held[slot] = array
            self.table[self.place[slot]] = array.ctypes.data

    def _seen(self, slot: int, inputs: Sequence[Any], made: dict[int, Any]) -> Any:
        """What a host call reads: a slot's array, seen through its view."""
        if slot in self.plan.numbers:
            return self.plan.numbers[slot]
        access = self.plan.access.get(slot)
        if access is None:
            return None
        root = access.root
        if root < self.graph.n_inputs:
            array = inputs[root]
            if not isinstance(array, np.ndarray):
                return array
            array = np.asarray(array, order="C")
        elif root in self.plan.numbers:
            array = np.asarray(self.plan.numbers[root])
        else:
            array = made[root] if root in made else self.held[root]
        if access.offset == 0 and access.is_whole(array.shape) and access.shape == array.shape:
            return array
        flat = array.reshape(-1)[access.offset :]
        size = array.itemsize
        seen = as_strided(
            flat, access.shape, tuple(s * size for s in access.strides), writeable=False
        )
        return seen


def _whole_numbers(graph: Graph, inputs: Sequence[Any]) -> dict[int, int]:
    avals = graph.avals[: graph.n_inputs]
    return {s: inputs[s] for s, a in enumerate(avals) if a is WEAK_INT}


def _grain(step: KernelStep) -> int:
    """How much of a kernel's outermost dimension a thread takes at a time; all of it where that is little."""
    if step.work < _SHARED or step.count == 1:
        return step.count
    share = -(-step.count // 8)
    return (share + 15) // 16 * 16 if step.vector_first else share


def _written(plan: Plan) -> list[int]:
    found: dict[int, None] = {}
    for step in plan.steps:
        if isinstance(step, KernelStep):
            found.update((s, None) for s in step.writes)
        elif not isinstance(step, HostStep):
            found[step.out] = None
    return list(found)


def _read(plan: Plan) -> set[int]:
    found: set[int] = set()
    for step in plan.steps:
        if isinstance(step, KernelStep):
            found.update(step.buffers)
        elif isinstance(step, HostStep):
            found.update(plan.access[s].root for s in step.instr.ins if s in plan.access)
        else:
            found |= {step.a.slot, step.b.slot}
    return found
