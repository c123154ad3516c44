"""Whole Jacobians and Hessians: products with all unit vectors at once, under ``vmap``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..tensor.creation import eye
from ..tensor.joining import cat
from .gradients import Argnums, Recorded, recorded_at
from .pytree import unflatten
from .vmap import vmap


def _units(t: Any, chunk_size: int | None) -> Iterator[Any]:
    """(n, *shape of t) tensors that are 1 at one place each, in order; n is ``chunk_size``, all by default."""
    size = t.numel()
    whole = eye(size, dtype=t.dtype)
    for start in range(0, size, chunk_size or max(size, 1)):
        count = min(chunk_size or size, size - start)
        yield whole.narrow(0, start, count).reshape(count, *t.shape)


def _products(
    product: Callable[[list[Any]], list[Any]], ends: Sequence[Any], k: int, chunk_size: int | None
) -> list[Any]:
    """For each result of ``product`` (size of ends[k], *its shape): its value for each unit vector at end k, zero at
    the others."""

    def at_unit(unit: Any) -> list[Any]:
        given: list[Any] = [None] * len(ends)
        given[k] = unit
        return product(given)

    pieces = [vmap(at_unit)(units) for units in _units(ends[k], chunk_size)]
    if len(pieces) == 1:
        found: list[Any] = pieces[0]
        return found
    return [cat(list(parts), 0) for parts in zip(*pieces, strict=True)]


def _per_argument(run: Recorded, argnums: Argnums, blocks: list[list[Any]]) -> Any:
    """blocks[k][n], of output k and source n, in the containers of the outputs and, inside, of the arguments."""
    rows = []
    for row in blocks:
        inside = unflatten(row, run.given)
        rows.append(inside[0] if isinstance(argnums, int) else inside)
    return unflatten(rows, run.structure)


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that gives the Jacobian of ``func``, by a walk backward for each element of its output.

    Args:
        func: of containers of floating tensors; gives containers of tensors, with ``has_aux`` a pair of such and
            anything.
        argnums: which arguments are differentiated.
        chunk_size: how many elements of the output at a time; all by default.
    Returns:
        The function; for an output (*) and an argument (**) it gives (*, **), in the containers of the output and, in
        these, of the argument. With ``has_aux`` (Jacobian, aux).
    Raises:
        ValueError: ``chunk_size`` is below 1.
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = recorded_at("vjp(f, *primals)", func, argnums, args, kwargs, has_aux)
        run.read()
        blocks = []
        for k, out in enumerate(run.outputs):
            rows = _products(run.back, run.outputs, k, chunk_size)
            pairs = zip(rows, run.sources, strict=True)
            blocks.append([row.reshape(*out.shape, *t.shape) for row, t in pairs])
        found = _per_argument(run, argnums, blocks)
        return (found, run.given_back(run.aux)) if has_aux else found

    return call


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The function that gives the Jacobian of ``func``, by a product for each element of its arguments.

    As ``jacrev``; better where the arguments have fewer elements than the output. ``func`` is called once, so that
    ``randomness`` changes nothing.
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = recorded_at("jvp(f, primals, tangents)", func, argnums, args, kwargs, has_aux)
        run.read()
        columns = [_products(run.forth, run.sources, n, None) for n in range(len(run.sources))]
        blocks: list[list[Any]] = []
        for k, out in enumerate(run.outputs):
            row = []
            for t, column in zip(run.sources, columns, strict=True):
                last = column[k].movedim(0, -1)
                row.append(last.reshape(*out.shape, *t.shape))
            blocks.append(row)
        found = _per_argument(run, argnums, blocks)
        return (found, run.given_back(run.aux)) if has_aux else found

    return call


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of ``func``: for an output () and an argument (*) a tensor (*, *)."""
    return jacrev(jacrev(func, argnums), argnums)
