"""Parametrized weights, the older hooks, and layers fused with the norm after them: as in PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.nn.utils import parametrizations, parametrize

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*has not repeated itself"),
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
]


def numbers(found: Any) -> Any:
    """Tensors as nested lists; everything else as it is."""
    return found.detach().numpy() if hasattr(found, "detach") else found


def trained(lib: Any, module: Any, x: Any) -> list[Any]:
    """Outputs and parameters over three steps, then an evaluation."""
    log: list[Any] = [sorted(module.state_dict()), [n for n, _ in module.named_parameters()]]
    optimizer = lib.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (module(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        log.append(loss)
    module.eval()
    return [*log, module(x), module.weight, *module.state_dict().values()]


def layers(lib: Any) -> list[tuple[Any, Any]]:
    lib.manual_seed(3)
    return [
        (lib.nn.Linear(4, 3), lib.randn(5, 4)),
        (lib.nn.Conv2d(2, 3, 2), lib.randn(2, 2, 4, 4)),
        (lib.nn.ConvTranspose1d(2, 3, 2), lib.randn(2, 2, 4)),
    ]


def _parametrized_weight(lib: Any) -> list[Any]:
    p = lib.nn.utils.parametrizations
    log = []
    for (module, x), dim in zip(layers(lib), (0, None, 1), strict=True):
        log += trained(lib, p.weight_norm(module, dim=dim), x)
    return log


def _parametrized_spectral(lib: Any) -> list[Any]:
    p = lib.nn.utils.parametrizations
    log = []
    for module, x in layers(lib):
        log += trained(lib, p.spectral_norm(module, n_power_iterations=2), x)
    return [*log, p.spectral_norm(lib.nn.Linear(4, 3), "bias").bias]


def _older_weight(lib: Any) -> list[Any]:
    log = []
    for module, x in layers(lib):
        log += trained(lib, lib.nn.utils.weight_norm(module), x)
        lib.nn.utils.remove_weight_norm(module)
        log += [sorted(module.state_dict()), module(x), module.weight]
    return log


def _older_spectral(lib: Any) -> list[Any]:
    log = []
    for module, x in layers(lib):
        log += trained(lib, lib.nn.utils.spectral_norm(module), x)
        lib.nn.utils.remove_spectral_norm(module)
        log += [sorted(module.state_dict()), module(x), module.weight]
    return log


def _symmetric(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(0, 1)

        def right_inverse(self, a: Any) -> Any:
            return a.triu()

    class Doubled(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, a: Any) -> Any:
            return a / 2

    p = lib.nn.utils.parametrize
    lib.manual_seed(1)
    module = lib.nn.Linear(3, 3)
    p.register_parametrization(module, "weight", Symmetric())
    p.register_parametrization(module, "weight", Doubled())
    x = lib.randn(2, 3)
    log = [type(module).__name__, repr(module), p.is_parametrized(module, "bias")]
    log += [module.weight, p.type_before_parametrizations(module).__name__]
    log += trained(lib, module, x)
    other = copy.deepcopy(module)
    module.weight = lib.eye(3)
    log += [module.weight, other.weight, other(x)]
    with p.cached():
        log.append(module.weight is module.weight)
    log.append(module.weight is module.weight)
    target = lib.nn.Linear(3, 3)
    p.transfer_parametrizations_and_params(module, target)
    log += [target.weight, sorted(target.state_dict())]
    p.remove_parametrizations(module, "weight")
    return [*log, module.weight, type(module).__name__, sorted(module.state_dict())]


def _fused(lib: Any) -> list[Any]:
    u, nn = lib.nn.utils, lib.nn
    log = []
    for (module, x), transpose in zip(layers(lib), (None, False, True), strict=True):
        norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[x.ndim](3)
        both = nn.Sequential(module, norm)
        both(x)
        both.eval()
        if transpose is None:
            fused = u.fuse_linear_bn_eval(module, norm)
        else:
            fused = u.fuse_conv_bn_eval(module, norm, transpose)
        assert np.allclose(numbers(fused(x)), numbers(both(x)), atol=1e-5)
        log += [fused.weight, fused.bias, type(fused.weight).__name__]
    return log


def _skipped(lib: Any) -> list[Any]:
    lib.manual_seed(0)
    module = lib.nn.utils.skip_init(lib.nn.Linear, 3, 2)
    return [tuple(module.weight.shape), lib.randn(2)]


SCENARIOS = {
    f.__name__: f
    for f in (
        _parametrized_weight, _parametrized_spectral, _older_weight, _older_spectral, _symmetric, _fused, _skipped,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = SCENARIOS[name](tw), SCENARIOS[name](torch)
    assert len(mine) == len(theirs)
    for found, expected in zip(mine, theirs, strict=True):
        a, b = numbers(found), numbers(expected)
        if isinstance(b, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        else:
            assert a == b


def test_a_parametrized_weight_by_hand() -> None:
    module = tw.nn.Linear(2, 1, bias=False)
    module.weight.data = tw.tensor([[3.0, 4.0]])
    parametrizations.weight_norm(module)
    assert module.parametrizations.weight.original0.tolist() == [[5.0]]
    module.parametrizations.weight.original0.data = tw.tensor([[10.0]])
    assert module.weight.tolist() == [[6.0, 8.0]]
    parametrize.remove_parametrizations(module, "weight")
    assert isinstance(module.weight, tw.nn.Parameter)
    assert module(tw.ones(1, 2)).tolist() == [[14.0]]


def test_a_copy_loses_its_parametrizations_alone() -> None:
    module = parametrizations.spectral_norm(tw.nn.Linear(2, 2))
    other = copy.deepcopy(module)
    original = other.parametrizations.weight.original
    parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)
    assert type(other) is tw.nn.Linear
    assert other.weight is original
    assert parametrize.is_parametrized(module, "weight")
    assert module(tw.ones(1, 2)).shape == (1, 2)


def test_the_older_state_is_taken_in() -> None:
    older = tw.nn.utils.weight_norm(tw.nn.Linear(3, 2))
    newer = parametrizations.weight_norm(tw.nn.Linear(3, 2))
    newer.load_state_dict(older.state_dict())
    x = tw.ones(1, 3)
    assert newer(x).tolist() == older(x).tolist()


def test_a_parametrized_layer_in_a_row_is_computed_anew() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(2, 2), tw.nn.Tanh(), tw.nn.Linear(2, 2))
    x = tw.ones(1, 2)
    model(x)
    parametrizations.weight_norm(model[0])
    before = model(x).tolist()
    model[0].parametrizations.weight.original0.data *= 2.0
    assert model(x).tolist() != before


class _Shorter(tw.nn.Module):
    def forward(self, x: Any) -> Any:
        return x[:1]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda m: parametrize.register_parametrization(m, "no", _Shorter()),
            ValueError,
            "does not have",
        ),
        (
            lambda m: parametrize.register_parametrization(m, "weight", _Shorter()),
            ValueError,
            "may not change the shape",
        ),
        (lambda m: parametrize.remove_parametrizations(m, "weight"), ValueError, "does not have"),
        (lambda m: pickle.dumps(parametrizations.weight_norm(m)), RuntimeError, "state_dict"),
        (
            lambda m: parametrizations.spectral_norm(m, n_power_iterations=0),
            ValueError,
            "to be positive",
        ),
        (lambda m: parametrizations.spectral_norm(m, dim=2), IndexError, "out of range"),
        (
            lambda m: tw.nn.utils.weight_norm(tw.nn.utils.weight_norm(m)),
            (RuntimeError, AttributeError),
            "two weight_norm hooks",
        ),
        (lambda m: tw.nn.utils.remove_spectral_norm(m), ValueError, "not found"),
        (lambda m: tw.nn.utils.skip_init(dict), RuntimeError, "Expected a Module"),
        (
            lambda m: tw.nn.utils.fuse_linear_bn_eval(m, tw.nn.BatchNorm1d(2)),
            AssertionError,
            "only for eval",
        ),
    ],
)
def test_errors_name_the_mend(call: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        call(tw.nn.Linear(2, 3))
