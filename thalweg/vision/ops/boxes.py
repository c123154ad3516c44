"""Boxes around things in pictures: how large they are, how much they share, which to keep.

A box is (left, top, right, bottom) in pixels, unless said otherwise.
"""

from __future__ import annotations

import numpy as np

from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.arithmetic import maximum, minimum
from ...tensor.creation import from_array
from ...tensor.joining import stack

__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "generalized_box_iou",
    "masks_to_boxes", "nms", "remove_small_boxes", "sigmoid_focal_loss",
]  # fmt: skip
_FORMS = ("xyxy", "xywh", "cxcywh")


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (..., 4) in another form.

    Args:
        boxes: in the form ``in_fmt``.
        in_fmt, out_fmt: "xyxy", left, top, right and bottom; "xywh", left, top, width and height; "cxcywh", the
            middle, width and height.
    Raises:
        ValueError: a form is another.
    """
    if in_fmt not in _FORMS or out_fmt not in _FORMS:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}: one of {_FORMS}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return stack([a, b, c, d], -1)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """(N,) areas of (N, 4) boxes."""
    left, top, right, bottom = box_convert(boxes, fmt, "xyxy").unbind(-1)
    return (right - left) * (bottom - top)


def _shared(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """(N, M) areas that are in both boxes, and in one or both."""
    start = maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    end = minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    both = (end - start).clamp(min=0).prod(-1)
    return both, box_area(boxes1)[:, None] + box_area(boxes2)[None] - both


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """(N, M) what (N, 4) and (M, 4) boxes share, of what they cover together."""
    both, either = _shared(box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy"))
    return both / either


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """(N, M) ``box_iou`` less what lies between the boxes, of the box around both; from -1 to 1.

    Source: H. Rezatofighi and others, "Generalized intersection over union", 2019.
    """
    both, either = _shared(boxes1, boxes2)
    start = minimum(boxes1[:, None, :2], boxes2[None, :, :2])
    end = maximum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    around = (end - start).clamp(min=0).prod(-1)
    return both / either - (around - either) / around


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """(K,) int64 which of (N, 4) boxes are kept, the best first: those that share little with each better one kept.

    Args:
        boxes: (N, 4).
        scores: (N,), the larger the better.
        iou_threshold: up to how much a box may share with a better one, as of ``box_iou``.
    """
    order = scores.argsort(descending=True, stable=True)
    if len(order) == 0:
        return order
    best = boxes.detach()[order]
    near = (box_iou(best, best) > iou_threshold).numpy()
    gone = np.zeros(len(near), bool)
    kept = []
    for k, row in enumerate(near):
        if not gone[k]:
            kept.append(k)
            gone |= row
    return order[from_array(np.array(kept, np.int64))]


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """``nms`` among the boxes of each class by itself.

    Args:
        boxes: (N, 4), where nothing is negative.
        scores: (N,).
        idxs: (N,) the class of each.
        iou_threshold: as of ``nms``.
    """
    if boxes.numel() == 0:
        return nms(boxes, scores, iou_threshold)
    apart = idxs.to(boxes.dtype) * (boxes.max() + 1)
    return nms(boxes + apart[:, None], scores, iou_threshold)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """(K,) int64 which of (N, 4) boxes have sides of ``min_size`` or more."""
    left, top, right, bottom = boxes.unbind(-1)
    large = (right - left >= min_size) & (bottom - top >= min_size)
    return large.nonzero().flatten()


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) with what lies outside a picture of ``size``, (H, W), cut off."""
    height, width = size
    left, top, right, bottom = boxes.unbind(-1)
    across = [side.clamp(0, width) for side in (left, right)]
    down = [side.clamp(0, height) for side in (top, bottom)]
    return stack([across[0], down[0], across[1], down[1]], -1)


def masks_to_boxes(masks: Tensor) -> Tensor:
    """(N, 4) float32: the first and last column and row of each of (N, H, W) masks that is not 0."""
    boxes = []
    for mask in masks:
        rows, columns = mask.nonzero().unbind(1)
        ends = [columns.min(), rows.min(), columns.max(), rows.max()]
        boxes.append(stack(ends, 0).float())
    return stack(boxes, 0) if boxes else masks.reshape(0).float().reshape(0, 4)


def sigmoid_focal_loss(
    inputs: Tensor,
    targets: Tensor,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Tensor:
    """Cross-entropy of yes and no in which what is told well counts little.

    Args:
        inputs: any shape, scores.
        targets: the same shape, 0 or 1.
        alpha: what a yes counts, against 1 - alpha of a no; below 0 both count 1.
        gamma: how little counts what is told well.
        reduction: "none", "mean" or "sum".
    Raises:
        ValueError: the reduction is another.
    Source: T.-Y. Lin and others, "Focal loss for dense object detection", 2017.
    """
    chance = inputs.sigmoid()
    right = chance * targets + (1 - chance) * (1 - targets)
    loss = (
        F.binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - right) ** gamma
    )
    if alpha >= 0:
        loss = loss * (alpha * targets + (1 - alpha) * (1 - targets))
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid Value for arg 'reduction': '{reduction}' \n Supported reduction modes: 'none', 'mean', 'sum'"
        )
    return loss if reduction == "none" else getattr(loss, reduction)()
