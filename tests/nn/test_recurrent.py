"""Recurrent layers, cells and packed sequences: numbers, gradients, random streams and errors."""

from __future__ import annotations

import copy
import re
import warnings
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.nn.utils import rnn

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def flat(found: Any) -> list[Any]:
    """All tensors of an output or of arguments."""
    if isinstance(found, tuple | list):
        return [t for part in found for t in flat(part)]
    return [] if found is None else [found]


def outcome(lib: Any, text: str, arguments: Any) -> list[Any]:
    """Outputs, then gradients of the weights and of the leaves among the arguments, of a squared loss."""
    lib.manual_seed(7)
    layer = eval(f"lib.nn.{text}", {"lib": lib}).double()
    leaves, given = arguments(lib, np.random.default_rng(0))
    lib.manual_seed(3)  # dropout between the layers
    outputs = [t for t in flat(layer(*given)) if t.is_floating_point()]
    sum((n * (y * y).sum() for n, y in enumerate(outputs, 1))).backward()  # type: ignore[attr-defined]
    grads = [p.grad for p in layer.parameters()] + [x.grad for x in leaves]
    return [t.detach().numpy() for t in outputs + grads if t is not None]


def same(text: str, arguments: Any) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = outcome(tw, text, arguments), outcome(torch, text, arguments)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-11)


KINDS = [
    "RNN(3, 4)",
    "RNN(3, 4, 2, 'relu', bidirectional=True)",
    "LSTM(3, 4)",
    "LSTM(3, 4, 2, batch_first=True, bias=False)",
    "LSTM(3, 4, 2, proj_size=2, bidirectional=True, dropout=0.4)",
    "GRU(3, 4)",
    "GRU(3, 4, 2, batch_first=True, bias=False)",
    "GRU(3, 4, 3, bidirectional=True, dropout=0.4)",
]


def drawn(text: str, shape: tuple[int, ...], states: bool, lengths: Any = None) -> Any:
    """What makes the arguments: an input of this shape, packed if there are lengths, and the states if asked for."""

    def arguments(lib: Any, rng: Any) -> tuple[list[Any], list[Any]]:
        layer = eval(f"lib.nn.{text}", {"lib": lib})
        x = lib.tensor(rng.normal(size=shape), requires_grad=True)
        leaves, given = [x], [x]
        rows = layer.num_layers * (2 if layer.bidirectional else 1)
        batch = shape[not layer.batch_first] if len(shape) == 3 else None
        if lengths is not None:
            pack = lib.nn.utils.rnn.pack_padded_sequence
            given = [pack(x, lengths, layer.batch_first, enforce_sorted=False)]
        if states:
            sizes = [layer.proj_size or 4, 4] if layer.mode == "LSTM" else [4]
            each = [(rows, n) if batch is None else (rows, batch, n) for n in sizes]
            hx = [lib.tensor(rng.normal(size=size), requires_grad=True) for size in each]
            leaves += hx
            given.append(tuple(hx) if layer.mode == "LSTM" else hx[0])
        return leaves, given

    return arguments


@pytest.mark.parametrize("states", [False, True], ids=["from zeros", "from states"])
@pytest.mark.parametrize("text", KINDS)
def test_layer_computes_what_torchs_does(text: str, states: bool) -> None:
    for shape in ((4, 2, 3), (1, 1, 3), (3, 3)):
        same(text, drawn(text, shape, states))


@pytest.mark.parametrize("text", KINDS)
def test_layer_on_packed_sequences(text: str) -> None:
    for lengths in ([2, 4, 1, 4], [4, 4, 4, 4], [3, 2, 2, 1]):
        same(text, drawn(text, (4, 4, 3), True, lengths))
    same(text, drawn(text, (4, 4, 3), False, [1, 3, 1, 2]))


