"""Recurrent layers and cells.

Note: a layer's loop. What a layer does along time in one direction is one operation. The input's shares of the gates of
all steps are one product up front; a step is then one product and elementwise work, which is one kernel. The steps are
written out, so that each length of sequence is a program of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ...ir.builder import Builder, Var
from ...ir.graph import Graph, Instr
from ...ir.vjp import Vjp
from ...ops import elementwise as e
from ...ops.composite import Op
from ...ops.contraction import matmul
from ...ops.elementwise import add
from ...ops.movement import cat as joined
from ...ops.movement import permute, split
from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from ...tensor.joining import cat, stack
from ...tensor.linear_algebra import multiplied
from .dropping import dropout as dropped

__all__ = [
    "gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell",
]  # fmt: skip

State = tuple[Var, ...]  # (N, H) the hidden state, for an LSTM (N, C) the cell too


class _Weights(NamedTuple):
    """G gates: ``ih`` (G * C, I), ``hh`` (G * C, H), the biases (G * C,), ``hr`` (H, C) the projection."""

    ih: Var
    hh: Var
    b_ih: Var | None
    b_hh: Var | None
    hr: Var | None = None


def _cut(x: Var, sizes: tuple[int, ...], axis: int = 0) -> tuple[Var, ...]:
    return split(x, axis=axis, sizes=sizes) if len(sizes) > 1 else (x,)


def _gates(x: Var, count: int) -> tuple[Var, ...]:
    """The gates of (N, count * C)."""
    return _cut(x, (x.shape[1] // count,) * count, 1)


def _tanh_step(given: Var, state: State, w: _Weights) -> State:
    return (e.tanh(given + multiplied(state[0], w.hh.swap())),)


def _relu_step(given: Var, state: State, w: _Weights) -> State:
    return (e.relu(given + multiplied(state[0], w.hh.swap())),)


def _lstm_step(given: Var, state: State, w: _Weights) -> State:
    """Source: Hochreiter and Schmidhuber 1997, with the projection of Sak, Senior and Beaufays 2014."""
    hidden, cell = state
    own = _gates(multiplied(hidden, w.hh.swap()), 4)
    let_in, keep, new, show = [a + b for a, b in zip(_gates(given, 4), own, strict=True)]
    cell = e.sigmoid(keep) * cell + e.sigmoid(let_in) * e.tanh(new)
    hidden = e.sigmoid(show) * e.tanh(cell)
    return (hidden if w.hr is None else multiplied(hidden, w.hr.swap())), cell


def _gru_step(given: Var, state: State, w: _Weights) -> State:
    """Source: Cho et al. 2014; the reset gate acts after the product."""
    (hidden,) = state
    product = multiplied(hidden, w.hh.swap())
    own = _gates(product if w.b_hh is None else product + w.b_hh, 3)
    inner = _gates(given, 3)
    reset, keep = e.sigmoid(inner[0] + own[0]), e.sigmoid(inner[1] + own[1])
    new = e.tanh(inner[2] + reset * own[2])
    return (new + keep * (hidden - new),)


class _Kind(NamedTuple):
    """A kind of recurrent layer: how many gates, what a step does, its nodes' names."""

    gates: int
    step: Callable[[Var, State, _Weights], State]
    node: str
    cell_node: str


KINDS = {
    "RNN_TANH": _Kind(1, _tanh_step, "RnnTanhBackward0", "TanhBackward0"),
    "RNN_RELU": _Kind(1, _relu_step, "RnnReluBackward0", "ReluBackward0"),
    "LSTM": _Kind(4, _lstm_step, "MkldnnRnnLayerBackward0", "ThnnFusedLstmCellBackward0"),
    "GRU": _Kind(3, _gru_step, "GruBackward0", "ThnnFusedGruCellBackward0"),
}


def _given(kind: _Kind, x: Var, w: _Weights) -> Var:
    """The input's shares of the gates, with all biases that are added before anything else: (N, I) to (N, G * C)."""
    product = multiplied(x, w.ih.swap())
    if w.b_ih is None:
        return product
    return product + (w.b_ih if w.b_hh is None or kind.step is _gru_step else w.b_ih + w.b_hh)


class _LayerOp(Op):
    """A layer's loop, whose gradient takes the products of all steps that make a weight's gradient as one."""

    def gradient(self, graph: Graph, wanted: tuple[bool, ...]) -> Vjp:
        """See Op."""
        found = super().gradient(graph, wanted)
        return replace(found, graph=_with_long_products(found.graph))


