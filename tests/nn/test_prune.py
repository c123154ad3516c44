"""Pruned parameters, as in PyTorch: masks, names, what is trained, and what is left after ``remove``."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.nn.utils import prune

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def numbers(found: Any) -> Any:
    """Tensors as arrays; everything else as it is."""
    return found.detach().numpy() if hasattr(found, "detach") else found


def state(module: Any) -> list[Any]:
    """Names and values of a module's state, which of them are trained, and its weight."""
    found = module.state_dict()
    trained = [n for n, _ in module.named_parameters()]
    return [list(found), trained, *found.values(), module.weight, type(module.weight).__name__]


def _each(lib: Any, prune: Any) -> list[Any]:
    log: list[Any] = []
    for cut in (
        lambda m: prune.identity(m, "weight"),
        lambda m: prune.random_unstructured(m, "weight", 0.3),
        lambda m: prune.random_unstructured(m, "bias", 2),
        lambda m: prune.random_unstructured(m, "weight", 0),
        lambda m: prune.l1_unstructured(m, "weight", 0.45),
        lambda m: prune.l1_unstructured(m, "weight", 5, -m.weight.abs()),
        lambda m: prune.random_structured(m, "weight", 2, 0),
        lambda m: prune.random_structured(m, "weight", 0.5, -1),
        lambda m: prune.random_structured(m, "weight", 0, 1),
        lambda m: prune.ln_structured(m, "weight", 1, 2, 0),
        lambda m: prune.ln_structured(m, "weight", 0.5, float("inf"), -1),
        lambda m: prune.ln_structured(m, "weight", 0.5, 1, 1, m.weight.flip(1)),
        lambda m: prune.custom_from_mask(m, "weight", (m.weight > 0).to(m.weight.dtype)),
    ):
        lib.manual_seed(7)
        for module in (lib.nn.Linear(5, 4), lib.nn.Conv2d(3, 4, 2)):
            found = cut(module)
            log += [found is module, *state(module)]
    return log


def _several_times(lib: Any, prune: Any) -> list[Any]:
    lib.manual_seed(2)
    module = lib.nn.Linear(6, 5)
    log: list[Any] = []
    for cut in (
        lambda: prune.l1_unstructured(module, "weight", 0.2),
        lambda: prune.random_unstructured(module, "weight", 0.25),
        lambda: prune.ln_structured(module, "weight", 1, 2, 1),
        lambda: prune.random_structured(module, "weight", 1, -1),
        lambda: prune.custom_from_mask(module, "weight", lib.ones(5, 6).tril(2)),
        lambda: prune.l1_unstructured(module, "bias", 1),
    ):
        cut()
        log += state(module)
    hooks = list(module._forward_pre_hooks.values())
    log += [[type(h).__name__ for h in hooks], [type(h).__name__ for h in hooks[0]], len(hooks[0])]
    log += [type(hooks[0][-1]).__name__, prune.is_pruned(module), prune.is_pruned(lib.nn.Tanh())]
    prune.remove(module, "weight")
    log += [*state(module), prune.is_pruned(module), prune.is_pruned(lib.nn.Sequential(module))]
    return log


def _trained(lib: Any, prune: Any) -> list[Any]:
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(4, 6), lib.nn.ReLU(), lib.nn.Linear(6, 2))
    prune.l1_unstructured(model[0], "weight", 0.5)
    x, y = lib.randn(8, 4), lib.randn(8, 2)
    log: list[Any] = []
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(4):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        log += [loss, model[0].weight_orig.grad.clone()]
        optimizer.step()
        if step == 1:
            prune.random_unstructured(model[0], "weight", 3)
            prune.ln_structured(model[2], "weight", 2, 2, 1)
    log += [model(x), *model.state_dict().values()]
    prune.remove(model[0], "weight")
    prune.remove(model[2], "weight")
    return [*log, model(x), list(model.state_dict()), [n for n, _ in model.named_parameters()]]


def _over_all(lib: Any, prune: Any) -> list[Any]:
    lib.manual_seed(3)
    model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2))
    wanted = [(model[0], "weight"), (model[1], "weight"), (model[1], "bias")]
    prune.global_unstructured(wanted, prune.L1Unstructured, amount=0.3)
    log = [list(model.state_dict()), *model.state_dict().values()]
    prune.global_unstructured(wanted, prune.RandomUnstructured, amount=4)
    scores = {(model[0], "weight"): lib.ones(4, 3)}
    prune.global_unstructured(wanted, prune.L1Unstructured, importance_scores=scores, amount=3)
    return [*log, *model.state_dict().values()]


