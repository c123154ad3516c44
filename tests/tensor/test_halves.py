"""float16 and bfloat16: computed in float32 and rounded, beside PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
HALVES = ["float16", "bfloat16"]
LAST_PLACE = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


def wide(t):
    return np.asarray(t.detach().float().numpy())


FUNCTIONS = {
    "add": lambda m, x, y: x + y,
    "add a number": lambda m, x, y: x + 0.1,
    "mul": lambda m, x, y: x * y,
    "mul a number": lambda m, x, y: x * 0.1,
    "a number less": lambda m, x, y: 0.3 - x,
    "div": lambda m, x, y: x / y,
    "pow": lambda m, x, y: y.abs() ** 0.3,
    "exp": lambda m, x, y: m.exp(x),
    "log": lambda m, x, y: m.log(y.abs()),
    "tanh": lambda m, x, y: m.tanh(x),
    "gelu": lambda m, x, y: m.nn.functional.gelu(x),
    "silu": lambda m, x, y: m.nn.functional.silu(x),
    "sum": lambda m, x, y: x.sum(),
    "sum of rows": lambda m, x, y: x.sum(1),
    "mean": lambda m, x, y: x.mean(0),
    "std": lambda m, x, y: x.std(0),
    "cumsum": lambda m, x, y: x.cumsum(1),
    "amax": lambda m, x, y: x.amax(1),
    "argmax": lambda m, x, y: x.argmax(1),
    "matmul": lambda m, x, y: x @ y.T,
    "linear": lambda m, x, y: m.nn.functional.linear(x, y, y[:, 0]),
    "mse": lambda m, x, y: m.nn.functional.mse_loss(x, y),
    "where": lambda m, x, y: m.where(x > 0.1, x, y),
    "cat": lambda m, x, y: m.cat([x, y], 1),
    "sort": lambda m, x, y: x.sort(1)[0],
    "clamp": lambda m, x, y: x.clamp(-0.33, 0.77),
    "lerp": lambda m, x, y: m.lerp(x, y, 0.3),
    "pad": lambda m, x, y: m.nn.functional.pad(x, (1, 2), value=0.3),
    "rows": lambda m, x, y: x[m.tensor([0, 0, 2])],
    "add at": lambda m, x, y: x.scatter_add(1, m.tensor([[0, 0, 0]] * 5), y[:, :3]),
    "compare": lambda m, x, y: x > 0.1,
    "with float32": lambda m, x, y: x + y.float(),
    "with a 0-d tensor": lambda m, x, y: x * m.tensor(3),
    "to whole numbers": lambda m, x, y: (x * 3).to(m.int32),
    "in place": lambda m, x, y: x.clone().mul_(0.3).add_(1.1),
    "max pool": lambda m, x, y: m.nn.functional.max_pool1d(x[None], 3),
    "linspace": lambda m, x, y: m.linspace(0, 1, 7, dtype=x.dtype),
    "arange": lambda m, x, y: m.arange(0, 1, 0.1, dtype=x.dtype),
    "full": lambda m, x, y: m.full((3,), 0.1, dtype=x.dtype),
}


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_and_gradients(name, case):
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(0)
    one, two = rng.randn(5, 9).astype(np.float32), rng.randn(5, 9).astype(np.float32)
    found = []
    for m in (tw, torch):
        x, y = (m.tensor(a).to(getattr(m, name)).requires_grad_() for a in (one, two))
        result = FUNCTIONS[case](m, x, y)
        if result.requires_grad:
            result.float().sum().backward()
        kind = str(result.dtype).partition(".")[2]
        grads = [None if t.grad is None else (str(t.grad.dtype), wide(t.grad)) for t in (x, y)]
        found.append((kind, wide(result), grads))
    (kind, mine, my_grads), (other_kind, theirs, their_grads) = found
    assert kind == other_kind
    np.testing.assert_allclose(mine, theirs, rtol=LAST_PLACE[name], atol=LAST_PLACE[name] / 8)
    for g, h in zip(my_grads, their_grads, strict=True):
        assert (g is None) == (h is None)
        if g is not None:
            assert g[0].partition(".")[2] == h[0].partition(".")[2] == name
            np.testing.assert_allclose(g[1], h[1], rtol=4 * LAST_PLACE[name], atol=LAST_PLACE[name])


def test_what_is_rounded_when():
    x = tw.tensor([1.5, 0.1, 3e38], dtype=tw.bfloat16)
    assert x.tolist() == [1.5, 0.10009765625, 3.00405527047391e38]
    assert (x * 2).tolist() == [3.0, 0.2001953125, float("inf")]
    assert (x == 0.1).tolist() == [False, True, False]
    assert (x < 0.1).tolist() == [False, False, False]
    ones = tw.ones(1000, dtype=tw.bfloat16)
    assert ones.sum().item() == 1000.0 and ones.cumsum(0)[-1].item() == 1000.0
    assert (ones * 1.001 - 1).sum().item() == 0.0  # two operations: rounded between them


def test_every_bfloat16_and_the_nearest_of_float32():
    bits = np.arange(1 << 16, dtype=np.uint32)
    exact = (bits << 16).view(np.float32)
    there = tw.tensor(exact).to(tw.bfloat16)
    np.testing.assert_array_equal(there.float().numpy(), exact)
    rng = np.random.RandomState(1)
    values = rng.randint(0, 2**32, 4000, np.uint64).astype(np.uint32).view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], [1 + 2.0**-8, 1 + 3 * 2.0**-8]]).astype(
        np.float32
    )
    found = tw.tensor(values).to(tw.bfloat16).float().numpy()
    raw = values.view(np.uint32).astype(np.uint64)
    nearest = ((raw + 0x7FFF + ((raw >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(found, nearest)
    halves = tw.tensor(values).to(tw.float16).float().numpy()
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(halves, values.astype(np.float16).astype(np.float32))


def test_promotion():
    table = {
        ("float16", "bfloat16"): "float32",
        ("float16", "float32"): "float32",
        ("bfloat16", "int64"): "bfloat16",
        ("bool", "float16"): "float16",
        ("bfloat16", "float64"): "float64",
        ("uint16", "bfloat16"): "bfloat16",
        ("complex64", "bfloat16"): "complex64",
    }
    for (a, b), c in table.items():
        for pair in ((a, b), (b, a)):
            assert tw.promote_types(*(getattr(tw, n) for n in pair)) is getattr(tw, c)
    with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types"):
        tw.promote_types(tw.uint16, tw.int64)
    assert tw.tensor([1.0, 2.0]).to(tw.uint32).tolist() == [1, 2]


def test_printing_and_limits():
    x = tw.tensor([1.5, 0.1], dtype=tw.bfloat16)
    assert repr(x) == "tensor([1.5000, 0.1001], dtype=thalweg.bfloat16)"
    assert repr(tw.finfo(tw.bfloat16)) == (
        "finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.0078125, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=bfloat16)"
    )
    assert repr(tw.iinfo(tw.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert tw.finfo(tw.float16).max == 65504.0 and tw.finfo(tw.complex64).bits == 32
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        x.numpy()
    with pytest.raises(RuntimeError, match="without overflow"):
        tw.full((1,), 7e4, dtype=tw.float16)
    assert x.half().numpy().dtype == np.float16 and x.type() == "thalweg.BFloat16Tensor"


def test_the_default_type():
    tw.set_default_dtype(tw.bfloat16)
    try:
        assert tw.zeros(2).dtype is tw.bfloat16 and tw.tensor(1.5).dtype is tw.bfloat16
        assert (tw.arange(3) / 2).dtype is tw.bfloat16
    finally:
        tw.set_default_dtype(tw.float32)


@pytest.mark.parametrize("name", HALVES)
def test_a_module_in_half(name):
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 1))
    twin = copy.deepcopy(net).to(getattr(tw, name))
    assert {p.dtype for p in twin.parameters()} == {getattr(tw, name)}
    x = tw.randn(5, 3)
    out = twin(x.to(getattr(tw, name)))
    np.testing.assert_allclose(wide(out), wide(net(x)), atol=30 * LAST_PLACE[name])
    other = copy.deepcopy(net)
    other.load_state_dict(twin.state_dict())
    assert {p.dtype for p in other.parameters()} == {tw.float32}
    method = {"float16": net.half, "bfloat16": net.bfloat16}[name]
    assert next(method().parameters()).dtype is getattr(tw, name)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_training_in_bfloat16_follows(kind):
    torch = pytest.importorskip("torch")
    losses = []
    for m in (tw, torch):
        m.manual_seed(0)
        net = m.nn.Sequential(m.nn.Linear(4, 8), m.nn.ReLU(), m.nn.Linear(8, 1)).bfloat16()
        x = m.tensor(np.random.RandomState(0).randn(16, 4).astype(np.float32)).bfloat16()
        y = (x[:, :1] * x[:, 1:2]).detach()
        optimizer = getattr(m.optim, kind)(net.parameters(), lr=0.05)
        seen = []
        for _ in range(12):
            loss = m.nn.functional.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        losses.append(seen)
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert losses[0][-1] < 0.8 * losses[0][0]
