"""Random graphs with inputs for them, to hold two ways of running a graph against each other."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..ir.aval import Aval, Shape
from ..ir.builder import Builder, Var
from ..ir.dtype import DType, bool_, float32, float64, int8, int32, int64, uint8
from ..ir.graph import Graph
from ..ir.primitive import Primitive
from ..runtime.program import Program
from ..runtime.trace import Position, trie

Array = np.ndarray[Any, Any]
_SIZES = (1, 1, 2, 3, 5, 16, 17, 33)
_SMOOTH = ("exp", "tanh", "sigmoid", "relu", "neg", "square", "abs", "sqrt", "floor", "sign")
_TWO = ("add", "sub", "mul", "div", "maximum", "minimum")
_TESTS = ("eq", "ne", "lt", "le", "gt", "ge")
_FOLDS = ("sum", "sum", "sum", "amax", "amin", "prod")


def draw_graph(seed: int, length: int = 25) -> tuple[Graph, list[Any]]:
    """A graph of about ``length`` instructions, and arrays for its inputs."""
    return _Drawing(random.Random(seed), length).finish()


def program_of(graph: Graph) -> Program:
    """A graph as the one edge of a trace."""
    refs = tuple(range(-1, -1 - graph.n_inputs, -1))
    edge = Position(trie.root, None, graph, refs, graph.n_inputs)
    return Program(edge.path(), graph.n_inputs, (True,) * len(graph.outputs))


class _Drawing:
    def __init__(self, chance: random.Random, length: int) -> None:
        self.chance = chance
        self.base = tuple(chance.choice(_SIZES) for _ in range(chance.choice((1, 2, 2, 3))))
        self.float = chance.choice((float32, float32, float64))
        avals = [Aval(self.part(), self.float) for _ in range(3)]
        avals += [
            Aval(self.base, self.float),
            Aval((self.base[0],), int64),
            Aval((), float64, True),
        ]
        self.builder = Builder(tuple(avals))
        inputs = [x for x in self.builder.inputs() if x is not None]
        self.labels = inputs[4]
        self.found = [*inputs[:4], inputs[5].astype(self.float)]
        moves = (
            self.one, self.one, self.two, self.two, self.two, self.two, self.fold, self.fold, self.fold,
            self.view, self.view, self.product, self.choice, self.classes, self.cast, self.host,
            self.parts, self.picked, self.picked, self.written, self.divided, self.running,
        )  # fmt: skip
        while sum(i.primitive.name != "constant" for i in self.builder.instrs) < length:
            made = chance.choice(moves)()
            if made is not None and made.size <= 40_000:
                self.found.append(made)

    def finish(self) -> tuple[Graph, list[Any]]:
        some = self.found[5:] or self.found
        n = self.chance.choice((1, 2, 4))
        outputs = tuple(dict.fromkeys([some[-1], *self.chance.sample(some, min(n, len(some)))]))
        graph, kept = self.builder.finish(outputs).pruned()
        inputs = [self.array(self.builder.avals[k]) for k in kept]
        return graph, inputs

    def array(self, aval: Aval | None) -> Any:
        assert aval is not None
        rng = np.random.RandomState(self.chance.randrange(1 << 30))
        if aval.weak:
            return float(rng.uniform(-2, 2))
        if aval.dtype is int64:
            return rng.randint(0, self.classes_of(), aval.shape)
        values = rng.uniform(-2, 2, aval.shape).round(self.chance.choice((0, 7)))
        return np.asarray(values).astype(aval.dtype.numpy)

    def classes_of(self) -> int:
        return max(self.base[-1], 1)

    # What may be drawn

    def part(self) -> Shape:
        """A shape that broadcasts to the base."""
        shape = tuple(self.chance.choice((n, n, 1)) for n in self.base)
        return shape[self.chance.choice((0, 0, 1)) :]

    def pick(self) -> Var:
        recent = self.found[-6:] if self.chance.random() < 0.7 else self.found
        return self.chance.choice(recent)

    def floating(self) -> Var:
        return self.in_type(self.pick(), self.float)

    def in_type(self, x: Var, dtype: DType) -> Var:
        return x.astype(dtype)

    def call(self, name: str, *operands: Var, **statics: Any) -> Var:
        result: Var = Primitive.registry[name](*operands, **statics)
        return result

    def pair(self) -> tuple[Var, Var] | None:
        x, y = self.floating(), self.floating()
        for _ in range(8):
            if _broadcast(x.shape, y.shape):
                return x, y
            y = self.in_type(self.chance.choice(self.found), self.float)
        return None

    def one(self) -> Var:
        return self.call(self.chance.choice(_SMOOTH), self.floating())

    def two(self) -> Var | None:
        if self.chance.random() < 0.2:
            return self.floating() * self.chance.choice((2.0, 0.5, -1.0))
        pair = self.pair()
        if pair is None:
            return None
        x, y = pair
        name = self.chance.choice(_TWO)
        return self.call(name, x, y * y + 1.0 if name == "div" else y)  # 1/0 and 1/-0 lie too close

    def fold(self) -> Var | None:
        x = self.floating()
        if not x.ndim or not x.size:
            return None
        n = self.chance.randint(1, x.ndim)
        axes = tuple(sorted(self.chance.sample(range(x.ndim), n)))
        keepdim = self.chance.random() < 0.6
        return self.call(self.chance.choice(_FOLDS), x, axes=axes, keepdim=keepdim)

    def view(self) -> Var | None:
        x = self.pick()
        if not x.ndim:
            return x.broadcast_to(self.part())
        kind = self.chance.choice(("permute", "reshape", "slice", "flip", "broadcast"))
        if kind == "permute":
            axes = list(range(x.ndim))
            self.chance.shuffle(axes)
            return x.permute(tuple(axes))
        if kind == "reshape":
            return x.reshape(self.chance.choice(((x.size,), (1, *x.shape), (x.size, 1))))
        if kind == "flip":
            return self.call("flip", x, axes=(self.chance.randrange(x.ndim),))
        if kind == "slice":
            starts = tuple(self.chance.choice((0, 0, n - 1)) for n in x.shape)
            steps = tuple(self.chance.choice((1, 1, 2)) for _ in x.shape)
            whole = x.shape
            return self.call("slice", x, starts=starts, stops=whole, steps=steps)
        times = self.chance.choice((1, 2, 3))
        return x.broadcast_to((times, *x.shape))

    def product(self) -> Var | None:
        x, y = self.floating(), self.floating()
        if x.ndim < 2 or y.ndim < 2:
            return None
        if x.shape[-1] != y.shape[-2]:
            y = y.swap()
        fits = x.shape[-1] == y.shape[-2] and _broadcast(x.shape[:-2], y.shape[:-2])
        return x @ y if fits else x @ x.swap()

    def choice(self) -> Var | None:
        pair = self.pair()
        if pair is None:
            return None
        test = self.call(self.chance.choice(_TESTS), *pair)
        return self.call("where", test, *pair)

    def classes(self) -> Var | None:
        rows = [x for x in self.found if x.ndim == 2 and x.shape == self.base]
        if not rows:
            return None
        x = self.in_type(self.chance.choice(rows), self.float)
        taken = self.call("take_class", x, self.labels)
        if self.chance.random() < 0.5:
            return taken
        return self.call("put_class", taken, self.labels, classes=x.shape[1])

    def numbers(self, shape: Shape, size: int, signed: bool = False) -> Var:
        """Whole numbers below ``size``, not below 0 or (``signed``) minus ``size``."""
        parts = self.labels_along(shape)
        parts += [x.astype(int64) for x in self.found[:4] if _fits(x.shape, shape)]
        found = self.chance.choice(parts) + self.chance.choice(parts)
        limit = self.builder.constant(size, int64)
        found = self.call("remainder", found, limit)
        if signed and self.chance.random() < 0.5:
            two = self.builder.constant(2, int64)
            odd = self.call("remainder", found, two)
            found = found - odd * limit
        dtype = self.chance.choice((int64, int64, int32))
        return found.broadcast_to(shape).astype(dtype)

    def labels_along(self, shape: Shape) -> list[Var]:
        """The first label, and all of them along each axis of ``shape`` that they fit."""
        one = (1,)
        first = self.call("slice", self.labels, starts=(0,), stops=one, steps=one)
        found = [first.reshape(())]
        for a, n in enumerate(shape):
            if n == self.base[0]:
                after = len(shape) - 1 - a
                found.append(self.labels.reshape((n, *one * after)))
        return found

    def several(self) -> Shape:
        """A shape for numbers."""
        n = self.base[0]
        return self.chance.choice(((), (n,), (n,), (2, n), (n, 1)))

    def picked(self) -> Var | None:
        """Elements of something at places that whole numbers name."""
        x = self.pick()
        if not x.ndim or not x.size:
            return None
        axis = self.chance.randrange(x.ndim)
        size = x.shape[axis]
        kind = self.chance.choice(("rows", "along", "one", "two"))
        if kind == "rows" and x.ndim == 2:
            rows = self.numbers(self.several(), x.shape[0])
            return self.call("take_rows", x, rows, skip=None)
        if kind == "along":
            shape = list(x.shape)
            shape[axis] = 2 * size
            places = self.numbers(tuple(shape), size)
            return self.call("gather", x, places, axis=axis)
        signed = self.chance.random() < 0.7
        indices = [self.numbers(self.several(), size, signed)]
        if kind == "two" and axis + 1 < x.ndim:
            further = self.numbers((self.base[0],), x.shape[axis + 1], signed)
            indices.append(further)
        return self.call("index", x, *indices, axis=axis, signed=signed)

    def written(self) -> Var | None:
        """Elements of something written, or joined with others, at places that whole numbers name."""
        x = self.floating()
        if not x.ndim or not x.size:
            return None
        axis = self.chance.randrange(x.ndim)
        return self.chance.choice((self.rows, self.scattered, self.indexed))(x, axis)

    def rows(self, g: Var, axis: int) -> Var:
        rows = self.chance.choice((1, 3, 20))
        skip = self.chance.choice((None, 0))
        numbers = self.numbers(g.shape[:-1], rows)
        return self.call("add_rows", g, numbers, rows=rows, skip=skip)

    def scattered(self, x: Var, axis: int) -> Var:
        """Into ``x`` all of another, or one line of it."""
        source = x * 2.0
        if self.chance.random() < 0.5:
            line = [1] * x.ndim
            none, ones = (0,) * x.ndim, tuple(line)
            line[axis] = x.shape[axis]
            stops = tuple(line)
            source = self.call("slice", source, starts=none, stops=stops, steps=ones)
        mode = self.chance.choice(("set", "add", "add", "prod", "amax", "amin"))
        numbers = self.numbers(source.shape, x.shape[axis])
        return self.call("scatter", x, source, numbers, axis=axis, mode=mode)

    def indexed(self, x: Var, axis: int) -> Var:
        numbers = self.numbers(self.several(), x.shape[axis], True)
        value = self.call("index", x, numbers, axis=axis, signed=True) * 0.5
        accumulate = self.chance.random() < 0.7
        return self.call("index_put", x, value, numbers, axis=axis, accumulate=accumulate)

    def divided(self) -> Var:
        """Whole numbers divided, negative ones too."""
        dtype = self.chance.choice((int64, int32, int8, uint8))
        x = (self.labels * 3 - self.chance.choice((0, 40))).astype(dtype)
        y = (self.labels * 2 - self.chance.choice((-1, 9, 21))).astype(dtype)
        return self.call(self.chance.choice(("floor_divide", "remainder", "fmod")), x, y)

    def cast(self) -> Var:
        return self.pick().astype(self.chance.choice((float32, float64, bool_)))

    def host(self) -> Var | None:
        x = self.floating()
        if not x.ndim or self.chance.random() < 0.5:
            return None
        return self.call("argsort", x, axis=self.chance.randrange(x.ndim), descending=False)

    def running(self) -> Var | None:
        x = self.floating()
        if not x.ndim:
            return None
        name = self.chance.choice(("cumsum", "cumsum", "cumprod"))
        return self.call(name, x, axis=self.chance.randrange(x.ndim))

    def parts(self) -> Var | None:
        """Something cut up, or put together from several."""
        x = self.floating()
        if not x.ndim or not x.size:
            return None
        axis = self.chance.randrange(x.ndim)
        return self.chance.choice((self.cat, self.pad, self.split, self.unslice, self.strided))(
            x, axis
        )

    def cat(self, x: Var, axis: int) -> Var:
        y = self.call("flip", x, axes=(axis,))
        return self.call("cat", x, self.chance.choice((x, y, y * 2.0)), axis=axis)

    def pad(self, x: Var, axis: int) -> Var:
        low, high = [0] * x.ndim, [0] * x.ndim
        low[axis] = self.chance.choice((0, 1, 2))
        high[axis] = self.chance.choice((0, 3))
        ground = self.builder.constant(self.chance.choice((0, 1.5)), self.float)
        return self.call("pad", x, ground, low=tuple(low), high=tuple(high))

    def unslice(self, x: Var, axis: int) -> Var:
        shape, starts, steps = list(x.shape), [0] * x.ndim, [1] * x.ndim
        shape[axis] = 2 * shape[axis] + 1
        starts[axis] = 1
        steps[axis] = 2
        stops = tuple(shape)
        return self.call(
            "unslice",
            x,
            shape=stops,
            starts=tuple(starts),
            stops=stops,
            steps=tuple(steps),
        )

    def strided(self, x: Var, axis: int) -> Var:
        """All of ``x`` in a row, or two rows that overlap."""
        shape: Shape = (x.size,)
        strides: Shape = (1,)
        at = 0
        if x.size >= 4:
            shape = (2, x.size // 2 - 1)
            strides = (1, 2)
            at = x.size % 2
        offset = self.builder.constant(at, int64)
        return self.call("strided", x, offset, shape=shape, strides=strides)

    def split(self, x: Var, axis: int) -> Var | None:
        n = x.shape[axis]
        if n < 2:
            return None
        sizes = (n // 2, n - n // 2)
        both: Any = self.call("split", x, axis=axis, sizes=sizes)
        left, right = both
        self.found.append(left)
        return right


def _fits(x: Shape, shape: Shape) -> bool:
    """Whether ``x`` broadcasts to ``shape``."""
    ends = zip(reversed(x), reversed(shape), strict=False)
    return len(x) <= len(shape) and all(n in (1, m) for n, m in ends)


def _broadcast(x: Shape, y: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(x), reversed(y), strict=False))
