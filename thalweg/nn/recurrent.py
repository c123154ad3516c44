"""Recurrent layers and cells."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty, zeros
from . import init
from .functional.along_time import KINDS
from .functional.recurrent import (
    gru_cell,
    lstm_cell,
    recurrence,
    rnn_relu_cell,
    rnn_tanh_cell,
)
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence


class RNNBase(Module):
    """What the recurrent layers share: the weights of all layers and directions, and the walk through them.

    Attributes, for layer k and with ``_reverse`` behind for the other direction, with G gates:
        weight_ih_lk: (G * hidden_size, input_size), the state's size instead of input_size in layers above the first.
        weight_hh_lk: (G * hidden_size, hidden_size), or proj_size instead of the second hidden_size.
        bias_ih_lk, bias_hh_lk: (G * hidden_size,), not with ``bias=False``.
        weight_hr_lk: (proj_size, hidden_size), with ``proj_size`` only.
    All are uniform in ±1/√hidden_size at first.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_settings(dropout)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes = self._shapes(layer)
                for name, shape in shapes.items():
                    weight = Parameter(empty(shape, device=device, dtype=dtype))
                    setattr(self, f"{name}_l{layer}{suffix}", weight)
                self._all_weights.append([f"{name}_l{layer}{suffix}" for name in shapes])
        self.reset_parameters()

    def _check_settings(self, dropout: Any) -> None:
        if (
            not isinstance(dropout, numbers.Number)
            or isinstance(dropout, bool)
            or not 0 <= self.dropout <= 1
        ):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being "
                f"zeroed, got {dropout!r}"
            )
        if dropout and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        kinds = {"bias": bool, "batch_first": bool, "input_size": int, "hidden_size": int}
        for name, kind in kinds.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(
                    f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
                )
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                f"proj_size should be a positive integer or zero to disable projections, got {self.proj_size}"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in KINDS:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The shapes of one direction's weights by name."""
        rows, state = KINDS[self.mode].gates * self.hidden_size, self._state_size
        inputs = state * self._directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, state),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    @property
    def _state_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: weights need not lie side by side."""

    # What fits together

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise unless ``input``, (T, N, I) or packed (rows, I), fits the weights."""
        dtype = self._flat_weights[0].dtype
        if input.dtype is not dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.ndim != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, N, H) for this input."""
        return self._expected(input, batch_sizes, self._state_size)

    def _expected(
        self, input: Tensor, batch_sizes: Tensor | None, size: int
    ) -> tuple[int, int, int]:
        if batch_sizes is None:
            batch = input.shape[0 if self.batch_first else 1]
        else:
            batch = int(batch_sizes[0])
        return self.num_layers * self._directions, batch, size

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """Raise unless ``hx`` is of this shape (layers * directions, N, H)."""
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless the input and the states fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states (layers * directions, N, H) with their sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    # The walk. A subclass's states are one tensor, those of an LSTM a pair.

    def _walk(self, input: Any, hx: Any) -> tuple[Any, Any]:
        packed = input if isinstance(input, PackedSequence) else None
        if packed is not None:
            data, batch_sizes, order, back = packed
            batched = True
        else:
            data, batch_sizes, order, back = input, None, None, None
            batched = self._is_batched(input, hx)
        axis = 0 if self.batch_first else 1
        if not batched:
            data = data.unsqueeze(axis)
            hx = None if hx is None else self._each(hx, lambda h: h.unsqueeze(1))
        if hx is None:
            hx = self._first_states(data, batch_sizes)
        else:
            hx = self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, batch_sizes)
        turned = self.batch_first and packed is None
        output: Any
        output, *states = recurrence(
            self.mode,
            data.transpose(0, 1) if turned else data,
            None if batch_sizes is None else tuple(batch_sizes.tolist()),
            hx if isinstance(hx, tuple | list) else (hx,),
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
        )
        last: Any = tuple(states) if len(states) > 1 else states[0]
        if packed is not None:
            output = PackedSequence(output, batch_sizes, order, back)
        elif turned:
            output = output.transpose(0, 1)
        if not batched:
            output, last = output.squeeze(axis), self._each(last, lambda h: h.squeeze(1))
        return output, self.permute_hidden(last, back)

    def _is_batched(self, input: Tensor, hx: Any) -> bool:
        name = "RNN" if self.mode.startswith("RNN") else self.mode
        if input.dim() not in (2, 3):
            extra = " tensor" if name == "RNN" else ""
            raise ValueError(
                f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{extra} instead"
            )
        if hx is not None:
            self._check_axes(hx, input.dim(), "batched" if input.dim() == 3 else "unbatched")
        return input.dim() == 3

    def _check_axes(self, hx: Any, expected: int, kind: str) -> None:
        if hx.dim() != expected:
            raise RuntimeError(
                f"For {kind} {expected}-D input, hx should also be {expected}-D but got {hx.dim()}-D tensor"
            )

    def _each(self, hx: Any, function: Any) -> Any:
        return function(hx)

    def _first_states(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        shape = self.get_expected_hidden_size(input, batch_sizes)
        return zeros(shape, dtype=input.dtype)

    def extra_repr(self) -> str:
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        unusual = [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join([str(self.input_size), str(self.hidden_size), *unusual])


class _OneState(RNNBase):
    """Networks that carry one state from step to step."""

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        """Walk along the sequences.

        Args:
            input: (T, N, input_size), with ``batch_first`` (N, T, input_size), unbatched (T, input_size), or packed.
            hx: (layers * directions, N, hidden_size), unbatched without N; zeros by default.
        Returns:
            the last layer's states at all steps, shaped as the input, with directions * hidden_size features; the
            states after the last step, shaped as hx.
        """
        return self._walk(input, hx)


class RNN(_OneState):
    """Elman's network: ``h = tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh)`` at each step.

    Takes (input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None); ``nonlinearity`` may be "relu". For the weights see RNNBase.

    Source: Elman 1990.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity = args[3]
            args = (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: the gates in, forget, cell and out, in this order in the weights.

    Takes (input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0, device=None, dtype=None). For the weights see RNNBase.

    Source: Hochreiter and Schmidhuber 1997; with ``proj_size`` Sak, Senior and Beaufays 2014.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Walk along the sequences.

        Args:
            input: (T, N, input_size), with ``batch_first`` (N, T, input_size), unbatched (T, input_size), or packed.
            hx: (h, c): (layers * directions, N, H) and (layers * directions, N, hidden_size), where H is proj_size or
                hidden_size, unbatched without N; zeros by default.
        Returns:
            the last layer's h at all steps, shaped as the input, with directions * H features; (h, c) after the last
            step, shaped as hx.
        """
        return self._walk(input, hx)

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, N, hidden_size) for this input."""
        return self._expected(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless the input and the states fit."""
        self.check_input(input, batch_sizes)
        sizes = (self.get_expected_hidden_size, self.get_expected_cell_size)
        for number, size in enumerate(sizes):
            text = f"Expected hidden[{number}] size {{}}, got {{}}"
            self.check_hidden_size(hidden[number], size(input, batch_sizes), text)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The pair of states (layers * directions, N, H) with their sequences in another order."""
        if permutation is None:
            return hx
        return self._each(hx, lambda h: h.index_select(1, permutation))

    def _check_axes(self, hx: Any, expected: int, kind: str) -> None:
        found = hx[0].dim(), hx[1].dim()
        if found != (expected, expected):
            raise RuntimeError(
                f"For {kind} {expected}-D input, hx and cx should also be {expected}-D but got "
                f"({found[0]}-D, {found[1]}-D) tensors"
            )

    def _each(self, hx: Any, function: Any) -> Any:
        return function(hx[0]), function(hx[1])

    def _first_states(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        sizes = (self.get_expected_hidden_size, self.get_expected_cell_size)
        return tuple(zeros(size(input, batch_sizes), dtype=input.dtype) for size in sizes)


class GRU(_OneState):
    """Gated recurrent units: the gates reset, update and new, in this order in the weights.

    Takes (input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    device=None, dtype=None). For the weights see RNNBase.

    Source: Cho et al. 2014; the reset gate acts after the product with weight_hh.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


def _refuse_projection(settings: dict[str, Any]) -> None:
    if "proj_size" in settings:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNNCellBase(Module):
    """What the cells share.

    Attributes, with ``num_chunks`` gates:
        weight_ih: (num_chunks * hidden_size, input_size). weight_hh: (num_chunks * hidden_size, hidden_size).
        bias_ih, bias_hh: (num_chunks * hidden_size,), or None.
    All are uniform in ±1/√hidden_size at first.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            values = Parameter(empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, values)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, function: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        """``function`` on a batch, of one where there is none."""
        self._check_axes("input", input)
        if hx is not None:
            self._check_axes("hidden", hx)
        batched = input.dim() == 2
        given = input if batched else input.unsqueeze(0)
        if hx is None:
            hx = zeros((given.shape[0], self.hidden_size), dtype=given.dtype)
        elif not batched:
            hx = hx.unsqueeze(0)
        result: Tensor = function(given, hx, *self._weights())
        return result if batched else result.squeeze(0)

    def _check_axes(self, what: str, x: Tensor) -> None:
        if x.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {x.dim()}D instead"
            )

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """One step of Elman's network: ``tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh)``, or relu of it.

    Source: Elman 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (N, input_size), hx: (N, hidden_size), zeros by default; both may be without N; gives the next hx."""
        functions = {"tanh": rnn_tanh_cell, "relu": rnn_relu_cell}
        if self.nonlinearity not in functions:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(functions[self.nonlinearity], input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM. Source: Hochreiter and Schmidhuber 1997."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        """input: (N, input_size), hx: two of (N, hidden_size), zeros by default; all may be without N.

        Returns:
            the next hx.
        """
        self._check_axes("input", input)
        for number, state in enumerate(() if hx is None else hx):
            self._check_axes(f"hx[{number}]", state)
        batched = input.dim() == 2
        given = input if batched else input.unsqueeze(0)
        if hx is None:
            zero = zeros((given.shape[0], self.hidden_size), dtype=given.dtype)
            hx = zero, zero
        elif not batched:
            hx = hx[0].unsqueeze(0), hx[1].unsqueeze(0)
        hidden, cell = lstm_cell(given, hx, *self._weights())
        return (hidden, cell) if batched else (hidden.squeeze(0), cell.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit. Source: Cho et al. 2014."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (N, input_size), hx: (N, hidden_size), zeros by default; both may be without N; gives the next hx."""
        return self._step(gru_cell, input, hx)