def _with_long_products(graph: Graph) -> Graph:
    """The same graph with sums of products, ``a.T @ b + c.T @ d + ...``, each as one product.

    It is that of the factors one behind the other, in the order in which the graph joins them anyway.
    """
    makers = {slot: instr for instr in graph.instrs for slot in instr.outs}
    reads = Counter(slot for instr in graph.instrs for slot in instr.ins)
    joins = {frozenset(i.ins): i.ins for i in graph.instrs if i.primitive is joined}
    builder = Builder(tuple(graph.avals[: graph.n_inputs]))
    place = list(range(graph.n_inputs))
    for instr in graph.instrs:
        pairs = _summed(instr, makers, reads)
        turned = {right: left for left, right in pairs}
        if len(turned) == len(pairs) > 2:
            order = joins.get(frozenset(turned), tuple(turned))
            rights = [builder.var(place[slot]) for slot in order]
            lefts = [builder.var(place[turned[slot]]) for slot in order]
            product = joined(*lefts, axis=0).swap() @ joined(*rights, axis=0)
            place.append(product.slot)
            continue
        operands = tuple(builder.var(place[slot]) for slot in instr.ins)
        results = builder.emit(instr.primitive, operands, instr.statics)
        place += [r.slot for r in (results if isinstance(results, tuple) else (results,))]
    outputs = tuple(place[slot] for slot in graph.outputs)
    whole, kept = Graph(builder.avals, graph.n_inputs, builder.instrs, outputs).pruned()
    assert len(kept) == graph.n_inputs
    return whole


def _summed(instr: Instr, makers: dict[int, Instr], reads: Counter[int]) -> list[tuple[int, int]]:
    """The (a, b) of each term of a sum of products ``a.T @ b`` that nobody else reads, if it is such a sum."""
    pairs: list[tuple[int, int]] = []
    terms = [instr.outs[0]] if instr.primitive is add else []
    while terms:
        maker = makers.get(terms.pop())
        if maker is None or (maker is not instr and reads[maker.outs[0]] > 1):
            return []
        if maker.primitive is add:
            terms += maker.ins
            continue
        left = makers.get(maker.ins[0]) if maker.primitive is matmul else None
        if left is None or left.primitive is not permute or left.statics != ((1, 0),):
            return []
        pairs.append((left.ins[0], maker.ins[1]))
    return pairs


def _layer_op(kind: _Kind) -> Op:
    def layer(
        x: Var, hidden: Var, cell: Var | None, ih: Var, hh: Var, b_ih: Var | None,
        b_hh: Var | None, hr: Var | None, sizes: tuple[int, ...] | None, backward: bool,
    ) -> tuple[Var, ...]:  # fmt: skip
        """One direction of a layer.

        Args:
            x: (T, N, I), or with ``sizes``, how many sequences each of the T steps has, (sum of sizes, I).
            hidden: (N, H). cell: (N, C) for an LSTM.
        Returns:
            the hidden states of all steps, shaped as ``x``; the last state of each sequence.
        """
        weights = _Weights(ih, hh, b_ih, b_hh, hr)
        state: State = (hidden,) if cell is None else (hidden, cell)
        counts = (x.shape[1],) * x.shape[0] if sizes is None else sizes
        given = _given(kind, x.reshape((sum(counts), x.shape[-1])), weights)
        steps = _cut(given, counts)
        walk = _backward if backward else _forward
        outputs, state = walk(kind, steps, state, weights)
        output = joined(*outputs, axis=0) if len(outputs) > 1 else outputs[0]
        return output if sizes else output.reshape((*x.shape[:2], output.shape[1])), *state

    return _LayerOp(layer, kind.node)


def _forward(
    kind: _Kind, steps: Sequence[Var], state: State, w: _Weights
) -> tuple[list[Var], State]:
    """From the first step to the last; sequences that end leave."""
    outputs: list[Var] = []
    ended: list[State] = []
    for given in steps:
        rows, left = given.shape[0], state[0].shape[0]
        if rows < left:
            cuts = [_cut(x, (rows, left - rows)) for x in state]
            state = tuple([kept for kept, _ in cuts])
            ended.append(tuple([gone for _, gone in cuts]))
        state = kind.step(given, state, w)
        outputs.append(state[0])
    if ended:
        last = zip(state, *reversed(ended), strict=True)
        state = tuple([joined(*parts, axis=0) for parts in last])
    return outputs, state


