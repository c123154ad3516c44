"""What users write, as functions of the framework's module ``t``: each gives arrays or numbers to compare.

They run under thalweg and, where it is installed, under torch.
"""

from __future__ import annotations

import copy

import numpy as np


def data(t, n=16, features=6, classes=3):
    rng = np.random.RandomState(0)
    x = t.tensor(rng.randn(n, features))
    y = t.tensor(rng.randint(0, classes, n))
    return x, y


def network(t, widths=(6, 8, 3), seed=1):
    rng = np.random.RandomState(seed)
    layers = []
    for a, b in zip(widths, widths[1:], strict=False):
        layer = t.nn.Linear(a, b).double()
        with t.no_grad():
            layer.weight.copy_(t.tensor(rng.uniform(-0.5, 0.5, (b, a))))
            layer.bias.copy_(t.tensor(rng.uniform(-0.5, 0.5, b)))
        layers += [layer, t.nn.Tanh()]
    return t.nn.Sequential(*layers[:-1])


def arrays(module):
    return [p.detach().numpy().copy() for p in module.parameters()]


def hand_written_sgd(t):
    x, y = data(t)
    w = t.tensor(np.full((6, 3), 0.1), requires_grad=True)
    losses = []
    for _ in range(5):
        loss = t.nn.functional.cross_entropy(x @ w, y)
        loss.backward()
        with t.no_grad():
            w -= 0.5 * w.grad
            w.grad.zero_()
        losses.append(loss.item())
    return [losses, w.detach().numpy()]


def data_attribute_update(t):
    x, y = data(t)
    w = t.tensor(np.full((6, 3), 0.1), requires_grad=True)
    for _ in range(3):
        loss = t.nn.functional.cross_entropy(x @ w, y)
        loss.backward()
        w.data = w.data - 0.5 * w.grad.data
        w.grad = None
    alias = w.data
    alias.mul_(2.0)
    return [w.detach().numpy(), alias.numpy()]


def training(t, read_every=0, early=False):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for i in range(12):
        opt.zero_grad()
        loss = t.nn.functional.cross_entropy(net(x), y)
        if early:
            losses.append(loss.item())
        loss.backward()
        opt.step()
        if read_every and i % read_every == 0:
            losses.append(loss.item())
    return [losses, *arrays(net)]


def training_read_early(t):
    return training(t, early=True)


def training_read_sometimes(t):
    return training(t, read_every=5)


