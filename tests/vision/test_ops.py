"""Groups of layers and boxes, against numbers that torchvision 0.28 gave and by what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg.vision import ops

WEIGHED = -0.50263202
LEFT = [0.0, 0.0, 1.6666666, 0.0, 0.0, 0.0]
FOCAL = 0.076764166
BOXES = [[0, 0, 4, 4], [1, 1, 5, 5], [0, 0, 4, 3], [6, 6, 9, 8]]


def test_layers_in_a_row() -> None:
    row = ops.Conv2dNormActivation(3, 8, (3, 5), dilation=2)
    assert [type(part).__name__ for part in row] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert (
        row[0].padding == (2, 4)
        and row[0].bias is None
        and row[2].inplace
        and row.out_channels == 8
    )
    assert tuple(row(tw.randn(2, 3, 7, 9)).shape) == (2, 8, 7, 9)
    plain = ops.Conv2dNormActivation(3, 8, 1, norm_layer=None, activation_layer=None)
    assert len(plain) == 1 and plain[0].bias is not None
    deep = ops.Conv3dNormActivation(1, 2, inplace=None, activation_layer=tw.nn.Tanh)
    assert tuple(deep(tw.randn(1, 1, 3, 4, 5)).shape) == (1, 2, 3, 4, 5)
    mlp = ops.MLP(3, [4, 2], norm_layer=tw.nn.LayerNorm, dropout=0.1)
    assert [type(part).__name__ for part in mlp] == [
        "Linear",
        "LayerNorm",
        "ReLU",
        "Dropout",
        "Linear",
        "Dropout",
    ]
    assert tuple(ops.Permute([0, 2, 1])(tw.ones(2, 3, 4)).shape) == (2, 4, 3)


def test_channels_are_weighed() -> None:
    tw.manual_seed(0)
    layer = ops.SqueezeExcitation(4, 2)
    x = tw.arange(32.0).sin().reshape(1, 4, 2, 4)
    share = layer(x) / x
    assert share[0, :, 0, 1].tolist() == pytest.approx(share[0, :, 1, 2].tolist())
    assert list(layer.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert layer(x).sum().item() == pytest.approx(WEIGHED, rel=1e-5)


def test_branches_left_out() -> None:
    x = tw.ones(6, 2, 3)
    tw.manual_seed(0)
    rows = ops.stochastic_depth(x, 0.4, "row")
    assert rows[:, 0, 0].tolist() == pytest.approx(LEFT, rel=1e-6)
    assert ops.StochasticDepth(0.4, "batch").eval()(x) is x
    assert ops.stochastic_depth(x, 1.0, "batch").abs().max().item() == 0
    assert repr(ops.StochasticDepth(0.4, "row")) == "StochasticDepth(p=0.4, mode=row)"


def test_statistics_that_stay() -> None:
    frozen = ops.FrozenBatchNorm2d(2)
    plain = tw.nn.BatchNorm2d(2)
    plain.running_mean.copy_(tw.tensor([1.0, 2.0]))
    plain.running_var.copy_(tw.tensor([4.0, 0.25]))
    frozen.load_state_dict(plain.state_dict())
    x = tw.randn(3, 2, 2, 2)
    assert tw.allclose(frozen(x), plain.eval()(x), atol=1e-6)
    assert not list(frozen.parameters()) and repr(frozen) == "FrozenBatchNorm2d(2, eps=1e-05)"


def test_boxes() -> None:
    boxes = tw.tensor(BOXES).float()
    assert ops.box_area(boxes).tolist() == [16, 16, 12, 6]
    shared = ops.box_iou(boxes, boxes[:1]).flatten().tolist()
    assert shared == pytest.approx([1, 9 / 23, 12 / 16, 0])
    general = ops.generalized_box_iou(boxes, boxes[:1]).flatten().tolist()
    assert general == pytest.approx([1, 9 / 23 - 2 / 25, 12 / 16, -(72 - 22) / 72])
    for form, row in {"xywh": [6, 6, 3, 2], "cxcywh": [7.5, 7, 3, 2]}.items():
        made = ops.box_convert(boxes, "xyxy", form)
        assert made[3].tolist() == row and tw.equal(ops.box_convert(made, form, "xyxy"), boxes)
    assert ops.clip_boxes_to_image(boxes, (7, 8))[3].tolist() == [6, 6, 8, 7]
    assert ops.remove_small_boxes(boxes, 2.5).tolist() == [0, 1, 2]
    masks = tw.zeros(1, 5, 6)
    masks[0, 2:4, 1:5] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[1, 2, 4, 3]]


def test_which_boxes_are_kept() -> None:
    boxes, scores = tw.tensor(BOXES).float(), tw.tensor([0.5, 0.9, 0.8, 0.1])
    assert ops.nms(boxes, scores, 0.3).tolist() == [1, 2, 3]
    assert ops.nms(boxes, scores, 0.2).tolist() == [1, 3]
    assert ops.nms(boxes, scores, 0.8).tolist() == [1, 2, 0, 3]
    assert ops.batched_nms(boxes, scores, tw.tensor([0, 1, 0, 1]), 0.2).tolist() == [1, 2, 3]
    assert ops.nms(boxes[:0], scores[:0], 0.5).tolist() == []


def test_loss_that_counts_what_is_hard() -> None:
    x, y = tw.arange(6.0).sin(), tw.tensor([0.0, 1, 1, 0, 1, 0])
    assert ops.sigmoid_focal_loss(x, y, reduction="mean").item() == pytest.approx(FOCAL, rel=1e-5)
    plain = tw.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="sum")
    assert ops.sigmoid_focal_loss(x, y, alpha=-1, gamma=0, reduction="sum").item() == pytest.approx(
        plain.item()
    )


WRONG: dict[str, Callable[[], Any]] = {
    "mode": lambda: ops.stochastic_depth(tw.ones(1), 0.5, "column"),
    "p": lambda: ops.stochastic_depth(tw.ones(1), 1.5, "row"),
    "form": lambda: ops.box_convert(tw.ones(1, 4), "xyxy", "yxyx"),
    "reduction": lambda: ops.sigmoid_focal_loss(tw.ones(1), tw.ones(1), reduction="max"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str) -> None:
    with pytest.raises(ValueError):
        WRONG[name]()
