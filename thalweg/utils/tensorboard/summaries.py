"""What is written for each kind of thing that is shown: messages ``Summary`` of TensorFlow.

Source of the fields' numbers: tensorflow/core/framework/{summary,tensor,tensor_shape}.proto, tensorboard/plugins/*.proto.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor
from .records import Float, message, packed

__all__ = [
    "as_array",
    "curve",
    "histogram",
    "hyperparameters",
    "image",
    "pictured",
    "raw_curve",
    "scalar",
    "text",
]

Array = np.ndarray[Any, Any]
_FLOAT, _DOUBLE, _STRING = 1, 2, 7
BINS = np.cumprod([1e-12, *[1.1] * 773])
"""Where the bins of a histogram end on the positive side, as TensorFlow chooses them."""


def as_array(x: Any) -> Array:
    """The elements of a tensor, a list or a number."""
    if isinstance(x, Tensor):
        return np.asarray(x.detach().cpu().numpy())
    if isinstance(x, list | tuple) and any(isinstance(part, Tensor) for part in x):
        return np.stack([as_array(part) for part in x])
    return np.atleast_1d(np.asarray(x))


def _summary(tag: str, **fields: bytes | None) -> bytes:
    """A Summary of one value; what it holds by the name of the field."""
    numbers = {"simple": 2, "image": 4, "histogram": 5, "tensor": 8, "metadata": 9}
    return message({1: message({1: tag, **{numbers[n]: value for n, value in fields.items()}})})


def _of_plugin(name: str, content: bytes | None = None) -> bytes:
    return message({1: message({1: name, 2: content or None})})


def _tensor(kind: int, shape: Sequence[int], number: int, content: Any) -> bytes:
    sides = [message({1: side or None}) for side in shape]
    return message({1: kind, 2: message({2: sides}), number: content})


def scalar(tag: str, value: Any, as_tensor: bool = False, double: bool = False) -> bytes:
    """One number.

    Raises:
        AssertionError: it is not one.
    """
    found = as_array(value)
    if found.size != 1:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {found.size} and {found.ndim} dimensions."
        )
    number = float(found.reshape(()))
    if not as_tensor:
        return message({1: message({1: tag, 2: Float(number)})})
    tensor = (
        message({1: _DOUBLE, 6: packed([number])})
        if double
        else message({1: _FLOAT, 5: packed([number], "f")})
    )
    return _summary(tag, tensor=tensor, metadata=_of_plugin("scalars"))


def histogram(tag: str, values: Any, bins: Any = "tensorflow", most: int | None = None) -> bytes:
    """How many of the numbers lie in each bin.

    Args:
        tag: its name.
        values: of any shape.
        bins: "tensorflow", or what ``numpy.histogram`` takes.
        most: join neighbors so that there are about as many bins.
    Raises:
        ValueError: there are no numbers.
    """
    found = as_array(values).astype(float).reshape(-1)
    if found.size == 0:
        raise ValueError("The input has no element.")
    if isinstance(bins, str) and bins == "tensorflow":
        bins = np.concatenate([-BINS[::-1], [0.0], BINS])
    counts, limits = np.histogram(found, bins=bins)
    if most is not None and len(counts) > most:
        together = len(counts) // most
        counts = np.add.reduceat(counts, np.arange(0, len(counts), together))
        limits = np.append(limits[:-1:together], limits[-1])
    (filled,) = np.nonzero(counts)
    first, last = int(filled[0]), int(filled[-1]) + 1
    counts = np.concatenate(
        [[0], counts[first:last]]
    )  # an empty bin tells where the first one begins
    return raw_histogram(
        tag, found.min(), found.max(), found.size, found.sum(), found @ found, limits[first : last + 1].tolist(),
        counts.tolist(),
    )  # fmt: skip


def raw_histogram(
    tag: str, least: float, largest: float, count: float, total: float, squares: float, limits: list[float],
    counts: list[float],
) -> bytes:  # fmt: skip
    """How many numbers lie in each bin, told by where bins end."""
    told = {1: least, 2: largest, 3: count, 4: total, 5: squares}
    fields: dict[int, Any] = {n: float(x) for n, x in told.items() if x}
    return _summary(tag, histogram=message({**fields, 6: packed(limits), 7: packed(counts)}))


def image(tag: str, elements: Array) -> bytes:
    """A picture (H, W, C) of bytes, or of floats from 0 to 1; C is 1, 3 or 4."""
    from PIL import Image

    scale = 1 if elements.dtype == np.uint8 else 255
    whole = (elements.astype(np.float32) * scale).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole).save(file, format="PNG")
    height, width, channels = whole.shape
    return _summary(tag, image=message({1: height, 2: width, 3: channels, 4: file.getvalue()}))


def pictured(elements: Array, axes: str) -> Array:
    """A picture (H, W, C) of elements whose axes are called so: "CHW", "HW", "NCHW" (side by side), in any order.

    Raises:
        AssertionError: the axes don't fit.
    """
    axes = axes.upper()
    if len(set(axes)) != len(axes) or len(axes) != elements.ndim:
        raise AssertionError(
            f"size of input tensor and input format are different. tensor shape: {elements.shape}, input_format: {axes}"
        )
    if "C" not in axes:
        elements, axes = elements[None], f"C{axes}"
    if "N" in axes:
        return _grid(elements.transpose([axes.index(axis) for axis in "NHWC"]))
    return _in_colors(elements.transpose([axes.index(axis) for axis in "HWC"]))


def _in_colors(elements: Array) -> Array:
    """(..., 3) of (..., 1); others stay."""
    return np.repeat(elements, 3, -1) if elements.shape[-1] == 1 else elements


def _grid(pictures: Array, across: int = 8) -> Array:
    """One picture of several (N, H, W, C), eight in a row."""
    pictures = _in_colors(pictures)
    count, high, wide, channels = pictures.shape
    if channels != 3:
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    across = min(count, across)
    down = -(-count // across)
    sheet = np.zeros((down * across, high, wide, 3), pictures.dtype)
    sheet[:count] = pictures
    rows = sheet.reshape(down, across, high, wide, 3).swapaxes(1, 2)
    return rows.reshape(down * high, across * wide, 3)


def sprite(pictures: Array) -> Array:
    """A square of pictures (N, C, H, W), as TensorBoard's projector wants it: (S, S, 3)."""
    across = int(np.ceil(len(pictures) ** 0.5))
    sheet = _grid(pictures.transpose(0, 2, 3, 1), across)
    square = np.zeros((sheet.shape[1], sheet.shape[1], 3))
    square[: len(sheet)] = sheet
    return square


