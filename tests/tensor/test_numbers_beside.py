"""Numbers that the type of the tensor beside them cannot hold: -1, 256 and 300 beside bytes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import thalweg as tw

OPERATIONS = [
    "add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "atan2", "hypot", "copysign", "eq", "lt",
    "ge", "maximum", "fmin", "logaddexp", "xlogy", "float_power", "clamp_min",
]  # fmt: skip
BESIDE = [-1, -2.5, 256, 300, True]


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32", "bool", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_as_in_torch(name, kind):
    torch = pytest.importorskip("torch")

    def outcome(m, given, alone, turned):
        x = m.tensor([6, 1, 4, 0]).to(getattr(m, kind))
        other = m.tensor(given) if alone else given
        try:
            found = getattr(m, name)(*((other, x) if turned else (x, other)))
        except (RuntimeError, TypeError, NotImplementedError):
            return None
        return str(found.dtype).split(".")[1], found.float().numpy()

    compared = 0
    for how in itertools.product(BESIDE, (False, True), (False, True)):
        expected = outcome(torch, *how)
        if expected is not None:  # else PyTorch refuses it
            found = outcome(tw, *how)
            assert found[0] == expected[0], how
            np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, err_msg=str(how))
            compared += 1
    assert compared or (name, kind) == ("sub", "bool")


def test_bytes_divided():
    pixels = tw.tensor([0, 128, 255], dtype=tw.uint8)
    assert (pixels / 256).tolist() == [0, 0.5, 255 / 256]
    assert (pixels / -1).tolist() == [0, -128, -255]
    assert (1000 / pixels[1:]).tolist() == [7.8125, pytest.approx(1000 / 255)]
    assert (pixels / tw.tensor(512)).tolist() == [0, 0.25, pytest.approx(255 / 512)]
    assert (pixels * -1).tolist() == [0, 128, 1]  # of bytes, bytes


def test_whole_powers_of_two():
    x = tw.tensor([0.0, 1.0, 1e-30])
    assert tw.ldexp(x, tw.tensor(150)).tolist() == [0, float("inf"), pytest.approx(1.4272e15, 1e-4)]
    assert tw.ldexp(tw.tensor([3.0]), tw.tensor([-149])).item() == 3 * 2.0**-149


def test_the_type_of_what_is_empty_counts_where_it_is_left_out():
    empty = tw.zeros(0, dtype=tw.int64)
    assert tw.cat([tw.zeros(2, 3, dtype=tw.uint8), empty]).dtype is tw.int64
    assert tw.cat([empty, tw.zeros(2, 3, dtype=tw.float16)]).dtype is tw.float16


def test_gradients_that_are_made_up_are_zeros():
    unused = tw.tensor([1.0, float("nan")], requires_grad=True)
    w = tw.tensor([2.0, -1.0], requires_grad=True)
    for again in (False, True):
        zeros, _ = tw.autograd.grad(
            (w * w).sum(),
            [unused, w],
            create_graph=again,
            allow_unused=True,
            materialize_grads=True,
        )
        assert zeros.tolist() == [0, 0] and zeros.is_leaf and zeros.requires_grad == again
