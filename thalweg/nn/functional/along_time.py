"""A recurrent layer's loop as one operation: what it does, and what its gradient is.

Note: a layer's loop. What a layer does along time in one direction is one operation. The input's shares of the gates of
all steps are one product up front; a step is then one product and elementwise work, which is one kernel. Backward, the
products that make a weight's gradient are one product of all steps. A length of sequence is a program of its own, so
the loop is written out only where that length comes again (runtime/parts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ...ir.aval import Aval
from ...ir.builder import Var
from ...ir.graph import Graph
from ...ir.vjp import Vjp, vjp
from ...ops import elementwise as e
from ...ops.composite import Op
from ...ops.contraction import matmul
from ...ops.movement import cat, permute, reshape, split
from ...ops.reduction import sum_
from ...runtime.parts import How, PartGraph
from ...runtime.trace import trie
from ...tensor.linear_algebra import multiplied

State = tuple[Any, ...]  # (N, H) the hidden state, for an LSTM (N, C) the cell too


class Weights(NamedTuple):
    """G gates: ``ih`` (G * C, I), ``hh`` (G * C, H), the biases (G * C,), ``hr`` (H, C) the projection."""

    ih: Any
    hh: Any
    b_ih: Any
    b_hh: Any
    hr: Any = None


def _gates(x: Var, count: int) -> tuple[Var, ...]:
    """The gates of (N, count * C)."""
    result: tuple[Var, ...] = split(x, axis=1, sizes=(x.shape[1] // count,) * count)
    return result


def _tanh_gates(given: Var, own: Var, hidden: Var, cell: Var | None) -> tuple[Var, ...]:
    return (e.tanh(given + own),)


def _relu_gates(given: Var, own: Var, hidden: Var, cell: Var | None) -> tuple[Var, ...]:
    return (e.relu(given + own),)


def _lstm_gates(given: Var, own: Var, hidden: Var, cell: Var | None) -> tuple[Var, ...]:
    """Source: Hochreiter and Schmidhuber 1997."""
    assert cell is not None
    shares = zip(_gates(given, 4), _gates(own, 4), strict=True)
    let_in, keep, new, show = [a + b for a, b in shares]
    cell = e.sigmoid(keep) * cell + e.sigmoid(let_in) * e.tanh(new)
    return e.sigmoid(show) * e.tanh(cell), cell


def _gru_gates(given: Var, own: Var, hidden: Var, cell: Var | None) -> tuple[Var, ...]:
    """Source: Cho et al. 2014; the reset gate acts after the product."""
    inner, of_state = _gates(given, 3), _gates(own, 3)
    reset, keep = e.sigmoid(inner[0] + of_state[0]), e.sigmoid(inner[1] + of_state[1])
    new = e.tanh(inner[2] + reset * of_state[2])
    return (new + keep * (hidden - new),)


class Kind:
    """A kind of recurrent layer.

    Args:
        gates: how many there are.
        act: ``(given, own, hidden, cell) -> state`` from the input's and the state's shares of the gates.
        node, cell_node: how the nodes of a layer and of a cell are called.
        late: the state's bias belongs to the state's share, not to the input's.

    Attributes:
        share: the input's shares of the gates, ``(x, ih, b_ih, b_hh)``, (N, I) to (N, G * C).
        step: ``(given, hidden, cell, hh, b_hh, hr)`` to the new state; with ``kept`` then what ``back`` reads of it.
        back: a step's gradients.
    """

    def __init__(
        self,
        gates: int,
        act: Callable[..., tuple[Var, ...]],
        node: str,
        cell_node: str,
        late: bool = False,
    ) -> None:
        self.gates, self.late = gates, late
        self._act = Op(act, node)
        self.share, self.step, self.back = (
            Op(f, node) for f in (self._share, self._step, self._back)
        )
        self.layer, self.cell = _LayerOp(self, node), Op(self._cell, cell_node)

    def _share(self, x: Var, ih: Var, b_ih: Var | None, b_hh: Var | None) -> Var:
        product = multiplied(x, ih.swap())
        if b_ih is None:
            return product
        return product + (b_ih if b_hh is None or self.late else b_ih + b_hh)

    def _own(self, hidden: Var, hh: Var, b_hh: Var | None) -> Var:
        product = multiplied(hidden, hh.swap())
        return product + b_hh if self.late and b_hh is not None else product

    def _step(
        self,
        given: Var,
        hidden: Var,
        cell: Var | None,
        hh: Var,
        b_hh: Var | None,
        hr: Var | None,
        kept: bool = False,
    ) -> tuple[Var, ...]:
        """Source of the projection: Sak, Senior and Beaufays 2014."""
        own = self._own(hidden, hh, b_hh)
        inner, *rest = self._act(given, own, hidden, cell)
        outer = inner if hr is None else multiplied(inner, hr.swap())
        return (outer, *rest, own, inner) if kept else (outer, *rest)

    def _back(
        self,
        given: Var,
        hidden: Var,
        cell: Var | None,
        own: Var,
        made: Var,
        new_cell: Var | None,
        hh: Var,
        hr: Var | None,
        g_output: Var,
        g_hidden: Var,
        g_cell: Var | None,
    ) -> tuple[Var, ...]:
        """The gradients of the input's share, of the state's share, of the state before; that which arrived at the
        hidden state."""
        arrived = g_output + g_hidden
        inner = arrived if hr is None else multiplied(arrived, hr)
        operands, made_state = (given, own, hidden, cell), (made, new_cell)
        incoming = (inner, g_cell)
        graph = trie.graph(self._act, (), tuple([None if x is None else x.aval for x in operands]))
        tape = vjp(graph, tuple([x is not None for x in operands]), (True,) * len(graph.outputs))
        read = [operands[k] for k in tape.saved_inputs]
        read += [made_state[k] for k in tape.saved_outputs]
        read += [incoming[k] for k in tape.grads_of]
        results = given.builder.inline(tape.graph, tuple(read))
        of_given, of_own, of_hidden, of_cell = [
            None if k is None else results[k] for k in tape.reaches
        ]
        assert of_given is not None and of_own is not None
        before = multiplied(of_own, hh)
        before = before if of_hidden is None else of_hidden + before
        return (of_given, of_own, before, *(() if of_cell is None else (of_cell,)), arrived)

    def _cell(
        self,
        x: Var,
        hidden: Var,
        cell: Var | None,
        ih: Var,
        hh: Var,
        b_ih: Var | None,
        b_hh: Var | None,
    ) -> tuple[Var, ...]:
        """One step: x (N, I), hidden (N, H), cell (N, C); gives the next state."""
        return self._step(self._share(x, ih, b_ih, b_hh), hidden, cell, hh, b_hh, None)


class _Kept(NamedTuple):
    """Of a step: the gradients of its gates' shares, the state before it, what arrived at its state, and that before
    the projection."""

    of_given: Any
    of_own: Any
    hidden: Any
    arrived: Any
    inner: Any


class _Loop:
    """One direction of a layer, over inputs that are absent (None) or of any reading.

    Args:
        x: (T, N, I), or with ``sizes``, how many sequences each of the T steps has, (sum of sizes, I).
        hidden: (N, H). cell: (N, C) for an LSTM.
        turned: from the last step to the first.
    """

    def __init__(
        self,
        kind: Kind,
        how: How,
        operands: Sequence[Any],
        sizes: tuple[int, ...] | None,
        turned: bool,
    ) -> None:
        self.kind, self.how, self.turned = kind, how, turned
        self.x, hidden, cell, *weights = operands
        self.w = Weights(*weights)
        self.initial: State = (hidden,) if cell is None else (hidden, cell)
        self.sizes = sizes
        self.rows = (self.x.shape[1],) * self.x.shape[0] if sizes is None else sizes
        self.flat = self.shaped(self.x, (sum(self.rows), self.x.shape[-1]))
        operands = (self.flat, self.w.ih, self.w.b_ih, self.w.b_hh)
        self.steps = self.cut(how.call(kind.share, operands)[0], self.rows)

    def shaped(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x if x.shape == shape else self.how.do(reshape, x, shape=shape)

    def cut(self, x: Any, sizes: tuple[int, ...]) -> Sequence[Any]:
        return self.how.do(split, x, axis=0, sizes=sizes) if len(sizes) > 1 else (x,)

    def join(self, parts: Sequence[Any]) -> Any:
        return self.how.do(cat, *parts, axis=0) if len(parts) > 1 else parts[0]

    def over_rows(self, a: Any, b: Any) -> Any:
        """a.T @ b: the sum over all steps of a product."""
        return self.how.do(matmul, self.how.do(permute, a, axes=(1, 0)), b)

    def order(self) -> Iterator[tuple[int, int, int]]:
        """The steps in the order in which they are taken: (number, how many sequences it has, how many the one taken
        before it had)."""
        numbers = range(len(self.rows))
        before = self.rows[-1] if self.turned else self.rows[0]
        for t in reversed(numbers) if self.turned else numbers:
            yield t, self.rows[t], before
            before = self.rows[t]

    def spans(self) -> tuple[int, ...]:
        """Sequences that begin, or end, at one step, in their order."""
        counts = (*self.rows, 0)
        return tuple([a - b for a, b in zip(counts, counts[1:], strict=False) if a > b][::-1])

    def forward(self, kept: bool) -> Iterator[tuple[int, State, Sequence[Any]]]:
        """For each step in order: its number, the state before it, what ``Kind.step`` gives. At last (-1, the last
        state of each sequence, ())."""
        state, parts = self.initial, list[list[Any]]()
        if self.turned:
            parts = [list(self.cut(x, self.spans())) for x in state]
            state = tuple([p.pop(0) for p in parts])
        ended: list[State] = []
        for t, rows, before in self.order():
            if rows < before:
                cuts = [self.cut(x, (rows, before - rows)) for x in state]
                state, gone = tuple([c[0] for c in cuts]), tuple([c[1] for c in cuts])
                ended.append(gone)
            elif rows > before:
                state = tuple([self.join((x, p.pop(0))) for x, p in zip(state, parts, strict=True)])
            hidden, cell = state if len(state) > 1 else (state[0], None)
            operands = (self.steps[t], hidden, cell, self.w.hh, self.w.b_hh, self.w.hr)
            made = self.how.call(self.kind.step, operands, (kept,))
            yield t, state, made
            state = tuple(made[: len(state)])
        yield -1, tuple([self.join(p) for p in zip(state, *reversed(ended), strict=True)]), ()

    def run(self) -> list[Any]:
        """The hidden states of all steps, shaped as ``x``; the last state of each sequence."""
        outputs: dict[int, Any] = {}
        last: State = ()
        for t, state, made in self.forward(False):
            if t < 0:
                last = state
            else:
                outputs[t] = made[0]
        output = self.join([outputs[t] for t in range(len(self.rows))])
        if self.sizes is None:
            output = self.shaped(output, (*self.x.shape[:2], output.shape[1]))
        return [output, *last]

    def back(self, incoming: Sequence[Any], wanted: tuple[bool, ...]) -> list[Any]:
        """The gradients of the operands ``wanted``, from those of what ``run`` gives."""
        g_output, *g_state = incoming
        width = g_output.shape[-1]
        g_steps = self.cut(self.shaped(g_output, (sum(self.rows), width)), self.rows)
        taken = [(t, state, made) for t, state, made in self.forward(True) if t >= 0]
        order = list(self.order())
        g_initial, kept = self._back_in_time(taken, order, g_steps, g_state)
        found = self._of_weights([kept[t] for t in sorted(kept)], wanted)
        found[1:3] = [g_initial[0], g_initial[1] if len(g_initial) > 1 else None]
        return [g for g, want in zip(found, wanted, strict=True) if want]

    def _back_in_time(
        self,
        taken: list[Any],
        order: list[tuple[int, int, int]],
        g_steps: Sequence[Any],
        g_state: list[Any],
    ) -> tuple[list[Any], dict[int, _Kept]]:
        """The gradient of the initial state, and what the weights' gradients are made of by the number of the step."""
        kept: dict[int, _Kept] = {}
        parts: list[list[Any]] = []
        if not self.turned:
            parts = [list(self.cut(g, self.spans())) for g in g_state]
            g_state = [p.pop(0) for p in parts]
        came: list[list[Any]] = []
        for (t, state, made), (_, rows, before) in zip(
            reversed(taken), reversed(order), strict=True
        ):
            hidden, cell = state if len(state) > 1 else (state[0], None)
            own, inner = made[-2:]
            operands = (
                self.steps[t],
                hidden,
                cell,
                own,
                inner,
                None if cell is None else made[1],
                self.w.hh,
                self.w.hr,
                g_steps[t],
                g_state[0],
                None if cell is None else g_state[1],
            )
            of_given, of_own, *g_state, arrived = self.how.call(self.kind.back, operands)
            kept[t] = _Kept(of_given, of_own, hidden, arrived, inner)
            if rows < before:
                g_state = [self.join((g, p.pop(0))) for g, p in zip(g_state, parts, strict=True)]
            elif rows > before:
                cuts = [self.cut(g, (before, rows - before)) for g in g_state]
                g_state = [c[0] for c in cuts]
                came.insert(0, [c[1] for c in cuts])
        return [self.join(p) for p in zip(g_state, *came, strict=True)], kept

    def _of_weights(self, kept: list[_Kept], wanted: tuple[bool, ...]) -> list[Any]:
        """For each operand its gradient, but for those of the initial state; None where it is not wanted."""
        found: list[Any] = [None] * 8
        of_given = self.join([k.of_given for k in kept])
        w = self.w
        if wanted[0]:
            found[0] = self.shaped(self.how.do(matmul, of_given, w.ih), self.x.shape)
        if wanted[3]:
            found[3] = self.over_rows(of_given, self.flat)
        if wanted[4] or (self.kind.late and wanted[6]):
            of_own = self.join([k.of_own for k in kept])
            found[4] = self.over_rows(of_own, self.join([k.hidden for k in kept]))
            if w.b_hh is not None and self.kind.late:
                found[6] = self.how.do(sum_, of_own, axes=(0,), keepdim=False)
        if w.b_ih is not None:
            found[5] = self.how.do(sum_, of_given, axes=(0,), keepdim=False)
            found[6] = found[6] if self.kind.late else found[5]
        if w.hr is not None:
            inner = self.join([k.inner for k in kept])
            found[7] = self.over_rows(self.join([k.arrived for k in kept]), inner)
        return found


