"""Averaged models, their schedule and their statistics are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw


def model(library: Any) -> Any:
    draw = np.random.default_rng(0)
    made = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4))
    for p in made.parameters():
        p.data = library.tensor(draw.normal(size=tuple(p.shape)), dtype=library.float32)
    return made


def averages(library: Any, kind: str, use_buffers: bool) -> dict[str, Any]:
    swa = library.optim.swa_utils
    settings = {
        "plain": {},
        "mean": {"avg_fn": swa.get_swa_avg_fn()},
        "running": {"avg_fn": swa.get_ema_avg_fn(0.9)},
        "means": {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        "all running": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        "own": {"avg_fn": lambda average, current, n: average * 0.5 + current},
    }[kind]
    trained = model(library)
    averaged = swa.AveragedModel(trained, use_buffers=use_buffers, **settings)
    draw = np.random.default_rng(1)
    for _ in range(4):
        trained(library.tensor(draw.normal(size=(5, 3)), dtype=library.float32))
        for p in trained.parameters():
            p.data = p.data + library.tensor(
                draw.normal(size=tuple(p.shape)), dtype=library.float32
            )
        averaged.update_parameters(trained)
    return {k: v.numpy() for k, v in averaged.state_dict().items()}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", ["plain", "mean", "running", "means", "all running", "own"])
def test_the_averages_of_pytorch(kind, use_buffers, torch):
    found = averages(tw, kind, use_buffers)
    if use_buffers and kind in (
        "plain",
        "means",
    ):  # PyTorch's refuses integers here; the other mean does not
        kind = "mean"
    expected = averages(torch, kind, use_buffers)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        np.testing.assert_allclose(found[name], value, 1e-5, 1e-6, err_msg=name)


def test_an_average_by_hand():
    layer = tw.nn.Linear(1, 1, bias=False)
    averaged = tw.optim.swa_utils.AveragedModel(layer)
    for value in (2.0, 4.0, 9.0):
        layer.weight.data.fill_(value)
        averaged.update_parameters(layer)
    assert averaged(tw.tensor([[2.0]])).item() == pytest.approx(10.0)
    assert averaged.n_averaged.item() == 3 and layer.weight.item() == 9.0
    again = tw.optim.swa_utils.AveragedModel(tw.nn.Linear(1, 1, bias=False))
    again.load_state_dict(averaged.state_dict())
    assert again.module.weight.item() == pytest.approx(5.0)


def test_statistics_anew(torch):
    def after(library: Any) -> list[Any]:
        trained = model(library)
        draw = np.random.default_rng(2)
        batches = [
            library.tensor(draw.normal(size=(n, 3)), dtype=library.float32) for n in (6, 6, 3)
        ]
        trained(batches[0])
        trained.eval()
        loader = [batches[0], (batches[1], 0), [batches[2]]]
        library.optim.swa_utils.update_bn(loader, trained, device="cpu")
        assert trained[1].momentum == 0.1 and not trained.training
        return [trained[1].running_mean.numpy(), trained[1].running_var.numpy()]

    for found, expected in zip(after(tw), after(torch), strict=True):
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


def test_a_model_without_batch_norm_is_not_run():
    layer = tw.nn.Linear(2, 2).eval()
    tw.optim.swa_utils.update_bn(iter([None]), layer)
    assert not layer.training


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
@pytest.mark.parametrize("rate", [0.05, [0.5, 0.001]])
def test_the_rates_of_pytorch(strategy, epochs, rate, weights, torch):
    def rates(library: Any) -> list[Any]:
        a, b, c = weights(library)
        optimizer = library.optim.SGD([{"params": [a, b]}, {"params": [c], "lr": 0.03}], lr=0.2)
        schedule = library.optim.swa_utils.SWALR(optimizer, rate, epochs, strategy)
        before = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        seen = [schedule.get_last_lr()]
        for step in range(12):
            optimizer.step()
            (schedule if step > 2 else before).step()
            seen.append([g["lr"] for g in optimizer.param_groups])
        state = schedule.state_dict()
        again = library.optim.swa_utils.SWALR(optimizer, 1.0)
        again.load_state_dict(state)
        optimizer.step()
        again.step()
        return [*seen, again.get_last_lr(), state]

    assert rates(tw) == rates(torch)


def test_what_is_refused(weights):
    swa = tw.optim.swa_utils
    optimizer = tw.optim.SGD(weights(tw))
    with pytest.raises(ValueError, match="decay"):
        swa.get_ema_avg_fn(1.5)
    with pytest.raises(ValueError, match="decay"):
        swa.get_ema_multi_avg_fn(-0.5)
    with pytest.raises(AssertionError, match="Only one"):
        swa.AveragedModel(
            tw.nn.Linear(1, 1), avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn()
        )
    with pytest.raises(ValueError, match="anneal_strategy"):
        swa.SWALR(optimizer, 0.1, anneal_strategy="steps")
    with pytest.raises(ValueError, match="anneal_epochs"):
        swa.SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.warns(UserWarning, match="get_last_lr"):
        swa.SWALR(optimizer, 0.1).get_lr()
    with pytest.raises(ValueError, match="same length"):
        swa.SWALR(optimizer, [0.1, 0.2])
