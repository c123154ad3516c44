"""A small GPT (Radford et al. 2019: norm before each part, tied embeddings) on sentences from a toy grammar."""

import math
import random
import time

import torch
import torch.nn.functional as F
from torch import nn

CONTEXT, WIDTH, HEADS, LAYERS = 48, 64, 4, 3
BATCH, STEPS = 12, 240


def sentences(count):
    """Text that can be learned up to the choices that its grammar leaves open."""
    choose = random.Random(0).choice
    nouns = ["boat", "river", "stone", "heron", "miller", "child"]
    adjectives = ["old", "quiet", "dark", "small"]
    verbs = ["finds", "follows", "sees", "carries"]

    def thing():
        adjective = choose([*adjectives, ""])
        return f"the {adjective} {choose(nouns)}" if adjective else f"the {choose(nouns)}"

    lines = [f"{thing()} {choose(verbs)} {thing()}." for _ in range(count)]
    return "\n".join(line.capitalize() for line in lines) + "\n"


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, length, width = x.size()
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (t.view(batch, length, HEADS, width // HEADS).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(batch, length, width))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), SelfAttention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.tokens = nn.Embedding(count, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, count, bias=False)
        self.apply(self._init_weights)
        self.head.weight = self.tokens.weight

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, x, targets=None):
        h = self.tokens(x) + self.places(torch.arange(x.size(1), device=x.device))
        for block in self.blocks:
            h = block(h)
        scores = self.head(self.norm(h))
        if targets is None:
            return scores, None
        return scores, F.cross_entropy(scores.view(-1, scores.size(-1)), targets.view(-1))

    @torch.no_grad()
    def generate(self, x, count, top_k=5):
        """``x`` (1, length) and so many tokens more, each drawn from the ``top_k`` likeliest."""
        for _ in range(count):
            scores, _ = self(x[:, -CONTEXT:])
            scores = scores[:, -1]
            least = torch.topk(scores, top_k).values[:, -1:]
            scores = scores.masked_fill(scores < least, -float("inf"))
            x = torch.cat((x, torch.multinomial(F.softmax(scores, dim=-1), 1)), dim=1)
        return x


def batch_of(data):
    starts = torch.randint(len(data) - CONTEXT, (BATCH,))
    x = torch.stack([data[i : i + CONTEXT] for i in starts])
    y = torch.stack([data[i + 1 : i + CONTEXT + 1] for i in starts])
    return x, y


def rate_at(step, warmup=20):
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup)))


@torch.no_grad()
def validation_loss(model, data, batches=5):
    model.eval()
    losses = torch.zeros(batches)
    for k in range(batches):
        _, loss = model(*batch_of(data))
        losses[k] = loss.item()
    model.train()
    return losses.mean().item()


def main():
    torch.manual_seed(0)
    text = sentences(1500)
    letters = sorted(set(text))
    code_of = {letter: code for code, letter in enumerate(letters)}
    data = torch.tensor([code_of[letter] for letter in text], dtype=torch.long)
    split = int(0.9 * len(data))
    train_data, val_data = data[:split], data[split:]

    model = GPT(len(letters))
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_at)
    print(f"{len(letters)} letters, {sum(p.numel() for p in model.parameters())} parameters")

    for step in range(1, STEPS + 1):
        x, y = batch_of(train_data)
        _, loss = model(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step % 40 == 0:
            validation = validation_loss(model, val_data)
            print(f"step {step:4d}  loss {loss.item():.4f}  validation {validation:.4f}")

    model.eval()
    start = torch.tensor([[code_of["T"]]])
    print("".join(letters[code] for code in model.generate(start, 100)[0].tolist()))


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"seconds: {time.perf_counter() - began:.2f}")