def _backward(
    kind: _Kind, steps: Sequence[Var], state: State, w: _Weights
) -> tuple[list[Var], State]:
    """From the last step to the first; a sequence comes in at its own last step."""
    outputs: list[Var] = []
    rows = [given.shape[0] for given in steps]
    arrivals = [now - later for now, later in zip(rows, (*rows[1:], 0), strict=True)]
    sizes = tuple(n for n in reversed(arrivals) if n)
    waiting = [list(parts) for parts in zip(*(_cut(x, sizes) for x in state), strict=True)]
    waiting.reverse()
    state = ()
    for given, new in zip(reversed(steps), reversed(arrivals), strict=True):
        if new:
            coming = waiting.pop()
            state = tuple(coming) if not state else tuple(
                [joined(a, b, axis=0) for a, b in zip(state, coming, strict=True)]
            )  # fmt: skip
        state = kind.step(given, state, w)
        outputs.append(state[0])
    outputs.reverse()
    return outputs, state


def _cell_op(kind: _Kind) -> Op:
    def cell(
        x: Var, hidden: Var, cell: Var | None, ih: Var, hh: Var, b_ih: Var | None, b_hh: Var | None
    ) -> State:
        """One step: x (N, I), hidden (N, H), cell (N, C); gives the next state."""
        weights = _Weights(ih, hh, b_ih, b_hh)
        state = (hidden,) if cell is None else (hidden, cell)
        return kind.step(_given(kind, x, weights), state, weights)

    return Op(cell, kind.cell_node)


_LAYERS = {mode: _layer_op(kind) for mode, kind in KINDS.items()}
_CELLS = {mode: _cell_op(kind) for mode, kind in KINDS.items()}

# Layers


def recurrence(
    mode: str,
    input: Tensor,
    sizes: tuple[int, ...] | None,
    states: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, ...]:
    """Layers of recurrent units, one above the other.

    Args:
        input: (T, N, I); with ``sizes``, how many sequences each step has, (sum of sizes, I).
        states: (layers * directions, N, H), for an LSTM also (layers * directions, N, C).
        params: for each layer and direction the two weights, the two biases, the projection.
    Returns:
        (T, N, directions * H) or (sum of sizes, directions * H); then the last states, shaped as ``states``.
    Raises:
        RuntimeError: there is no step, or another number of parameters.
    """
    if (sizes is None and not input.shape[0]) or sizes == ():
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    directions = 2 if bidirectional else 1
    projected = len(states) > 1 and states[0].shape[2] != states[1].shape[2]
    per = 2 + 2 * has_biases + projected
    if len(params) != per * num_layers * directions:
        raise RuntimeError(
            f"got an incorrect number of RNN parameters: {len(params)}, but {num_layers * directions} layers and "
            f"directions have {per} each"
        )
    last: list[tuple[Tensor, ...]] = []
    for number in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = number * directions + direction
            cells = states[1][k] if len(states) > 1 else None
            ih, hh, *rest = params[k * per : (k + 1) * per]
            b_ih, b_hh = rest[:2] if has_biases else (None, None)
            operands = (
                input,
                states[0][k],
                cells,
                ih,
                hh,
                b_ih,
                b_hh,
                rest[-1] if projected else None,
            )
            output, *state = dispatch(_LAYERS[mode], operands, (sizes, direction == 1))
            outputs.append(output)
            last.append(tuple(state))
        input = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout and train and number < num_layers - 1:
            input = dropped(input, dropout)
    return input, *[stack(parts) for parts in zip(*last, strict=True)]


_PADDED = (
    "input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first",
)  # fmt: skip
_PACKED = ("data", "batch_sizes", *_PADDED[1:-1])


