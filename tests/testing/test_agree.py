"""Random programs of users agree in all ways of running them; what the search has found stays found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thalweg as tw
from thalweg import nn
from thalweg.runtime import native
from thalweg.testing import agree
from thalweg.testing.programs import draw_program, source

TIERS = ("eager", "interpret", "native")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30))
def test_random_programs_give_the_same_bits(seed: int) -> None:
    agree.check(draw_program(seed), ("eager", "lazy", "joined", "cuts"), seed)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30))
def test_random_programs_run_native(seed: int) -> None:
    agree.check(draw_program(seed), ("lazy", "native"), seed)


def test_a_program_is_drawn_again_from_its_seed():
    assert source(draw_program(7)) == source(draw_program(7)) != source(draw_program(8))


def test_what_differs_is_found_and_made_small(monkeypatch, capsys):
    results = agree._results

    def wrong(framework, names):
        found = results(framework, names)
        if tw.current_tier() == "interpret":
            found = {n: a + 1 if names.get("wrong") else a for n, a in found.items()}
        return found

    execute = agree.execute

    def execute_and_mark(statement, names):
        execute(statement, names)
        if ".sum(" in statement.source:
            names["wrong"] = True

    monkeypatch.setattr(agree, "_results", wrong)
    monkeypatch.setattr(agree, "execute", execute_and_mark)
    assert agree.main(["--programs", "30", "--seed", "300", "--ways", "eager,lazy"]) == 1
    shown = capsys.readouterr().err
    lines = [line for line in shown.split("\n\n")[2].splitlines() if line != "F = t.nn.functional"]
    assert "lazy against eager" in shown and ".sum(" in lines[-1] and len(lines) <= 4


def test_exceptions_must_be_of_one_type():
    agree.compare("ValueError: a", "ValueError: b")
    with pytest.raises(agree.Disagreement):
        agree.compare("ValueError: a", "TypeError: a")
    with pytest.raises(agree.Disagreement):
        agree.compare({}, "TypeError: a")


# What was found


def test_a_leaf_written_over_a_whole_tensor_by_slices_is_on_the_tape():
    x, w = tw.zeros(5, 2), tw.ones(5, 2, requires_grad=True)
    x[:, :2] = w
    (x + w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full((5, 2), 2.0))


def test_rounding_integers_gives_them_back():
    rounded = tw.round(tw.tensor([1, 2], dtype=tw.uint8))
    assert rounded.dtype is tw.uint8 and rounded.tolist() == [1, 2]


def test_a_sum_does_not_depend_on_strides():
    values = tw.from_numpy(np.random.RandomState(0).randn(5, 7, 6)).transpose(0, 2)
    for axes in ((0,), (1,), (0, 1), (1, 2), (0, 1, 2)):
        found, expected = values.sum(axes), values.contiguous().sum(axes)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_a_product_does_not_depend_on_odd_strides():
    rng = np.random.RandomState(0)
    sparse = tw.from_numpy(rng.randn(40, 60))[::3, ::2]
    found, expected = sparse @ sparse.t(), sparse.contiguous() @ sparse.t().contiguous()
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_what_is_overwritten_has_a_gradient_of_zero():
    for write in (lambda x, y: x.copy_(y), lambda x, y: x.__setitem__(..., y)):
        v, w = tw.ones(3, requires_grad=True), tw.ones(3, requires_grad=True)
        x = v * 2
        write(x, w * 3)
        x.sum().backward()
        assert v.grad.tolist() == [0.0, 0.0, 0.0] and w.grad.tolist() == [3.0, 3.0, 3.0]


def test_a_tensor_of_bounds_that_is_nan_gives_nan():
    bounds = tw.tensor([float("nan"), 1.0])
    x = tw.tensor([0.5, 2.0])
    assert np.isnan(x.clamp(max=bounds).numpy()).tolist() == [True, False]
    assert np.isnan(x.clamp(min=bounds).numpy()).tolist() == [True, False]


def test_l1_loss_refuses_bool():
    with pytest.raises(RuntimeError, match="bool"):
        tw.nn.functional.l1_loss(tw.ones(3), tw.ones(3) < 2)


def scaled_row():
    w = tw.tensor([[0.69, -1.441], [-0.084, 0.73]], dtype=tw.float64, requires_grad=True)
    x = w * 1
    x[1] *= w.sum()
    x.sum().backward()
    return w.grad.numpy()


def test_a_row_that_was_scaled_in_place_is_kept_for_backward():
    with tw.tier("eager"):
        expected = scaled_row()
    with tw.tier("interpret"):
        np.testing.assert_array_equal(scaled_row(), expected)


@pytest.mark.parametrize("shared", [False, True])
def test_a_write_through_a_view_puts_the_base_on_the_tape(shared):
    x, w = tw.zeros(3), tw.ones(3, requires_grad=True)
    if shared:
        x.numpy()
    x[1:].add_(w[1:])
    assert x.requires_grad


def test_a_native_clone_of_a_strided_leaf_is_row_major():
    with tw.tier("native"):
        running = tw.ones(2, 2, requires_grad=True).cumprod(1)
        leaf = tw.tensor([[0.0, 1.0], [2.0, 3.0]], requires_grad=True)
        copy = leaf.transpose(0, 1).clone()
        other = running + 1.5  # something to compile beside it
        copy.tolist()
        assert (copy * 2).tolist() == [[0.0, 4.0], [2.0, 6.0]] and other.shape == (2, 2)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x.cumsum(0),
        lambda x: x.amax(1),
        lambda x: x.prod(1),
        lambda x: x.any(1).float(),
        lambda x: tw.cat([x, x], 1),
        lambda x: x.tril(),
        lambda x: x.logcumsumexp(0),
    ],
)
def test_what_is_computed_at_once_from_transposed_data_is_row_major(compute):
    """A native program took such results for row-major, and read their elements in another order."""
    x, w = tw.arange(24.0).reshape(2, 3, 4).permute(2, 1, 0), nn.Parameter(tw.zeros(()))
    result = compute(x)
    with tw.tier("native"):
        np.testing.assert_array_equal((result + w).detach().numpy(), result.numpy())


@pytest.mark.own_tier
def test_a_program_that_cannot_be_compiled_is_found(monkeypatch):
    def refuse(*given):
        raise ZeroDivisionError("forced")

    monkeypatch.setattr(native, "schedule", refuse)
    tw.clear_caches()
    with pytest.raises(
        agree.Disagreement, match="compiling the program .* ZeroDivisionError: forced"
    ):
        agree.check(draw_program(7), ("lazy", "native"))


def test_a_single_class_seen_along_a_row_is_computed_once_for_the_row():
    labels = tw.tensor([0, 0, 0])
    for name in ("eager", "native"):  # a program that is not compiled fails here (conftest.py)
        with tw.tier(name):
            w = tw.tensor(
                [[1.2, -0.1, 0.2], [-1.7, -0.9, -1.6], [-0.1, -1.2, 1.3]], requires_grad=True
            )
            loss = nn.functional.cross_entropy(w.sum(-1, keepdim=True), labels, ignore_index=1)
            (g,) = tw.autograd.grad((loss**2).sum(), w, create_graph=True)
            (g**2).sum().backward()
            assert w.grad.abs().max().item() < 1e-12 and loss.item() == 0