def text(tag: str, words: str) -> bytes:
    """A text, which may be Markdown."""
    tensor = _tensor(_STRING, [1], 8, words)
    return _summary(f"{tag}/text_summary", metadata=_of_plugin("text"), tensor=tensor)


def curve(
    tag: str, labels: Any, predictions: Any, thresholds: int = 127, weights: Any = None
) -> bytes:
    """Precision and recall at as many thresholds.

    Args:
        tag: its name.
        labels: (N,) 0 or 1.
        predictions: (N,) from 0 to 1.
        thresholds: how many, at most 127.
        weights: (N,) of each; None: 1.
    """
    thresholds = min(thresholds, 127)
    truth = as_array(labels).astype(float)
    weight = 1.0 if weights is None else as_array(weights)
    bins = np.floor(as_array(predictions) * (thresholds - 1)).astype(np.int32)

    def above(share: Array) -> Array:
        counted, _ = np.histogram(bins, thresholds, (0, thresholds - 1), weights=share * weight)
        return np.cumsum(counted[::-1])[::-1]

    true, false = above(truth), above(1.0 - truth)
    precision = true / np.maximum(1e-7, true + false)
    rows = (
        true,
        false,
        false[0] - false,
        true[0] - true,
        precision,
        true / np.maximum(1e-7, true[0]),
    )
    return raw_curve(tag, np.stack(rows), thresholds)


def raw_curve(tag: str, rows: Array, thresholds: int) -> bytes:
    """(6, thresholds): true and false positives, true and false negatives, precision and recall at each."""
    content = packed(rows.reshape(-1).tolist(), "f")
    metadata = _of_plugin("pr_curves", message({2: min(thresholds, 127)}))
    return _summary(tag, metadata=metadata, tensor=_tensor(_FLOAT, rows.shape, 5, content))


def _value(value: Any) -> tuple[bytes, int]:
    """A parameter as a message, and the number of its type; True and False are 1 and 0, as in PyTorch."""
    if isinstance(value, str):
        return message({3: value}), 1
    if isinstance(value, int | float | Tensor):
        return message({2: float(value)}), 3
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def hyperparameters(
    told: Mapping[str, Any], metrics: Mapping[str, Any], domains: Mapping[str, list[Any]]
) -> list[bytes]:
    """What an experiment's parameters and metrics are called, those of this run, and that it ended well.

    Raises:
        TypeError: a domain is of no parameter, or of another type.
        ValueError: a parameter is neither a number nor a text.
    """
    for name, domain in domains.items():
        if name not in told or not all(isinstance(d, type(told[name])) for d in domain):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    known = {name: _value(value) for name, value in told.items() if value is not None}
    described = []
    for name, (_, kind) in known.items():
        listed = None
        if name in domains:
            listed = message({1: [_value(d)[0] for d in domains[name]]})
        described.append(message({1: name, 4: kind, 5: listed}))
    named = [message({1: message({2: name})}) for name in metrics]
    run = [message({1: name, 2: value}) for name, (value, _) in known.items()]
    contents = {
        "experiment": message({2: message({4: described, 5: named})}),
        "session_start_info": message({3: message({1: run})}),
        "session_end_info": message({4: message({1: 1})}),
    }
    return [
        _summary(f"_hparams_/{name}", metadata=_of_plugin("hparams", content))
        for name, content in contents.items()
    ]
