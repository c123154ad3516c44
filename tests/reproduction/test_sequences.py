"""Language models on characters, the same seeded script on Thalweg and on PyTorch: the same curve of losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw

STEPS = 200
TEXT = (
    "A river keeps to its thalweg, the line of its deepest points. Where two lands meet in the water, the border "
    "follows that line, and where the bed moves slowly, the border moves with it. A flood that cuts a new bed in one "
    "night moves no border at all: the old line stays, dry, until somebody agrees to draw another. "
)
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(letter) for letter in TEXT])
COUNT, CONTEXT, BATCH = len(LETTERS), 12, 6


def _char_lstm(m: Any) -> Any:
    nn = m.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters = nn.Embedding(COUNT, 8)
            self.memory = nn.LSTM(8, 16, num_layers=2, batch_first=True, dropout=0.1)
            self.scores = nn.Linear(16, COUNT)

        def forward(self, x: Any) -> Any:
            found, _ = self.memory(self.letters(x))
            return self.scores(found)

    return Model()


def _gpt(m: Any) -> Any:
    nn = m.nn
    width = 16

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters, self.places = nn.Embedding(COUNT, width), nn.Embedding(CONTEXT, width)
            block = nn.TransformerEncoderLayer(
                width, 2, 32, 0.1, "gelu", batch_first=True, norm_first=True
            )
            self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
            self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, COUNT, bias=False)

        def forward(self, x: Any) -> Any:
            length = x.shape[1]
            h = self.letters(x) + self.places(m.arange(length))
            mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=h.dtype)
            return self.scores(self.norm(self.blocks(h, mask, is_causal=True)))

    return Model()


def _curve(m: Any, make: Callable[[Any], Any], kind: str, nudge: bool = False) -> tuple[list[float], Any]:  # fmt: skip
    """The losses of all steps; ``nudge`` moves one weight by one unit in its last place."""
    m.manual_seed(1)
    net = make(m)
    for table in (x for x in net.modules() if isinstance(x, m.nn.Embedding)):
        m.nn.init.uniform_(
            table.weight
        )  # the last bits of a normal draw depend on the library's log and cos
    if kind == "float64":
        net.double()
    if nudge:
        first = next(iter(net.parameters()))
        values = first.detach().numpy().copy()
        values.flat[0] = np.nextafter(values.flat[0], np.float32(np.inf), dtype=values.dtype)
        with m.no_grad():
            first.copy_(m.tensor(values))
    codes, steps = m.tensor(CODES), m.arange(CONTEXT)
    optimizer = m.optim.AdamW(net.parameters(), lr=0.01)
    losses = []
    for _ in range(STEPS):
        starts = m.randint(0, len(CODES) - CONTEXT - 1, (BATCH, 1))
        x, y = codes[starts + steps], codes[starts + steps + 1]
        loss = m.nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        m.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses, net


NETS = {"LSTM": _char_lstm, "GPT": _gpt}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads would wait for each other longer than they compute."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("net", NETS)
def test_float64(net: str) -> None:
    torch = pytest.importorskip("torch")
    mine, my_net = _curve(tw, NETS[net], "float64")
    theirs, their_net = _curve(torch, NETS[net], "float64")
    assert np.mean(theirs[-20:]) < 0.8 * np.mean(theirs[:20])
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    expected = their_net.state_dict()
    for name, value in my_net.state_dict().items():
        np.testing.assert_allclose(value.numpy(), expected[name].numpy(), 1e-6, 1e-8, err_msg=name)


@pytest.mark.parametrize("net", NETS)
def test_float32_drifts_no_more_than_pytorch_from_itself(net: str) -> None:
    torch = pytest.importorskip("torch")
    mine, _ = _curve(tw, NETS[net], "float32")
    theirs, _ = _curve(torch, NETS[net], "float32")
    nudged, _ = _curve(torch, NETS[net], "float32", nudge=True)
    drift, allowed = (
        np.maximum.accumulate(np.abs(np.subtract(other, theirs))) for other in (mine, nudged)
    )
    floor = 4 * np.finfo(np.float32).eps * np.max(theirs)  # a rounding of a loss
    assert drift[-1] <= 3 * allowed[-1] + floor, (drift[-1], allowed[-1])
    assert drift[:5].max() < 1e-5