def accumulation(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(4):
        opt.zero_grad()
        for a, b in ((0, 5), (5, 10), (10, 16)):
            loss = t.nn.functional.cross_entropy(net(x[a:b]), y[a:b]) * ((b - a) / 16)
            loss.backward()
        opt.step()
    return arrays(net)


def clipped(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.5)
    norms = []
    for _ in range(4):
        opt.zero_grad()
        t.nn.functional.cross_entropy(net(x), y).backward()
        norms.append(t.nn.utils.clip_grad_norm_(net.parameters(), 0.1).item())
        opt.step()
    return [norms, *arrays(net)]


def gan(t):
    x, _ = data(t)
    maker, judge = network(t, (4, 8, 6), 2), network(t, (6, 8, 1), 3)
    maker_opt = t.optim.Adam(maker.parameters(), lr=0.01)
    judge_opt = t.optim.Adam(judge.parameters(), lr=0.02)
    bce = t.nn.functional.binary_cross_entropy_with_logits
    z = t.tensor(np.random.RandomState(5).randn(16, 4))
    one, zero = t.ones(16, 1, dtype=t.float64), t.zeros(16, 1, dtype=t.float64)
    for _ in range(4):
        fake = maker(z)
        judge_opt.zero_grad()
        (bce(judge(x), one) + bce(judge(fake.detach()), zero)).backward()
        judge_opt.step()
        maker_opt.zero_grad()
        bce(judge(fake), one).backward()
        maker_opt.step()
    return [*arrays(maker), *arrays(judge)]


def gradient_penalty(t):
    x, _ = data(t)
    net = network(t, (6, 8, 1))
    opt = t.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(3):
        inputs = x.clone().requires_grad_()
        out = net(inputs).sum()
        (g,) = t.autograd.grad(out, inputs, create_graph=True)
        loss = ((g.norm(2, dim=1) - 1) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return arrays(net)


def moving_average(t):
    x, y = data(t)
    net = network(t)
    average = copy.deepcopy(net)
    opt = t.optim.AdamW(net.parameters(), lr=0.05)
    for _ in range(4):
        opt.zero_grad()
        t.nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
        with t.no_grad():
            for a, p in zip(average.parameters(), net.parameters(), strict=True):
                a.mul_(0.9).add_(p, alpha=0.1)
    return [*arrays(net), *arrays(average)]


def carried_state(t):
    x, _ = data(t)
    cell = network(t, (10, 4))
    opt = t.optim.SGD(cell.parameters(), lr=0.1)
    h = t.zeros(16, 4, dtype=t.float64)
    losses = []
    for _ in range(4):
        h = h.detach()
        for _ in range(3):
            h = t.tanh(cell(t.cat([x, h], 1)))
        loss = (h**2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return [losses, *arrays(cell)]


def tied_weights(t):
    x, _ = data(t)
    net = network(t, (6, 4, 6))
    net[2].weight = t.nn.Parameter(net[2].weight.detach().clone())
    opt = t.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        hidden = t.tanh(x @ net[0].weight.t())
        loss = ((hidden @ net[0].weight - x) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return arrays(net)


def freezing(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.1)
    for i in range(6):
        net[0].requires_grad_(i >= 3)
        opt.zero_grad()
        t.nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    return arrays(net)


def replaced_parameter(t):
    x, y = data(t)
    net = network(t)
    for i in range(4):
        if i == 2:
            net[0].weight = t.nn.Parameter(net[0].weight.detach() * 0.5)
        opt = t.optim.SGD(net.parameters(), lr=0.1)
        opt.zero_grad()
        t.nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    return arrays(net)


def evaluation_between(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.1)
    scores = []
    for _ in range(4):
        opt.zero_grad()
        t.nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
        with t.no_grad():
            scores.append((net(x).argmax(1) == y).double().mean().item())
    return [scores, *arrays(net)]


def short_last_batch(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        for a in range(0, 16, 5):
            opt.zero_grad()
            t.nn.functional.cross_entropy(net(x[a : a + 5]), y[a : a + 5]).backward()
            opt.step()
    return arrays(net)


def stop_on_nan(t):
    w = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    opt = t.optim.SGD([w], lr=10.0)
    steps = 0
    for _ in range(400):
        loss = (w**4 - w) ** 2
        if not bool(t.isfinite(loss)):
            break
        opt.zero_grad()
        loss.backward()
        opt.step()
        steps += 1
    return [steps]


def error_and_retry(t):
    x, y = data(t)
    net = network(t)
    opt = t.optim.SGD(net.parameters(), lr=0.1)
    for i in range(4):
        opt.zero_grad()
        try:
            net(x[:, :4] if i == 1 else x)
        except RuntimeError:
            continue
        t.nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    return arrays(net)


def kept_losses(t):
    w = t.tensor(1.5, dtype=t.float64, requires_grad=True)
    losses, total = [], 0.0
    for _ in range(30):
        loss = (w - 3.0) ** 2
        loss.backward()
        with t.no_grad():
            w -= 0.05 * w.grad
        w.grad = None
        losses.append(loss)
        total += loss.detach()
    return [[v.item() for v in losses], total.item()]


def writes_through_views(t):
    x = t.arange(12, dtype=t.float64).reshape(3, 4)
    row, column = x[1], x[:, 2]
    row += 10
    column[0] = -1
    x.t()[3] *= 2
    block = x[:2, :2]
    block.copy_(t.ones(2, 2, dtype=t.float64))
    return [x.numpy().copy(), row.numpy().copy(), column.numpy().copy()]


def writes_on_the_tape(t):
    w = t.tensor(np.arange(1.0, 4.0), requires_grad=True)
    out = t.zeros(3, 3, dtype=t.float64)
    for i in range(3):
        out[i] = w * (i + 1)
    out[0, 0] = 5.0
    out.mul_(2.0)
    (out**2).sum().backward()
    return [out.detach().numpy().copy(), w.grad.numpy().copy()]


def numpy_shares_memory(t):
    buffer = np.arange(4.0)
    x = t.from_numpy(buffer)
    w = t.tensor(np.ones(4), requires_grad=True)
    out = (x * w).sum()
    buffer[:] = 0
    seen = out.item()
    shared = w.detach().numpy()
    with t.no_grad():
        w += 1
    return [seen, x.sum().item(), shared.copy()]


def deep_copies(t):
    net = network(t)
    twin = copy.deepcopy(net)
    with t.no_grad():
        twin[0].weight.zero_()
    return [*arrays(net), *arrays(twin)]


def reductions_and_shapes(t):
    x = t.tensor(np.random.RandomState(3).randn(4, 5, 3), requires_grad=True)
    y = x.permute(2, 0, 1).reshape(3, -1)
    z = (y - y.mean(1, keepdim=True)) / y.std(1, keepdim=True)
    loss = z.softmax(0).log().sum() + x.max() + x.cumsum(1)[:, -1].prod(0).sum()
    loss.backward()
    return [loss.item(), x.grad.numpy().copy()]


PROGRAMS = [
    hand_written_sgd, data_attribute_update, training, training_read_early, training_read_sometimes, accumulation,
    clipped, gan, gradient_penalty, moving_average, carried_state, tied_weights, freezing, replaced_parameter,
    evaluation_between, short_last_batch, stop_on_nan, error_and_retry, kept_losses, writes_through_views,
    writes_on_the_tape, numpy_shares_memory, deep_copies, reductions_and_shapes,
]  # fmt: skip