class _LayerOp(Op):
    """A layer's loop in one direction. Operands: x, hidden, cell, the weights as in Weights."""

    later = True

    def __init__(self, kind: Kind, node: str) -> None:
        super().__init__(self._graph, node)
        self.__name__ = "recurrence"
        self.kind = kind

    def _graph(self, statics: tuple[Any, ...], given: tuple[Aval | None, ...]) -> Graph:
        return _LayerGraph(self.kind, statics, given)

    def gradient(self, graph: Graph, wanted: tuple[bool, ...]) -> Vjp:
        """See Op."""
        assert isinstance(graph, _LayerGraph)
        kind, statics, given = self.kind, graph.statics, graph.given
        present = tuple([k for k, aval in enumerate(given) if aval is not None])

        def body(how: How, inputs: Sequence[Any]) -> list[Any]:
            operands: list[Any] = [None] * len(given)
            for k, x in zip(present, inputs, strict=False):
                operands[k] = x
            return _Loop(kind, how, operands, *statics).back(inputs[len(present) :], wanted)

        outs = graph.out_avals()
        read = tuple([given[k] for k in present]) + outs
        numbers = {k: n for n, k in enumerate([k for k, want in enumerate(wanted) if want])}
        return Vjp(
            PartGraph(body, read),
            present,
            (),
            tuple(range(len(outs))),
            tuple([numbers.get(k) for k in range(len(given))]),
            outs,
        )


class _LayerGraph(PartGraph):
    """The graph of a layer's loop, with the statics that it was asked with."""

    __slots__ = ("statics",)

    def __init__(
        self, kind: Kind, statics: tuple[Any, ...], given: tuple[Aval | None, ...]
    ) -> None:
        self.statics = statics
        super().__init__(lambda how, inputs: _Loop(kind, how, inputs, *statics).run(), given)


KINDS = {
    "RNN_TANH": Kind(1, _tanh_gates, "RnnTanhBackward0", "TanhBackward0"),
    "RNN_RELU": Kind(1, _relu_gates, "RnnReluBackward0", "ReluBackward0"),
    "LSTM": Kind(4, _lstm_gates, "MkldnnRnnLayerBackward0", "ThnnFusedLstmCellBackward0"),
    "GRU": Kind(3, _gru_gates, "GruBackward0", "ThnnFusedGruCellBackward0", late=True),
}
