"""Layers that the tables of PyTorch pass over: numbers by hand, round trips, errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn import functional as F

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def test_unpooling_puts_back_what_pooling_chose() -> None:
    x = tw.tensor([[[1.0, 5.0, 2.0, 4.0, 3.0]]], requires_grad=True)
    values, places = nn.MaxPool1d(2, 2, return_indices=True)(x)
    back = nn.MaxUnpool1d(2, 2)(values, places, output_size=[5])
    back.sum().backward()
    assert back.tolist() == [[[0.0, 5.0, 0.0, 4.0, 0.0]]]
    assert x.grad is not None and x.grad.tolist() == [[[0.0, 1.0, 0.0, 1.0, 0.0]]]


def test_overlapping_windows_are_put_back_once() -> None:
    x = tw.tensor([[1.0, 5.0, 2.0]])
    values, places = F.max_pool1d(x, 2, 1, return_indices=True)
    assert F.max_unpool1d(values, places, 2, 1).tolist() == [[0.0, 5.0, 0.0]]


def test_folding_counts_how_often_windows_meet() -> None:
    x = tw.ones(1, 1, 3, 3)
    columns = F.unfold(x, 2)
    assert columns.shape == (1, 4, 4)
    assert F.fold(columns, 3, 2).tolist() == [[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("align", [False, True])
def test_antialiased_sizes_are_torchs(mode: str, align: bool) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.RandomState(0).randn(1, 2, 7, 5).astype(np.float32)
    for size in ((3, 2), (9, 4), (1, 11)):
        names = {"mode": mode, "align_corners": align, "antialias": True}
        expected = torch.nn.functional.interpolate(torch.tensor(x), size, **names)
        found = F.interpolate(tw.tensor(x), size, **names)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_lazy_layer_becomes_an_ordinary_one() -> None:
    model = nn.Sequential(nn.LazyConv1d(3, 2), nn.LazyBatchNorm1d(), nn.Flatten(), nn.LazyLinear(2))
    twin = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    with pytest.raises(ValueError, match="shape is not known yet"):
        model[0].weight + 1
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = model[1].running_mean.shape
    x = tw.ones(2, 4, 5)
    assert model(x).shape == (2, 2)
    assert [type(m).__name__ for m in model] == ["Conv1d", "BatchNorm1d", "Flatten", "Linear"]
    assert repr(model[0]) == "Conv1d(4, 3, kernel_size=(2,), stride=(1,))"
    twin.load_state_dict(model.state_dict())
    assert twin.eval()(x).tolist() == model.eval()(x).tolist()


def test_a_lazy_layer_is_trained_from_its_first_call() -> None:
    tw.manual_seed(0)
    layer = nn.LazyLinear(1, bias=False)
    layer(tw.ones(1, 2)).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_adaptive_softmax_is_a_distribution() -> None:
    tw.manual_seed(1)
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], div_value=2.0)
    x, target = tw.randn(6, 4), tw.tensor([0, 1, 2, 4, 5, 8])
    whole = layer.log_prob(x)
    output, loss = layer(x, target)
    np.testing.assert_allclose(whole.exp().sum(1).tolist(), np.ones(6), rtol=1e-5)
    np.testing.assert_allclose(output.tolist(), whole[tw.arange(6), target].tolist(), rtol=1e-5)
    np.testing.assert_allclose(loss.item(), -output.mean().item(), rtol=1e-6)
    assert layer.predict(x).tolist() == whole.argmax(1).tolist()


def test_adaptive_softmax_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        lib.manual_seed(1)
        layer = lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], div_value=2.0, head_bias=True)
        x = lib.randn(5, 8)
        output, loss = layer(x, lib.tensor([0, 2, 8, 5, 1]))
        loss.backward()
        single = layer(x[0], lib.tensor(7)).output
        grads = [p.grad for p in layer.parameters()]
        found.append([output, loss, single, layer.log_prob(x), *grads])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-6
        )


def test_ctc_of_one_label_by_hand() -> None:
    """Three alignments of "1" with two steps: 1 1, 1 -, - 1."""
    p = np.array([[0.6, 0.4], [0.3, 0.7]])
    logs = tw.tensor(np.log(p)[:, None], requires_grad=True)
    loss = F.ctc_loss(logs, tw.tensor([[1]]), (2,), (1,), reduction="sum")
    assert np.isclose(loss.item(), -np.log(0.4 * 0.7 + 0.4 * 0.3 + 0.6 * 0.7))
    unreachable = F.ctc_loss(
        logs, tw.tensor([[1, 1]]), (2,), (2,), reduction="sum", zero_infinity=True
    )
    unreachable.backward()
    assert unreachable.item() == 0
    assert logs.grad is not None and not bool(logs.grad.any())


def test_bags_of_rows() -> None:
    table = tw.tensor([[1.0, 8.0], [2.0, 4.0], [3.0, 6.0]])
    bags, starts = tw.tensor([0, 2, 1]), tw.tensor([0, 2, 2])
    for mode, expected in (
        ("sum", [[4.0, 14.0], [0.0, 0.0], [2.0, 4.0]]),
        ("mean", [[2.0, 7.0], [0.0, 0.0], [2.0, 4.0]]),
        ("max", [[3.0, 8.0], [0.0, 0.0], [2.0, 4.0]]),
    ):
        layer = nn.EmbeddingBag.from_pretrained(table, mode=mode)
        assert layer(bags, starts).tolist() == expected


def test_rows_are_shortened_in_place() -> None:
    layer = nn.Embedding.from_pretrained(tw.tensor([[3.0, 4.0], [6.0, 8.0]]), max_norm=1.0)
    layer(tw.tensor([1, 1]))
    np.testing.assert_allclose(layer.weight.tolist(), [[3.0, 4.0], [0.6, 0.8]], rtol=1e-6)


def test_synchronized_norms_share_the_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    weight = model[1].weight
    found = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert isinstance(found[1], nn.SyncBatchNorm)
    assert found[1].weight is weight
    assert nn.DataParallel(found)(tw.ones(4, 3)).shape == (4, 2)


@pytest.mark.parametrize("name", ["elu_", "leaky_relu_", "selu_", "celu_", "hardtanh_", "rrelu_"])
def test_in_place_forms_write(name: str) -> None:
    x = tw.tensor([-2.0, 0.5])
    expected = getattr(F, name[:-1])(x)
    assert getattr(F, name)(x) is x
    assert x.tolist() == expected.tolist()


def test_threshold_in_place_writes() -> None:
    x = tw.tensor([-2.0, 0.5])
    assert F.threshold_(x, 0.0, 7.0) is x
    assert x.tolist() == [7.0, 0.5]


X = tw.ones(1, 2, 4, 4)
ROWS = tw.ones(2, 3)
ERRORS: list[tuple[Any, Any, str]] = [
    (lambda: nn.FractionalMaxPool2d(2), ValueError, "either an output size"),
    (lambda: nn.FractionalMaxPool2d(2, 1, 0.5), ValueError, "only one of"),
    (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError, "between 0 and 1"),
    (lambda: nn.FractionalMaxPool2d(0, 1), ValueError, "greater than zero"),
    (lambda: F.fractional_max_pool2d(X, 2, 4), RuntimeError, "cannot give 4 places"),
    (lambda: F.fractional_max_pool2d(X, 2), ValueError, "output_size or an output_ratio"),
    (lambda: F.fractional_max_pool2d(ROWS, 2, 1), RuntimeError, "3D or 4D"),
    (lambda: F.max_unpool2d(X, X, 2), RuntimeError, "int64"),
    (lambda: F.max_unpool2d(X, X.long()[0], 2), RuntimeError, "of its shape"),
    (
        lambda: F.max_unpool2d(X, tw.tensor(np.full(X.shape, 99)), 2),
        RuntimeError,
        "invalid max index: 99",
    ),
    (lambda: F.max_unpool2d(X, X.long(), 2, output_size=[2, 2]), ValueError, "between 6 and 10"),
    (lambda: F.max_unpool2d(X, X.long(), 2, output_size=[2]), ValueError, "length of '1'"),
    (lambda: F.fold(ROWS, 4, 2), RuntimeError, "divisible by the product"),
    (lambda: F.fold(tw.ones(4, 3), 4, 2), RuntimeError, "sliding blocks 3 \\* 3"),
    (lambda: F.fold(X, 4, 2), RuntimeError, "2D or 3D"),
    (lambda: F.unfold(ROWS, 2), RuntimeError, "3D or 4D"),
    (lambda: F.unfold(X, 5), RuntimeError, "do not fit"),
    (lambda: F.unfold(X, 2, stride=0), RuntimeError, "stride should be greater"),
    (lambda: F.channel_shuffle(X, 3), RuntimeError, "divisible by groups"),
    (lambda: F.channel_shuffle(ROWS, 3), RuntimeError, "> 2 dims"),
    (lambda: F.interpolate(X, 2, antialias=True), ValueError, "restricted to bilinear"),
    (lambda: F.interpolate(X, 0), RuntimeError, "greater than 0"),
    (lambda: F.grid_sample(X, X), RuntimeError, "size 2 in last dimension"),
    (lambda: F.grid_sample(X, tw.ones(1, 1, 1, 2), "cubic"), ValueError, "mode"),
    (lambda: F.affine_grid(tw.ones(1, 2, 2), [1, 1, 2, 2], False), ValueError, "2x3"),
    (lambda: F.affine_grid(tw.ones(1, 2, 3), [1, 1, 2], False), NotImplementedError, "4D and 5D"),
    (lambda: F.pdist(X), RuntimeError, "2D"),
    (lambda: F.multi_margin_loss(ROWS, tw.tensor([1])), RuntimeError, "expected 2"),
    (lambda: F.multi_margin_loss(ROWS, tw.tensor([1, 2]), p=3), ValueError, "p == 2"),
    (lambda: F.multilabel_margin_loss(ROWS, tw.tensor([1])), RuntimeError, "inconsistent"),
    (lambda: nn.MultiMarginLoss(p=3), ValueError, "p == 2"),
    (lambda: nn.TripletMarginWithDistanceLoss(margin=0), ValueError, "greater than 0"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2]), ValueError, "increasing order"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, []), ValueError, "larger than 0"),
    (
        lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [2])(X[0, 0, :2], tw.tensor([0, 5])),
        RuntimeError,
        "in \\[0, 4\\]",
    ),
    (lambda: nn.LinearCrossEntropyOptions(acc_policy="no"), ValueError, "acc_policy"),
    (lambda: nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2), RuntimeError, "range"),
    (lambda: F.embedding_bag(tw.tensor([0]), ROWS), ValueError, "offsets has to be"),
    (
        lambda: F.embedding_bag(tw.tensor([0]), ROWS, tw.tensor([1])),
        RuntimeError,
        "offsets\\[0\\] has to be 0",
    ),
    (lambda: F.embedding_bag(tw.tensor([[0]]), ROWS, mode="min"), ValueError, "sum, mean or max"),
    (lambda: F.ctc_loss(X, ROWS, (1,), (1,)), RuntimeError, "2D or 3D"),
    (
        lambda: F.ctc_loss(tw.ones(2, 1, 3), tw.tensor([[1]]), (3,), (1,)),
        RuntimeError,
        "at most 2",
    ),
    (
        lambda: F.ctc_loss(tw.ones(2, 1, 3), tw.tensor([[1]]), (2,), (2,)),
        RuntimeError,
        "at least 2",
    ),
    (lambda: F.ctc_loss(tw.ones(2, 1, 3), tw.tensor([[1]]), (2,), (1,), 3), RuntimeError, "blank"),
    (lambda: nn.LazyConv2d(2, 2)(ROWS), RuntimeError, "3D \\(unbatched\\)"),
    (lambda: nn.CrossMapLRN2d(2)(ROWS), ValueError, "4D"),
    (lambda: nn.SyncBatchNorm(3)(tw.ones(3)), ValueError, "at least 2D"),
    (lambda: nn.CircularPad2d(1)(ROWS), ValueError, "3D or 4D"),
    (lambda: F.local_response_norm(ROWS, 2), ValueError, "3D or higher"),
    (lambda: F.feature_alpha_dropout(tw.ones(2), 0.5, True), RuntimeError, "2 dimensions"),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors_say_what_is_wrong(call: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()


def test_ctc_has_no_second_derivative() -> None:
    logs = tw.zeros(3, 1, 2, requires_grad=True)
    loss = F.ctc_loss(logs, tw.tensor([[1]]), (3,), (1,))
    with pytest.raises(RuntimeError, match="no gradient of its gradient"):
        first = tw.autograd.grad(loss, logs, create_graph=True)[0]
        tw.autograd.grad(first.sum(), logs)


def test_windows_of_no_examples():
    for shape in ((0, 1, 4, 5, 4), (0, 3, 4, 5)):
        pool = F.fractional_max_pool3d if len(shape) == 5 else F.fractional_max_pool2d
        found, places = pool(tw.zeros(shape), 2, output_size=2, return_indices=True)
        assert tuple(found.shape) == tuple(places.shape) == (*shape[:2], *[2] * (len(shape) - 2))
