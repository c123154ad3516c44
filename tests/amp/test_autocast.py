"""autocast: which functions give which type, what it casts once, and a training under it beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.amp import autocast, custom_bwd, custom_fwd

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
FUNCTIONS = {
    "matmul": lambda m, x: x @ x,
    "mm": lambda m, x: m.mm(x, x),
    "bmm": lambda m, x: m.bmm(x[None], x[None]),
    "mv": lambda m, x: m.mv(x, x[0]),
    "dot": lambda m, x: m.dot(x[0], x[0]),
    "addmm": lambda m, x: m.addmm(x, x, x),
    "addmv": lambda m, x: m.addmv(x[0], x, x[0]),
    "einsum": lambda m, x: m.einsum("ij,jk->ik", x, x),
    "linear": lambda m, x: m.nn.functional.linear(x, x, x[0]),
    "bilinear": lambda m, x: m.nn.functional.bilinear(x, x, x[None]),
    "conv1d": lambda m, x: m.nn.functional.conv1d(x[None], x[None]),
    "conv_transpose2d": lambda m, x: m.nn.functional.conv_transpose2d(x[None, None], x[None, None]),
    "attention": lambda m, x: m.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]),
    "multi_dot": lambda m, x: m.linalg.multi_dot([x, x]),
    "add": lambda m, x: x + x,
    "softmax": lambda m, x: x.softmax(0),
    "layer_norm": lambda m, x: m.nn.functional.layer_norm(x, (4,)),
    "sum": lambda m, x: x.sum(),
    "prod": lambda m, x: x.prod(),
    "cat": lambda m, x: m.cat([x, m.ones(4, 4)]),
    "trace": lambda m, x: m.trace(x),
    "fft": lambda m, x: m.fft.fft(x),
    "cross_entropy": lambda m, x: m.nn.functional.cross_entropy(x, m.tensor([0, 1, 2, 3])),
    "mse_loss": lambda m, x: m.nn.functional.mse_loss(x, x),
    "bce": lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x, x.sigmoid()),
    "poisson_nll_loss": lambda m, x: m.nn.functional.poisson_nll_loss(x, x),
    "triplet": lambda m, x: m.nn.functional.triplet_margin_loss(x, x, x + 1),
    "prelu": lambda m, x: m.nn.functional.prelu(x, m.ones(1, dtype=x.dtype)),
    "max_pool2d": lambda m, x: m.nn.functional.max_pool2d(x[None, None], 2),
}  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS)
def test_types(case):
    torch = pytest.importorskip("torch")
    data = np.random.RandomState(0).randn(4, 4).tolist()
    found = []
    for m in (tw, torch):
        kinds = []
        for given in ("float32", "bfloat16", "float64"):
            x = m.tensor(data, dtype=getattr(m, given))
            for lower in ("bfloat16", "float16"):
                if given == "bfloat16" and lower == "float16":
                    continue
                with m.autocast("cpu", dtype=getattr(m, lower)):
                    kinds.append(str(FUNCTIONS[case](m, x).dtype).partition(".")[2])
        found.append(kinds)
    assert found[0] == found[1]


def test_types_without_pytorch():
    x = tw.ones(4, 4)
    with autocast("cpu"):
        assert (x @ x).dtype is tw.bfloat16 and (x + x).dtype is tw.float32
        assert nn.functional.cross_entropy((x @ x), tw.tensor([0, 1, 2, 3])).dtype is tw.float32
        with autocast("cpu", enabled=False):
            assert (x @ x).dtype is tw.float32
        with autocast("cpu", dtype=tw.float16):
            assert nn.Linear(4, 2)(x).dtype is tw.float16
        assert (x.double() @ x.double()).dtype is tw.float64
    assert (x @ x).dtype is tw.float32


def test_layers_in_a_row_are_cast_too():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = tw.ones(3, 4)
    for _ in range(2):
        assert net(x).dtype is tw.float32
        with autocast("cpu"):
            assert net(x).dtype is tw.bfloat16


def test_as_a_decorator_and_what_is_asked():
    @autocast("cpu")
    def inside(x):
        assert tw.is_autocast_enabled("cpu") and not tw.is_autocast_enabled()
        assert tw.get_autocast_dtype("cpu") is tw.bfloat16
        return x @ x

    assert inside(tw.ones(2, 2)).dtype is tw.bfloat16 and not tw.is_autocast_enabled("cpu")
    assert tw.get_autocast_gpu_dtype() is tw.float16 and tw.is_autocast_cache_enabled()
    assert tw.amp.is_autocast_available("cpu") and not tw.amp.is_autocast_available("cuda")
    tw.set_autocast_enabled("cpu", True)
    assert (tw.ones(2, 2) @ tw.ones(2, 2)).dtype is tw.bfloat16
    tw.set_autocast_enabled("cpu", False)
    assert not tw.is_autocast_cpu_enabled()
    with pytest.raises(RuntimeError, match="Expected one of"):
        autocast("abacus")
    with pytest.raises(ValueError, match="device_type"):
        autocast(3)
    with pytest.warns(UserWarning, match="Disabling"), autocast("cuda"):
        assert (tw.ones(2, 2) @ tw.ones(2, 2)).dtype is tw.float32
    with pytest.warns(UserWarning, match="not supported"):
        autocast("cpu", dtype=tw.float64)


def test_older_names():
    with pytest.warns(FutureWarning, match="deprecated"), tw.cpu.amp.autocast():
        assert (tw.ones(2, 2) @ tw.ones(2, 2)).dtype is tw.bfloat16
    with pytest.warns() as caught:
        assert not tw.cuda.amp.GradScaler().is_enabled()
    assert {w.category for w in caught} == {FutureWarning, UserWarning}


def test_weights_are_cast_once():
    weight = tw.ones(2, 2, requires_grad=True)
    x = tw.full((1, 2), 1 / 3)
    with autocast("cpu"):
        (x @ weight + x @ weight).sum().backward()
        first = tw.get_autocast_dtype("cpu")
        tw.clear_autocast_cache()
    assert first is tw.bfloat16 and weight.grad.dtype is tw.float32
    third = tw.tensor(1 / 3, dtype=tw.bfloat16).item()
    assert weight.grad.tolist() == [[2 * third] * 2] * 2


def test_functions_of_ones_own():
    seen = []

    class Product(tw.autograd.Function):
        @staticmethod
        @custom_fwd(device_type="cpu", cast_inputs=tw.float32)
        def forward(ctx, x, y):
            seen.append((x.dtype, tw.is_autocast_enabled("cpu")))
            ctx.save_for_backward(x, y)
            return x @ y

        @staticmethod
        @custom_bwd(device_type="cpu")
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append((g.dtype, tw.is_autocast_enabled("cpu")))
            return g @ y.T, x.T @ g

    x = tw.ones(2, 2, requires_grad=True)
    with autocast("cpu"):
        result = Product.apply((x @ x), x)
    result.sum().backward()
    assert seen == [(tw.float32, False), (tw.float32, False)]
    np.testing.assert_array_equal(x.grad.numpy(), np.full((2, 2), 12.0))


def test_a_training_follows_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.RandomState(0)
    points, classes = rng.randn(64, 6).astype(np.float32), rng.randint(0, 3, 64)
    points[np.arange(64), classes] += 2
    losses = []
    for m in (tw, torch):
        m.manual_seed(0)
        net = m.nn.Sequential(m.nn.Linear(6, 32), m.nn.ReLU(), m.nn.Linear(32, 3))
        optimizer = m.optim.Adam(net.parameters(), lr=0.01)
        x, y = m.tensor(points), m.tensor(classes)
        scaler = m.amp.GradScaler("cpu", init_scale=256.0)
        seen = []
        for _ in range(30):
            optimizer.zero_grad()
            with m.autocast("cpu", dtype=m.bfloat16):
                loss = m.nn.functional.cross_entropy(net(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            seen.append(loss.item())
        losses.append(seen)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-2)
    assert losses[0][-1] < 0.5 * losses[0][0]