@pytest.mark.parametrize("text", ["RNNCell(3, 4)", "RNNCell(3, 4, False, 'relu')", "LSTMCell(3, 4)", "GRUCell(3, 4)"])  # fmt: skip
def test_cell(text: str) -> None:
    def arguments(batch: tuple[int, ...], states: bool) -> Any:
        def draw(lib: Any, rng: Any) -> tuple[list[Any], list[Any]]:
            sizes = [(*batch, 3), (*batch, 4), (*batch, 4)]
            x, h, c = (lib.tensor(rng.normal(size=s), requires_grad=True) for s in sizes)
            given = [x] if not states else [x, (h, c)] if text.startswith("LSTM") else [x, h]
            return flat(given), given

        return draw

    for batch in ((2,), ()):
        same(text, arguments(batch, False))
        same(text, arguments(batch, True))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_dropout_between_layers_draws_what_torchs_draws(kind: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    found = []
    for lib in (tw, torch):
        lib.manual_seed(1)
        layer = getattr(lib.nn, kind)(3, 4, 3, dropout=0.4, batch_first=True)
        found.append([layer(lib.tensor(x))[0].detach().numpy(), lib.rand(3).numpy()])
    np.testing.assert_allclose(found[0][0], found[1][0], 1e-4, 1e-6)
    assert found[0][1].tolist() == found[1][1].tolist()


# Numbers that were worked out by hand


def test_elman_network() -> None:
    layer = nn.RNN(1, 1, nonlinearity="relu")
    for p, value in zip(layer.parameters(), (2.0, 0.5, 1.0, -0.5), strict=True):
        nn.init.constant_(p, value)
    output, last = layer(tw.tensor([[1.0], [0.0], [-4.0]]))  # 2x + h/2 + 1/2
    assert output.tolist() == [[2.5], [1.75], [0.0]] and last.tolist() == [[0.0]]


def test_lstm_by_its_formula() -> None:
    cell = nn.LSTMCell(1, 1, bias=False)
    with tw.no_grad():
        cell.weight_ih.copy_(tw.tensor([[1.0], [2.0], [3.0], [4.0]]))
        cell.weight_hh.fill_(0.5)
    h, c = cell(tw.tensor([[0.5]]), (tw.tensor([[0.2]]), tw.tensor([[0.3]])))
    i, f, g, o = (k * 0.5 + 0.1 for k in (1, 2, 3, 4))

    def sigmoid(x: float) -> float:
        return 1 / (1 + float(np.exp(-x)))

    expected = sigmoid(f) * 0.3 + sigmoid(i) * np.tanh(g)
    assert c.item() == pytest.approx(expected, rel=1e-6)
    assert h.item() == pytest.approx(sigmoid(o) * np.tanh(expected), rel=1e-6)


def test_gru_by_its_formula() -> None:
    cell = nn.GRUCell(1, 1)
    for p, value in zip(cell.parameters(), (1.0, 2.0, 0.5, 0.25), strict=True):
        nn.init.constant_(p, value)
    inner, own = 1.0 * 0.4 + 0.5, 2.0 * 0.3 + 0.25
    gate = 1 / (1 + np.exp(-(inner + own)))
    new = np.tanh(inner + gate * own)
    found = cell(tw.tensor([0.4]), tw.tensor([0.3])).item()
    assert found == pytest.approx((1 - gate) * new + gate * 0.3, rel=1e-6)


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh"])
def test_first_and_second_gradients(mode: str) -> None:
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[mode]
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> Any:
        return tw.tensor(rng.normal(size=shape), requires_grad=True)

    x, h, c = leaf(2, 2, 2), leaf(2, 2, 2), leaf(2, 2, 2)
    weights = [leaf(*s) for s in [(gates * 2, 2), (gates * 2, 2), (gates * 2,), (gates * 2,)] * 2]

    def run(x: Any, h: Any, c: Any, *weights: Any) -> Any:
        hx = (h, c) if mode == "lstm" else h
        return getattr(tw, mode)(x, hx, weights, True, 1, 0.0, False, True, False)

    def packed(x: Any, h: Any, c: Any, *weights: Any) -> Any:
        hx = (h, c) if mode == "lstm" else h
        sizes = tw.tensor([2, 1])
        return getattr(tw, mode)(x, sizes, hx, weights, True, 1, 0.0, False, True)

    assert gradcheck(lambda x, h, c, *w: (*run(x, h, c, *w), c * 1), (x, h, c, *weights))
    rows = leaf(3, 2)
    assert gradcheck(lambda x, h, c, *w: (*packed(x, h, c, *w), c * 1), (rows, h, c, *weights))
    assert gradgradcheck(lambda x: run(x, h, c, *weights)[0], (x,))


def test_functions_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        lib.manual_seed(0)
        layer = lib.nn.LSTM(3, 4, 2)
        x, h, c = lib.randn(2, 2, 3), lib.randn(2, 2, 4), lib.randn(2, 2, 4)
        weights = list(layer.parameters())
        padded = lib.lstm(x, (h, c), weights, True, 2, 0.0, False, False, False)
        rows, sizes = lib.randn(3, 3), lib.tensor([2, 1])
        packed = lib.lstm(rows, sizes, (h, c), weights, True, 2, 0.0, False, False)
        step = lib.lstm_cell(x[0], (h[0], c[0]), *weights[:4])
        turned = lib.rnn_tanh(x, h[:1], [weights[0][:4], weights[1][:4]], False, 1, 0.0, False, False, True)  # fmt: skip
        found.append([t.detach().numpy() for t in (*padded, *packed, *step, *turned)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-5, 1e-6)


# Modules


def test_weights_by_layer_and_direction() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    assert [tuple(w.shape) for w in layer.all_weights[1]] == [(16, 3), (16, 2), (16,), (16,), (2, 4)]  # fmt: skip
    assert layer.all_weights[3][4] is layer.weight_hr_l1_reverse
    assert list(layer.state_dict())[5] == "weight_ih_l0_reverse"
    layer.flatten_parameters()
    twin = copy.deepcopy(layer)
    twin.weight_ih_l0 = nn.Parameter(tw.zeros(16, 3))
    assert twin.all_weights[0][0] is twin.weight_ih_l0 and layer.weight_ih_l0.any()
    with pytest.warns(UserWarning, match="num_layers greater than 1, but got dropout=0.5"):
        nn.GRU(3, 4, dropout=0.5)


def test_last_states_are_no_part_of_the_output() -> None:
    output, (h, c) = nn.LSTM(2, 3)(tw.ones(2, 1, 2))
    before = output.tolist()
    with tw.no_grad():
        h.zero_()
    assert output.tolist() == before and output[-1].tolist() != h[0].tolist() and c.any()


X, H = tw.ones(2, 2, 3), tw.ones(1, 2, 4)
WRONG = [
    (lambda: nn.LSTM(3, 4, bias=1), TypeError, "bias should be of type bool, got: int"),
    (lambda: nn.LSTM(3.0, 4), TypeError, "input_size should be of type int, got: float"),
    (lambda: nn.GRU(0, 4), ValueError, "input_size must be greater than zero"),
    (lambda: nn.GRU(3, 4, 0), ValueError, "num_layers must be greater than zero"),
    (lambda: nn.GRU(3, 4, 2, dropout=2), ValueError, "number in range [0, 1]"),
    (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "has to be smaller than hidden_size"),
    (lambda: nn.LSTM(3, 4, proj_size=-1), ValueError, "positive integer or zero"),
    (lambda: nn.GRU(3, 4, proj_size=2), ValueError, "only supported for LSTM"),
    (lambda: nn.RNN(3, 4, 1, "x"), ValueError, "Unknown nonlinearity 'x'"),
    (lambda: nn.RNNBase("X", 3, 4), ValueError, "Unrecognized RNN mode: X"),
    (lambda: nn.RNNBase("GRU", 3, 4)(X), NotImplementedError, 'missing the required "forward"'),
    (lambda: nn.LSTM(3, 4)(tw.ones(3)), ValueError, "LSTM: Expected input to be 2D or 3D, got 1D instead"),
    (lambda: nn.RNN(3, 4)(X.double()), ValueError, "does not match weight dtype"),
    (lambda: nn.RNN(4, 4)(X), RuntimeError, "equal to input_size. Expected 4, got 3"),
    (lambda: nn.GRU(3, 4)(X, H[0]), RuntimeError, "hx should also be 3-D but got 2-D tensor"),
    (lambda: nn.GRU(3, 4)(X[0], H), RuntimeError, "For unbatched 2-D input, hx should also be 2-D"),
    (lambda: nn.LSTM(3, 4)(X, (H[0], H)), RuntimeError, "but got (2-D, 3-D) tensors"),
    (lambda: nn.GRU(3, 4)(X, H[:, :1]), RuntimeError, "Expected hidden size (1, 2, 4), got [1, 1, 4]"),
    (lambda: nn.LSTM(3, 4)(X, (H, H[..., :2])), RuntimeError, "Expected hidden[1] size (1, 2, 4)"),
    (lambda: nn.LSTM(3, 4)(X[:0]), RuntimeError, "sequence length to be larger than 0"),
    (lambda: nn.GRUCell(3, 4)(X), ValueError, "GRUCell: Expected input to be 1D or 2D, got 3D"),
    (lambda: nn.LSTMCell(3, 4)(X[0], (H[0], H)), ValueError, "Expected hx[1] to be 1D or 2D, got 3D"),
    (lambda: nn.GRUCell(5, 4)(X[0]), RuntimeError, "inconsistent input_size: got 3 expected 5"),
    (lambda: nn.GRUCell(3, 5)(X[0], H[0]), RuntimeError, "hidden0 has inconsistent hidden_size: got 4"),
    (lambda: nn.GRUCell(3, 4)(X[0], H[0, :1]), RuntimeError, "doesn't match hidden0 batch size 1"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="x")(X[0]), RuntimeError, "Unknown nonlinearity: x"),
    (lambda: tw.lstm_cell(X[0], (H[0],), H[0], H[0]), RuntimeError, "expects two hidden states"),
    (lambda: tw.lstm_cell(X[0], H[0], H[0], H[0]), TypeError, "must be tuple of Tensors, not Tensor"),
    (lambda: tw.gru(X, H, [], True, 1, 0.0, False, False, False), RuntimeError, "incorrect number of RNN parameters"),
    (lambda: tw.gru(X, H), TypeError, "invalid combination of arguments"),
    (lambda: tw.lstm(X, (H,), [], True, 1, 0.0, False, False, False), RuntimeError, "two hidden states"),
    (lambda: tw.gru_cell(X[0], H[0], tw.ones(5, 3), tw.ones(5, 4)), RuntimeError, "first dim must be 3 * hidden_size"),
    (lambda: rnn.pack_padded_sequence(X, [1, 2]), RuntimeError, "must be sorted in decreasing order"),
    (lambda: rnn.pack_padded_sequence(X, [3, 2]), RuntimeError, "lengths is 3, but the input has 2 steps"),
    (lambda: rnn.pack_padded_sequence(X, [2, 0]), RuntimeError, "has to be greater than 0"),
    (lambda: rnn.pack_padded_sequence(X, [2]), RuntimeError, "but got 1 (batch_size=2)"),
    (lambda: rnn.pack_padded_sequence(X, tw.tensor([[2]])), RuntimeError, "should be a 1D CPU int64 tensor"),
    (lambda: rnn.pack_padded_sequence(X[:, :0], []), RuntimeError, "Cannot pack empty tensors"),
    (lambda: rnn.pad_sequence([]), RuntimeError, "received an empty list of sequences"),
    (lambda: rnn.pad_sequence(3), RuntimeError, "Expected iterable for input sequences"),
    (lambda: rnn.pad_sequence([X, X[..., :2]]), RuntimeError, "all sizes but the first must be equal"),
    (lambda: rnn.pad_sequence([X], padding_side="top"), RuntimeError, "one of left or right, but got top"),
    (lambda: rnn.PackedSequence(X), AssertionError, "list or tuple of length 2"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "kind", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_what_does_not_fit_is_said(action: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        action()


def test_total_length_that_is_too_short() -> None:
    packed = rnn.pack_sequence([tw.ones(3), tw.ones(1)])
    with pytest.raises(ValueError, match="total_length=2 and max sequence length being 3"):
        rnn.pad_packed_sequence(packed, total_length=2)


# Packing


def test_packing() -> None:
    a, b, c = tw.tensor([1, 2, 3]), tw.tensor([4]), tw.tensor([5, 6])
    packed = rnn.pack_sequence([a, b, c], enforce_sorted=False)
    assert packed.data.tolist() == [1, 5, 4, 2, 6, 3] and packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [0, 2, 1] == packed.unsorted_indices.tolist()
    padded, lengths = rnn.pad_packed_sequence(packed, True, -1, total_length=4)
    assert padded.tolist() == [[1, 2, 3, -1], [4, -1, -1, -1], [5, 6, -1, -1]]
    assert lengths.tolist() == [3, 1, 2] and lengths.dtype is tw.int64
    assert [x.tolist() for x in rnn.unpack_sequence(packed)] == [[1, 2, 3], [4], [5, 6]]
    assert rnn.pad_sequence([a, b], padding_side="left").tolist() == [[1, 0], [2, 0], [3, 4]]
    assert packed.to(tw.int64) is packed and packed.double().data.dtype is tw.float64
    assert not packed.is_cuda and not packed.is_pinned() and packed.cpu() is packed
    kinds = {"float": tw.float32, "long": tw.int64, "int": tw.int32, "short": tw.int16, "char": tw.int8, "byte": tw.uint8}  # fmt: skip
    for name, dtype in kinds.items():
        assert getattr(packed, name)().data.dtype is dtype
    plain = rnn.pack_sequence([a, b])
    assert repr(copy.deepcopy(plain)) == (
        "PackedSequence(data=tensor([1, 4, 2, 3]), batch_sizes=tensor([2, 1, 1]), sorted_indices=None, "
        "unsorted_indices=None)"
    )


def test_unpadded_sequences_are_copies() -> None:
    padded = tw.zeros(3, 2)
    for x in rnn.unpad_sequence(padded, tw.tensor([3, 1])):
        x += 1
    assert not padded.any() and padded.shape == (3, 2)


def test_gradients_through_packing_and_padding() -> None:
    rng = np.random.default_rng(0)
    a, b, c = (tw.tensor(rng.normal(size=(n, 2)), requires_grad=True) for n in (2, 3, 1))
    for first in (False, True):

        def there_and_back(*parts: Any, first: bool = first) -> Any:
            padded = rnn.pad_sequence(parts, first, 2.0)
            packed = rnn.pack_padded_sequence(padded, [2, 3, 1], first, enforce_sorted=False)
            squares = rnn.PackedSequence(packed.data**2, *packed[1:])
            return rnn.pad_packed_sequence(squares, first)[0]

        expected = rnn.pad_sequence([a, b, c], first).pow(2)
        assert (there_and_back(a, b, c) == expected).all()
        assert gradcheck(there_and_back, (a, b, c))


def test_packing_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        utils = lib.nn.utils.rnn
        x = lib.tensor(np.arange(24.0).reshape(4, 3, 2))
        for lengths in ([4, 2, 1], lib.tensor([1, 4, 4])):
            packed = utils.pack_padded_sequence(x, lengths, enforce_sorted=False)
            padded = utils.pad_packed_sequence(packed, padding_value=0.5, total_length=5)
            found.append([t.tolist() for t in (*packed, *padded, *utils.unpack_sequence(packed))])
        sides = [utils.pad_sequence([x[:2], x], first, 3.0, side) for first in (False, True) for side in ("left", "right")]  # fmt: skip
        found.append([t.tolist() for t in sides])
    assert found[:3] == found[3:]


def test_each_length_of_sequence_learns() -> None:
    tw.manual_seed(0)
    layer, head = nn.GRU(1, 8), nn.Linear(8, 1)
    optimizer = tw.optim.Adam([*layer.parameters(), *head.parameters()], 0.02)
    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(60):
            lengths = [3, 2, 1 + step % 3]
            x = tw.randn(3, 3, 1)
            packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            _, last = layer(packed)
            goal = tw.stack([x[n - 1, k] for k, n in enumerate(lengths)])
            loss = nn.functional.mse_loss(head(last[0]), goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


@pytest.mark.own_tier
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_what_a_step_runs_as(kind: str) -> None:
    """A step of a sequence is one product and one kernel forward; the weights' gradients are a product each."""
    layer, x, length = getattr(nn, kind)(5, 4), tw.randn(6, 3, 5), 6

    def step() -> None:
        layer.zero_grad()
        layer(x)[0].square().sum().backward()

    (report,) = [r for r in tw.explain(step).programs if r.native]
    kinds = [line.kind for line in report.lines]
    assert kinds.count("product") == 1 + length + (length - 1) + 2 and "host" not in kinds
    forward = [line for line in report.lines if line.kind == "kernel" and "tanh" in line.what]
    assert len(forward) == length
