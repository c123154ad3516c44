"""A character-level LSTM learns a short text and writes on. Its state goes along from one stretch of text to the next."""

import time

import torch
from torch import nn

TEXT = """\
The river comes down from the hills in the dark, and nobody sees it come. In the morning it is there, brown and loud,
and the stones that lay dry in summer are gone. The miller opens the gate and the wheel begins to turn. All day the
wheel turns, all day the water falls, and the flour runs white and warm into the sacks. The children come to the bank
and throw sticks into the stream. A stick goes down by the deep side, past the stones, past the gate, past the willow,
and it is never seen again. Where does it go? It goes to the sea, says the miller. It goes where the water is deepest,
says the old woman, for the water knows the way. The children run along the bank, but the stick is faster. In the
evening the miller closes the gate and the wheel stands still. The river goes on in the dark, and nobody sees it go.
"""

letters = sorted(set(TEXT))
code_of = {letter: code for code, letter in enumerate(letters)}
codes = torch.tensor([code_of[letter] for letter in TEXT])


class CharRNN(nn.Module):
    def __init__(self, count, width=96, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(count, 32)
        self.lstm = nn.LSTM(32, width, num_layers=layers, dropout=0.1, batch_first=True)
        self.head = nn.Linear(width, count)

    def forward(self, x, state=None):
        output, state = self.lstm(self.embedding(x), state)
        return self.head(output), state


def stretches(codes, batch_size, length):
    """Inputs and the letters that follow, so that each stretch goes on where the one before it ended."""
    usable = (len(codes) - 1) // batch_size * batch_size
    x = codes[:usable].view(batch_size, -1)
    y = codes[1 : usable + 1].view(batch_size, -1)
    for start in range(0, x.size(1) - length + 1, length):
        yield x[:, start : start + length], y[:, start : start + length]


def train(model, epochs=40, batch_size=8, length=25):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(1, epochs + 1):
        state, total, count = None, 0.0, 0
        for x, y in stretches(codes, batch_size, length):
            if state is not None:
                state = tuple(part.detach() for part in state)
            scores, state = model(x, state)
            loss = criterion(scores.reshape(-1, len(letters)), y.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            count += 1
        if epoch % 5 == 0:
            print(f"epoch {epoch:3d}  loss {total / count:.4f}")


@torch.no_grad()
def write(model, start, count):
    """``start`` and the likeliest letters behind it."""
    model.eval()
    x = torch.tensor([[code_of[letter] for letter in start]])
    state, text = None, start
    for _ in range(count):
        scores, state = model(x, state)
        code = scores[0, -1].argmax().item()
        text += letters[code]
        x = torch.tensor([[code]])
    return text


if __name__ == "__main__":
    start = time.perf_counter()
    torch.manual_seed(0)
    model = CharRNN(len(letters))
    print(f"{len(letters)} letters, {sum(p.numel() for p in model.parameters())} parameters")
    train(model)
    print(write(model, "The river ", 120))
    print(f"seconds: {time.perf_counter() - start:.2f}")
