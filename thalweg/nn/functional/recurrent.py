"""Recurrent layers and cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ...tensor.dispatch import dispatch
from ...tensor.joining import cat, stack
from .along_time import KINDS
from .dropping import dropout as dropped

__all__ = [
    "gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell",
]  # fmt: skip


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
            output, *state = dispatch(KINDS[mode].layer, operands, (sizes, direction == 1))
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
    return dispatch(KINDS[mode].cell, (input, states[0], cell, w_ih, w_hh, *biases))


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
