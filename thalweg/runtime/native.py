"""Tier 1: a graph as native kernels behind one foreign call."""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..compiler.cache import routines
from ..compiler.donate import gifts
from ..compiler.epilogue import tile_kernel
from ..compiler.loops import Kernel
from ..compiler.order import asked_first, last_touched, ready_after, touched, written
from ..compiler.plan import HostStep, KernelStep, Plan, Step
from ..compiler.schedule import schedule
from ..compiler.show import asked, show
from ..ir.aval import WEAK_INT
from ..ir.graph import Graph
from .arena import arena, lay_out
from .commands import ALL, JOB
from .contraction import contraction_command
from .driver import WORDS, block, driver
from .flight import Fault, Job, flight
from .pool import pool
from .spare import LARGE, spare

_Outcome = tuple[tuple[Any, ...], Job | None]
_SMALL = 1 << 17  # work up to which the foreign call keeps the interpreter's lock
_LIGHT = 1 << 20  # work up to which a program stays on the calling thread, and wakes no worker
_FAMILY = 4  # programs of one graph that assume whole numbers
_SHARED = 1 << 16  # work of a kernel from which threads share it


class NativeProgram:
    """A graph compiled. Calling it maps a list of arrays and numbers to a tuple of new arrays.

    Note: assumed numbers. With ``inputs`` the plan may build on the whole numbers among them (where a slice begins);
    a call with others goes to another program of the family, which is made if need be. After a few, one is made that
    assumes nothing.

    Note: what is asked for. What the result with the number ``asked`` needs is computed first; where much is left to do
    after a result, a run that somebody began to see it flies on when that is there.

    Raises:
        Fault: a check on values failed; no result was kept.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Any] | None = None,
        family: list[NativeProgram] | None = None,
        asked: int | None = None,
    ) -> None:
        self.graph, self.asked = graph, asked
        self.family = [] if family is None else family
        self.plan = schedule(graph, None if inputs is None else _whole_numbers(graph, inputs))
        if asked is not None:
            self.plan.steps = asked_first(self.plan.steps, self.plan.outputs[asked])
        show("schedule", self.plan)
        self.gifts = gifts(self.plan, graph.n_inputs, LARGE)
        self._places()
        self._commands()
        self.family.append(self)

    # Making

    def _places(self) -> None:
        """Give each buffer a place in the table: inputs, outputs, then what lies in the arena."""
        graph, plan = self.graph, self.plan
        used = {s for step in plan.steps for s in touched(step)}
        self.inputs = [s for s in range(graph.n_inputs) if s in used]
        self.weak = [s for s in self.inputs if _is_number(graph.avals[s])]
        self.arrays_in = [s for s in self.inputs if s not in set(self.weak)]
        self.unsure = [  # arrays that may be strided, or NumPy scalars
            n for n, s in enumerate(self.arrays_in)
            if not graph.avals[s].dense or not graph.avals[s].shape  # type: ignore[union-attr]
        ]  # fmt: skip
        self.outputs = [s for s in dict.fromkeys(plan.outputs) if s >= graph.n_inputs]
        self.shapes_out = [plan.shapes[s][0] for s in graph.outputs]
        hosted = {s for step in plan.steps if isinstance(step, HostStep) for s in step.instr.outs}
        self.made = [s for s in self.outputs if s not in hosted]
        all_written = dict.fromkeys(s for step in plan.steps for s in written(step))
        inner = [s for s in all_written if s not in set(self.outputs) and s not in hosted]
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
        self.donated = _donated(plan)
        self.held: dict[int, Any] = {}
        self.memory: Any = None
        self.new = [(plan.shapes[s][0], plan.shapes[s][1].numpy) for s in self.made]

    def _commands(self) -> None:
        """Compile the kernels and write the list of commands, in stretches between host calls."""
        steps = self.plan.steps
        kernels = [kernel for s in steps if (kernel := _kernel(s)) is not None]
        if asked("loops"):
            show("loops", "\n".join(map(str, dict.fromkeys(kernels))))
        self.routines = routines(kernels)  # held: without them the machine code goes
        found = iter([routine.address for routine in self.routines])
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
                then = next(found) if step.epilogue is not None else 0
                commands.append(contraction_command(step, self.place, then))
        if len(commands) > begin:
            self.stretches.append((begin, len(commands)))
        work = sum(map(_work, steps))
        self.small, self.light = work < _SMALL, work < _LIGHT
        metas = [np.array(meta, np.int64) for _, meta, _, _ in commands]
        self.metas = metas
        self.commands = np.array(
            [
                (f, m.ctypes.data, count, count if self.light else grain)
                for (f, _, count, grain), m in zip(commands, metas, strict=True)
            ],
            np.int64,
        ).reshape(-1, 4)
        tools = driver()
        self.call = tools.run_holding if self.small else tools.run
        self._blocks()
        self._function = self._written()

    def _blocks(self) -> None:
        """Write for each stretch what the driver is given."""
        native = [s for s in self.stretches if not isinstance(s, HostStep)]
        flags = [self.place[slot] for slot in self.plan.faults]
        self.flags = np.array([len(flags), *flags], np.int64)
        gate = self.gifts.first if self.gifts.givers else -1
        self.blocks = np.array(
            [
                block(
                    self.commands, *s, self.table, 0, self.objects, 0 if n else self.n_objects, gate, self.flags
                )
                for n, s in enumerate(native)
            ]
        ).reshape(-1, WORDS)  # fmt: skip
        self.aimed: list[int | None] = [0 if self.light else None]  # the pool they name
        self.can_fly = not self.light and len(self.stretches) == len(native) == 1
        # the inputs that can give their memory to results
        self.givers = frozenset(self.gifts.givers.values() if self.can_fly else ())
        self._look_ahead()

    def _look_ahead(self) -> None:
        """How many commands each result, and each check on values, takes; and after which results much is left."""
        plan = self.plan
        ready = ready_after(plan.steps)
        self.ready = [ready.get(slot, 0) for slot in plan.outputs]
        self.checks = [(slot, ready[slot]) for slot in plan.faults]
        left = [sum(map(_work, plan.steps[n:])) if self.can_fly else 0 for n in self.ready]
        self.much_left = [work >= _LIGHT for work in left]

    def _aim(self) -> None:
        """Let the blocks name the pool, which is another than last time."""
        address = pool.start()
        self.blocks[:, 4] = address
        self.aimed[0] = address

    def start(self, job: Job) -> None:
        """Hand a run ahead to the pool."""
        assert job.arrays is not None and job.inputs is not None
        if self.memory is not arena.block:
            self._settle()
        if pool.address != self.aimed[0]:
            self._aim()
        self.pack(self.objects.data, 0, *map(id, job.arrays))
        self.pack_numbers(self.numbers.data, 0, *[job.inputs[s] for s in self.weak])
        if not self.aimed[0]:  # since it was prepared there is one thread only
            self.call(self.blocks.ctypes.data)
            job.number = -1
            return
        job.number = int(pool.state[JOB]) + 1
        driver().submit(self.blocks.ctypes.data)

    def has_begun(self, job: Job) -> bool:
        """Whether a run ahead, the last that was prepared, has been handed to the pool."""
        return job.number < 0 or 0 < job.number <= pool.state[JOB]

    def land(self) -> bool:
        """Wait for a run ahead; whether a check on values failed in it."""
        self._wait(ALL)
        return any(self.held[slot] for slot in self.plan.faults)

    def _wait(self, commands: int) -> None:
        if self.aimed[0]:
            driver().wait(self.aimed[0], commands)

    def reach(self, number: int) -> bool:
        """Wait for a result of a run ahead, or, if there is none with that number, for all; whether a check on values
        failed so far."""
        done = self.ready[number] if number < len(self.ready) else ALL
        self._wait(done)
        return any(self.held[slot] for slot, after in self.checks if after <= done)

    def is_worth_it(self) -> bool:
        """Whether there is anything but host calls."""
        return len(self.commands) > 0

    def _elsewhere(self, inputs: Sequence[Any], ahead: bool, free: Collection[int]) -> _Outcome:
        """Run on the program of the family that these numbers are for."""
        for program in self.family:
            if all(inputs[s] == v for s, v in program.plan.assumed.items()):
                return program.begin(inputs, ahead, None, free)
        few = len(self.family) < _FAMILY
        program = NativeProgram(self.graph, inputs if few else None, self.family, self.asked)
        return program.begin(inputs, ahead, None, free)

    def _settle(self) -> None:
        """Lay the intermediate results into the arena, which is another than last time."""
        memory = arena.settle(self)
        for slot, offset in self.offsets.items():
            shape, dtype = self.plan.shapes[slot]
            part = memory[offset : offset + self.sizes[slot]]
            self.held[slot] = part.view(dtype.numpy).reshape(shape)
            self.table[self.place[slot]] = part.ctypes.data
        self.memory = memory  # when all is in place: Ctrl-C may come before

    def leave(self) -> None:
        """Forget the arena: it is to become another."""
        self.memory = None
        self.held.clear()

    # Running

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return self.begin(inputs, False)[0]

    def begin(
        self,
        inputs: Sequence[Any],
        ahead: bool,
        asked: int | None = None,
        free: Collection[int] = (),
    ) -> _Outcome:
        """Run; gives the results. If the program runs ahead, gives with them the job that is yet to begin.

        It does so if it is to (``ahead``), if much is left to do after the result that is ``asked`` for, or if some
        inputs are ``free`` to give their memory.
        """
        with flight.lock:
            flight.land()
            if self.memory is not arena.block:
                self._settle()
            if asked is not None:
                ahead = self.much_left[asked]
            results: _Outcome = self._function(inputs, ahead or bool(free), free)
            return results

    def _written(self) -> Any:
        """The Python function of one run: memory for the results, addresses into the table, the foreign calls."""
        lines = ["def run(inputs, ahead, free):"]
        names: dict[str, Any] = {
            "empty": np.empty, "spare": spare.empty, "asarray": np.asarray, "pool": pool, "call": self.call, "host": self._host, "Fault": Fault,
            "aimed": self.aimed, "aim": self._aim, "Job": Job, "self": self,
            "pack": self.pack, "objects": self.objects.data, "pack_numbers": self.pack_numbers,
            "numbers": self.numbers.data, "held": self.held, "reshape": np.reshape,
        }  # fmt: skip
        n_inputs = self.graph.n_inputs
        if n_inputs:
            lines.append(f"    {', '.join(f'v{i}' for i in range(n_inputs))}, = inputs")
        if self.plan.assumed:
            names["elsewhere"] = self._elsewhere
            others = " or ".join(f"v{s} != {v}" for s, v in self.plan.assumed.items())
            lines.append(f"    if {others}: return elsewhere(inputs, ahead, free)")
        lines += [
            f"    v{self.arrays_in[n]} = asarray(v{self.arrays_in[n]}, order='C')"
            for n in self.unsure
        ]
        if not self.light:
            lines.append("    if pool.address != aimed[0]: aim()")
        if self.can_fly:
            lines.append("    fly = ahead and aimed[0]")
        for n, slot in enumerate(self.made):
            names[f"shape{n}"], names[f"dtype{n}"] = self.new[n]
            kind = "spare" if self.plan.bytes_of(slot) >= LARGE else "empty"
            new, giver = f"{kind}(shape{n}, dtype{n})", self.gifts.givers.get(slot)
            if giver in self.givers:
                new = f"v{giver} if fly and {giver} in free else {new}"
            lines.append(f"    v{slot} = {new}")
        if self.weak:  # refuses what no kernel reads before anything is given away
            lines.append(f"    pack_numbers(numbers, 0, {', '.join(f'v{s}' for s in self.weak)})")
        results = f"({''.join(r + ', ' for r in self._results())})"
        arrays = [f"v{s}" for s in (*self.arrays_in, *self.made)]
        if self.can_fly:
            held = "".join(a + ", " for a in arrays)
            lines.append(f"    if fly: return {results}, Job(self, inputs, ({held}))")
        if arrays:
            lines.append(f"    pack(objects, 0, {', '.join(f'id({a})' for a in arrays)})")
        lines += self._calls(names)
        for n, slot in enumerate(self.plan.faults):
            lines.append(f"    if held[{slot}]: raise Fault({n})")
        for slot in set(self.dynamic) - set(self.plan.outputs):
            lines.append(f"    held.pop({slot}, None)")
        lines.append(f"    return {results}, None")
        exec(compile("\n".join(lines), "<thalweg native program>", "exec"), names)
        return names["run"]

    def _calls(self, names: dict[str, Any]) -> list[str]:
        """The lines that carry out the stretches."""
        lines, address = [], self.blocks.ctypes.data
        for n, stretch in enumerate(self.stretches):
            if isinstance(stretch, HostStep):
                names[f"step{n}"] = stretch
                made = "".join(f"{s}: v{s}, " for s in self.made)
                lines.append(f"    host(step{n}, inputs, {{{made}}})")
            else:
                lines.append(f"    call({address})")
                address += self.blocks.strides[0]
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
        with flight.lock:
            flight.land()
            if self.memory is not arena.block:
                self._settle()
            made = {s: np.empty(*new) for s, new in zip(self.made, self.new, strict=True)}
            given = [np.asarray(inputs[s], order="C") for s in self.arrays_in]
            self.pack(self.objects.data, 0, *map(id, given), *map(id, made.values()))
            self.pack_numbers(self.numbers.data, 0, *[inputs[s] for s in self.weak])
            workers = 0 if self.light else pool.start()
            one = block(self.commands, 0, 0, self.table, workers, self.objects, self.n_objects)
            self.call(one.ctypes.data)
            one[6] = at = 0
            for step in self.plan.steps:
                start = time.perf_counter()
                if isinstance(step, HostStep):
                    self._host(step, inputs, made)
                else:
                    one[1], one[2] = at, at + 1
                    self.call(one.ctypes.data)
                    at += 1
                times.append(time.perf_counter() - start)
        return times

    def _host(self, step: HostStep, inputs: Sequence[Any], made: dict[int, Any]) -> None:
        """Compute one primitive by its reference."""
        instr = step.instr
        given = [self._seen(slot, inputs, made) for slot in instr.ins]
        donated = instr.outs[0] in self.donated
        call: Any = instr.primitive.donating if donated else instr.primitive.reference
        with np.errstate(all="ignore"):
            results = call(*given, **instr.primitive.unpack(instr.statics))
        many = results if len(instr.outs) > 1 else (results,)
        for slot, result in zip(instr.outs, many, strict=True):
            array = np.asarray(result, self.plan.shapes[slot][1].numpy, order="C")
            if not array.flags.owndata or any(array is g for g in given[donated:]):
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


def _is_number(aval: Any) -> bool:
    """Whether an input is a number that kernels read; a complex one is a 0-d array, for host calls."""
    return aval.weak and not aval.dtype.is_complex


def _whole_numbers(graph: Graph, inputs: Sequence[Any]) -> dict[int, int]:
    avals = graph.avals[: graph.n_inputs]
    return {s: inputs[s] for s, a in enumerate(avals) if a is WEAK_INT}


def _grain(step: KernelStep) -> int:
    """How much of a kernel's shared dimension a thread takes at a time; all of it where that is little."""
    if step.work < _SHARED or step.count == 1:
        return step.count
    share = -(-step.count // 8)
    return (share + 15) // 16 * 16 if step.vector_shared else share


def _work(step: Step) -> int:
    """Points times statements, or multiply-adds."""
    if isinstance(step, HostStep):
        return 0
    if isinstance(step, KernelStep):
        return step.work
    return step.m * step.n * step.k + (step.epilogue.work if step.epilogue else 0)


def _kernel(step: Step) -> Kernel | None:
    """What a step needs beyond what all programs use."""
    if isinstance(step, KernelStep):
        return step.kernel
    if isinstance(step, HostStep) or step.epilogue is None:
        return None
    return tile_kernel(step.epilogue)


def _donated(plan: Plan) -> set[int]:
    """What host calls make that may write over their first operand: one that another host call made, and that nothing
    else reads at this time or later."""
    last = last_touched(plan.steps)
    hosted: set[int] = set()
    found: set[int] = set()
    for n, step in enumerate(plan.steps):
        if not isinstance(step, HostStep):
            continue
        seen = plan.access.get(step.instr.ins[0]) if step.instr.primitive.donating else None
        if seen is not None and seen.root in hosted and seen.root not in plan.outputs:
            shape = plan.shapes[seen.root][0]
            whole = seen.shape == shape and seen.is_whole(shape)
            if whole and last[seen.root] == n and step.reads.count(seen.root) == 1:
                found.add(step.instr.outs[0])
        hosted.update(step.instr.outs)
    return found