def _own(lib: Any, prune: Any) -> list[Any]:
    class EverySecond(prune.BasePruningMethod):  # type: ignore[misc,name-defined]
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t: Any, default_mask: Any) -> Any:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    lib.manual_seed(1)
    module = lib.nn.Linear(4, 3)
    EverySecond.apply(module, "weight")
    log = state(module)
    EverySecond.apply(module, "weight")
    t = lib.arange(6.0)
    log += [*state(module), EverySecond().prune(t), EverySecond().prune(t, lib.ones(6).int())]
    log += [prune.L1Unstructured(2).prune(t, importance_scores=-t)]
    return [*log, prune.LnStructured(1, 2).prune(t.reshape(2, 3), lib.ones(2, 3))]


SCENARIOS = {f.__name__: f for f in (_each, _several_times, _trained, _over_all, _own)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    import torch.nn.utils.prune as theirs_prune

    mine, theirs = SCENARIOS[name](tw, prune), SCENARIOS[name](torch, theirs_prune)
    assert len(mine) == len(theirs)
    for found, expected in zip(mine, theirs, strict=True):
        a, b = numbers(found), numbers(expected)
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        else:
            assert a == b


def _refusals(lib: Any, prune: Any) -> list[Any]:
    module = lib.nn.Linear(3, 2)
    twice = prune.PruningContainer(prune.L1Unstructured.apply(module, "weight", 1))
    module = lib.nn.Linear(3, 2)
    other = prune.Identity()
    other._tensor_name = "bias"
    unknown = prune.Identity()
    unknown._tensor_name, unknown.PRUNING_TYPE = "weight", "else"

    def container() -> Any:
        twice.add_pruning_method(unknown)
        return twice.compute_mask(module.weight, lib.ones(2, 3))

    pairs = [(module, "weight")]
    return [
        lambda: prune.l1_unstructured(module, "weight", "a"),
        lambda: prune.l1_unstructured(module, "weight", -1),
        lambda: prune.l1_unstructured(module, "weight", 1.5),
        lambda: prune.l1_unstructured(module, "weight", 7),
        lambda: prune.l1_unstructured(module, "weight", 1, lib.ones(3)),
        lambda: prune.random_structured(module, "bias", 1, 0),
        lambda: prune.random_structured(module, "weight", 1, 2),
        lambda: prune.ln_structured(module, "weight", 3, 2, 0),
        lambda: prune.custom_from_mask(module, "weight", lib.ones(3)),
        lambda: prune.remove(module, "weight"),
        lambda: prune.Identity().prune(lib.ones(3), importance_scores=lib.ones(2)),
        lambda: twice.add_pruning_method(3),
        lambda: twice.add_pruning_method(other),
        container,
        lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
        lambda: prune.global_unstructured(pairs, prune.L1Unstructured, [], amount=1),
        lambda: prune.global_unstructured(pairs, prune.LnStructured, n=2, amount=1),
    ]  # fmt: skip


def raised(call: Any) -> type[BaseException]:
    with pytest.raises(Exception) as caught:
        call()
    return caught.type


WANTED = (
    TypeError, ValueError, ValueError, ValueError, AssertionError, ValueError, IndexError, ValueError, AssertionError,
    ValueError, AssertionError, TypeError, ValueError, ValueError, TypeError, TypeError, TypeError,
)  # fmt: skip


def test_refusals() -> None:
    assert tuple(map(raised, _refusals(tw, prune))) == WANTED


def test_refusals_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    import torch.nn.utils.prune as theirs

    assert tuple(map(raised, _refusals(torch, theirs))) == WANTED


def test_a_refused_mask_leaves_the_module_whole() -> None:
    module = tw.nn.Linear(3, 2)
    with pytest.raises(ValueError, match="amount=9 should be smaller"):
        prune.l1_unstructured(module, "weight", 9)
    assert list(module.state_dict()) == ["bias", "weight"]
    assert module(tw.ones(1, 3)).shape == (1, 2)


def test_by_hand() -> None:
    module = tw.nn.Linear(3, 1, bias=False)
    module.weight.data = tw.tensor([[3.0, -1.0, 2.0]])
    prune.l1_unstructured(module, "weight", 1)
    assert module.weight.tolist() == [[3.0, 0.0, 2.0]]
    module.weight_orig.data = tw.tensor([[4.0, 5.0, 6.0]])
    assert module(tw.ones(1, 3)).tolist() == [[10.0]]
    prune.random_unstructured(module, "weight", 1.0)
    assert module.weight_mask.tolist() == [[0.0, 0.0, 0.0]]


def test_a_saved_state_is_taken_in() -> None:
    module = prune.l1_unstructured(tw.nn.Linear(3, 2), "weight", 0.5)
    file = io.BytesIO()
    tw.save(module.state_dict(), file)
    file.seek(0)
    other = prune.identity(tw.nn.Linear(3, 2), "weight")
    other.load_state_dict(tw.load(file))
    x = tw.ones(1, 3)
    assert other(x).tolist() == module(x).tolist()
