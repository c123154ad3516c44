"""GradScaler: the scale's way, left-out steps, the order of calls."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.amp import GradScaler


def parts():
    net = nn.Linear(2, 1)
    return net, tw.optim.SGD(net.parameters(), lr=0.5)


def test_a_step_is_that_of_unscaled_gradients():
    net, optimizer = parts()
    before = net.weight.detach().clone()
    scaler = GradScaler("cpu", init_scale=8.0, growth_interval=2)
    x = tw.tensor([[1.0, 2.0]])
    scaler.scale(net(x).sum()).backward()
    assert net.weight.grad.tolist() == [[8.0, 16.0]]
    scaler.unscale_(optimizer)
    assert net.weight.grad.tolist() == [[1.0, 2.0]]
    scaler.step(optimizer)
    np.testing.assert_allclose((before - net.weight).detach().numpy(), [[0.5, 1.0]], rtol=1e-5)
    scaler.update()
    assert scaler.get_scale() == 8.0 and scaler.state_dict()["_growth_tracker"] == 1


def test_the_scale_grows_and_shrinks():
    net, optimizer = parts()
    scaler = GradScaler("cpu", init_scale=4.0, growth_interval=2)
    scales = []
    for bad in (False, False, False, True, False, False):
        optimizer.zero_grad()
        scaler.scale(net(tw.ones(1, 2)).sum() * (float("inf") if bad else 1.0)).backward()
        weight = net.weight.tolist()
        scaler.step(optimizer)
        assert (net.weight.tolist() == weight) == bad
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [4.0, 8.0, 8.0, 4.0, 4.0, 8.0]


def test_the_order_of_calls():
    net, optimizer = parts()
    scaler = GradScaler("cpu", init_scale=4.0)
    for call in (lambda: scaler.step(optimizer), lambda: scaler.unscale_(optimizer), scaler.update):
        with pytest.raises(AssertionError, match="_scale is None"):
            call()
    scaler.scale(net(tw.ones(1, 2)).sum()).backward()
    with pytest.raises(AssertionError, match="No inf checks were recorded prior"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called since"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    scaler.update(2.0)
    assert scaler.get_scale() == 2.0


def test_what_is_scaled_and_kept():
    scaler = GradScaler("cpu", init_scale=4.0)
    one, (two,) = scaler.scale([tw.ones(1), (tw.ones(1, dtype=tw.bfloat16),)])
    assert one.tolist() == two.tolist() == [4.0] and two.dtype is tw.bfloat16
    with pytest.raises(ValueError, match="must be a Tensor"):
        scaler.scale(3)
    other = GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() == {
        "scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 0,
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    none = GradScaler("cpu", enabled=False)
    assert none.scale(3) == 3 and none.get_scale() == 1.0 and none.state_dict() == {}
    for wrong in ({"growth_factor": 0.5}, {"backoff_factor": 2.0}):
        with pytest.raises(AssertionError):
            GradScaler("cpu", **wrong)
    with pytest.warns(UserWarning, match="Disabling"):
        assert not GradScaler().is_enabled()


def test_float16_gradients_are_not_unscaled():
    net, _ = parts()
    net.half()
    optimizer = tw.optim.SGD(net.parameters(), lr=0.1)
    scaler = GradScaler("cpu")
    scaler.scale(net(tw.ones(1, 2, dtype=tw.float16)).sum()).backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(optimizer)
