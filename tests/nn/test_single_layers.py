"""Single layers: numbers by hand, and what is said of settings and inputs that do not fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def test_linear() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": tw.tensor([[2.0, 3.0]]), "bias": tw.tensor([1.0])})
    assert layer(tw.tensor([[1.0, 1.0], [0.0, 1.0]])).tolist() == [[6.0], [4.0]]


def test_batch_norm_keeps_running_statistics() -> None:
    norm = nn.BatchNorm1d(2)
    x = tw.tensor([[0.0, 1.0], [2.0, 5.0]])
    y = norm(x)
    assert norm.running_mean.tolist() == pytest.approx([0.1, 0.3])
    assert norm.running_var.tolist() == pytest.approx([0.9 + 0.2, 0.9 + 0.8])
    assert norm.num_batches_tracked.item() == 1
    assert np.allclose(y.detach().numpy(), [[-1, -1], [1, 1]], atol=1e-4)
    norm.eval()
    norm(x)
    assert norm.num_batches_tracked.item() == 1
    norm.reset_running_stats()
    assert norm.running_mean.tolist() == [0.0, 0.0] and norm.num_batches_tracked.item() == 0


def test_batch_norm_without_momentum_takes_the_mean_of_all_batches() -> None:
    norm = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 3.0):
        norm(tw.tensor([[value - 1], [value + 1]]))
    assert norm.running_mean.tolist() == pytest.approx([2.0])


def test_dropout_is_off_in_evaluation() -> None:
    layer = nn.Dropout(0.5)
    x = tw.ones(1000)
    tw.manual_seed(0)
    dropped = layer(x).numpy()
    assert set(np.unique(dropped)) == {0.0, 2.0} and 300 < (dropped == 0).sum() < 700
    assert layer.eval()(x).tolist() == x.tolist()


def test_embedding_padding_row_is_zero_and_gets_no_gradient() -> None:
    table = nn.Embedding(3, 2, padding_idx=1)
    assert table.weight[1].tolist() == [0.0, 0.0]
    table(tw.tensor([[0, 1], [1, 2]])).sum().backward()
    assert table.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]


def test_embedding_from_pretrained() -> None:
    rows = tw.tensor([[1.0, 2.0], [3.0, 4.0]])
    table = nn.Embedding.from_pretrained(rows)
    assert (
        table(tw.tensor([1, 0])).tolist() == [[3.0, 4.0], [1.0, 2.0]]
        and not table.weight.requires_grad
    )
    assert nn.Embedding.from_pretrained(rows, freeze=False).weight.requires_grad


def test_old_loss_arguments() -> None:
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="reduction='none'"):
        assert nn.MSELoss(reduce=False).reduction == "none"
    with pytest.warns(FutureWarning, match="min_value"):
        assert nn.Hardtanh(min_value=-3.0).min_val == -3.0


WRONG = [
    (lambda: nn.Conv2d(1, 1, 3, groups=0), ValueError, "groups must be a positive integer, got 0"),
    (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        ValueError,
        "in_channels must be divisible by groups: 3",
    ),
    (
        lambda: nn.Conv2d(4, 3, 3, groups=2),
        ValueError,
        "out_channels must be divisible by groups: 3",
    ),
    (lambda: nn.Conv2d(1, 1, 3, padding="full"), ValueError, "Invalid padding string 'full'"),
    (lambda: nn.Conv2d(1, 1, 3, 2, padding="same"), ValueError, "not supported for strided"),
    (lambda: nn.Conv2d(1, 1, 3, padding_mode="odd"), ValueError, "padding_mode must be one of"),
    (lambda: nn.Dropout(1.5), ValueError, "has to be between 0 and 1, but got 1.5"),
    (lambda: nn.GroupNorm(2, 3), ValueError, "must be divisible by num_groups"),
    (lambda: nn.Embedding(3, 2, padding_idx=3), AssertionError, "within num_embeddings: 3"),
    (lambda: nn.Embedding(3, 2, _weight=tw.ones(2, 2)), AssertionError, "Shape of weight"),
    (lambda: nn.Embedding.from_pretrained(tw.ones(3)), AssertionError, "2-dimensional"),
    (lambda: nn.Bilinear(0, 1, 1), ValueError, "in1_features must be > 0"),
    (lambda: nn.Hardtanh(1.0, 0.0), AssertionError, "max_val must be larger"),
    (lambda: nn.Unflatten(1, 3), TypeError, "unflattened_size"),
    (lambda: nn.Unflatten(1, (2, "a")), TypeError, "found element of type str at pos 1"),
    (lambda: nn.Unflatten("a", (2, 3)), TypeError, "dim must be an int"),
    (lambda: nn.BatchNorm1d(2)(tw.ones(2)), ValueError, "expected 2D or 3D input (got 1D input)"),
    (lambda: nn.BatchNorm2d(2)(tw.ones(2, 2)), ValueError, "expected 4D input (got 2D input)"),
    (lambda: nn.Softmax2d()(tw.ones(2)), ValueError, "3D or 4D, got 1D"),
    (
        lambda: nn.ConvTranspose1d(1, 1, 3, padding_mode="reflect"),
        ValueError,
        'Only "zeros" padding mode',
    ),
    (
        lambda: nn.InstanceNorm1d(2)(tw.ones(2)),
        ValueError,
        "expected 2D or 3D input (got 1D input)",
    ),
    (lambda: nn.TripletMarginLoss(margin=0), ValueError, "margin to be greater than 0, got 0"),
    (lambda: nn.Linear(2, 2, device="cuda"), RuntimeError, "not available"),
]


@pytest.mark.parametrize(("action", "kind", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_what_does_not_fit_is_said(action: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        action()
