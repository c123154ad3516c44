"""Pictures turned, sheared and seen from aside, be they tensors (..., C, H, W) or Pillow's.

Each new pixel is looked up where the inverse of the map sends it.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from ...ir.dtype import float32, float64
from ...linalg import solve
from ...nn import functional as F
from ...tensor import Tensor
from ...tensor.creation import linspace, ones, tensor
from ...tensor.joining import cat, stack
from ...tensor.picking import where
from .cutting import PILLOW, as_floats, filling, like, mode_of
from .modes import InterpolationMode
from .sizes import get_dimensions, is_pil

__all__ = ["affine", "perspective", "rotate"]


def inverse_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """(a, b, c, d, e, f), which send the place (x, y) in a result to (ax + by + c, dx + ey + f).

    Args:
        center: what stays where it is, but for ``translate``.
        angle: in degrees, clockwise.
        translate: pixels to the right and down.
        scale: how much larger all becomes.
        shear: degrees, of what is parallel to x and of what is parallel to y.
    """
    turn, lean_x, lean_y = (math.radians(part) for part in (angle, shear[0], shear[1]))
    away = turn - lean_y
    a = math.cos(away) / math.cos(lean_y)
    b = -math.cos(away) * math.tan(lean_x) / math.cos(lean_y) - math.sin(turn)
    c = math.sin(away) / math.cos(lean_y)
    d = -math.sin(away) * math.tan(lean_x) / math.cos(lean_y) + math.cos(turn)
    matrix = [part / scale for part in (d, -b, 0.0, -c, a, 0.0)]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    matrix[2] += matrix[0] * x + matrix[1] * y + center[0]
    matrix[5] += matrix[3] * x + matrix[4] * y + center[1]
    return matrix


def _whole(matrix: list[float], width: int, height: int) -> tuple[int, int]:
    """(W, H) of a result that has all of the turned picture in it."""
    rows = tensor(matrix, dtype=float32).reshape(2, 3)
    across, down = 0.5 * width, 0.5 * height
    corners = tensor(
        [[-across, -down, 1.0], [-across, down, 1.0], [across, down, 1.0], [across, -down, 1.0]]
    )
    places = corners @ rows.T + tensor([across, down])
    tiny = 1e-4
    most = (places.amax(0) / tiny).trunc() * tiny
    least = (places.amin(0) / tiny).trunc() * tiny
    wide, high = (most.ceil() - least.floor()).tolist()
    return int(wide), int(high)


def _affine_grid(
    matrix: list[float], size: tuple[int, int], out: tuple[int, int], kind: Any
) -> Tensor:
    """(1, h, w, 2): where each new pixel is looked up, the picture's sides at -1 and 1."""
    (width, height), (wide, high) = size, out
    theta = tensor(matrix, dtype=kind).reshape(2, 3)
    scaled = theta.T / tensor([0.5 * width, 0.5 * height], dtype=kind)
    places = stack([*_pixels(wide, high, kind, -wide * 0.5 + 0.5, -high * 0.5 + 0.5)], -1)
    return (places.reshape(-1, 3) @ scaled).reshape(1, high, wide, 2)


