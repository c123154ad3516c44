"""Padding that crops as well, and the gradient of a transposed convolution's last rows: as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw


def _padded(m: Any, size: int, sides: tuple[int, int], mode: str) -> Any:
    x = m.arange(float(size))[None, None].requires_grad_()
    try:
        y = m.nn.functional.pad(x, sides, mode=mode)
    except RuntimeError:
        return "refused"
    (y * m.arange(1.0, 1 + y.shape[-1])).sum().backward()
    return y.flatten().tolist(), x.grad.flatten().tolist()


@pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_negative_sides(mode: str) -> None:
    torch = pytest.importorskip("torch")
    for sides in [(a, b) for a in range(-5, 6) for b in range(-5, 6)]:
        assert _padded(tw, 4, sides, mode) == _padded(torch, 4, sides, mode), sides


@pytest.mark.parametrize("sides", [(-1, 1), (1, -1), (-3, 0), (-1, -1), (4, 4), (5, 0)])
def test_a_circle_is_cropped_first(sides: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    assert _padded(tw, 4, sides, "circular") == _padded(torch, 4, sides, "circular")


def test_nothing_wraps_around_what_is_cropped_away() -> None:
    assert _padded(tw, 4, (-4, 1), "circular") == "refused"  # PyTorch reads memory it never wrote


@pytest.mark.parametrize(("stride", "dilation", "extra"), [(1, 4, 3), (2, 4, 3), (3, 2, 2)])
def test_a_transposed_convolutions_output_padding(stride: int, dilation: int, extra: int) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.RandomState(0)
    arrays = random.randn(2, 2, 4), random.randn(2, 3, 3)
    found = []
    for m in (tw, torch):
        x, w = (m.tensor(a).requires_grad_() for a in arrays)
        settings = {"stride": stride, "padding": 1, "output_padding": extra, "dilation": dilation}
        y = m.nn.functional.conv_transpose1d(x, w, **settings)
        (y * y).sum().backward()
        found.append([t.detach().numpy() for t in (y, x.grad, w.grad)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)
