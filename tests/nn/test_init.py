"""First values: PyTorch's draws for the same seed, and the properties the sources promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn import init

FILLS = [
    ("uniform_", (4, 5), {}),
    ("uniform_", (3,), {"a": -2.0, "b": 3.0}),
    ("normal_", (4, 5), {"mean": 1.0, "std": 2.0}),
    ("normal_", (3,), {}),
    ("trunc_normal_", (40, 30), {}),
    ("trunc_normal_", (40, 30), {"std": 0.02}),
    ("trunc_normal_", (40, 30), {"mean": 1.0, "std": 1.5, "a": -0.5, "b": 0.7}),
    ("trunc_normal_", (40, 30), {"a": 2.0, "b": 3.0, "mean": 1.5}),
    ("trunc_normal_", (0, 3), {}),
    ("constant_", (3, 2), {"val": 4.5}),
    ("ones_", (3, 2), {}),
    ("zeros_", (3, 2), {}),
    ("eye_", (3, 5), {}),
    ("dirac_", (4, 2, 3), {}),
    ("dirac_", (4, 2, 3, 3), {"groups": 2}),
    ("dirac_", (4, 2, 3, 3, 5), {}),
    ("xavier_uniform_", (4, 5), {}),
    ("xavier_uniform_", (4, 5, 3, 3), {"gain": 2.0}),
    ("xavier_normal_", (6, 5), {"gain": 2.0}),
    ("kaiming_uniform_", (4, 5), {"a": 0.1}),
    ("kaiming_uniform_", (4, 5, 3), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (4, 5, 3), {"mode": "FAN_IN", "nonlinearity": "tanh"}),
    ("orthogonal_", (4, 7), {}),
    ("orthogonal_", (7, 4), {"gain": 2.0}),
    ("orthogonal_", (3, 4, 2), {}),
    ("sparse_", (10, 5), {"sparsity": 0.3}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "shape", "options"), FILLS, ids=[f"{n}{s}{o}" for n, s, o in FILLS]
)
def test_draws_are_torchs(
    name: str, shape: tuple[int, ...], options: dict[str, Any], dtype: str
) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        lib.manual_seed(11)
        weight = lib.nn.Parameter(lib.zeros(shape, dtype=getattr(lib, dtype)))
        assert getattr(lib.nn.init, name)(weight, **options) is weight
        assert weight.requires_grad and weight.grad_fn is None
        found.append((weight.detach().numpy(), lib.rand(3).numpy()))
    close = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=close, atol=close)
    assert found[0][1].tolist() == found[1][1].tolist(), "the stream is not where PyTorch's is"


@pytest.mark.parametrize(
    "name",
    ["uniform_", "normal_", "trunc_normal_", "xavier_normal_", "kaiming_uniform_", "orthogonal_"],
)
def test_a_generator_of_ones_own(name: str) -> None:
    fill = getattr(init, name)
    tw.manual_seed(0)
    default = tw.rand(1).tolist()
    tw.manual_seed(0)
    first = fill(tw.empty(4, 4), generator=tw.Generator().manual_seed(5)).tolist()
    assert tw.rand(1).tolist() == default
    assert fill(tw.empty(4, 4), generator=tw.Generator().manual_seed(5)).tolist() == first


def test_gains_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    for name in (
        "linear",
        "conv2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)


def test_gain() -> None:
    assert init.calculate_gain("relu") == math.sqrt(2)
    with pytest.raises(ValueError, match="Unsupported nonlinearity odd"):
        init.calculate_gain("odd")
    with pytest.raises(ValueError, match="negative_slope True not a valid number"):
        init.calculate_gain("leaky_relu", True)


def test_orthogonal() -> None:
    for shape in ((4, 7), (7, 4)):
        q = init.orthogonal_(tw.empty(*shape, dtype=tw.float64)).numpy()
        product = q @ q.T if shape[0] < shape[1] else q.T @ q
        np.testing.assert_allclose(product, np.eye(4), atol=1e-12)


def test_truncated_normal_stays_inside() -> None:
    values = init.trunc_normal_(tw.empty(5000), std=1.0, a=-0.5, b=0.25).numpy()
    assert values.min() >= -0.5 and values.max() <= 0.25 and len(np.unique(values)) > 4000


def test_sparse_share() -> None:
    values = init.sparse_(tw.empty(10, 6), 0.25).numpy()
    assert ((values == 0).sum(0) == 3).all()


def test_dirac_passes_channels_on() -> None:
    kernel = init.dirac_(tw.empty(2, 2, 3)).numpy()
    assert kernel[0, 0].tolist() == [0, 1, 0] and kernel[0, 1].tolist() == [0, 0, 0]


def test_deprecated_names_warn_and_work() -> None:
    for name in dir(init):
        if callable(getattr(init, name + "_", None)):
            assert getattr(init, name).__name__ == name
    with pytest.warns(
        FutureWarning, match=r"`nn.init.ones_like`|`nn.init.constant` is now deprecated"
    ):
        assert init.constant(tw.empty(2), 3.0).tolist() == [3.0, 3.0]


def test_empty_tensors_warn_and_stay() -> None:
    for fill in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            fill(tw.empty(0, 3))
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(tw.empty(3), mean=9.0)
    assert nn.Linear(3, 2).bias is not None


WRONG = [
    (lambda: init.eye_(tw.empty(2)), "Only tensors with 2 dimensions"),
    (lambda: init.sparse_(tw.empty(2), 0.1), "Only tensors with 2 dimensions"),
    (lambda: init.dirac_(tw.empty(2, 2)), "Only tensors with 3, 4, or 5 dimensions"),
    (lambda: init.dirac_(tw.empty(3, 2, 2), 2), "dim 0 must be divisible by groups: 3 is not by 2"),
    (lambda: init.xavier_uniform_(tw.empty(2)), "fewer than 2 dimensions"),
    (lambda: init.kaiming_normal_(tw.empty(2, 2), mode="odd"), "Mode odd not supported"),
    (lambda: init.orthogonal_(tw.empty(2)), "Only tensors with 2 or more dimensions"),
]


@pytest.mark.parametrize(("action", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_does_not_fit_is_said(action: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        action()