def _named(
    name: str, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, ...]:
    """A call in either of the two forms that PyTorch has: a padded batch, or packed data and its batch sizes."""
    place = 1 if mode == "LSTM" else 2  # where only the packed form has a tensor
    packed = "batch_sizes" in kwargs or (len(args) > place and isinstance(args[place], Tensor))
    names = _PACKED if packed else _PADDED
    given = dict(zip(names, args, strict=False)) | kwargs
    if len(args) > len(names) or given.keys() != set(names):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: it takes ({', '.join(_PADDED)}) or "
            f"({', '.join(_PACKED)})"
        )
    states = given.pop("hx")
    if mode == "LSTM" and (isinstance(states, Tensor) or len(states) != 2):
        raise RuntimeError("lstm expects two hidden states")
    states = (states,) if isinstance(states, Tensor) else tuple(states)
    input = given.pop(names[0])
    sizes = given.pop("batch_sizes", None)
    turned = given.pop("batch_first", False)
    output, *last = recurrence(
        mode,
        input.transpose(0, 1) if turned else input,
        sizes if sizes is None else tuple(sizes.tolist()),
        states,
        **given,
    )
    return output.transpose(0, 1) if turned else output, *last


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory, without a module: ``lstm(input, hx, params, has_biases, num_layers, dropout, train,
    bidirectional, batch_first)`` or ``lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train,
    bidirectional)``.

    Shapes are those of ``nn.LSTM``; gives (output, hidden states, cells).
    """
    return _named("lstm", "LSTM", args, kwargs)  # type: ignore[return-value]


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent units, without a module: arguments as for ``lstm``, hx (layers, N, H); gives (output, states)."""
    return _named("gru", "GRU", args, kwargs)  # type: ignore[return-value]


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """An Elman network with tanh: arguments as for ``lstm``, hx (layers, N, H); gives (output, states)."""
    return _named("rnn_tanh", "RNN_TANH", args, kwargs)  # type: ignore[return-value]


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """An Elman network with ReLU: arguments as for ``lstm``, hx (layers, N, H); gives (output, states)."""
    return _named("rnn_relu", "RNN_RELU", args, kwargs)  # type: ignore[return-value]


# Cells


def _one_step(
    mode: str, input: Tensor, states: tuple[Tensor, ...], w_ih: Tensor, w_hh: Tensor, biases: Any
) -> Any:
    width = w_hh.shape[1]
    if input.shape[-1] != w_ih.shape[1]:
        raise RuntimeError(
            f"input has inconsistent input_size: got {input.shape[-1]} expected {w_ih.shape[1]}"
        )
    gates = KINDS[mode].gates
    if w_hh.shape[0] != gates * width:
        raise RuntimeError(
            f"weight_hh first dim must be {gates} * hidden_size = {gates * width}, but got {w_hh.shape[0]}"
        )
    for number, state in enumerate(states):
        if state.ndim != 2 or state.shape[1] != width:
            raise RuntimeError(
                f"hidden{number} has inconsistent hidden_size: got {state.shape[1] if state.ndim > 1 else 'none'}, "
                f"expected {width}"
            )
        if state.shape[0] != input.shape[0]:
            raise RuntimeError(
                f"Input batch size {input.shape[0]} doesn't match hidden{number} batch size {state.shape[0]}"
            )
    cell = states[1] if len(states) > 1 else None
    return dispatch(_CELLS[mode], (input, states[0], cell, w_ih, w_hh, *biases))


def lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor,
    b_ih: Tensor | None = None, b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A step of an LSTM: input (N, I), hx two of (N, H), weights (4 * H, I) and (4 * H, H); gives the next hx."""
    if isinstance(hx, Tensor):
        raise TypeError(
            "lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor"
        )
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    hidden, cell = _one_step("LSTM", input, tuple(hx), w_ih, w_hh, (b_ih, b_hh))
    return hidden, cell


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor,
    b_ih: Tensor | None = None, b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A step of a GRU: input (N, I), hx (N, H), weights (3 * H, I) and (3 * H, H); gives the next hx."""
    result: Tensor = _one_step("GRU", input, (hx,), w_ih, w_hh, (b_ih, b_hh))
    return result


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor,
    b_ih: Tensor | None = None, b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """tanh(w_ih x + b_ih + w_hh h + b_hh): input (N, I), hx (N, H), weights (H, I) and (H, H); gives the next hx."""
    result: Tensor = _one_step("RNN_TANH", input, (hx,), w_ih, w_hh, (b_ih, b_hh))
    return result


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor,
    b_ih: Tensor | None = None, b_hh: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """relu(w_ih x + b_ih + w_hh h + b_hh): input (N, I), hx (N, H), weights (H, I) and (H, H); gives the next hx."""
    result: Tensor = _one_step("RNN_RELU", input, (hx,), w_ih, w_hh, (b_ih, b_hh))
    return result