def _pixels(
    wide: int, high: int, kind: Any, left: float, top: float
) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and 1 of each of (high, wide) pixels, the first one at (left, top)."""
    x = linspace(left, left + wide - 1, wide, dtype=kind).expand(high, wide)
    y = linspace(top, top + high - 1, high, dtype=kind).unsqueeze(-1).expand(high, wide)
    return x, y, ones(high, wide, dtype=kind)


def _looked_up(img: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """(..., C, h, w) of (..., C, H, W), with ``fill`` where the grid leaves the picture."""
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"This transform does not support interpolation {mode!r} of tensors")
    floats = as_floats(img)
    count, channels = floats.shape[:2]
    sides = floats[:, :1] * 0 + 1
    grid = grid.to(floats.dtype).expand(count, *grid.shape[1:])
    if fill is None:
        return like(F.grid_sample(floats, grid, mode, "zeros", False), img)
    both = F.grid_sample(cat([floats, sides], 1), grid, mode, "zeros", False)
    made, inside = both[:, :-1], both[:, -1:]
    colors = list(fill) if isinstance(fill, Sequence) else [fill]
    if len(colors) not in (1, channels):
        raise ValueError(
            f"The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(colors)} != {channels})"
        )
    color = tensor([float(c) for c in colors], dtype=floats.dtype).reshape(1, -1, 1, 1)
    if mode == "nearest":
        return like(where(inside < 0.5, color, made), img)
    return like(made * inside + (1.0 - inside) * color, img)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """A picture (..., C, H, W) turned.

    Args:
        img: the picture.
        angle: in degrees, counterclockwise.
        interpolation: NEAREST or BILINEAR, of Pillow's pictures BICUBIC as well.
        expand: whether the result is so large that all of the picture is in it.
        center: (x, y) in pixels from the upper left; None: the middle.
        fill: what is where the picture is not, one number or one for each channel.
    """
    mode = mode_of(interpolation).value
    if not isinstance(angle, int | float):
        raise TypeError(f"Argument angle should be int or float, got {type(angle).__name__}")
    if is_pil(img):
        return img.rotate(angle, PILLOW[mode], expand, center, fillcolor=filling(img, fill))
    _, height, width = get_dimensions(img)
    middle = [0.0, 0.0] if center is None else _from_middle(center, width, height)
    matrix = inverse_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    out = _whole(matrix, width, height) if expand else (width, height)
    grid = _affine_grid(matrix, (width, height), out, _floating(img))
    return _looked_up(img, grid, mode, fill)


def _floating(img: Tensor) -> Any:
    return img.dtype if img.is_floating_point() else float32


def _from_middle(center: Sequence[float], width: int, height: int) -> list[float]:
    return [center[0] - width * 0.5, center[1] - height * 0.5]


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """A picture (..., C, H, W) turned, shifted, made larger and sheared, straight lines staying parallel.

    Args:
        img: the picture.
        angle: in degrees, clockwise.
        translate: pixels to the right and down.
        scale: how much larger it becomes, above 0.
        shear: degrees, of what is parallel to x; or of that and of what is parallel to y.
        interpolation, fill, center: as of ``rotate``.
    Raises:
        ValueError: the scale is not positive, or ``translate`` or ``shear`` are not two numbers.
    """
    mode = mode_of(interpolation).value
    if scale <= 0.0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    lean: list[Any] = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)
    lean = [lean[0], lean[0]] if len(lean) == 1 else lean
    if len(lean) != 2 or len(translate) != 2:
        raise ValueError(
            f"affine: translate {translate} and shear {shear} should be of two numbers"
        )
    _, height, width = get_dimensions(img)
    if is_pil(img):
        middle = [width * 0.5, height * 0.5] if center is None else list(center)
        matrix = inverse_matrix(middle, angle, translate, scale, lean)
        return _mapped(img, 0, matrix, mode, fill)
    middle = [0.0, 0.0] if center is None else _from_middle(center, width, height)
    matrix = inverse_matrix(middle, angle, [float(t) for t in translate], scale, lean)
    grid = _affine_grid(matrix, (width, height), (width, height), _floating(img))
    return _looked_up(img, grid, mode, fill)


def _mapped(img: Any, kind: int, numbers: list[float], mode: str, fill: Any) -> Any:
    """A picture of Pillow's by its map number ``kind``."""
    return img.transform(img.size, kind, numbers, PILLOW[mode], fillcolor=filling(img, fill))


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """A picture (..., C, H, W) whose four corners ``startpoints`` go to ``endpoints``.

    Args:
        img: the picture.
        startpoints, endpoints: (x, y) of top left, top right, bottom right and bottom left.
        interpolation, fill: as of ``rotate``.
    """
    mode = mode_of(interpolation).value
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows, results = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        results += [[u], [v]]
    found = solve(tensor(rows, dtype=float64), tensor(results, dtype=float64))
    terms = found.to(float32).flatten().tolist()
    if is_pil(img):
        return _mapped(img, 2, terms, mode, fill)
    _, height, width = get_dimensions(img)
    kind = _floating(img)
    places = stack([*_pixels(width, height, kind, 0.5, 0.5)], -1).reshape(-1, 3)
    half = tensor([0.5 * width, 0.5 * height], dtype=kind)
    above = places @ (tensor([terms[:3], terms[3:6]], dtype=kind).T / half)
    below = places @ tensor([[*terms[6:], 1.0]] * 2, dtype=kind).T
    grid = (above / below - 1.0).reshape(1, height, width, 2)
    return _looked_up(img, grid, mode, fill)
